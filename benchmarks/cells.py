"""A training step of one cell against that of another, at equal hidden size.

python benchmarks/cells.py
python benchmarks/cells.py --cells slstm --layers 1

Both networks read the same windows, carry their state, and use the products that are the fastest here. A step is the
loss, its gradient, clipping and Adam.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from table import Row, interleaved, show
from torch.nn import functional as F

from melgen.internals.glibc import keep_freed_memory
from melgen.networks import MelodyModel, choosing_backends, find_layer, map_state
from melgen.training.module import PAPER_GRADIENT_NORM, PAPER_LEARNING_RATE

WIDTH, BATCH, STEPS, VOCABULARY = 128, 50, 50, 60
COSTS: dict[str, tuple[str, float | None]] = {
    "slstm": ("lstm", 1.6),
    "mogrifier": ("lstm", None),
    "attention": ("lstm", None),
}
"""For each cell the one that it is compared with, and the goal: at most so many times as much time."""


def rows(cells: list[str], layers: list[int], repeats: int = 12) -> Iterator[Row]:
    torch.set_num_threads(1)
    keep_freed_memory()  # as melgen.train does
    for cell in cells:
        other, goal = COSTS[cell]
        for depth in layers:
            theirs, ours = interleaved(step(other, depth), step(cell, depth), repeats=repeats, warm_up=3)
            note = f"times the time of {other}"
            yield Row(f"training step, {cell}, {depth}", ours / theirs, goal, note, lower=True)


def step(cell: str, depth: int, in_bfloat16: bool = False) -> Callable[[], None]:
    """A function that makes an update, in float32 or as `precision=bf16-mixed` makes it."""

    def autocast() -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16)

    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, depth, find_layer(cell))
    with tempfile.TemporaryDirectory() as cache, autocast():  # measured anew, as at the first start on a machine
        choosing_backends.apply(
            model, choosing_backends.choose(model, BATCH, STEPS, choosing_backends.file_in(Path(cache)))
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=PAPER_LEARNING_RATE, fused=True)
    tokens = torch.randint(VOCABULARY, (BATCH, STEPS + 1))
    state = None

    def update() -> None:
        nonlocal state
        with autocast():
            logits, last = model(tokens[:, :-1], state)
            loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        state = map_state(torch.Tensor.detach, last)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), PAPER_GRADIENT_NORM)
        optimizer.step()

    return update


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=list(COSTS), default=list(COSTS))
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    show(rows(arguments.cells, arguments.layers, arguments.repeats))


if __name__ == "__main__":
    main()
