"""The timed metrics against the vectors of the paper's code and against loops over a grid."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.evaluation import timed_tonality as timed
from melgen.evaluation.flat_rhythm import flatten_rhythm, has_rhythm
from melgen.evaluation.timed_tonality import on_grid, timed_tonality
from melgen.evaluation.tonality import conjunct_melodic_motion
from melgen.music import Melody

# Pairs of a pitch and its length in sixteenths. The numbers were calculated with `music_geometry_eval` 2.0.
A = [
    [62, 8],
    [64, 4],
    [65, 4],
    [67, 2],
    [69, 2],
    [71, 4],
    [72, 4],
    [71, 2],
    [69, 2],
    [67, 4],
    [65, 4],
    [64, 4],
    [62, 8],
]
B = [[60, 16], [60, 16], [62, 16], [64, 1]]


def melody_of(pairs):
    """A melody without rests, of pitches and lengths in sixteenths."""
    lengths = [6 * length for _, length in pairs]
    ends = np.cumsum(lengths)
    return Melody(tuple(pitch for pitch, _ in pairs), tuple((ends - lengths).tolist()), tuple(lengths))


@pytest.mark.parametrize(
    ("pairs", "span", "macroharmony", "centricity"),
    [
        (A, 32, 1.0, 0.10787037037037035),
        (A, 12, 2.8181818181818183, 0.33333333333333337),
        (B, 32, 4.2, 0.6),
    ],
)
def test_the_numbers_of_the_library(pairs, span, macroharmony, centricity):
    found = timed_tonality([melody_of(pairs)], span, 4)
    assert found.timed_macroharmony[0] == pytest.approx(macroharmony, abs=1e-15)
    assert found.timed_centricity[0] == pytest.approx(centricity, abs=1e-15)
    assert (found.silent_windows[0], found.moved_onsets[0]) == (0, 0)


@pytest.mark.parametrize(("pairs", "motion"), [(A, 1.6666666666666667), (B, 1.3333333333333333)])
def test_motion_is_that_of_the_pitches_alone(pairs, motion):
    assert conjunct_melodic_motion([pitch for pitch, _ in pairs]) == motion


def grid_of(melody):
    """The grid as a list: a pitch where a note begins, None elsewhere; and how many onsets were moved."""
    grid, moved = [], 0
    for pitch, onset, duration in zip(melody.pitches, melody.onsets, melody.durations, strict=True):
        wanted = place = (onset + 3) // 6
        taken = max((i for i, each in enumerate(grid) if each is not None), default=-1)
        if place <= taken:
            place = taken + 1
        moved += place != wanted
        grid += [None] * (max(place + 1, (onset + duration + 3) // 6) - len(grid))
        grid[place] = pitch
    return grid, moved


def by_loops(melody, span, slide):
    grid, moved = grid_of(melody)
    macroharmony, centricity, silent = [], [], 0
    for k in range(1 if len(grid) <= span else (len(grid) - span) // slide + 1):
        window = [each for each in grid[slide * k : slide * k + span] if each is not None]
        if not window:
            silent += 1
            continue
        n = len(set(window))
        macroharmony.append(1 if 5 <= n <= 8 else abs(n - 5) + 1)
        centricity.append(max(len(list(run)) for _, run in groupby(window)) / len(window))
    means = [np.mean(each) if each else np.nan for each in (macroharmony, centricity)]
    return [*means, silent, moved]


def test_the_grid_of_the_paper():
    grid, _ = grid_of(melody_of([[60, 4], [62, 2], [60, 2]]))
    assert grid == [60, None, None, None, 62, None, 60, None]
    position, length, _ = on_grid(flatten_rhythm([melody_of([[60, 4], [62, 2], [60, 2]])]))
    assert (position.tolist(), length.tolist()) == ([0, 4, 6], [8])
    _, length, _ = on_grid(flatten_rhythm([melody_of([[60, 4], [62, 0]])]))
    assert length.tolist() == [5], "a note of no length takes one step"


notes = st.tuples(st.integers(55, 62), st.integers(0, 60) | st.integers(0, 400), st.integers(0, 60))


@st.composite
def melodies(draw):
    drawn = draw(st.lists(notes, min_size=1, max_size=30))
    onsets = np.cumsum([gap for _, gap, _ in drawn]).tolist()
    return Melody(tuple(p for p, _, _ in drawn), tuple(onsets), tuple(d for _, _, d in drawn))


@settings(max_examples=80, deadline=None)
@given(st.lists(melodies(), min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 9), st.integers(1, 50))
def test_equal_to_loops(songs, span, slide, chunk):
    before, timed._CHUNK_ONSETS = timed._CHUNK_ONSETS, chunk
    try:
        found = timed_tonality(songs, span, slide)
    finally:
        timed._CHUNK_ONSETS = before
    for index, song in enumerate(songs):
        np.testing.assert_allclose([column[index] for column in found], by_loops(song, span, slide), rtol=1e-12)


def test_windows_without_onsets_and_crowded_sixteenths_are_counted():
    """One note; three bars of rest; three thirty-seconds, of which the second and third share a sixteenth."""
    song = Melody((60, 62, 64, 65), (0, 384, 387, 390), (6, 3, 3, 3))
    found = timed_tonality([song], span_sixteenths=16, slide_sixteenths=16)
    # The grid has 67 sixteenths: four windows from 0, 16, 32 and 48; the last three notes are after the last window.
    assert found.silent_windows.tolist() == [3]
    assert found.moved_onsets.tolist() == [1]
    assert found.timed_centricity.tolist() == [1]


def test_a_song_heard_in_no_window():
    song = Melody((60,), (33 * 6,), (6,))
    found = timed_tonality([song])
    assert np.isnan(found.timed_macroharmony[0])
    assert found.silent_windows.tolist() == [1]


@pytest.mark.parametrize(
    ("songs", "message"),
    [
        ([Melody((60,), (0,), (6,)), Melody((), (), ())], "melody 2 has 0"),
        ([Melody((60, 62), (6, 0), (6, 6))], "melody 1, note 2: its onsets must not decrease, got onset 0"),
        ([Melody((60, 62), (0, 6), (6, -6))], "note 2: no duration is negative, got onset 6 and duration -6"),
    ],
)
def test_invalid_melodies_are_refused(songs, message):
    with pytest.raises(ValueError, match=message):
        timed_tonality(songs)


@pytest.mark.parametrize("wrong", [{"span_sixteenths": 0}, {"slide_sixteenths": 0}, {"span_sixteenths": 1.5}])
def test_windows_are_whole(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        timed_tonality([melody_of(A)], **wrong)


def test_rows_of_quarters_have_no_rhythm():
    even = Melody.from_pitches([60, 62, 64])
    assert not has_rhythm([])
    assert not has_rhythm([even, Melody((), (), ())])
    assert has_rhythm([even, Melody((60,), (24,), (24,))]), "silence before the first note"
    assert has_rhythm([Melody((60, 62), (0, 24), (24, 48))])
    assert has_rhythm([Melody.from_pitches([60, 62], 12)]), "eighths"
