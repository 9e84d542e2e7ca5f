"""The time left, in words."""

from __future__ import annotations

from melgen.durations import in_words


def time_left(seconds: float, done: float, open_: float) -> str:
    """The time left, to add to a line of progress; empty while nothing is known, and at the end.

    Args:
        seconds: spent on what is done.
        done: how much that is.
        open_: how much there is still to do, in the same unit.

    >>> time_left(60, done=1, open_=3), time_left(5, done=1, open_=3), time_left(5940, 1, 1), time_left(5, 1, 0)
    ('; about 3 min left', '; less than a minute left', '; about 1 h 39 min left', '')
    """
    if not done or not open_:
        return ""
    left = seconds * open_ / done
    return "; less than a minute left" if left < 60 else f"; about {in_words(left)} left"
