"""ABC notation (version 2.1), as folk musicians paste it into mails, forums and players."""

from __future__ import annotations

import math
from collections.abc import Sequence

from melgen.music.melody import Melody
from melgen.rendering.measures import (
    COMMON_TIME,
    STEPS_PER_WHOLE,
    Bar,
    Metre,
    cut_into_bars,
    playable,
    with_accidentals,
)
from melgen.rendering.musicxml import printable
from melgen.rendering.spelling import SpelledNote, spell

_MODES = {"major": "", "minor": "m", "mixolydian": "mix", "dorian": "dor"}
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def to_abc(
    melody: Melody,
    title: str = "",
    *,
    metre: Metre = COMMON_TIME,
    tempo_qpm: float | None = 120,
    bars_per_line: int = 4,
    number: int = 1,
) -> str:
    """A melody as one ABC tune.

    Args:
        title: by default the melody's own.
        tempo_qpm: quarter notes a minute; None leaves the tempo open.
        bars_per_line: bars in a line of text, which most programs take for a line of music.
        number: of the tune in its file.

    Raises:
        ValueError: if the melody has a pitch that is no MIDI pitch.

    >>> print(to_abc(Melody.from_pitches([62, 66, 69, 74, 73]), "Up"))
    X:1
    T:Up
    M:4/4
    L:1/4
    Q:1/4=120
    K:D
    D F A d | c z z2 |]
    <BLANKLINE>
    """
    melody = playable(melody)
    key, notes = spell(melody.pitches, melody.durations)
    bars = with_accidentals(cut_into_bars(melody, metre), notes, key, on_ties=True)
    unit = math.gcd(4, metre.bar_steps, *melody.onsets, *melody.durations)
    name = printable(title or melody.title).replace("\\", "\\\\").replace("%", "\\%")
    lines = [
        f"X:{number}",
        f"T:{name}",
        f"M:{metre.beats}/{metre.beat_type}",
        f"L:1/{STEPS_PER_WHOLE // unit}",
        *([] if tempo_qpm is None else [f"Q:1/4={tempo_qpm:g}"]),
        f"K:{key.tonic_name}{_MODES[key.mode]}",
    ]
    texts = [_bar(bar, notes, unit, metre) for bar in bars]
    for first in range(0, len(texts), bars_per_line):
        last = first + bars_per_line >= len(texts)
        lines.append(" | ".join(texts[first : first + bars_per_line]) + (" |]" if last else " |"))
    return "\n".join(lines) + "\n"


def _bar(bar: Bar, notes: Sequence[SpelledNote], unit: int, metre: Metre) -> str:
    """Notes of one beat stand together where they share a beam, all others apart."""
    words = ""
    for symbol in bar:
        if words and not (symbol.beams and symbol.beams[0] != "begin"):
            words += " "
        length = "" if symbol.steps == unit else str(symbol.steps // unit)
        if symbol.note is None:
            words += f"z{length}"
            continue
        sign = "" if symbol.accidental is None else _SIGNS[symbol.accidental]
        words += f"{sign}{_letter(notes[symbol.note])}{length}{'-' if symbol.is_continued else ''}"
    return words


def _letter(note: SpelledNote) -> str:
    """``C`` is middle C, ``c`` the one above; commas lower an octave, apostrophes raise one."""
    if note.octave >= 5:
        return note.step.lower() + "'" * (note.octave - 5)
    return note.step + "," * (4 - note.octave)
