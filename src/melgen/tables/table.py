"""A table whose cells know where they come from, as CSV, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal

from melgen.data_frames import data_frame
from melgen.decimals import rounded, with_decimals
from melgen.evaluation.results import Summary
from melgen.tables.escaping import escape_latex, escape_markdown, printable, single_line

Value = str | float | bool | Summary | None
Kind = Literal["text", "integer", "number", "flag", "summary"]
CellSources = dict[str, dict[str, list[str]]]
"""Row key, column key, sources; see `Table.sources`."""

ALL_COLUMNS = "*"
MISSING = "\N{EN DASH}"
LONGEST_TABULAR = 40
"""Rows that fit on a page: a longer table becomes a ``longtable``."""

_SUMMARY_PARTS = {"mean": "mean", "sd": "standard_deviation", "low": "low", "high": "high"}
_RULE_BELOW_HEADER = {"text": ":---", "flag": ":---:"}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name in CSV and in the manifest.
        header: its name for readers.
        kind: ``summary`` holds a `Summary`: shown as ``mean ± sd [low, high]``, four columns in CSV.
        decimals: of the readable forms; CSV has all digits.
        only_in_csv: whether the readable forms, which have room for fewer columns, leave it out.
    """

    key: str
    header: str
    kind: Kind = "number"
    decimals: int = 2
    only_in_csv: bool = False

    @property
    def csv_keys(self) -> list[str]:
        """Names of its columns in CSV."""
        return [f"{self.key}_{part}" for part in _SUMMARY_PARTS] if self.kind == "summary" else [self.key]

    def csv_values(self, value: Value) -> list[str]:
        """A cell as CSV, floats with all their digits; what is missing is empty."""
        return [_exact(each) for each in self.plain_values(value)]

    def plain_values(self, value: Value) -> list[str | float | bool | None]:
        """A cell as one value for each of `csv_keys`; what is missing is None or nan."""
        if self.kind == "summary":
            assert value is None or isinstance(value, Summary)
            return [None if value is None else getattr(value, name) for name in _SUMMARY_PARTS.values()]
        assert not isinstance(value, Summary)
        if self.kind == "integer" and isinstance(value, float) and value.is_integer():
            value = int(value)
        return [value]

    def show(self, value: Value) -> str:
        """A cell for readers, as plain text; what is missing is a dash.

        >>> Column("loss", "loss", decimals=3).show(1.23456)
        '1.235'
        """
        if _is_missing(value):
            return MISSING
        if isinstance(value, Summary):
            # Digits of the mean that are far below the deviation would be noise.
            centre = (value.mean, value.standard_deviation)
            mean, sd = (MISSING if math.isnan(one) else rounded(one, self.decimals) for one in centre)
            return f"{mean} ± {sd} [{self._number(value.low)}, {self._number(value.high)}]"
        if isinstance(value, bool):
            return "yes" if value else ""
        return value if isinstance(value, str) else self._number(value)

    def _number(self, value: float | None) -> str:
        if value is None or math.isnan(value):
            return MISSING
        if self.kind != "integer":
            return with_decimals(value, self.decimals)
        return rounded(value, 0)


@dataclass(frozen=True)
class Cell:
    """A value and the paths of what it was computed from: runs, folders of songs, single songs."""

    value: Value
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """Cells in the order of the table's columns.

    Attributes:
        key: its name in the manifest.
        cells: one for each column.
        rule: whether a line is drawn above it.
    """

    key: str
    cells: tuple[Cell, ...]
    rule: bool = False


@dataclass(frozen=True)
class Table:
    """A table in print and on disk.

    Attributes:
        title, caption: what it shows, and how that was computed.
        columns, rows: its content; keys are unique, and every row has a cell for each column.

    >>> columns = (Column("model", "model", "text"), Column("loss", "loss"))
    >>> table = Table("Losses", "In nats.", columns, (row("a", ["a_1 & b", 1.125], ("runs/a",)),))
    >>> print(table.to_csv(), end="")
    model,loss
    a_1 & b,1.125
    >>> print(table.to_markdown(heading=False), end="")
    | model   | loss |
    | :------ | ---: |
    | a_1 & b | 1.12 |
    >>> table.sources()
    {'a': {'*': ['runs/a']}}
    """

    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        _check_unique("column", [column.key for column in self.columns])
        _check_unique("row", [row.key for row in self.rows])
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"row {row.key!r} of table {self.title!r} needs {len(self.columns)} cells, got {len(row.cells)}"
                )

    def to_csv(self) -> str:
        """All digits; a header of keys; missing values are empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([key for column in self.columns for key in column.csv_keys])
        for row in self.rows:
            cells = zip(self.columns, row.cells, strict=True)
            writer.writerow([value for column, cell in cells for value in column.csv_values(cell.value)])
        return text.getvalue()

    def to_markdown(self, heading: bool = True) -> str:
        """Aligned, at readable precision; an empty row is a rule.

        Args:
            heading: whether title and caption are printed above it.
        """
        columns = [column for column in self.columns if not column.only_in_csv]
        shown = [[escape_markdown(column.header) for column in columns]]
        for row in self.rows:
            if row.rule:
                shown.append([""] * len(columns))
            shown.append([escape_markdown(column.show(cell.value)) for column, cell in self._readable(row)])
        widths = [max(3, *(len(line[i]) for line in shown)) for i in range(len(columns))]
        below = [_stretch(_RULE_BELOW_HEADER.get(column.kind, "---:"), widths[i]) for i, column in enumerate(columns)]
        shown.insert(1, below)
        lines = []
        for line in shown:
            padded = (
                text.ljust(widths[i]) if column.kind in _RULE_BELOW_HEADER else text.rjust(widths[i])
                for (i, column), text in zip(enumerate(columns), line, strict=True)
            )
            lines.append(f"| {' | '.join(padded)} |\n")
        above = f"# {escape_markdown(self.title)}\n\n{escape_markdown(self.caption)}\n\n" if heading else ""
        return above + "".join(lines)

    def to_latex(self) -> str:
        r"""A ``tabular`` with the rules of ``booktabs``, for ``\input``; a long table is a ``longtable``.

        Caption, label and place belong to the paper: there is only the tabular, with title and caption above it as
        comments. The preamble needs ``\usepackage{booktabs}`` and, for more than `LONGEST_TABULAR` rows,
        ``\usepackage{longtable}``. Letters beyond ASCII are UTF-8.
        """
        environment = "longtable" if len(self.rows) > LONGEST_TABULAR else "tabular"
        columns = [column for column in self.columns if not column.only_in_csv]
        alignment = "".join({"text": "l", "flag": "c"}.get(column.kind, "r") for column in columns)
        header = " & ".join(escape_latex(column.header) for column in columns)
        lines = [f"% {single_line(text)}" for text in (self.title, self.caption) if text]
        lines += [rf"\begin{{{environment}}}{{{alignment}}}", r"\toprule", rf"{header} \\", r"\midrule"]
        if environment == "longtable":
            lines += [r"\endhead", r"\bottomrule", r"\endfoot"]
        for row in self.rows:
            if row.rule:
                lines.append(r"\midrule")
            lines.append(" & ".join(_latex_cell(column, cell.value) for column, cell in self._readable(row)) + r" \\")
        if environment == "tabular":
            lines.append(r"\bottomrule")
        lines.append(rf"\end{{{environment}}}")
        return "\n".join(lines) + "\n"

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with all digits and the columns of `to_csv`; missing values are nan.

        Raises:
            ImportError: if pandas is not installed.
        """
        columns: dict[str, list[Any]] = {}
        for place, column in enumerate(self.columns):
            rows = [column.plain_values(row.cells[place].value) for row in self.rows]
            columns |= {key: [values[part] for values in rows] for part, key in enumerate(column.csv_keys)}
        return data_frame(columns)

    def sources(self) -> CellSources:
        """The sources of each cell: row key, column key, paths.

        A row whose cells all come from the same has the one column ``*``. Cells without sources are left out.
        """
        return {
            row.key: found
            for row in self.rows
            if (found := _row_sources({c.key: cell.sources for c, cell in zip(self.columns, row.cells, strict=True)}))
        }

    def _readable(self, row: Row) -> list[tuple[Column, Cell]]:
        """The cells of the readable forms."""
        cells = zip(self.columns, row.cells, strict=True)
        return [(column, cell) for column, cell in cells if not column.only_in_csv]


def row(key: str, values: Iterable[Value | Cell], sources: tuple[str, ...] = (), rule: bool = False) -> Row:
    """A row of values that come from the same sources; a `Cell` among them keeps its own."""
    cells = (value if isinstance(value, Cell) else Cell(value, sources) for value in values)
    return Row(key, tuple(cells), rule)


def _row_sources(by_column: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    different = set(by_column.values())
    if len(different) == 1:
        by_column = dict.fromkeys([ALL_COLUMNS], different.pop())
    return {key: list(sources) for key, sources in by_column.items() if sources}


def _latex_cell(column: Column, value: Value) -> str:
    text = column.show(value)
    if column.kind in ("text", "flag"):
        return "--" if text == MISSING else escape_latex(text)
    # A hyphen is not a minus sign; the interval of a summary has brackets that need no escape inside a row.
    return text.replace("-", "$-$").replace(MISSING, "--").replace("±", r"$\pm$")


def _exact(value: Value) -> str:
    if value is None or _is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return printable(value)
    assert not isinstance(value, Summary)  # its columns are written number by number
    return str(int(value)) if isinstance(value, Integral) else repr(float(value))


def _is_missing(value: Value) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _stretch(rule: str, width: int) -> str:
    return rule.replace("---", "-" * (width - rule.count(":")))


def _check_unique(what: str, keys: list[str]) -> None:
    if repeated := [key for key, count in Counter(keys).items() if count > 1]:
        raise ValueError(f"every {what} of a table needs a key of its own, but {repeated[0]!r} is there twice")
