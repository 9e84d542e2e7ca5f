"""Metres: time signatures, and where they begin in a melody. Lengths are in steps of 1/24 of a quarter note."""

from __future__ import annotations

import re
from typing import NamedTuple

STEPS_PER_QUARTER = 24
STEPS_PER_SIXTEENTH = STEPS_PER_QUARTER // 4
STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER


def in_sixteenths(steps: int) -> int:
    """Steps as whole sixteenths, rounded half up: the unit of the paper and its data.

    >>> [in_sixteenths(steps) for steps in (0, 2, 3, 8, 24, 99)]
    [0, 0, 1, 1, 4, 17]
    """
    return (2 * steps + STEPS_PER_SIXTEENTH) // (2 * STEPS_PER_SIXTEENTH)


class Metre(NamedTuple):
    """A time signature.

    >>> Metre(6, 8).bar_steps, Metre(6, 8).beat_steps, Metre(3, 4).beat_steps
    (72, 36, 24)
    """

    beats: int
    beat_type: int

    @property
    def bar_steps(self) -> int:
        """Length of a bar in steps."""
        return self.beats * STEPS_PER_WHOLE // self.beat_type

    @property
    def is_compound(self) -> bool:
        """Whether three eighths make a beat: 6/8, 9/8, 12/8."""
        return self.beat_type == 8 and self.beats % 3 == 0

    @property
    def beat_steps(self) -> int:
        """Length of a beat in steps."""
        return STEPS_PER_WHOLE * (3 if self.is_compound else 1) // self.beat_type

    @classmethod
    def parse(cls, text: str) -> Metre:
        """From ``3/4``.

        Raises:
            ValueError: if it is not a time signature in halves, quarters, eighths or sixteenths.
        """
        match = re.fullmatch(r"(\d{1,2})/(2|4|8|16)", text.strip())
        if match is None or not int(match[1]):
            raise ValueError(f"metre={text}: must be a time signature such as 4/4, 3/4 or 6/8")
        return cls(int(match[1]), int(match[2]))


COMMON_TIME = Metre(4, 4)

BEAT_TYPES = (1, 2, 4, 8, 16, 32)
"""The lower numbers of time signatures that are read from notation and shown in scores."""


class MetreChange(NamedTuple):
    """A metre and the step from which it holds."""

    step: int
    metre: Metre
