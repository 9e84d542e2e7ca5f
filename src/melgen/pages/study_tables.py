"""Read the tables of a study, as its files hold them."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from melgen.pages.plain import short, text_of

Cells = Mapping[str, str]
"""A row of a table: the texts of its cells by the keys of their columns."""


@dataclass(frozen=True)
class StudyTable:
    """A table of a study.

    Attributes:
        title, caption: may be empty.
        columns: their keys, in their order.
        rows: of the CSV file.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Cells, ...]


def read_table(directory: Path, name: str) -> StudyTable | None:
    """Read a table of the study in `directory`; ``None`` if it has no such table, or no row in it."""
    path = directory / "tables" / name
    lines = csv.reader(text_of(path.with_suffix(".csv")).splitlines(keepends=True))
    columns = tuple(next(lines, ()))
    rows = tuple(dict(zip(columns, line, strict=True)) for line in lines if len(line) == len(columns))
    return StudyTable(*heading_of(text_of(path.with_suffix(".md"))), columns, rows) if rows else None


def heading_of(markdown: str) -> tuple[str, str]:
    """Title and caption, which are above a table in Markdown.

    >>> heading_of("# Losses\\n\\nIn nats.\\n\\n| model |\\n")
    ('Losses', 'In nats.')
    """
    paragraphs = markdown.split("\n\n")
    title = paragraphs[0].removeprefix("# ").strip() if markdown.startswith("# ") else ""
    caption = paragraphs[1].strip() if len(paragraphs) > 2 and not paragraphs[1].startswith("|") else ""
    return title, caption


def number_in(row: Cells, key: str) -> float | None:
    """The number in a cell; ``None`` if the cell is empty, absent or contains no finite number.

    >>> number_in({"bits": "2.5", "low": "", "name": "a"}, "bits"), number_in({"low": ""}, "low")
    (2.5, None)
    """
    try:
        value = float(row.get(key, ""))
    except ValueError:
        return None
    found: float | None = short(value) if math.isfinite(value) else None
    return found
