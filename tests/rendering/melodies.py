"""Melodies for the tests of rendering."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import strategies as st

from melgen.corpora import Cleaning, FolkCorpus
from melgen.music import Melody

SCALE = Melody.from_pitches([60, 62, 64, 65, 67, 69, 71, 72])
EDGES = Melody((0, 127, 60, 61, 62, 63), (2, 5, 9, 30, 31, 50), (3, 3, 19, 1, 2, 40), title="Edges")
ONE = Melody.from_pitches([69])
NONE = Melody((), (), ())

Notes = list[tuple[int, int, int]]


def notes_of(melody: Melody) -> Notes:
    """Onset, duration and pitch of every note."""
    return list(zip(melody.onsets, melody.durations, melody.pitches, strict=True))


@st.composite
def melodies(draw, lowest: int = 0, highest: int = 127) -> Melody:
    """Any rhythm in sixteenths, with rests, without overlap."""
    count = draw(st.integers(1, 24))
    now, onsets, durations = 0, [], []
    for _ in range(count):
        now += draw(st.sampled_from([0, 0, 0, 1, 2, 4, 5, 16, 37]))
        onsets.append(now)
        durations.append(draw(st.integers(1, 40)))
        now += durations[-1]
    pitches = draw(st.lists(st.integers(lowest, highest), min_size=count, max_size=count))
    return Melody(tuple(pitches), tuple(onsets), tuple(durations))


@lru_cache(maxsize=1)
def airs() -> list[Melody]:
    """Every twentieth of Aird's airs, from their first note on."""
    return list(FolkCorpus(["airds"]).load(Cleaning()).melodies)[::20]
