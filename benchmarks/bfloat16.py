"""A training step in bfloat16 (`precision=bf16-mixed`) against one in float32, on a CPU with products in bfloat16.

python benchmarks/bfloat16.py
python benchmarks/bfloat16.py --cells lstm --layers 1

Both networks read the same windows, carry their state, and use the products that are the fastest here. A step is the
loss, its gradient, clipping and Adam.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from cells import step
from layers import BLOCKS
from table import Row, interleaved, show

from melgen.internals.glibc import keep_freed_memory
from melgen.internals.torch import onednn_multiplies

GOAL = 1.2
"""So many times as fast in bfloat16."""


def rows(cells: list[str], layers: list[int], repeats: int = 12) -> Iterator[Row]:
    if not onednn_multiplies(torch.bfloat16):
        print("bfloat16: this processor has no products in bfloat16")
        return
    torch.set_num_threads(1)
    keep_freed_memory()  # as melgen.train does
    for cell in cells:
        for depth in layers:
            single, rounded = interleaved(
                step(cell, depth), step(cell, depth, in_bfloat16=True), repeats=repeats, warm_up=3
            )
            yield Row(f"training step in bfloat16, {cell}, {depth}", single / rounded, GOAL, "float32 / bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cells", nargs="+", choices=list(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--repeats", type=int, default=12)
    arguments = parser.parse_args()
    show(rows(arguments.cells, arguments.layers, arguments.repeats))


if __name__ == "__main__":
    main()
