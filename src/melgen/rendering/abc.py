"""ABC notation (version 2.1), which folk musicians paste into mails, forums and players."""

from __future__ import annotations

import math
from collections.abc import Sequence

from melgen.music.key import FOUND_KEY, FOUND_KEY_FIELD, MODES
from melgen.music.melody import Melody
from melgen.music.metre import Metre
from melgen.music.spelling import SpelledNote, spell
from melgen.rendering.bar_lines import lines_of
from melgen.rendering.measures import Bar, Symbol, cut_into_bars, playable, with_accidentals
from melgen.rendering.musicxml import has_found_key, printable

_MODES = {**{name: name[:3] for name in MODES}, "major": "", "minor": "m"}
_QUARTER = 16  # in sixty-fourths
_SIGNS = {-2: "__", -1: "_", 0: "=", 1: "^", 2: "^^"}


def to_abc(
    melody: Melody,
    title: str = "",
    *,
    metre: Metre | None = None,
    tempo_qpm: float | None = 120,
    bars_per_line: int = 4,
    number: int = 1,
) -> str:
    """A melody as one ABC tune.

    Args:
        melody: the melody.
        title: by default the melody's own.
        metre: of the bars, instead of the melody's own; without either, 4/4.
        tempo_qpm: quarter notes per minute; None for no tempo.
        bars_per_line: bars in a line of text, which most programs show as a line of music.
        number: of the tune in its file.

    Raises:
        ValueError: if the melody has a pitch that is not a MIDI pitch.

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
    key, notes = spell(melody.pitches, melody.durations, melody.key)
    bars = with_accidentals(cut_into_bars(melody, metre), notes, key, in_abc=True)
    unit = math.gcd(_QUARTER, *(symbol.sixty_fourths for bar in bars for symbol in bar.symbols))
    name = printable(title or melody.title).replace("\\", "\\\\").replace("%", "\\%")
    lines = [
        f"X:{number}",
        f"T:{name}",
        *([f"%%{FOUND_KEY_FIELD} {FOUND_KEY}"] if has_found_key(melody) else []),
        f"M:{_metre(bars[0])}",
        f"L:1/{4 * _QUARTER // unit}",
        *([] if tempo_qpm is None else [f"Q:1/4={tempo_qpm:g}"]),
        f"K:{key.tonic_name}{_MODES[key.mode]}",
    ]
    texts = [_bar(bar, notes, unit, is_first=bar is bars[0]) for bar in bars]
    for line in lines_of([bar.lines for bar in bars], bars_per_line):
        lines.append(" | ".join(texts[line.start : line.stop]) + (" |]" if line.stop == len(texts) else " |"))
    return "\n".join(lines) + "\n"


def _metre(bar: Bar) -> str:
    return "none" if bar.lines.is_free else bar.lines.metre.name


def _bar(bar: Bar, notes: Sequence[SpelledNote], unit: int, is_first: bool) -> str:
    """A bar as text: notes that share a beam or a triplet are joined, all others are separated by spaces."""
    words = f"[M:{_metre(bar)}]" if bar.lines.changes_metre and not is_first else ""
    for index, symbol in enumerate(bar.symbols):
        is_joined = (symbol.beams and symbol.beams[0] != "begin") or symbol.triplet in ("continue", "end")
        if words and not is_joined:
            words += " "
        if symbol.triplet == "begin":
            words += _triplet(bar.symbols[index:])
        length = "" if symbol.sixty_fourths == unit else str(symbol.sixty_fourths // unit)
        if symbol.note is None:
            words += f"z{length}"
            continue
        sign = "" if symbol.accidental is None else _SIGNS[symbol.accidental]
        words += f"{sign}{_letter(notes[symbol.note])}{length}{'-' if symbol.is_continued else ''}"
    return words


def _triplet(symbols: Sequence[Symbol]) -> str:
    """The sign before a triplet, with the number of its symbols if it is not three."""
    count = next(index for index, symbol in enumerate(symbols, 1) if symbol.triplet == "end")
    return "(3" if count == 3 else f"(3:2:{count}"


def _letter(note: SpelledNote) -> str:
    """``C`` is middle C, ``c`` is an octave higher; a comma lowers by an octave, an apostrophe raises by one."""
    if note.octave >= 5:
        return note.step.lower() + "'" * (note.octave - 5)
    return note.step + "," * (4 - note.octave)
