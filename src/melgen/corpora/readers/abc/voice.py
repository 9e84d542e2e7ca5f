"""Reading one voice: lengths, accidentals, tuplets, broken rhythm, ties, and the positions of its marks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from melgen.corpora.readers.abc.fields import Voicing, bar_ticks
from melgen.corpora.readers.abc.segments import BAR_LINE, INSIDE, MAYBE_INSIDE, Edge, Segment, Ticks
from melgen.corpora.readers.abc.tokens import Token
from melgen.corpora.readers.playing_order import Jump
from melgen.errors import ReadError
from melgen.music.key import Key
from melgen.music.metre import Metre

MAX_WRITTEN_NOTES = 200_000
MAX_ENDINGS = 1000
_OPEN_METRE = Metre(4, 4)  # the length of a bar's rest where the metre is free

_JUMPS = {
    "D.C.": Jump("capo"), "D.C. al fine": Jump("capo", "fine"), "D.C. al coda": Jump("capo", "coda"),
    "D.S.": Jump("segno"), "D.S. al fine": Jump("segno", "fine"), "D.S. al coda": Jump("segno", "coda"),
}  # fmt: skip


def _divided(ticks: Ticks, by: int) -> Ticks:
    if isinstance(ticks, int):
        whole, remainder = divmod(ticks, by)
        return Fraction(ticks, by) if remainder else whole
    return ticks / by


def _whole(ticks: Ticks) -> Ticks:
    return ticks.numerator if ticks.denominator == 1 else ticks


class Voice:
    """The state of a voice while it is read; `segments` are complete after `finish` was called."""

    def __init__(
        self,
        name: str,
        alters: tuple[float, ...],
        metre: Metre | None,
        unit: int,
        part: str | None,
        carry: str,
        key: Key | None = None,
    ):
        self._key = self._sounding_key = key
        self.name, self.alters, self.metre, self.unit, self.part = name, alters, metre, unit, part
        self.accidentals_carry = carry
        self.is_percussion = False
        self.shift = 0
        self._shifts = {"octaves": 0, "semitones": 0, "clef_octaves": 0}
        self.segments: list[Segment] = []
        self.has_bar_lines = False
        self.remarks: set[str] = set()
        self.written = 0
        self._bar_signs: dict[int, float] = {}
        self._departs_to_coda = False
        self._has_ended_a_repeat = False
        self._endings = 0
        self._waiting: dict[str, None] = {}  # marks in the order of the text, each once
        self._tuplet_left = 0
        self._tuplet: tuple[int, int] = (1, 1)
        self._next: tuple[int, int] = (1, 1)  # the factor of the next note from a broken rhythm
        self._broken: tuple[Ticks, Ticks] = (0, 0)  # length of the note before it, and its change
        self._is_scaled = False
        self._begin()

    def _begin(self) -> None:
        self.segment = Segment(self.metre, self.part, self._sounding_key)
        self._layer = self.segment.layers[0]
        self.time: Ticks = 0
        self._last: Sequence[list[Ticks]] = ()
        self._last_length: Ticks | None = None

    def voice(self, voicing: Voicing) -> None:
        """Apply the parameters of a ``V:`` or ``K:`` field."""
        if voicing.name is not None:
            self.name = voicing.name
        if voicing.is_percussion is not None:
            self.is_percussion = voicing.is_percussion
        for key in self._shifts:
            value = getattr(voicing, key)
            if value is not None:
                self._shifts[key] = value
        self.shift = 12 * (self._shifts["octaves"] + self._shifts["clef_octaves"]) + self._shifts["semitones"]
        self.change_key(self._key)

    def change_key(self, key: Key | None) -> None:
        """Another key, as written, from here on; it sounds as far from it as the notes do."""
        self._key = key
        sounding = None if key is None else key.transposed(self.shift)
        if sounding != self._sounding_key:
            self._sounding_key = sounding
            since = self.segment.keys[-1][0]
            self.segment.keys.append((max(self.time, since), sounding))  # time goes back at an overlay

    # Notes and rests

    def note(self, token: Token) -> None:
        """A note."""
        _, midi, position, alter, numerator, denominator, is_tied, is_microtonal = token
        length = self.unit * numerator
        if denominator != 1:
            length = _divided(length, denominator)
        if self._is_scaled:
            length = self._scaled(length)
        if self._waiting:
            self._place_marks()
        if is_microtonal:
            self.remarks.add("quarter tones, rounded to semitones")
        layer, time = self._layer, self.time
        if alter is None and not self._bar_signs:
            pitch = midi + self.alters[position % 7] + self.shift
        else:
            pitch = midi + self._alteration(position, alter) + self.shift
        if type(pitch) is not int:
            pitch = floor(pitch + 0.5)
        self.written += 1
        if layer.tied:
            for held in layer.tied:
                if held.pitch == pitch or (alter is None and held.position == position):
                    note = layer.notes[held.place]
                    note[1] += length
                    layer.tied = [Edge(position, held.pitch, False, held.place)] if is_tied else []
                    break
            else:
                note = self._new_note(time, length, pitch, position, alter is not None, is_tied)
        else:
            note = [time, length, pitch]
            if layer.first is None:
                layer.first = [Edge(position, pitch, alter is not None, 0)]
            if is_tied:
                layer.tied = [Edge(position, pitch, False, len(layer.notes))]
            layer.notes.append(note)
        self._last, self._last_length = (note,), length
        self.time = time + length

    def _new_note(
        self, time: Ticks, length: Ticks, pitch: int, position: int, is_signed: bool, is_tied: bool
    ) -> list[Ticks]:
        layer = self._layer
        note: list[Ticks] = [time, length, pitch]
        if layer.first is None:
            layer.first = [Edge(position, pitch, is_signed, 0)]
        layer.tied = [Edge(position, pitch, False, len(layer.notes))] if is_tied else []
        layer.notes.append(note)
        return note

    def chord(self, token: Token) -> None:
        """Notes that begin together; the first decides when the next event begins."""
        _, notes, numerator, denominator, is_tied = token
        self._place_marks()
        layer = self._layer
        held, tied, first = layer.tied, [], []
        last = []
        advance: Ticks | None = None
        times, by = self._scale()
        for _, midi, position, alter, own_numerator, own_denominator, is_note_tied, is_microtonal in notes:
            length = _divided(self.unit * numerator * own_numerator * times, denominator * own_denominator * by)
            if advance is None:
                advance = length
            if is_microtonal:
                self.remarks.add("quarter tones, rounded to semitones")
            pitch = floor(midi + self._alteration(position, alter) + self.shift + 0.5)
            joined = next(
                (each for each in held if each.pitch == pitch or (alter is None and each.position == position)), None
            )
            if joined is not None:
                held = [each for each in held if each is not joined]
                note, index, pitch = layer.notes[joined.place], joined.place, joined.pitch
                note[1] += length
            else:
                note, index = [self.time, length, pitch], len(layer.notes)
                layer.notes.append(note)
            last.append(note)
            first.append(Edge(position, pitch, alter is not None, index))
            if is_tied or is_note_tied:
                tied.append(Edge(position, pitch, False, index))
        if layer.first is None:
            layer.first = first
        self.written += len(notes)
        layer.tied = tied
        self._last, self._last_length = last, advance
        self.time += advance or 0

    def rest(self, numerator: int, denominator: int) -> None:
        """A rest in unit lengths."""
        times, by = self._scale()
        self._rest(_divided(self.unit * numerator * times, denominator * by))

    def _rest(self, length: Ticks) -> None:
        self._place_marks()
        if self._layer.first is None:
            self._layer.first = []
        self._layer.tied = []
        self._last, self._last_length = (), length
        self.time += length

    def bar_rest(self, bars: int) -> None:
        """Rests of whole bars."""
        for bar in range(bars):
            self._rest(bar_ticks(self.metre or _OPEN_METRE))
            if bar < bars - 1:
                self.bar_line(0, 0, False, frozenset(), False)

    def tie(self) -> None:
        """A tie that is separate from its note."""
        layer = self._layer
        if layer.tied or not self._last:
            return
        tied = []
        for note in self._last:
            index = next(index for index in range(len(layer.notes) - 1, -1, -1) if layer.notes[index] is note)
            tied.append(Edge(-1, int(note[2]), False, index))
        layer.tied = tied

    def _alteration(self, position: int, alter: float | None) -> float:
        carry = self.accidentals_carry
        place = position if carry == "octave" else position % 7
        if alter is None:
            sign = self._bar_signs.get(place)
            return self.alters[position % 7] if sign is None else sign
        if carry != "not":
            self._bar_signs[place] = alter
        return alter

    # Tuplets and broken rhythm

    def tuplet(self, p: int, q: int | None, notes: int) -> None:
        """``p`` notes in the time of ``q``, for the next ``notes`` notes."""
        if q is None:
            compound = self.metre is not None and self.metre.beats in (6, 9, 12)
            q = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
        self._tuplet, self._tuplet_left = (q, p), notes
        self._is_scaled = True

    def broken(self, marks: int) -> bool:
        """Lengthen the previous note and shorten the next, or vice versa; returns whether there is a previous note."""
        if self._last_length is None or self._next != (1, 1):
            return False
        by = 2 ** abs(marks)
        change = _divided(self._last_length * (by - 1), by)
        if marks < 0:
            change = -change
        for note in self._last:
            note[1] = _whole(note[1] + change)
        self.time = _whole(self.time + change)
        self._next = (1, by) if marks > 0 else (2 * by - 1, by)
        self._broken = (self._last_length, change)
        self._last_length = None
        self._is_scaled = True
        return True

    def _scaled(self, length: Ticks) -> Ticks:
        if self._next != (1, 1):
            # `c>d/` and `c/<d`: the short note is written short already.
            (_, by), (first, change) = self._next, self._broken
            if change > 0 and length * by == first:
                self._next = (1, 1)
            elif change < 0 and first * by == length:
                for note in self._last:
                    note[1] = _whole(note[1] - change)
                self.time = _whole(self.time - change)
        times, by = self._scale()
        return _divided(length * times, by)

    def _scale(self) -> tuple[int, int]:
        if not self._is_scaled:
            return 1, 1
        times, by = self._next
        self._next = (1, 1)
        if self._tuplet_left:
            self._tuplet_left -= 1
            times, by = times * self._tuplet[0], by * self._tuplet[1]
        self._is_scaled = self._tuplet_left > 0
        return times, by

    # Bars and marks

    def bar_line(self, ends: int, starts: int, may_be_inside: bool, numbers: frozenset[int], double: bool) -> None:
        """A bar line with the times of the repeats that it ends and starts (0 for none), and an ending after it."""
        self.has_bar_lines = True
        self._bar_signs = {}
        line = MAYBE_INSIDE if may_be_inside else BAR_LINE
        segment = self.segment
        has_opened = bool(segment.starts or segment.ending)
        if segment.is_empty and not (segment.ending and (ends or double)) and not (segment.starts and ends):
            # No music since the last bar line: both are one.
            if self.segments and not has_opened:
                before = self.segments[-1]
                before.ends = max(before.ends, ends)
                before.double = before.double or double
                before.line = max(before.line, line)
                self._place_marks_at_end(before)
            elif ends:
                self.remarks.add("an end of repeat before any note, left out")
        else:
            segment.ends, segment.double = ends, double
            self.cut(line)
        if ends and not self._has_ended_a_repeat:
            self._has_ended_a_repeat = True
            self._take_in_the_pickup()
        if starts:
            self.segment.starts = starts
        if numbers:
            self.ending(numbers)

    def _take_in_the_pickup(self) -> None:
        """Let a repeat go back past the double bar after the pickup, if the pickup completes the repeat's last bar."""
        if self.metre is None or not self.segments or not self.segments[0].double:
            return
        bar = bar_ticks(self.metre)
        passage: Ticks = 0
        last_bar: Ticks | None = None
        for segment in reversed(self.segments[1:]):
            if segment is not self.segments[-1]:
                if segment.double or segment.ends:
                    return
                if segment.line != INSIDE and last_bar is None:
                    last_bar = passage
            if segment.starts or segment.ending:
                return
            passage += segment.length
        if last_bar is not None and 0 < self.segments[0].length == bar - last_bar:
            self.segments[0].double = False

    def ending(self, numbers: frozenset[int]) -> None:
        """An ending begins here."""
        self._endings += 1
        if self._endings > MAX_ENDINGS:
            raise ReadError(f"more than {MAX_ENDINGS} endings")
        if not self.segment.is_empty:
            self.cut(INSIDE)
        if self.segment.ending:
            self.cut(INSIDE)
        self.segment.ending = numbers

    def following_ending(self) -> frozenset[int]:
        """The number after those of the preceding endings; empty if there are none."""
        numbers: set[int] = set(self.segment.ending)
        follows_directly = self.segment.is_empty
        for segment in reversed(self.segments):
            if self.segment.starts or 1 in numbers:
                break
            if not numbers and not follows_directly and (segment.ends or segment.double):
                break
            numbers |= segment.ending
            follows_directly = False
            if segment.starts:
                break
        return frozenset({max(numbers) + 1}) if numbers else frozenset()

    def begin_part(self, label: str) -> None:
        """A part begins here."""
        if not self.segment.is_empty:
            self.cut(INSIDE)
        if self.segments:
            before = self.segments[-1]
            before.double = True
            if before.line == BAR_LINE:
                before.line = MAYBE_INSIDE
        self.part = self.segment.part = label

    def change_metre(self, metre: Metre | None) -> None:
        """Another metre from here on."""
        if not self.segment.is_empty:
            self.cut(INSIDE)
        self.metre = self.segment.metre = metre

    def cut(self, line: int) -> None:
        """End the segment here and begin another one."""
        segment = self.segment
        if len(segment.layers) > 1:
            self._layer.length = self.time
            segment.length = segment.layers[0].length or max(layer.length for layer in segment.layers)
        else:
            segment.length = self.time
        segment.line = line
        self._place_marks_at_end(segment)
        self.segments.append(segment)
        if segment.fine_onset is not None:
            self._place_fine(segment)
        if self.written > MAX_WRITTEN_NOTES:
            raise ReadError(f"a tune of more than {MAX_WRITTEN_NOTES} written notes")
        self._begin()

    def overlay(self) -> None:
        """Go back to the beginning of the bar, in another layer."""
        segment = self.segment
        self._layer.length = self.time
        number = segment.layers.index(self._layer) + 1
        if number == len(segment.layers):
            segment.layers.append(type(self._layer)())
        self._layer = segment.layers[number]
        self._bar_signs = {}
        self.time = 0
        self._last, self._last_length = (), None

    def mark(self, name: str) -> None:
        """A segno, a coda sign, Fine, D.C. and so on."""
        if name == "segno":
            if not self.segment.is_empty:
                self.cut(INSIDE)
            self.segment.segno = True
        elif name == "coda" and self._departs_to_coda:
            if not self.segment.is_empty:
                self.cut(INSIDE)
            self.segment.coda = True
        elif name in ("coda", "to coda"):
            self._departs_to_coda = True
            if self.segment.is_empty:
                self._waiting["to coda"] = None
            else:
                self.segment.to_coda = True
        elif name == "fermata":
            if not self.segment.is_empty:
                self.segment.fermata = len(self._layer.notes)
            else:
                self._waiting[name] = None
        elif name == "fine" or self.segment.is_empty:
            self._waiting[name] = None
        else:
            self.segment.jump = _JUMPS[name]

    def _place_marks(self) -> None:
        """Give marks before a note to its bar."""
        if not self._waiting:
            return
        for name in self._waiting:
            if name == "fine":
                self.segment.fine_onset = self.time
            elif name == "fermata":
                self.segment.fermata = len(self._layer.notes)
            elif name != "to coda":
                self.segment.jump = _JUMPS[name]
            elif self.segments:
                self.segments[-1].to_coda = True
        self._waiting.clear()

    def _place_marks_at_end(self, segment: Segment) -> None:
        """Give marks before a bar line to the segment that it ends."""
        for name in self._waiting:
            if name == "fine":
                segment.fine = True
            elif name == "fermata":
                segment.fermata = len(segment.layers[0].notes)
            elif name == "to coda":
                segment.to_coda = True
            else:
                segment.jump = _JUMPS[name]
        self._waiting.clear()

    def _place_fine(self, segment: Segment) -> None:
        """Place Fine over a note at the end of its bar, or after the note if the rest of the bar is the next pickup."""
        assert segment.fine_onset is not None
        end = next((note[0] + note[1] for note in segment.layers[0].notes if note[0] >= segment.fine_onset), None)
        rest = 0 if end is None else segment.length - end
        pickup = self.segments[0].length if self.metre is not None else 0
        if end is not None and rest and rest == pickup < bar_ticks(self.metre or _OPEN_METRE):
            after = segment.split(end)
            after.line, after.ends, after.double, after.jump = segment.line, segment.ends, segment.double, segment.jump
            after.to_coda = segment.to_coda
            segment.line, segment.ends, segment.double, segment.jump, segment.to_coda = INSIDE, 0, False, None, False
            self.segments.append(after)
        segment.fine = True

    def finish(self) -> None:
        """The end of the music."""
        if self.segment.is_empty:
            if self.segments:
                self._place_marks_at_end(self.segments[-1])
                if self.segment.ending:
                    self.cut(INSIDE)
        else:
            self.cut(INSIDE)
