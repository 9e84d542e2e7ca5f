"""Metres: time signatures, and where they begin in a melody. Lengths are in steps of 1/24 of a quarter note."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple, overload

if TYPE_CHECKING:  # arithmetic on arrays needs no import
    import numpy as np
    from numpy.typing import NDArray

STEPS_PER_QUARTER = 24
STEPS_PER_SIXTEENTH = STEPS_PER_QUARTER // 4
STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER


@overload
def in_sixteenths(steps: int) -> int: ...


@overload
def in_sixteenths(steps: NDArray[np.int64]) -> NDArray[np.int64]: ...


def in_sixteenths(steps: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """Steps as whole sixteenths, rounded half up: the unit of the paper and its data.

    >>> [in_sixteenths(steps) for steps in (0, 2, 3, 8, 24, 99)]
    [0, 0, 1, 1, 4, 17]
    """
    return (2 * steps + STEPS_PER_SIXTEENTH) // (2 * STEPS_PER_SIXTEENTH)


def length_name(steps: int) -> str:
    """A length in steps as a part of a whole note, as `melgen.music.note_names` reads it.

    >>> length_name(12), length_name(36), length_name(288)
    ('1/8', '3/8', '3')
    """
    return str(Fraction(steps, STEPS_PER_WHOLE))


class Metre(NamedTuple):
    """A time signature.

    >>> Metre(6, 8).name, Metre(6, 8).bar_steps, Metre(6, 8).beat_steps, Metre(3, 4).beat_steps
    ('6/8', 72, 36, 24)
    """

    beats: int
    beat_type: int

    @property
    def name(self) -> str:
        """The metre as a musician writes it, ``6/8``."""
        return f"{self.beats}/{self.beat_type}"

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
        """The metre of a text such as ``3/4``.

        Raises:
            ValueError: if it is not a time signature in one of `BEAT_TYPES`.
        """
        match = re.fullmatch(r"(\d{1,2})/(\d{1,2})", text.strip())
        if match is None or not int(match[1]) or int(match[2]) not in BEAT_TYPES:
            raise ValueError(f"metre={text:.40}: must be {TIME_SIGNATURE}")
        return cls(int(match[1]), int(match[2]))


COMMON_TIME = Metre(4, 4)

BEAT_TYPES = (1, 2, 4, 8, 16, 32)
"""The lower numbers of time signatures that songs and scores can have: the beat is a whole number of steps."""

READ_BEAT_TYPES = (*BEAT_TYPES, 64)
"""The lower numbers that are read from MusicXML, ``**kern`` and MIDI."""

TIME_SIGNATURE = (
    "a time signature such as 4/4, 3/4 or 6/8, "
    f"with {', '.join(map(str, BEAT_TYPES[:-1]))} or {BEAT_TYPES[-1]} as the lower number"
)
"""The rule for a metre that a user gives."""


def bar_starts(metre: Metre, pickup: int | None, end: int) -> tuple[int, ...]:
    """The steps at which the bars of a tune in one metre begin: the first, and the others that begin before its end.

    Args:
        metre: of the whole tune.
        pickup: length in steps of the incomplete bar that it begins with; 0 or None: its first bar is complete.
        end: the step at which its last note ends.

    >>> bar_starts(Metre(3, 4), 24, 168), bar_starts(Metre(3, 4), 0, 72)
    ((0, 24, 96), (0,))
    """
    return (0, *range(pickup or metre.bar_steps, end, metre.bar_steps))


class MetreChange(NamedTuple):
    """A metre and the step from which it holds."""

    step: int
    metre: Metre
