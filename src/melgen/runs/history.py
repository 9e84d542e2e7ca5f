"""Reading ``metrics.csv``, which `melgen.training.loggers.csv` writes; quick, because it does not need Lightning."""

from __future__ import annotations

import csv
from pathlib import Path

from melgen.bit_names import present_names

STEP = "step"


def read_history(path: str | Path) -> list[dict[str, float]]:
    """The rows of a ``metrics.csv``, without empty cells; the ``step`` of each is a whole number.

    Metrics have their present names, whichever melgen wrote the file.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not a table of metrics; names the file and the line.
    """
    rows: list[dict[str, float]] = []
    with Path(path).open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file)
        try:
            table.fieldnames = present_names(table.fieldnames or ())
            for cells in table:
                if None in cells:
                    raise ValueError("more cells than names in the first line")
                row = {name: float(cell) for name, cell in cells.items() if cell}
                if not row.get(STEP, 0.5).is_integer():
                    raise ValueError(f"{STEP}={row.get(STEP)}, expected a whole number")
                rows.append(row)
        except (ValueError, csv.Error) as error:
            raise ValueError(f"{path}, line {table.line_num}: not a table of metrics ({error!s:.200})") from error
    return rows
