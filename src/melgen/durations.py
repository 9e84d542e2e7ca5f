"""Durations in words."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """An estimated duration, rounded to a suitable unit.

    >>> [in_words(seconds) for seconds in (0.3, 89, 90, 3600 * 2 + 600)]
    ['1 s', '89 s', '2 min', '2 h 10 min']
    """
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
