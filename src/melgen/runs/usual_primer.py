"""The primer of songs for which the user gives none."""

from __future__ import annotations

PAPER_PRIMER = (60, 62, 64, 62)
"""The primer of the first paper."""


def usual_primer(has_rhythm: bool) -> tuple[int, ...]:
    """The pitches with which a song begins for which no primer is given: a network with rhythm needs none."""
    return () if has_rhythm else PAPER_PRIMER
