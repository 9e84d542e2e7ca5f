"""Recurrent layers alone, forwards and backwards, against the time that their matrix products would take.

python benchmarks/layers.py
python benchmarks/layers.py --cells gru nas --layers 1 3

The products are those of the textbook: three with the input weights and three with the weights of the state, although
the first layer could do with fewer. Each is computed by the fastest float32 product on the machine at its exact shape:
torch's default, torch's through oneDNN, or NumPy's. The rest of the time is spent on everything else in a cell.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
import torch
from table import Row, interleaved, show

from melgen.networks import MelodyModel, find_layer

BATCH, STEPS, WIDTH, VOCABULARY = 50, 50, 128, 60
BLOCKS = {"lstm": 4, "gru": 3, "rnn": 1, "nas": 8, "ugrnn": 2}
GOALS = {"lstm": 0.7, "gru": 0.5, "rnn": 0.35, "nas": 0.5, "ugrnn": 0.5}


def rows(cells: list[str], layers: list[int], repeats: int = 15) -> Iterator[Row]:
    torch.set_num_threads(1)
    for cell in cells:
        products = best_products(BLOCKS[cell] * WIDTH)
        for depth in layers:
            run = layers_alone(cell, depth)

            def floor(products: list[Callable[[], object]] = products, depth: int = depth) -> None:
                for _ in range(depth):
                    for product in products:
                        product()

            least, ours = interleaved(floor, run, repeats=repeats, warm_up=3)
            note = "products at the best rate / forward and backward"
            yield Row(f"layers alone, {cell}, {depth}", least / ours, GOALS[cell], note)


def layers_alone(cell: str, depth: int) -> Callable[[], None]:
    model = MelodyModel(VOCABULARY, WIDTH, depth, find_layer(cell))
    tokens = torch.randint(VOCABULARY, (BATCH, STEPS))
    gradient = torch.randn(BATCH, STEPS, WIDTH)

    def run() -> None:
        output, _ = model.stack.forward_rows(tokens, [model.embedding.weight])
        output.backward(gradient)

    return run


def best_products(columns: int) -> list[Callable[[], object]]:
    """The products of one layer, each by the library that is fastest at it on this machine."""
    whole = BATCH * STEPS
    shapes = [
        ((whole, WIDTH), (WIDTH, columns), 1),  # the input's
        ((BATCH, WIDTH), (WIDTH, columns), STEPS),  # the state's, step by step
        ((whole, columns), (columns, WIDTH), 1),  # gradients: of the input,
        ((BATCH, columns), (columns, WIDTH), STEPS),  # of the state,
        ((columns, whole), (whole, WIDTH), 2),  # of both weights
    ]
    return [fastest(left, right, times) for left, right, times in shapes]


def fastest(left: tuple[int, int], right: tuple[int, int], times: int) -> Callable[[], None]:
    a, b, out = torch.randn(left), torch.randn(right), torch.empty(left[0], right[1])
    arrays = a.numpy(), b.numpy(), out.numpy()
    reorder = b.t().contiguous().t()

    def by(product: Callable[[], object]) -> Callable[[], None]:
        def repeat() -> None:
            for _ in range(times):
                product()

        return repeat

    def onednn() -> None:
        torch.set_float32_matmul_precision("medium")
        for _ in range(times):
            torch.mm(a, b, out=out)
        torch.set_float32_matmul_precision("highest")

    candidates = [
        by(lambda: torch.mm(a, b, out=out)),
        by(lambda: torch.mm(a, reorder, out=out)),
        by(lambda: np.dot(*arrays)),
    ]
    torch.set_float32_matmul_precision("medium")
    reached = torch.mm(a, b)
    torch.set_float32_matmul_precision("highest")
    exact = torch.mm(a.double(), b.double())
    # Where oneDNN rounds to bfloat16, the result is not a float32 product.
    if (reached - exact).abs().max() < 2 * (torch.mm(a, b) - exact).abs().max():
        candidates.append(onednn)
    seconds = interleaved(*candidates, repeats=7, warm_up=2)
    return candidates[int(np.argmin(seconds))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=list(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    show(rows(arguments.cells, arguments.layers, arguments.repeats))


if __name__ == "__main__":
    main()
