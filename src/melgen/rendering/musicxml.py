"""MusicXML, which MuseScore, Finale, Sibelius and Dorico open; our engraver reads it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from melgen.music.melody import STEPS_PER_QUARTER, Melody
from melgen.rendering.measures import COMMON_TIME, Bar, Metre, Symbol, cut_into_bars, playable, with_accidentals
from melgen.rendering.spelling import SpelledNote, Spelling, spell

_TYPES = {
    24: "whole",
    16: "whole",
    12: "half",
    8: "half",
    6: "quarter",
    4: "quarter",
    3: "eighth",
    2: "eighth",
    1: "16th",
}
_DOTTED = (24, 12, 6, 3)
_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">"""


class Clef(NamedTuple):
    """A clef: its sign, its line, the octaves it moves, and the staff positions of the outer lines."""

    sign: str
    line: int
    octaves: int

    @property
    def bottom(self) -> int:
        """Staff position of the lowest line: E4 under a treble clef, G2 under a bass clef."""
        return (30 if self.sign == "G" else 18) + 7 * self.octaves

    def ledger_lines(self, note: SpelledNote) -> int:
        """How many ledger lines a note needs.

        >>> Clef("G", 2, 0).ledger_lines(SpelledNote("C", 0, 4))
        1
        """
        below, above = self.bottom - note.staff_position, note.staff_position - (self.bottom + 8)
        return max(below, above, 0) // 2


# In the order of preference, with the ledger lines per note that a reader bears rather than read this clef.
_CLEFS = {
    Clef("G", 2, 0): 0.0,
    Clef("F", 4, 0): 0.5,
    Clef("G", 2, -1): 0.8,
    Clef("G", 2, 1): 1.5,
    Clef("F", 4, -1): 1.5,
    Clef("G", 2, 2): 2.5,
    Clef("F", 4, -2): 2.5,
}


def clef_for(notes: Sequence[SpelledNote]) -> Clef:
    """The clef that needs the fewest ledger lines; treble and bass before those that move an octave.

    >>> clef_for(spell([60, 64, 67, 72]).notes), clef_for(spell([36, 43, 48]).notes)
    (Clef(sign='G', line=2, octaves=0), Clef(sign='F', line=4, octaves=0))
    """
    return min(_CLEFS, key=lambda clef: _CLEFS[clef] * len(notes) + sum(clef.ledger_lines(note) for note in notes))


def to_musicxml(
    melody: Melody,
    title: str = "",
    *,
    metre: Metre = COMMON_TIME,
    tempo_qpm: float | None = 120,
    bars_per_line: int = 4,
) -> str:
    """A melody as MusicXML 4.0: one part, key, clef and accidentals as found by `melgen.rendering.spelling`.

    The note heads of note 12 have the ids ``n12``, and ``n12-1``, ... where it is tied. Pitches below C0 are written
    in octave -1: the standard's scheme ends at 0, all readers we know read it.

    Args:
        title: shown above the score; by default the melody's own.
        tempo_qpm: quarter notes a minute; None leaves the tempo open.
        bars_per_line: after how many bars a new line is asked for.

    Raises:
        ValueError: if the melody has a pitch that is no MIDI pitch.
    """
    melody = playable(melody)
    spelling = spell(melody.pitches, melody.durations)
    bars = with_accidentals(cut_into_bars(melody, metre), spelling.notes, spelling.key)
    lines = [_HEAD]
    name = printable(title or melody.title)
    if name:
        lines.append(f"<work><work-title>{escape(name)}</work-title></work>")
    lines.append(
        "<identification><encoding><software>melgen</software></encoding></identification>"
        '<part-list><score-part id="P1"><part-name print-object="no">Melody</part-name></score-part></part-list>'
        '<part id="P1">'
    )
    heads: dict[int, int] = {}
    for number, bar in enumerate(bars):
        lines.append(f'<measure number="{number + 1}">')
        if number and number % bars_per_line == 0:
            lines.append('<print new-system="yes"/>')
        if number == 0:
            lines += [_attributes(spelling, metre), _tempo(tempo_qpm)]
        lines += [_symbol(symbol, bar, spelling.notes, heads) for symbol in bar]
        if number == len(bars) - 1:
            lines.append('<barline location="right"><bar-style>light-heavy</bar-style></barline>')
        lines.append("</measure>")
    lines.append("</part></score-partwise>")
    return "\n".join(line for line in lines if line) + "\n"


def printable(text: str) -> str:
    """On one line, and without what XML or UTF-8 cannot hold.

    >>> printable("Green\\nsleeves\\x00")
    'Green sleeves'
    """
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(kept.encode("utf-8", "replace").decode("utf-8").split())


def _attributes(spelling: Spelling, metre: Metre) -> str:
    clef = clef_for(spelling.notes)
    octaves = f"<clef-octave-change>{clef.octaves}</clef-octave-change>" if clef.octaves else ""
    return (
        f"<attributes><divisions>{STEPS_PER_QUARTER}</divisions>"
        f"<key><fifths>{spelling.key.fifths}</fifths><mode>{spelling.key.mode}</mode></key>"
        f"<time><beats>{metre.beats}</beats><beat-type>{metre.beat_type}</beat-type></time>"
        f"<clef><sign>{clef.sign}</sign><line>{clef.line}</line>{octaves}</clef></attributes>"
    )


def _tempo(tempo_qpm: float | None) -> str:
    if tempo_qpm is None:
        return ""
    return (
        '<direction placement="above"><direction-type><metronome><beat-unit>quarter</beat-unit>'
        f"<per-minute>{tempo_qpm:g}</per-minute></metronome></direction-type>"
        f'<sound tempo="{tempo_qpm:g}"/></direction>'
    )


def _symbol(symbol: Symbol, bar: Bar, notes: Sequence[SpelledNote], heads: dict[int, int]) -> str:
    duration = f"<duration>{symbol.steps}</duration>"
    if symbol.note is None and len(bar) == 1:
        return f'<note><rest measure="yes"/>{duration}</note>'
    value = f"<type>{_TYPES[symbol.steps]}</type>" + ("<dot/>" if symbol.steps in _DOTTED else "")
    if symbol.note is None:
        return f"<note><rest/>{duration}{value}</note>"
    head = heads[symbol.note] = heads.get(symbol.note, -1) + 1
    step, alter, octave = notes[symbol.note]
    ties = [kind for kind, there in (("stop", symbol.continues), ("start", symbol.is_continued)) if there]
    return "".join(
        (
            f'<note id="n{symbol.note}{f"-{head}" if head else ""}"><pitch><step>{step}</step>',
            f"<alter>{alter}</alter>" if alter else "",
            f"<octave>{octave}</octave></pitch>{duration}",
            *(f'<tie type="{kind}"/>' for kind in ties),
            value,
            "" if symbol.accidental is None else f"<accidental>{_SIGNS[symbol.accidental]}</accidental>",
            *(f'<beam number="{number}">{beam}</beam>' for number, beam in enumerate(symbol.beams, 1)),
            f"<notations>{''.join(f'<tied type={chr(34)}{kind}{chr(34)}/>' for kind in ties)}</notations>"
            if ties
            else "",
            "</note>",
        )
    )
