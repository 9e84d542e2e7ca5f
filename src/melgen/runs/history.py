"""The file ``metrics.csv`` of a run, which `melgen.training.loggers.csv` fills; quick, since it needs no Lightning."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from melgen.bit_names import present_names
from melgen.files import write_text

HISTORY = "metrics.csv"
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


def write_history(path: str | Path, rows: Iterable[Mapping[str, float]]) -> None:
    """Write rows by their ``step``, with an empty cell for each metric that a row lacks.

    The file is replaced as a whole, so that readers never see half of it.
    """
    table = sorted(rows, key=lambda row: row[STEP])
    columns = sorted({key for row in table for key in row} - {STEP})
    text = io.StringIO()
    writer = csv.DictWriter(text, [STEP, *columns], restval="", lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow({key: _plain(value) for key, value in row.items()})
    write_text(Path(path), text.getvalue())


def forget_after(path: str | Path, step: int) -> None:
    """Drop the rows later than an update, if there is a file: a run that resumes there computes them again."""
    if Path(path).exists():
        rows = read_history(path)
        if len(kept := [row for row in rows if row[STEP] <= step]) < len(rows):
            write_history(path, kept)


def _plain(value: float) -> str:
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)
