"""Reading ``metrics.csv``, which `melgen.training.loggers.csv` writes; without Lightning, so that it is quick."""

from __future__ import annotations

import csv
from pathlib import Path

STEP = "step"


def read_history(path: str | Path) -> list[dict[str, float]]:
    """The rows of a ``metrics.csv``, without the cells that are empty; each has a whole number as its ``step``.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is something else; names the file and the line.
    """
    rows: list[dict[str, float]] = []
    with Path(path).open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        try:
            for cells in table:
                if None in cells:
                    raise ValueError("more cells than the first line has names")
                row = {name: float(cell) for name, cell in cells.items() if cell}
                if not row.get(STEP, 0.5).is_integer():
                    raise ValueError(f"{STEP}={row.get(STEP)}, expected a whole number")
                rows.append(row)
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path}, line {table.line_num}: not a table of metrics ({error!s:.200})") from error
    return rows
