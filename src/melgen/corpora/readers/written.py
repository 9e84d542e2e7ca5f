"""Turn a score as written into its tune as it sounds: the common part of MusicXML and ``**kern``.

A reader gives segments (bars, or parts of bars if a mark is inside) and the notes of each voice in each segment.
This module puts them into the order of playing, and joins ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers import TICKS_PER_QUARTER
from melgen.corpora.readers.playing_order import AS_WRITTEN, NO_MARKS, Marks, playing_order
from melgen.errors import ReadError
from melgen.music.key import Key, Place
from melgen.music.metre import Metre

_LONGEST = 2**50  # ticks: far beyond any music, and safe in 64 bits
_DRUM_NOTE = (0, 1, 0)


class WrittenNote(NamedTuple):
    """A note of a segment.

    Attributes:
        onset: in quarters from the beginning of its segment.
        duration: in quarters.
        pitch: as a MIDI number.
        is_held: a tie begins at it.
        is_continued: a tie ends at it.
    """

    onset: Fraction
    duration: Fraction
    pitch: int
    is_held: bool = False
    is_continued: bool = False


@dataclass
class Segment:
    """A bar, or a part of one: its length in quarters, its marks, its metre and its keys.

    ``keys`` are the key at its beginning and later ones, as they sound, each with its place in quarters.
    ``continues_bar`` is true if it may complete the bar before it, as an unnumbered measure does.
    """

    length: Fraction
    marks: Marks = NO_MARKS
    metre: Metre | None = None
    starts_bar: bool = True
    continues_bar: bool = False
    keys: Sequence[tuple[Place, Key | None]] = ()


@dataclass
class Voice:
    """The notes of one voice by number of segment.

    Attributes:
        name: its name.
        notes: the notes of each segment.
        is_drum: whether it is percussion without pitches.
        part: the part of the voice; a tie may lead from one voice of a part to another.
    """

    name: str
    notes: dict[int, list[WrittenNote]]
    is_drum: bool = False
    part: object = None


def sounding_tune(
    segments: Sequence[Segment],
    voices: Sequence[Voice],
    title: str = "",
    order: Sequence[int] | None = None,
    has_pickup: bool = False,
) -> Tune:
    """The tune of a score.

    Args:
        segments: all segments in the order of writing.
        voices: the notes of each, by segment.
        title: its name.
        order: numbers of the segments in the order of playing; by default the order that their marks ask for.
        has_pickup: whether the score states that its first bar is a pickup.

    Raises:
        ReadError: if the tune, with its repeats, is too long.
    """
    remarks: tuple[str, ...] = ()
    if order is None:
        sizes = [1] * len(segments)
        for voice in voices:
            for number, written in voice.notes.items():
                sizes[number] += len(written)
        order, faults = playing_order([segment.marks for segment in segments], sizes)
        remarks = (AS_WRITTEN,) if faults else ()
    starts = [Fraction(0)]
    for number in order:
        starts.append(starts[-1] + segments[number].length)
    if starts[-1] * TICKS_PER_QUARTER > _LONGEST:
        raise ReadError(f"the music is {float(starts[-1]):.3g} quarter notes long")
    played = list(zip(starts, order, strict=False))
    starts_of: dict[int, list[Fraction]] = {}
    for start, number in played:
        starts_of.setdefault(number, []).append(start)
    lines = [
        [
            _Sounding(ticks(start + note.onset), ticks(start + note.onset + note.duration), *note[2:])
            for number, written in voice.notes.items()
            for start in starts_of.get(number, ())
            for note in written
        ]
        for voice in voices
    ]
    joined = _join_ties(lines, [place if voice.part is None else voice.part for place, voice in enumerate(voices)])
    tracks = [
        Track(np.array([_DRUM_NOTE]), voice.name, is_drum=True)
        if voice.is_drum
        else Track(np.array(line, np.int64), voice.name)
        for voice, line in zip(voices, joined, strict=True)
    ]
    bars = _bars(segments, played)
    return Tune(
        tracks,
        TICKS_PER_QUARTER,
        title,
        remarks=remarks,
        metres=_metres(segments, played),
        pickup=_pickup(segments[order[0]].metre, [*bars, starts[-1]], has_pickup) if order else None,
        bars=tuple(ticks(bar) for bar in bars),
        keys=_keys(segments, played),
        is_written=True,
    )


def ticks(quarters: Fraction) -> int:
    """The tick nearest to a position; of two equally near, the later.

    >>> ticks(Fraction(1, 3)), ticks(Fraction(1, 20160))
    (3360, 1)
    """
    return floor(quarters * TICKS_PER_QUARTER + Fraction(1, 2))


class _Sounding(NamedTuple):
    """A note in the order of playing, in ticks; ``is_held`` and ``is_continued`` as in `WrittenNote`."""

    onset: int
    end: int
    pitch: int
    is_held: bool
    is_continued: bool


def _join_ties(lines: Sequence[list[_Sounding]], parts: Sequence[object]) -> list[list[tuple[int, int, int]]]:
    """Onset, duration and pitch of the notes of each voice; a tie joins adjacent notes of equal pitch.

    A tie that does not continue in its own voice leads to a note of another voice of the same part at which a tie
    ends: the line has changed to another staff or voice. The note sounds in the voice in which it began, up to the
    next note of this voice, which may continue while the other voice holds the note.
    """
    joined: list[list[tuple[int, int, int]]] = []
    open_ties: dict[tuple[object, int, int], list[tuple[int, int]]] = {}  # part, end, pitch -> voice, place
    without_start: list[tuple[int, int, int, int]] = []  # onset, pitch, voice, place
    for voice, notes in enumerate(lines):
        line: list[tuple[int, int, int]] = []
        held: dict[tuple[int, int], int] = {}  # (end, pitch) of a tied note -> its place
        for note in sorted(notes):
            place = held.pop((note.onset, note.pitch), None)
            if place is None:
                place = len(line)
                line.append((note.onset, note.end - note.onset, note.pitch))
                if note.is_continued:
                    without_start.append((note.onset, note.pitch, voice, place))
            else:
                line[place] = (line[place][0], note.end - line[place][0], note.pitch)
            if note.is_held:
                held[note.end, note.pitch] = place
        for (end, pitch), place in held.items():
            open_ties.setdefault((parts[voice], end, pitch), []).append((voice, place))
        joined.append(line)
    moved: set[tuple[int, int]] = set()
    for onset, pitch, voice, place in sorted(without_start):
        before = open_ties.get((parts[voice], onset, pitch))
        if not before:
            continue
        moved.add((voice, place))
        first_voice, first_place = before.pop(0)
        first_line = joined[first_voice]
        start = first_line[first_place][0]
        end = onset + joined[voice][place][1]
        following = (
            each[0]
            for number, each in enumerate(first_line[first_place + 1 :], first_place + 1)
            if each[0] > start and (first_voice, number) not in moved
        )
        first_line[first_place] = (start, min(end, next(following, end)) - start, pitch)
        after = open_ties.get((parts[voice], end, pitch), [])
        if (voice, place) in after:  # the tie continues from there
            after[after.index((voice, place))] = (first_voice, first_place)
    if not moved:
        return joined
    return [
        [note for place, note in enumerate(line) if (voice, place) not in moved] for voice, line in enumerate(joined)
    ]


def _bars(segments: Sequence[Segment], played: Sequence[tuple[Fraction, int]]) -> list[Fraction]:
    """The start of each bar; the two parts of a bar that a repeat or jump divides count as one bar."""
    to_bar_line = _lengths_to_the_bar_line(segments)
    bars: list[Fraction] = []
    before: int | None = None
    for start, number in played:
        segment = segments[number]
        follows = before is not None and number == before + 1
        may_be_inside = before is not None and (
            not follows
            or segment.continues_bar
            or segment.marks.starts_repeat
            or bool(segments[before].marks.ends_repeat)
            or segments[before].marks.double_bar
        )
        if segment.starts_bar or not follows:
            whole = None if segment.metre is None else Fraction(4 * segment.metre.beats, segment.metre.beat_type)
            if not (bars and may_be_inside and start - bars[-1] + to_bar_line[number] == whole):
                bars.append(start)
        before = number
    return bars


def _lengths_to_the_bar_line(segments: Sequence[Segment]) -> list[Fraction]:
    """The distance from the beginning of each segment to the next bar line."""
    lengths: list[Fraction] = []
    length, ends_bar = Fraction(0), True
    for segment in reversed(segments):
        length = segment.length + (0 if ends_bar else length)
        lengths.append(length)
        ends_bar = segment.starts_bar
    return lengths[::-1]


def _metres(segments: Sequence[Segment], played: Sequence[tuple[Fraction, int]]) -> tuple[tuple[int, Metre], ...]:
    metres: list[tuple[int, Metre]] = []
    for start, number in played:
        metre = segments[number].metre
        if metre is not None and (not metres or metres[-1][1] != metre):
            metres.append((ticks(start), metre))
    return tuple(metres)


def _keys(segments: Sequence[Segment], played: Sequence[tuple[Fraction, int]]) -> tuple[tuple[int, Key | None], ...]:
    keys: list[tuple[int, Key | None]] = []
    for start, number in played:
        for place, key in segments[number].keys:
            if not keys or keys[-1][1] != key:
                keys.append((ticks(start + place), key))
    return tuple(keys)


def _pickup(metre: Metre | None, bars: Sequence[Fraction], has_pickup: bool) -> int | None:
    """Length of the first bar in ticks, if it is shorter than its metre or stated to be a pickup.

    ``bars`` are the starts of the bars, and the end of the tune.
    """
    first = bars[1] - bars[0]
    if metre is None:
        return ticks(first) if has_pickup else None
    is_short = first * metre.beat_type < 4 * metre.beats
    return ticks(first) if is_short and len(bars) > 2 else 0
