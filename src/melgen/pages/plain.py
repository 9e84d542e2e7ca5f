"""From Python to what a page is given: short, finite, plain."""

from __future__ import annotations

import math
from typing import Any

from melgen.music.melody import Melody
from melgen.rendering.bar_lines import lay_bars

DIGITS = 5


def short(value: Any) -> Any:
    """A number with as many digits as a page can show; what is not finite becomes null.

    >>> short(1 / 3), short(float("nan")), short(None), short(123456.0)
    (0.33333, None, None, 123456.0)
    """
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}") if abs(value) < 10**DIGITS else round(value, 0)


def notes_of(melody: Melody) -> dict[str, list[int]]:
    """Pitches, onsets and durations under short names; where the melody knows them, the beginnings of its bars too.

    Times are in steps of 1/24 quarter, as ``STEPS_PER_QUARTER`` in ``sound.js``.
    """
    notes = {"p": [*melody.pitches], "o": [*melody.onsets], "d": [*melody.durations]}
    if melody.metres or melody.bars:
        notes["b"] = [bar.start for bar in lay_bars(melody)]
    return notes
