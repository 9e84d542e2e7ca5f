"""Turn values of Python into data for a page: short, finite, plain."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from melgen.music.melody import Melody
from melgen.pages.schema import Notes
from melgen.rendering.bar_lines import lay_bars
from melgen.rendering.measures import playable

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


def text_of(path: Path) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def notes_of(melody: Melody) -> Notes:
    """The notes of a melody with its metre and, if they are not those of 4/4 from step 0 on, the steps of its bars.

    They are those of its score: a page can neither play nor save a note without a length, or two notes at once.

    Raises:
        ValueError: if a pitch is not a MIDI pitch, or a time is before the beginning.

    >>> notes_of(Melody((60, 62, 64), (0, 24, 48), (24, 0, 24)))
    {'pitches': [60, 62, 64], 'onsets': [0, 24, 48], 'durations': [24, 6, 24]}
    """
    melody = playable(melody)
    notes: Notes = {
        "pitches": [*melody.pitches],
        "onsets": [*melody.onsets],
        "durations": [*melody.durations],
    }
    if melody.metres or melody.bars or melody.pickup:
        notes["bars"] = [bar.start for bar in lay_bars(melody)]
    if melody.metre is not None:
        notes["metre"] = [*melody.metre]
    if melody.pickup:
        notes["pickup"] = melody.pickup
    return notes
