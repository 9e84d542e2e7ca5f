"""The data of two kinds of drawings: rows of marks over one axis, and lines.

``assets/strip_chart.js`` and ``assets/line_chart.js`` draw them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class MarkKind(TypedDict):
    """A kind of mark, which has a shape and a colour."""

    name: str
    is_control: bool
    """Whether it is a measurement in which there is nothing to find; all of these have one shape."""


class Mark(TypedDict):
    """A value in a row."""

    kind: int
    """Index of its kind."""
    value: float
    interval: list[float] | None
    """Both ends."""


class MarkedRow(TypedDict):
    """A row of marks."""

    label: list[str]
    """Its name in parts that each begin a line."""
    is_baseline: bool
    """Whether it is no network's."""
    has_room: bool
    """Whether the axis has room for it; the number of another row that is beyond the axis is at its edge."""
    marks: list[Mark]


class RowChart(TypedDict):
    """Rows over one axis."""

    title: str
    """May be empty."""
    unit: str
    line: float | None
    """Value with a vertical line."""
    rows: list[MarkedRow]


class Line(TypedDict):
    """A line of a drawing."""

    cell: str
    """Its name; the same in all drawings of a section."""
    values: list[float | None]
    """At each place; null if there is none."""
    chosen: int | None
    """Index of the place with a large dot."""
    beyond: int
    """Side of the chosen place on which no place was tried: -1 to the left, 1 to the right, 0 none."""
    failed: list[int]
    """Indices of the places with a cross above."""
    control: list[float | None]
    """Of a dashed line of the same colour, at each place; empty if there is none."""


class LineChart(TypedDict):
    """Lines over common places."""

    title: str
    """May be empty."""
    place_names: list[str]
    places: list[float]
    """Where each of them is on the axis, in any unit, from left to right."""
    along: str
    """Unit of the places."""
    unit: str
    """Unit of the values."""
    highest: float | None
    """Value at which the axis ends, with the numbers of higher ones at its edge; null: none is higher."""
    lines: list[Line]


def line_of(cell: str, values: list[float | None], control: Sequence[float | None] = ()) -> Line:
    """A line without special places."""
    return {"cell": cell, "values": values, "chosen": None, "beyond": 0, "failed": [], "control": list(control)}
