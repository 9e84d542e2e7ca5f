"""A table, as in a paper: at readable precision."""

from __future__ import annotations

from melgen.checking import check_whole
from melgen.display.markup import block, remark, table
from melgen.plurals import counted
from melgen.tables.table import Table

SHOW = 60


def html(of: Table, *, show: int = SHOW) -> str:
    """A table with its title and caption.

    Args:
        of: the table.
        show: the most rows that are shown; the rest are counted.

    Raises:
        ValueError: for a number below 0.
    """
    check_whole("show", show, 0)
    rows = [
        [column.show(cell.value) for column, cell in zip(of.columns, row.cells, strict=True)] for row in of.rows[:show]
    ]
    header = [(column.header, column.kind not in ("text", "flag")) for column in of.columns]
    left = len(of.rows) - len(rows)
    more = f"{counted(left, 'more row')}; to_pandas() has all." if left else ""
    return block("table", table(header, rows, of.title), remark(of.caption), remark(more))


def text(of: Table) -> str:
    """The table in Markdown, which is aligned."""
    return of.to_markdown()
