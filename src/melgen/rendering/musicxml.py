"""MusicXML, which MuseScore, Finale, Sibelius and Dorico can open, and our engraver too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from melgen.music.key import FOUND_KEY, FOUND_KEY_FIELD
from melgen.music.melody import STEPS_PER_QUARTER, Melody
from melgen.music.metre import STEPS_PER_SIXTEENTH, Metre
from melgen.music.spelling import SpelledNote, Spelling, spell
from melgen.rendering.bar_lines import BarLines, lines_of
from melgen.rendering.measures import Bar, Symbol, cut_into_bars, playable, with_accidentals

_TYPES = {64: "whole", 32: "half", 16: "quarter", 8: "eighth", 4: "16th", 2: "32nd", 1: "64th"}  # by sixty-fourths
_SIGNS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}

_THREE_FOR_TWO = "<actual-notes>3</actual-notes><normal-notes>2</normal-notes>"

_FOUND_KEY = (
    f'<miscellaneous><miscellaneous-field name="{FOUND_KEY_FIELD}">{FOUND_KEY}</miscellaneous-field></miscellaneous>'
)

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" \
"http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0">"""


class Clef(NamedTuple):
    """A clef: its sign, its line, and the octaves by which it transposes."""

    sign: str
    line: int
    octaves: int

    @property
    def bottom(self) -> int:
        """Staff position of the lowest line: E4 with a treble clef, G2 with a bass clef."""
        return (30 if self.sign == "G" else 18) + 7 * self.octaves

    def ledger_lines(self, note: SpelledNote) -> int:
        """Number of ledger lines of a note.

        >>> Clef("G", 2, 0).ledger_lines(SpelledNote("C", 0, 4))
        1
        """
        below, above = self.bottom - note.staff_position, note.staff_position - (self.bottom + 8)
        return max(below, above, 0) // 2


# In the order of preference, each with the ledger lines per note that a reader accepts to avoid this clef.
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
    """The clef that needs the fewest ledger lines; treble and bass are preferred to clefs that move an octave.

    >>> clef_for(spell([60, 64, 67, 72]).notes), clef_for(spell([36, 43, 48]).notes)
    (Clef(sign='G', line=2, octaves=0), Clef(sign='F', line=4, octaves=0))
    """
    return min(_CLEFS, key=lambda clef: _CLEFS[clef] * len(notes) + sum(clef.ledger_lines(note) for note in notes))


def to_musicxml(
    melody: Melody,
    title: str = "",
    *,
    metre: Metre | None = None,
    tempo_qpm: float | None = 120,
    bars_per_line: int = 4,
) -> str:
    """A melody as MusicXML 4.0: one part, with its own key or the one that `melgen.music.spelling` finds.

    The note heads of note 12 have the ids ``n12``, and ``n12-1``, ... if it is tied. Pitches below C0 are written
    in octave -1: the standard's schema ends at 0, but all readers that we know of accept it.

    Args:
        melody: the melody.
        title: shown above the score; by default the melody's own.
        metre: of the bars, instead of the melody's own; without either, 4/4.
        tempo_qpm: quarter notes per minute; None for no tempo.
        bars_per_line: number of bars after which a line break is requested.

    Raises:
        ValueError: if the melody has a pitch that is not a MIDI pitch.
    """
    melody = playable(melody)
    spelling = spell(melody.pitches, melody.durations, melody.key)
    bars = with_accidentals(cut_into_bars(melody, metre), spelling.notes, spelling.key)
    lines = [_HEAD]
    name = printable(title or melody.title)
    if name:
        lines.append(f"<work><work-title>{escape(name)}</work-title></work>")
    lines.append(
        "<identification><encoding><software>melgen</software></encoding>"
        f"{_FOUND_KEY if has_found_key(melody) else ''}</identification>"
        '<part-list><score-part id="P1"><part-name print-object="no">Melody</part-name></score-part></part-list>'
        '<part id="P1">'
    )
    heads: dict[int, int] = {}
    # Sixteenths if they suffice, as in most programs.
    finest = math.gcd(*(length for bar in bars for length in (bar.lines.length, *_lengths(bar))))
    unit = STEPS_PER_SIXTEENTH if finest % STEPS_PER_SIXTEENTH == 0 else 1
    new_lines = {line.start for line in lines_of([bar.lines for bar in bars], bars_per_line)} - {0}
    divided = 0
    for index, bar in enumerate(bars):
        divided += bar.lines.number is None
        lines.append(_measure(bar.lines, divided))
        if index in new_lines:
            lines.append('<print new-system="yes"/>')
        if index == 0:
            lines += [_attributes(spelling, bar.lines, STEPS_PER_QUARTER // unit), _tempo(tempo_qpm)]
        elif bar.lines.changes_metre:
            lines.append(f"<attributes>{_time(bar.lines)}</attributes>")
        lines += [_symbol(symbol, bar, spelling.notes, heads, unit) for symbol in bar.symbols]
        if index == len(bars) - 1:
            lines.append('<barline location="right"><bar-style>light-heavy</bar-style></barline>')
        lines.append("</measure>")
    lines.append("</part></score-partwise>")
    return "\n".join(line for line in lines if line) + "\n"


def has_found_key(melody: Melody) -> bool:
    """Whether a file must state that its key was found from the notes, so that no reader takes it for the composer's.

    Songs of equal quarter notes are not marked: their files keep their bytes, and nothing measures how they end.
    """
    even = Melody.from_pitches(melody.pitches)
    is_even = not melody.metres and (melody.onsets, melody.durations) == (even.onsets, even.durations)
    return melody.key is None and not is_even


def printable(text: str) -> str:
    """The text on one line, without characters that XML or UTF-8 cannot encode.

    >>> printable("Green\\nsleeves\\x00")
    'Green sleeves'
    """
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(kept.encode("utf-8", "replace").decode("utf-8").split())


def _lengths(bar: Bar) -> Iterator[int]:
    return (symbol.steps for symbol in bar.symbols)


def _measure(bar: BarLines, divided: int) -> str:
    """The opening tag: a pickup has number 0; the second part of a divided bar has no number, but its own name."""
    if bar.is_counted:
        return f'<measure number="{bar.number}">'
    return f'<measure number="{0 if bar.number == 0 else f"X{divided}"}" implicit="yes">'


def _attributes(spelling: Spelling, bar: BarLines, divisions: int) -> str:
    clef = clef_for(spelling.notes)
    octaves = f"<clef-octave-change>{clef.octaves}</clef-octave-change>" if clef.octaves else ""
    return (
        f"<attributes><divisions>{divisions}</divisions>"
        f"<key><fifths>{spelling.key.fifths}</fifths><mode>{spelling.key.mode}</mode></key>"
        f"{_time(bar)}"
        f"<clef><sign>{clef.sign}</sign><line>{clef.line}</line>{octaves}</clef></attributes>"
    )


def _time(bar: BarLines) -> str:
    if bar.is_free:
        return "<time><senza-misura/></time>"
    return f"<time><beats>{bar.metre.beats}</beats><beat-type>{bar.metre.beat_type}</beat-type></time>"


def _tempo(tempo_qpm: float | None) -> str:
    if tempo_qpm is None:
        return ""
    return (
        '<direction placement="above"><direction-type><metronome><beat-unit>quarter</beat-unit>'
        f"<per-minute>{tempo_qpm:g}</per-minute></metronome></direction-type>"
        f'<sound tempo="{tempo_qpm:g}"/></direction>'
    )


def _symbol(symbol: Symbol, bar: Bar, notes: Sequence[SpelledNote], heads: dict[int, int], unit: int) -> str:
    duration = f"<duration>{symbol.steps // unit}</duration>"
    if symbol.note is None and len(bar.symbols) == 1 and bar.lines.is_complete:
        return f'<note><rest measure="yes"/>{duration}</note>'
    notations = _notations(symbol, bar)
    if symbol.note is None:
        return f"<note><rest/>{duration}{_value(symbol)}{notations}</note>"
    head = heads[symbol.note] = heads.get(symbol.note, -1) + 1
    step, alter, octave = notes[symbol.note]
    value = _value(symbol, "" if symbol.accidental is None else f"<accidental>{_SIGNS[symbol.accidental]}</accidental>")
    return "".join(
        (
            f'<note id="n{symbol.note}{f"-{head}" if head else ""}"><pitch><step>{step}</step>',
            f"<alter>{alter}</alter>" if alter else "",
            f"<octave>{octave}</octave></pitch>{duration}",
            *(f'<tie type="{kind}"/>' for kind in _ties(symbol)),
            value,
            *(f'<beam number="{number}">{beam}</beam>' for number, beam in enumerate(symbol.beams, 1)),
            notations,
            "</note>",
        )
    )


def _value(symbol: Symbol, accidental: str = "") -> str:
    """Type and dot; in a triplet also the ratio of three in the time of two."""
    written = symbol.sixty_fourths
    is_dotted = written % 3 == 0
    return (
        f"<type>{_TYPES[written * 2 // 3 if is_dotted else written]}</type>{'<dot/>' if is_dotted else ''}{accidental}"
        + ("<time-modification>" + _THREE_FOR_TWO + "</time-modification>" if symbol.triplet else "")
    )


def _ties(symbol: Symbol) -> list[str]:
    return [kind for kind, there in (("stop", symbol.continues), ("start", symbol.is_continued)) if there]


def _notations(symbol: Symbol, bar: Bar) -> str:
    """Ties, and the beginning and end of a triplet."""
    marks = [f'<tied type="{kind}"/>' for kind in _ties(symbol)]
    if symbol.triplet == "begin":
        marks.append(f'<tuplet type="start" bracket="{"no" if _is_beamed_alone(symbol, bar) else "yes"}"/>')
    elif symbol.triplet == "end":
        marks.append('<tuplet type="stop"/>')
    return f"<notations>{''.join(marks)}</notations>" if marks else ""


def _is_beamed_alone(first: Symbol, bar: Bar) -> bool:
    """Whether a triplet has a beam that begins and ends with it, so that its number is enough."""
    inside = itertools.dropwhile(lambda each: each is not first, bar.symbols)
    for symbol in inside:
        kind = symbol.beams[0] if symbol.beams else ""
        if kind != symbol.triplet:
            return False
        if kind == "end":
            return True
    return False
