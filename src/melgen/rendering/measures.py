"""A melody cut into bars, with the note values, ties, beams and accidentals of each note on the page.

`bar_lines` finds the bars, `tuplets` the triplets; here every note becomes one symbol, or several tied ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from melgen.music.key import Key
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_QUARTER, Melody
from melgen.music.metre import COMMON_TIME, STEPS_PER_SIXTEENTH, STEPS_PER_WHOLE, Metre
from melgen.music.spelling import SpelledNote
from melgen.rendering.bar_lines import BarLines, lay_bars, with_whole_lengths
from melgen.rendering.tuplets import (
    TRIPLET,
    TRIPLET_VALUES,
    UNDOTTED_TRIPLET_VALUES,
    Part,
    triplet_values,
    written,
)

__all__ = [
    "COMMON_TIME",
    "NOTE_VALUES",
    "STEPS_PER_WHOLE",
    "Bar",
    "Metre",
    "Symbol",
    "cut_into_bars",
    "playable",
    "with_accidentals",
]

NOTE_VALUES = (144, 96, 72, 48, 36, 24, 18, 12, 9, 6, 3)
"""Lengths in steps that can be written as one note outside a triplet, with at most one dot."""

_EIGHTH, _THIRTY_SECOND = STEPS_PER_QUARTER // 2, STEPS_PER_QUARTER // 8
_SIXTY_FOURTHS_PER_QUARTER = 16


@dataclass(frozen=True)
class Symbol:
    """One note head, or one rest.

    Attributes:
        note: index of the note in the melody; None for a rest.
        start: its position in the bar, in steps.
        steps: its length: one of `NOTE_VALUES`, in a triplet one of `TRIPLET_VALUES`, or a whole bar's rest.
        is_continued: whether it is tied to the next symbol.
        continues: whether it is tied to the one before.
        accidental: the sign before it, in semitones (0: a natural); None for no sign.
        beams: for each beam, the outermost (that of eighths) first, ``begin``, ``continue``, ``end`` or a hook.
        triplet: ``begin``, ``continue`` or ``end``; empty outside triplets.
    """

    note: int | None
    start: int
    steps: int
    is_continued: bool = False
    continues: bool = False
    accidental: int | None = None
    beams: tuple[str, ...] = ()
    triplet: str = ""

    @property
    def sixty_fourths(self) -> int:
        """Its written value: an eighth is 8, also in a triplet, where it lasts for two thirds of one.

        >>> Symbol(0, 0, 12).sixty_fourths, Symbol(0, 0, 8, triplet="begin").sixty_fourths
        (8, 8)
        """
        if self.triplet:
            return self.steps * _SIXTY_FOURTHS_PER_QUARTER * 3 // (2 * STEPS_PER_QUARTER)
        return self.steps * _SIXTY_FOURTHS_PER_QUARTER // STEPS_PER_QUARTER


@dataclass(frozen=True)
class Bar:
    """One bar: its position, and its symbols, which fill it without gaps."""

    lines: BarLines
    symbols: tuple[Symbol, ...]


def playable(melody: Melody) -> Melody:
    """The melody as we draw and play it: every note has a length, and ends no later than the next one starts.

    A note of length 0 gets a sixteenth, or less if the next note comes sooner. Notes that start together are spread
    a sixteenth apart, or less if the next note comes sooner; if there is no time at all, the following notes are
    moved until there is.

    Raises:
        ValueError: if a pitch is not a MIDI pitch, or a time is before the beginning.

    >>> playable(Melody((60, 62), (0, 24), (0, 24))).durations
    (6, 24)
    >>> playable(Melody((60, 62, 64), (18, 18, 36), (6, 6, 12))).onsets
    (18, 24, 36)
    """
    for index, pitch in enumerate(melody.pitches, 1):
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            raise ValueError(f"note {index} has pitch {pitch}; MIDI pitches are {LOWEST_PITCH} to {HIGHEST_PITCH}")
    if melody.onsets and min(melody.onsets) < 0:
        raise ValueError(f"a note starts at step {min(melody.onsets)}, before the beginning")
    onsets = _apart(melody.onsets)
    ends = [
        onset + duration if onset + duration > moved else moved + STEPS_PER_SIXTEENTH
        for onset, duration, moved in zip(melody.onsets, melody.durations, onsets, strict=True)
    ]
    ends[:-1] = map(min, ends, onsets[1:])
    durations = tuple(end - onset for onset, end in zip(onsets, ends, strict=True))
    return replace(melody, onsets=tuple(onsets), durations=durations)


def _apart(onsets: Sequence[int]) -> list[int]:
    """Onsets in order, all at different steps."""
    if all(first < second for first, second in pairwise(onsets)):
        return list(onsets)
    found: list[int] = []
    first = 0
    while first < len(onsets):
        last = first + 1
        while last < len(onsets) and onsets[last] <= onsets[first]:
            last += 1
        start = max(onsets[first], found[-1] + 1) if found else onsets[first]
        room = onsets[last] - start if last < len(onsets) else STEPS_PER_WHOLE * (last - first)
        step = max(1, min(STEPS_PER_SIXTEENTH, room // (last - first)))
        found += range(start, start + step * (last - first), step)
        first = last
    return found


def cut_into_bars(melody: Melody, metre: Metre | None = None) -> list[Bar]:
    """The bars of a `playable` melody, the last one filled with rests; one empty bar if there are no notes.

    Args:
        metre: instead of the melody's own; without either, 4/4.

    >>> [[(each.note, each.steps) for each in bar.symbols] for bar in cut_into_bars(Melody((60,), (24,), (84,)))]
    [[(None, 24), (0, 72)], [(0, 12), (None, 12), (None, 24), (None, 48)]]
    """
    lines = lay_bars(melody, metre)
    onsets = list(melody.onsets)
    ends = [onset + duration for onset, duration in zip(onsets, melody.durations, strict=True)]
    whole = with_whole_lengths(lines)
    if whole != lines:
        onsets, ends = _moved(onsets, lines, whole), _moved(ends, lines, whole, is_end=True)
    onsets, ends, parts = written(onsets, ends, whole)
    bars = []
    note = 0
    for bar, bar_parts in zip(whole, parts, strict=True):
        spans: list[tuple[int | None, int, int]] = []  # notes and rests, which may continue in other bars
        now = bar.start
        while note < len(onsets) and onsets[note] < bar.end:
            if onsets[note] > now:
                spans.append((None, now, onsets[note]))
            spans.append((note, onsets[note], ends[note]))
            now = ends[note]
            if now > bar.end:
                break
            note += 1
        if now < bar.end:
            spans.append((None, now, bar.end))
        symbols = [symbol for span in spans for symbol in _symbols(*span, bar, bar_parts)]
        bars.append(Bar(bar, tuple(_with_beams(_with_triplets(symbols, bar_parts), bar))))
    return bars


def _moved(times: Sequence[int], before: list[BarLines], after: list[BarLines], *, is_end: bool = False) -> list[int]:
    """Move times to bars that have become a little longer."""
    found, index = [], 0
    for time in times:
        while index + 1 < len(before) and time - is_end >= before[index].end:
            index += 1
        at_end = is_end and time == before[index].end
        found.append(after[index].end if at_end else after[index].start + time - before[index].start)
    return found


def with_accidentals(bars: Sequence[Bar], notes: Sequence[SpelledNote], key: Key, *, in_abc: bool = False) -> list[Bar]:
    """The bars with accidentals wherever a reader could be in doubt.

    Some readers apply an accidental to its octave only, others to all octaves. A sign is left out only if both rules,
    with the key signature, give the right note.

    Args:
        bars: the bars.
        notes: the names of the notes of the tune, in order.
        key: the key of the signature.
        in_abc: whether for ABC. Some of its readers forget a sign before the bar ends, or at a tie, so that each note
            outside the key repeats its sign, a tied one too.
    """
    return [replace(bar, symbols=tuple(_bar_with_accidentals(bar, notes, key, in_abc))) for bar in bars]


def _bar_with_accidentals(bar: Bar, notes: Sequence[SpelledNote], key: Key, in_abc: bool) -> Iterator[Symbol]:
    in_octave: dict[tuple[str, int], int] = {}
    in_bar: dict[str, int] = {}
    for symbol in bar.symbols:
        if symbol.note is None:
            yield symbol
            continue
        step, alter, octave = notes[symbol.note]
        if symbol.continues and not in_abc:
            yield symbol
            continue
        expected = {in_octave.get((step, octave), key.alter_of(step)), in_bar.get(step, key.alter_of(step))}
        expected |= {key.alter_of(step)} if in_abc else set()
        in_octave[step, octave] = in_bar[step] = alter
        yield symbol if expected == {alter} else replace(symbol, accidental=alter)


def _symbols(note: int | None, start: int, end: int, bar: BarLines, parts: Sequence[Part]) -> Iterator[Symbol]:
    """The part of a note or rest within a bar, split at the ends of triplets and into values that can be written."""
    now, last = max(start, bar.start), min(end, bar.end)
    if note is None and (now, last) == (bar.start, bar.end) and bar.is_complete:
        yield Symbol(None, 0, bar.length)
        return
    index = 0
    while now < last:
        place = now - bar.start
        while parts[index].end <= place:
            index += 1
        part = parts[index]
        room = min(last - bar.start, part.end) - place
        if part.kind == TRIPLET:
            steps = triplet_values(room, TRIPLET_VALUES if note is not None else UNDOTTED_TRIPLET_VALUES)[0]
        else:
            steps = next(
                value
                for value in NOTE_VALUES
                if value <= room and _is_readable(bar.offset + place, value, bar.metre, is_rest=note is None)
            )
        is_note = note is not None
        triplet = "continue" if part.kind == TRIPLET else ""
        yield Symbol(note, place, steps, is_note and now + steps < end, is_note and now > start, triplet=triplet)
        now += steps


def _is_readable(place: int, steps: int, metre: Metre, is_rest: bool) -> bool:
    """Whether a value at a place keeps the beats visible: it stays within a beat, or starts on one."""
    if (place % STEPS_PER_SIXTEENTH or steps % STEPS_PER_SIXTEENTH) and place % _EIGHTH + steps > _EIGHTH:
        return False  # values finer than sixteenths keep the eighths visible
    beat = metre.beat_steps
    offset = place % beat
    if is_rest:  # stricter: a rest starts where values of its length do, and has a dot only in compound metres
        if metre.is_compound and steps >= STEPS_PER_SIXTEENTH:
            return offset % steps == 0 if steps <= beat else steps % beat == 0 and place % steps == 0
        units = steps // _THIRTY_SECOND
        return units & (units - 1) == 0 and place % steps == 0
    if offset + steps <= beat:
        return True
    if offset == 0:
        return steps % beat == 0 if metre.is_compound else True
    return beat == STEPS_PER_QUARTER and offset == _EIGHTH and steps == STEPS_PER_QUARTER  # a syncopation


def _with_triplets(symbols: list[Symbol], parts: Sequence[Part]) -> list[Symbol]:
    """The symbols, with the first and the last one of each triplet marked."""
    marks = {part.start: "begin" for part in parts if part.kind == TRIPLET}
    ends = {part.end for part in parts if part.kind == TRIPLET}
    return [
        replace(each, triplet="end" if each.start + each.steps in ends else marks.get(each.start, "continue"))
        if each.triplet
        else each
        for each in symbols
    ]


def _with_beams(symbols: list[Symbol], bar: BarLines) -> list[Symbol]:
    """Add beams over the notes shorter than a quarter in each beat; a beat of 5/8 and similar metres is a quarter.

    A triplet shares a beam with the notes next to it only if it is a part of the same beat.
    """
    keys = _beam_groups(symbols, bar)
    beamed = list(symbols)
    group: list[int] = []
    for index, symbol in enumerate(symbols):
        short = symbol.note is not None and _beams_of(symbol) > 0
        if group and (not short or keys[index] != keys[group[0]]):
            _beam(beamed, group, bar.offset)
            group = []
        if short:
            group.append(index)
    _beam(beamed, group, bar.offset)
    return beamed


def _beam_groups(symbols: list[Symbol], bar: BarLines) -> list[tuple[int, ...]]:
    """The group of each symbol's beam. A beam that begins in a triplet also ends in it."""
    group_steps = max(bar.metre.beat_steps, STEPS_PER_QUARTER)
    keys: list[tuple[int, ...]] = []
    while len(keys) < len(symbols):
        first = symbols[len(keys)]
        group = (bar.offset + first.start) // group_steps
        if not first.triplet:
            keys.append((group,))
            continue
        count = next(n for n, each in enumerate(symbols[len(keys) :], 1) if each.triplet == "end")
        triplet = symbols[len(keys) : len(keys) + count]
        span = sum(each.steps for each in triplet)
        is_part = span < STEPS_PER_QUARTER or bar.metre.is_compound
        is_within = (bar.offset + first.start + span - 1) // group_steps == group
        if is_part and is_within and all(each.note is not None and _beams_of(each) for each in triplet):
            keys += [(group,)] * count
        else:
            third = max(span // 3, STEPS_PER_QUARTER) if span > STEPS_PER_QUARTER else span
            keys += [(group, first.start, (each.start - first.start) // third) for each in triplet]
    return keys


def _beam(symbols: list[Symbol], group: list[int], offset: int) -> None:
    if len(group) < 2:
        return
    counts = [_beams_of(symbols[index]) for index in group]
    eighths = [(offset + symbols[index].start) // _EIGHTH for index in group]

    def joined(first: int, level: int) -> bool:
        """Whether a beam continues from one note of the group to the next; the inner beams of thirty-seconds are
        interrupted between eighths."""
        if not 0 <= first < len(group) - 1 or min(counts[first], counts[first + 1]) < level:
            return False
        return level == 1 or max(counts) < 3 or eighths[first] == eighths[first + 1]

    last = len(group) - 1
    for place, index in enumerate(group):
        beams = []
        for level in range(1, counts[place] + 1):
            before, after = joined(place - 1, level), joined(place, level)
            if before or after:
                beams.append("continue" if before and after else "end" if before else "begin")
            else:
                starts_anew = place == 0 or (place < last and max(counts) > 2 and eighths[place - 1] != eighths[place])
                beams.append("forward hook" if starts_anew else "backward hook")
        symbols[index] = replace(symbols[index], beams=tuple(beams))


def _beams_of(symbol: Symbol) -> int:
    """Number of beams or flags of a value: one for an eighth, two for a sixteenth.

    >>> [_beams_of(Symbol(0, 0, steps)) for steps in (24, 18, 12, 9, 6, 3)]
    [0, 1, 1, 2, 2, 3]
    """
    value = symbol.sixty_fourths
    return sum(value < limit for limit in (16, 8, 4, 2))
