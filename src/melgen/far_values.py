"""Values so far from the others that the axis of a drawing ends before them, or the others would shrink to a point."""

from __future__ import annotations

from collections.abc import Sequence

_FENCE = 3.0
"""A value farther from the quartile on its side than this many distances of the quartiles is far from the others."""


def highest_near(values: Sequence[float], shown: Sequence[float] = ()) -> float:
    """The value at which an axis ends: below those that are far above the others, but above all of `shown`.

    >>> highest_near([1.7, 1.8, 1.9, 11.7]) < 11.7
    True
    >>> highest_near([1.7, 1.8, 1.9])
    1.9
    """
    ordered = sorted(values)
    lower, upper = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.75))
    top = upper + _FENCE * (upper - lower)
    if shown:
        top = max(top, max(shown) + 0.1 * (max(shown) - ordered[0]))
    return min(top, ordered[-1])


def are_near(values: Sequence[float]) -> list[bool]:
    """Whether each of the values is neither far above nor far below the others.

    >>> are_near([0.1, 0.2, 0.3, 5.0])
    [True, True, True, False]
    """
    high, low = highest_near(values), -highest_near([-value for value in values])
    return [low <= value <= high for value in values]
