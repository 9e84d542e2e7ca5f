"""The width at which a network has a given size."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

LARGEST_DIFFERENCE = 0.02
"""The most by which the size of a solved network may differ from the one that was asked for, as a share."""
WIDEST_GAP = 64
"""The most widths in a row that a cell may refuse, such as those that its heads do not divide."""


class Sized(NamedTuple):
    """A width that a cell allows, with the size of its network."""

    width: int
    size: int


def width_for(wanted: int, count: Callable[[int], int], key: str = "parameters", unit: str = "parameters") -> int:
    """The ``hidden_size`` whose network has the size that is nearest to a given one.

    Args:
        wanted: the size that is asked for.
        count: the size of the network of a width, which grows with the width; it raises a `ValueError` for a width that
            the cell does not allow.
        key: that asks for it, for the message.
        unit: what ``count`` counts, for the message.

    Raises:
        ValueError: if no width comes within `LARGEST_DIFFERENCE`, with the two nearest widths and their sizes; the
            error of ``count`` if it refuses `WIDEST_GAP` widths in a row.

    >>> width_for(10_000, lambda width: width**2)
    100
    >>> width_for(15, lambda width: width**2)
    Traceback (most recent call last):
        ...
    ValueError: parameters=15: no hidden_size comes within 2%; the nearest are hidden_size=3 with 9 parameters and \
hidden_size=4 with 16
    """
    below, above = _neighbours(wanted, count)
    nearest = min((below, above), key=lambda each: abs(each.size - wanted))
    if abs(nearest.size - wanted) > LARGEST_DIFFERENCE * wanted:
        raise ValueError(
            f"{key}={wanted}: no hidden_size comes within {LARGEST_DIFFERENCE:.0%}; the nearest are "
            f"hidden_size={below.width} with {below.size:,} {unit} and hidden_size={above.width} with {above.size:,}"
        )
    return nearest.width


def _neighbours(wanted: int, count: Callable[[int], int]) -> tuple[Sized, Sized]:
    """The widest network that is not too large, and the next one; the two narrowest if all are too large."""
    below = _next_allowed(1, count)
    if below.size > wanted:
        return below, _next_allowed(below.width + 1, count)
    above = _next_allowed(below.width + 1, count)
    while above.size <= wanted:
        below, above = above, _next_allowed(2 * above.width, count)
    least, most = below.width + 1, above.width  # the next one is among these widths
    while least < most:
        middle = _next_allowed((least + most) // 2, count)
        if middle.width >= most:  # the cell allows none of the upper half
            most = (least + most) // 2
        elif middle.size <= wanted:
            below, least = middle, middle.width + 1
        else:
            above, most = middle, (least + most) // 2
    return below, above


def _next_allowed(width: int, count: Callable[[int], int]) -> Sized:
    """The first width from this one on that the cell allows."""
    for each in range(width, width + WIDEST_GAP):
        try:
            return Sized(each, count(each))
        except ValueError:
            if each == width + WIDEST_GAP - 1:
                raise
    raise AssertionError("unreachable")
