"""Reading ``metrics.csv``, which `melgen.training.history` writes; without Lightning, so that it is quick."""

from __future__ import annotations

import csv
from pathlib import Path

STEP = "step"


def read_history(path: str | Path) -> list[dict[str, float]]:
    """The rows of a ``metrics.csv``, without the cells that are empty."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        return [{key: float(cell) for key, cell in row.items() if cell} for row in csv.DictReader(file)]
