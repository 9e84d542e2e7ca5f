"""A melody cut into bars, with every note as the note values, ties, beams and accidentals that a page shows.

Melodies say nothing of their metre; unless told otherwise they are set in 4/4, which suits songs of quarter notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_QUARTER, Melody
from melgen.rendering.spelling import Key, SpelledNote

STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER

NOTE_VALUES = (24, 16, 12, 8, 6, 4, 3, 2, 1)
"""Lengths in sixteenths that one note can show, with one dot at most."""

_EIGHTH, _SIXTEENTH = 2, 1


class Metre(NamedTuple):
    """A time signature.

    >>> Metre(6, 8).bar_steps, Metre(6, 8).beat_steps, Metre(3, 4).beat_steps
    (12, 6, 4)
    """

    beats: int
    beat_type: int

    @property
    def bar_steps(self) -> int:
        """Length of a bar in sixteenths."""
        return self.beats * STEPS_PER_WHOLE // self.beat_type

    @property
    def is_compound(self) -> bool:
        """Whether three eighths make a beat: 6/8, 9/8, 12/8."""
        return self.beat_type == 8 and self.beats % 3 == 0

    @property
    def beat_steps(self) -> int:
        """Length of a beat in sixteenths."""
        return 6 if self.is_compound else STEPS_PER_WHOLE // self.beat_type

    @classmethod
    def parse(cls, text: str) -> Metre:
        """From ``3/4``.

        Raises:
            ValueError: if it is no time signature in halves, quarters, eighths or sixteenths.
        """
        match = re.fullmatch(r"(\d{1,2})/(2|4|8|16)", text.strip())
        if match is None or not int(match[1]):
            raise ValueError(f"metre={text}: must be a time signature such as 4/4, 3/4 or 6/8")
        return cls(int(match[1]), int(match[2]))


COMMON_TIME = Metre(4, 4)


@dataclass(frozen=True)
class Symbol:
    """One note head, or one rest.

    Attributes:
        note: index of the note in the melody; None for a rest.
        start: where in the bar, in sixteenths.
        steps: its length, one of `NOTE_VALUES`, or a whole bar's rest.
        is_continued: whether it is tied to the next symbol.
        continues: whether it is tied to the one before.
        accidental: the sign before it, in semitones (0: a natural); None for no sign.
        beams: for each beam, from the one that eighths have inwards, ``begin``, ``continue``, ``end`` or a hook.
    """

    note: int | None
    start: int
    steps: int
    is_continued: bool = False
    continues: bool = False
    accidental: int | None = None
    beams: tuple[str, ...] = field(default=())


Bar = list[Symbol]


def playable(melody: Melody) -> Melody:
    """The melody as we draw and play it: every note lasts a sixteenth at least, and ends where the next one starts.

    Where the rhythm is finer than sixteenths, so that two notes would start together, the second one starts a
    sixteenth later; the notes after it give way until there is time again.

    Raises:
        ValueError: if a pitch is no MIDI pitch, or a time is before the beginning.

    >>> playable(Melody((60, 62), (0, 4), (0, 4))).durations
    (1, 4)
    >>> playable(Melody((60, 62, 64), (3, 3, 6), (1, 1, 2))).onsets
    (3, 4, 6)
    """
    for index, pitch in enumerate(melody.pitches, 1):
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            raise ValueError(f"note {index} has pitch {pitch}; MIDI knows {LOWEST_PITCH} to {HIGHEST_PITCH}")
    if melody.onsets and min(melody.onsets) < 0:
        raise ValueError(f"a note starts at step {min(melody.onsets)}, before the beginning")
    onsets: list[int] = []
    for onset in melody.onsets:
        onsets.append(max(onset, onsets[-1] + 1) if onsets else onset)
    ends = [
        max(onset + duration, moved + 1)
        for onset, duration, moved in zip(melody.onsets, melody.durations, onsets, strict=True)
    ]
    ends[:-1] = map(min, ends, onsets[1:])
    durations = tuple(end - onset for onset, end in zip(onsets, ends, strict=True))
    return replace(melody, onsets=tuple(onsets), durations=durations)


def cut_into_bars(melody: Melody, metre: Metre = COMMON_TIME) -> list[Bar]:
    """The bars of a `playable` melody, the last one filled with rests; one empty bar if there are no notes.

    >>> [[(symbol.note, symbol.steps) for symbol in bar] for bar in cut_into_bars(Melody((60,), (4,), (14,)))]
    [[(None, 4), (0, 12)], [(0, 2), (None, 2), (None, 4), (None, 8)]]
    """
    length = metre.bar_steps
    end = melody.onsets[-1] + melody.durations[-1] if len(melody) else 1
    bars: list[Bar] = [[] for _ in range(-(-end // length))]
    now = 0
    for index, (onset, duration) in enumerate(zip(melody.onsets, melody.durations, strict=True)):
        _fill(bars, None, now, onset, metre)
        now = onset + duration
        _fill(bars, index, onset, now, metre)
    _fill(bars, None, now, len(bars) * length, metre)
    return [_with_beams(bar, metre) for bar in bars]


def with_accidentals(
    bars: Sequence[Bar], notes: Sequence[SpelledNote], key: Key, *, on_ties: bool = False
) -> list[Bar]:
    """The bars with a sign wherever a reader could be in doubt.

    Some readers take an accidental to hold for its octave alone, others for all octaves. A sign is left out only
    where both kinds, and the key signature, lead to the right note.

    Args:
        on_ties: whether a tied note repeats its sign, without which programs that read ABC lose the tie.
    """
    return [list(_bar_with_accidentals(bar, notes, key, on_ties)) for bar in bars]


def _bar_with_accidentals(bar: Bar, notes: Sequence[SpelledNote], key: Key, on_ties: bool) -> Iterator[Symbol]:
    in_octave: dict[tuple[str, int], int] = {}
    in_bar: dict[str, int] = {}
    for symbol in bar:
        if symbol.note is None:
            yield symbol
            continue
        step, alter, octave = notes[symbol.note]
        if symbol.continues and not on_ties:
            yield symbol
            continue
        expected = {in_octave.get((step, octave), key.alter_of(step)), in_bar.get(step, key.alter_of(step))}
        in_octave[step, octave] = in_bar[step] = alter
        is_clear = expected == {alter} and not (symbol.continues and alter != key.alter_of(step))
        yield symbol if is_clear else replace(symbol, accidental=alter)


def _fill(bars: list[Bar], note: int | None, start: int, end: int, metre: Metre) -> None:
    """Append a note or a rest from `start` to `end`, split at bar lines and into values that can be written."""
    now = start
    while now < end:
        bar, place = divmod(now, metre.bar_steps)
        if note is None and place == 0 and end - now >= metre.bar_steps:
            steps = metre.bar_steps
        else:
            room = min(end - now, metre.bar_steps - place)
            steps = next(
                value
                for value in NOTE_VALUES
                if value <= room and _is_readable(place, value, metre, is_rest=note is None)
            )
        bars[bar].append(
            Symbol(note, place, steps, note is not None and now + steps < end, note is not None and now > start)
        )
        now += steps


def _is_readable(place: int, steps: int, metre: Metre, is_rest: bool) -> bool:
    """Whether a value at a place leaves the beats visible: it stays within one, or starts on one."""
    beat = metre.beat_steps
    offset = place % beat
    if is_rest:  # stricter: a rest starts where values of its length do, and has no dot but in compound metres
        if metre.is_compound:
            return offset % steps == 0 if steps <= beat else steps % beat == 0 and place % steps == 0
        return steps & (steps - 1) == 0 and place % steps == 0
    if offset + steps <= beat:
        return True
    if offset == 0:
        return steps % beat == 0 if metre.is_compound else True
    return beat == STEPS_PER_QUARTER and offset == _EIGHTH and steps == STEPS_PER_QUARTER  # a syncopation


def _with_beams(bar: Bar, metre: Metre) -> Bar:
    """Beams over the notes shorter than a quarter in each beat; a beat of 5/8 and the like is a quarter."""
    group_steps = max(metre.beat_steps, STEPS_PER_QUARTER)
    beamed = list(bar)
    group: list[int] = []
    for index, symbol in enumerate(bar):
        short = symbol.note is not None and symbol.steps < STEPS_PER_QUARTER
        if group and (not short or symbol.start // group_steps != bar[group[0]].start // group_steps):
            _beam(beamed, group)
            group = []
        if short:
            group.append(index)
    _beam(beamed, group)
    return beamed


def _beam(bar: Bar, group: list[int]) -> None:
    if len(group) < 2:
        return
    is_sixteenth = [bar[index].steps == _SIXTEENTH for index in group]
    last = len(group) - 1
    for place, index in enumerate(group):
        beams = ["begin" if place == 0 else "end" if place == last else "continue"]
        if is_sixteenth[place]:
            before = place > 0 and is_sixteenth[place - 1]
            after = place < last and is_sixteenth[place + 1]
            if before or after:
                beams.append("continue" if before and after else "end" if before else "begin")
            else:
                beams.append("forward hook" if place == 0 else "backward hook")
        bar[index] = replace(bar[index], beams=tuple(beams))
