"""The width at which a network has a given number of parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

LARGEST_DIFFERENCE = 0.02
"""The most by which the parameters of a solved network may differ from the number that was asked for, as a share."""
WIDEST_GAP = 64
"""The most widths in a row that a cell may refuse, such as those that its heads do not divide."""


class Sized(NamedTuple):
    """A width that a cell allows, with the parameters of its network."""

    width: int
    parameters: int


def width_for(parameters: int, count: Callable[[int], int]) -> int:
    """The ``hidden_size`` whose network has the number of parameters that is nearest to a given one.

    Args:
        parameters: the number that is asked for.
        count: the parameters of the network of a width, which grow with the width; it raises a `ValueError` for a
            width that the cell does not allow.

    Raises:
        ValueError: if no width comes within `LARGEST_DIFFERENCE`, with the two nearest widths and their parameters; the
            error of ``count`` if it refuses `WIDEST_GAP` widths in a row.

    >>> width_for(10_000, lambda width: width**2)
    100
    >>> width_for(15, lambda width: width**2)
    Traceback (most recent call last):
        ...
    ValueError: parameters=15: no hidden_size comes within 2%; the nearest are hidden_size=3 with 9 parameters and \
hidden_size=4 with 16
    """
    below, above = _neighbours(parameters, count)
    nearest = min((below, above), key=lambda each: abs(each.parameters - parameters))
    if abs(nearest.parameters - parameters) > LARGEST_DIFFERENCE * parameters:
        raise ValueError(
            f"parameters={parameters}: no hidden_size comes within {LARGEST_DIFFERENCE:.0%}; the nearest are "
            f"hidden_size={below.width} with {below.parameters:,} parameters and hidden_size={above.width} with "
            f"{above.parameters:,}"
        )
    return nearest.width


def _neighbours(parameters: int, count: Callable[[int], int]) -> tuple[Sized, Sized]:
    """The widest network that is not too large, and the next one; the two narrowest if all are too large."""
    below = _next_allowed(1, count)
    if below.parameters > parameters:
        return below, _next_allowed(below.width + 1, count)
    above = _next_allowed(below.width + 1, count)
    while above.parameters <= parameters:
        below, above = above, _next_allowed(2 * above.width, count)
    least, most = below.width + 1, above.width  # the next one is among these widths
    while least < most:
        middle = _next_allowed((least + most) // 2, count)
        if middle.width >= most:  # the cell allows none of the upper half
            most = (least + most) // 2
        elif middle.parameters <= parameters:
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
