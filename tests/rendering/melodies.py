"""Melodies for the tests of rendering."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from hypothesis import strategies as st

from melgen.corpora import Cleaning, FolkCorpus
from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.rendering.measures import cut_into_bars, playable

SCALE = Melody.from_pitches([60, 62, 64, 65, 67, 69, 71, 72])
EDGES = Melody((0, 127, 60, 61, 62, 63), (12, 30, 54, 180, 186, 300), (18, 18, 114, 6, 12, 240), title="Edges")
ONE = Melody.from_pitches([69])
NONE = Melody((), (), ())

Notes = list[tuple[int, int, int]]


def notes_of(melody: Melody) -> Notes:
    """Onset, duration and pitch of every note."""
    return list(zip(melody.onsets, melody.durations, melody.pitches, strict=True))


def notes_on_page(melody: Melody, metre: Metre | None = None) -> Notes:
    """Onset, duration and pitch of every note as its bars show it, tied ones as one."""
    found: list[list[int]] = []
    for bar in cut_into_bars(playable(melody), metre):
        for symbol in bar.symbols:
            if symbol.note is not None and symbol.continues:
                found[-1][1] += symbol.steps
            elif symbol.note is not None:
                found.append([bar.lines.start + symbol.start, symbol.steps, melody.pitches[symbol.note]])
    return [tuple(note) for note in found]  # type: ignore[misc]


@st.composite
def melodies(draw, lowest: int = 0, highest: int = 127) -> Melody:
    """Any rhythm in sixteenths, with rests, without overlap."""
    count = draw(st.integers(1, 24))
    now, onsets, durations = 0, [], []
    for _ in range(count):
        now += 6 * draw(st.sampled_from([0, 0, 0, 1, 2, 4, 5, 16, 37]))
        onsets.append(now)
        durations.append(6 * draw(st.integers(1, 40)))
        now += durations[-1]
    pitches = draw(st.lists(st.integers(lowest, highest), min_size=count, max_size=count))
    return Melody(tuple(pitches), tuple(onsets), tuple(durations))


METRES = [Metre(*each) for each in ((2, 4), (3, 4), (4, 4), (6, 8), (9, 8), (5, 4), (7, 8), (2, 2))]

GROUPS = [
    *((24,), (12, 12), (12,), (48,), (36,), (18, 6), (6, 18), (6, 6, 12), (6,)),
    *((3, 3, 6), (9, 3), (3, 9), (21, 3), (3, 3)),
    *((8, 8, 8), (16, 8), (8, 16), (4, 4, 4), (8, 4), (4, 8), (16, 16, 16), (12, 4, 8), (4, 4, 8, 8), (2, 2, 2)),
    *((8, -8, 8), (8, 8, -8), (16, -8), (4, -4, 4), (16, -16, 16), (-12,), (-24,), (-6,)),
]
"""Lengths in steps that fill about one beat; rests are negative."""


def of_lengths(lengths, pitches=(60,), **known) -> Melody:
    """A melody of notes and rests (negative) one after another; the pitches are taken in turn."""
    starts = [sum(map(abs, lengths[:index])) for index in range(len(lengths))]
    notes = [(start, length) for start, length in zip(starts, lengths, strict=True) if length > 0]
    taken = tuple(pitches[index % len(pitches)] for index in range(len(notes)))
    return Melody(taken, tuple(start for start, _ in notes), tuple(length for _, length in notes), **known)


@st.composite
def measured_melodies(draw, lowest: int = 48, highest: int = 84) -> Melody:
    """Melodies in a metre, with a pickup or without, of plain values, triplets and rests, and ties over bar lines."""
    metre = draw(st.sampled_from(METRES))
    pickup = draw(st.sampled_from([0, 0, 12, 24, 36]))
    lengths: list[int] = []
    for length in [pickup] * (pickup > 0) + [metre.bar_steps] * draw(st.integers(1, 5)):
        room = length
        while room:
            group = draw(st.sampled_from(GROUPS))
            if sum(map(abs, group)) > room:
                group = (room,)
            room -= sum(map(abs, group))
            is_plain = (
                bool(lengths) and lengths[-1] > 0 and not any(each % 3 or each < 0 for each in (lengths[-1], *group))
            )
            if is_plain and draw(st.integers(0, 3)) == 0:
                group = (lengths.pop() + group[0], *group[1:])
            lengths += group
    if not any(each > 0 for each in lengths):
        lengths.append(metre.bar_steps)
    pitches = draw(st.lists(st.integers(lowest, highest), min_size=len(lengths), max_size=len(lengths)))
    return of_lengths(lengths, pitches, metres=(MetreChange(0, metre),), pickup=pickup)


@st.composite
def ragged_melodies(draw) -> Melody:
    """Melodies with arbitrary times, bars and metres."""
    times = draw(st.lists(st.integers(1, 60), min_size=2, max_size=60))
    starts = [sum(times[:index]) for index in range(len(times))]
    onsets = tuple(starts[:-1])
    durations = tuple(draw(st.integers(1, second - first)) for first, second in pairwise(starts))
    pitches = tuple(60 + index % 5 for index in range(len(onsets)))
    bars = draw(st.lists(st.integers(0, starts[-1]), max_size=8).map(sorted).map(tuple))
    changes = draw(st.lists(st.tuples(st.integers(0, starts[-1]), st.sampled_from(METRES)), max_size=3).map(sorted))
    pickup = draw(st.sampled_from([None, 0, 5, 12, 24]))
    metres = tuple(MetreChange(*each) for each in changes)
    return Melody(pitches, onsets, durations, metres=metres, pickup=pickup, bars=bars)


@lru_cache(maxsize=1)
def airs() -> list[Melody]:
    """Every twentieth of Aird's airs, from their first note on."""
    return list(FolkCorpus(["airds"]).load(Cleaning()).melodies)[::20]
