"""The time left, in words."""

from __future__ import annotations


def time_left(seconds: float, done: float, open_: float) -> str:
    """The time left, to add to a line of progress; empty while nothing is known, and at the end.

    Args:
        seconds: spent on what is done.
        done: how much that is.
        open_: how much there is still to do, in the same unit.

    >>> time_left(60, done=1, open_=3), time_left(5, done=1, open_=3), time_left(9000, 1, 2), time_left(5, 1, 0)
    ('; about 3 min left', '; less than a minute left', '; about 5 h left', '')
    """
    if not done or not open_:
        return ""
    minutes = seconds * open_ / done / 60
    if minutes < 1:
        return "; less than a minute left"
    return f"; about {minutes:.0f} min left" if minutes < 100 else f"; about {minutes / 60:.0f} h left"
