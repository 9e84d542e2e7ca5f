"""All benchmarks, in one table: what was measured, its goal, and which goals are missed.

python benchmarks                       # about ten minutes on an idle machine
python benchmarks --only layers corpus
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator

import layers  # isort: skip  # first: it limits NumPy to one thread, which must happen before NumPy is imported

import bfloat16
import cells
import corpus
import evaluation
import generation
import growth
import rhythm
import start_up
import sweep
import torch
import training_step
from table import Row, show

CELLS, DEPTHS = list(layers.BLOCKS), [1, 2, 3]
SECTIONS: dict[str, Callable[[], Iterator[Row]]] = {
    "layers": lambda: layers.rows(CELLS, DEPTHS),
    "training_step": lambda: training_step.rows(training_step.CELLS, DEPTHS, updates=60),
    "cells": lambda: cells.rows(list(cells.COSTS), [1, 2]),
    "bfloat16": lambda: bfloat16.rows(CELLS, [2, 3]),
    "rhythm": lambda: rhythm.rows(["lstm", "gru"]),
    "start_up": start_up.rows,
    "generation": generation.rows,
    "corpus": corpus.rows,
    "evaluation": evaluation.rows,
    "growth": growth.rows,
    "sweep": sweep.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), default=list(SECTIONS))
    arguments = parser.parse_args()
    machine = platform.processor() or platform.machine()
    print(f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {machine}")
    print("ratios of interleaved medians; one thread but for the sweep and the corpus")
    began = time.monotonic()
    kept = show(row for name in arguments.only for row in SECTIONS[name]())
    short = [row for row in kept if row.falls_short]
    print(
        f"{sum(row.goal is not None for row in kept) - len(short)} goals reached, {len(short)} missed, "
        f"in {(time.monotonic() - began) / 60:.0f} minutes"
    )


if __name__ == "__main__":
    main()
