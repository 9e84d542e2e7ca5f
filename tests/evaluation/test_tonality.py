import importlib.util
import math
import re
import statistics
import tracemalloc
from pathlib import Path

import music_geometry_eval as library
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation import batches
from melgen.evaluation.tonality import (
    CORRECTED,
    Tonality,
    centricity,
    conjunct_melodic_motion,
    corrected_table,
    frequency_centricity,
    limited_macroharmony,
    pitch_class_centricity,
    pitch_class_macroharmony,
    span_profile,
    summarize,
    tonality,
    tonality_table,
)
from melgen.music.melody import Melodies

# Few pitches, so that runs and repetitions are common.
songs = st.lists(st.integers(58, 70) | st.integers(0, 127), min_size=2, max_size=60)
spans = st.integers(1, 40)
window_metrics = pytest.mark.parametrize(
    "metric",
    [
        limited_macroharmony,
        centricity,
        pitch_class_macroharmony,
        frequency_centricity,
        pitch_class_centricity,
    ],
)
ALTERNATING = [60, 62, 60, 64, 60, 65, 60, 67, 60, 69, 60, 71]


def real_tunes():
    """Aird's airs as in music21: only the letters of the scale, which keeps the shapes of the melodies."""
    book = Path(importlib.util.find_spec("music21").origin).parent / "corpus" / "airdsAirs" / "book1.abc"
    tunes = []
    for text in book.read_text(encoding="utf-8").split("\nX:")[1:]:
        music = re.sub(r"(?m)^[A-Za-z]:.*|%.*", "", text)
        letters = (("CDEFGABcdefgab".index(note), octave) for note, octave in re.findall(r"([A-Ga-g])(,?)", music))
        tunes.append([60 + 12 * (i // 7) + (0, 2, 4, 5, 7, 9, 11)[i % 7] - 12 * len(comma) for i, comma in letters])
    assert len(tunes) > 150
    assert min(map(len, tunes)) > 12
    return tunes


def library_in_order(song, span_notes=12):
    """The library's three numbers, with sums in the same order in every Python version."""
    motion = library.calculate_conjunct_melodic_motion(song)
    macroharmony = library.calculate_limited_macroharmony(song, span_notes)
    windows = [song[i : i + span_notes] for i in range(max(len(song) - span_notes, 0) + 1)]
    total = 0.0
    for window in windows:
        total += library.calculate_centricity(window, span_notes)
    return motion, macroharmony, total / len(windows)


@given(songs, spans)
def test_equal_to_the_library(song, span_notes):
    ours = tonality(song, span_notes)
    assert ours == library_in_order(song, span_notes)
    assert ours.centricity == pytest.approx(library.calculate_centricity(song, span_notes), abs=1e-12)


def test_equal_to_the_library_on_real_tunes():
    tunes = real_tunes()
    table = tonality_table(tunes)
    for tune, row in zip(tunes, table.tolist(), strict=True):
        assert tuple(row) == tonality(tune) == library_in_order(tune)


@pytest.mark.slow
@given(st.lists(songs, min_size=1, max_size=8), spans)
def test_the_table_equals_the_single_functions_to_the_last_bit(several, span_notes):
    table = tonality_table([np.array(song, np.int16) for song in several], span_notes)
    assert table.tolist() == [list(tonality(song, span_notes)) for song in several]


def corrected(song, span_notes=12):
    functions = (pitch_class_macroharmony, frequency_centricity, pitch_class_centricity)
    assert tuple(function.__name__ for function in functions) == CORRECTED
    return [function(song, span_notes) for function in functions]


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(58, 70) | st.integers(-3, 300), min_size=1, max_size=60), max_size=8), spans)
def test_the_corrected_table_equals_the_single_functions_to_the_last_bit(several, span_notes):
    assert corrected_table(several, span_notes).tolist() == [corrected(song, span_notes) for song in several]


@pytest.mark.slow
def test_a_corpus_equals_its_tunes(monkeypatch):
    tunes = FolkCorpus(["airds"]).load().melodies
    tables = [tonality_table(tunes), corrected_table(tunes)]
    arrays = [tunes.pitches_of(i) for i in range(len(tunes))]
    chosen = range(0, len(tunes), 13)
    assert tables[0][chosen].tolist() == [list(library_in_order(arrays[i].tolist())) for i in chosen]
    assert tables[1][chosen].tolist() == [corrected(arrays[i]) for i in chosen]
    # In any order and in batches of any size.
    for notes_per_batch, melodies in ((1 << 17, arrays), (500, tunes), (500, [array.tolist() for array in arrays])):
        monkeypatch.setattr(batches, "_NOTES_PER_BATCH", notes_per_batch)
        np.testing.assert_array_equal(tonality_table(melodies), tables[0])
        np.testing.assert_array_equal(corrected_table(melodies), tables[1])


@pytest.mark.parametrize(
    "song",
    [
        pytest.param(np.arange(300) % 7 + 60, id="windows of more than 255 notes"),
        pytest.param(np.full(300, 60), id="one stuck note"),
        pytest.param(np.arange(300), id="more than 255 pitches"),
        pytest.param(np.array([0, 254, 0, 255, -1]), id="as many values as a byte holds"),
        pytest.param(np.array([-(10**9), 10**9, 3]), id="far pitches"),
        pytest.param(np.array([100, -100, 100], np.int8), id="steps beyond the type"),
    ],
)
@pytest.mark.parametrize("span_notes", [1, 12, 255, 256, 257, 1000])
def test_integers_are_wide_enough(song, span_notes):
    # Shorter songs are measured with it, so that columns are padded.
    melodies = [song, song[:3], song[:-1], [60, 62]]
    expected = [tonality(list(map(int, melody)), span_notes) for melody in melodies]
    assert tonality_table(melodies, span_notes).tolist() == [list(row) for row in expected]
    expected = [corrected(list(map(int, melody)), span_notes) for melody in melodies]
    assert corrected_table(melodies, span_notes).tolist() == expected


def test_packed_melodies_need_not_lie_in_order():
    packed = Melodies(np.array([60, 61, 1, 2, 3, 72], np.int16), None, None, np.array([2, 5, 6]), [""] * 2, [""] * 2)
    assert corrected_table(packed).tolist() == [corrected([1, 2, 3]), corrected([72])]


def test_many_songs_take_little_memory():
    songs = np.random.default_rng(0).integers(50, 70, (30_000, 34), np.uint8)
    packed = Melodies(songs.ravel(), None, None, np.arange(30_001) * 34, [], [])
    tonality_table(packed)
    tracemalloc.start()
    tonality_table(packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The table, lengths and order take five numbers a song; the rest is the same for any number of songs.
    assert peak < 30_000 * 8 * 6 + 8e6


def test_span_profile():
    assert span_profile(ALTERNATING).tolist() == [list(tonality(ALTERNATING, span)) for span in range(5, 30)]
    # Windows of 2 hold two pitches each, score 4; one window of 12 holds seven, score 1.
    assert span_profile(ALTERNATING, [2, 12])[:, 1].tolist() == [4, 1]
    assert span_profile(ALTERNATING, []).shape == (0, 3)
    with pytest.raises(ValueError, match="span_notes=0: must be a whole number of at least 1"):
        span_profile(ALTERNATING, range(0, 3))
    with pytest.raises(ValueError, match="needs two notes"):
        span_profile([60])


def test_tables_refuse():
    with pytest.raises(ValueError, match="melody 2 has 0"):
        corrected_table([[60], []])
    with pytest.raises(ValueError, match="a list of MIDI numbers, got float64"):
        tonality_table([[60.0, 62.0]])
    for table in (tonality_table, corrected_table):
        with pytest.raises(ValueError, match="span_notes=0: must be a whole number of at least 1"):
            table([], span_notes=0)
        assert table([]).shape == (0, 3)


@pytest.mark.parametrize(
    ("song", "expected"),
    [
        ([60, 62], 2.0),
        ([62, 60], 2.0),
        ([60, 60, 60], 0.0),
        ([60, 72, 60, 61], 25 / 3),
    ],
)
def test_conjunct_melodic_motion_by_hand(song, expected):
    assert conjunct_melodic_motion(song) == expected


@pytest.mark.parametrize(
    ("different", "library_score", "corrected_score"),
    [(1, 5, 5), (4, 2, 2), (5, 1, 1), (8, 1, 1), (9, 5, 2), (10, 6, 3), (12, 8, 5)],
)
def test_macroharmony_by_hand(different, library_score, corrected_score):
    song = [*range(60, 60 + different), *[60] * (12 - different)]
    assert limited_macroharmony(song) == library_score
    assert pitch_class_macroharmony(song) == corrected_score


def test_macroharmony_of_octaves():
    song = [60, 72, 48, 84, 36]
    assert limited_macroharmony(song) == 1
    assert pitch_class_macroharmony(song) == 5


def test_windows_move_by_one_note():
    song = [60] * 12 + [62]
    assert limited_macroharmony(song) == (5 + 4) / 2
    assert centricity(song) == (1 + 11 / 12) / 2
    assert centricity(song[:12]) == 1


def test_centricity_by_hand():
    assert centricity(ALTERNATING) == 1 / 12
    assert frequency_centricity(ALTERNATING) == 6 / 12
    assert pitch_class_centricity([60, 62, 72, 64]) == 2 / 4
    assert centricity([60, 60, 60, 62]) == frequency_centricity([60, 60, 60, 62]) == 3 / 4


def test_a_run_does_not_reach_beyond_its_window():
    # Windows of 3: 60 60 60, 60 60 60, 60 60 62, 60 62 62
    assert centricity([60, 60, 60, 60, 62, 62], span_notes=3) == (1 + 1 + 2 / 3 + 2 / 3) / 4
    # A run does not continue from one song of the table to the next.
    assert tonality_table([[62, 60], [60, 60]])[:, 2].tolist() == [0.5, 1.0]


@given(songs, st.integers(-40, 40))
def test_transposition_changes_nothing(song, shift):
    shifted = [pitch + shift for pitch in song]
    assert tonality(song) == tonality(shifted)
    assert pitch_class_macroharmony(song) == pitch_class_macroharmony(shifted)
    assert pitch_class_centricity(song) == pitch_class_centricity(shifted)


@given(songs)
def test_bounds(song):
    assert limited_macroharmony(song) >= pitch_class_macroharmony([0, 1, 2, 3, 4]) == 1
    assert 1 / 12 - 1e-12 <= centricity(song) <= frequency_centricity(song) + 1e-12
    assert frequency_centricity(song) <= pitch_class_centricity(song) + 1e-12
    assert pitch_class_centricity(song) <= 1


@window_metrics
def test_empty_songs_and_windows_are_refused(metric):
    with pytest.raises(ValueError, match="without notes"):
        metric([])
    with pytest.raises(ValueError, match="span_notes=0: must be a whole number of at least 1"):
        metric([60], span_notes=0)
    assert metric([60]) == metric(np.array([60], np.int16))


def test_motion_needs_two_notes():
    with pytest.raises(ValueError, match="needs two notes, got one"):
        conjunct_melodic_motion([60])
    with pytest.raises(ValueError, match="without notes"):
        conjunct_melodic_motion([])
    with pytest.raises(ValueError, match="melody 2 has 1"):
        tonality_table([[60, 62], [60]])


def test_summary():
    several = [[60, 62, 64], [60, 60, 60], [60, 72, 60]]
    summary = summarize(several)
    assert summary.songs == 3
    for column in range(3):
        values = [tonality(song)[column] for song in several]
        assert summary.mean[column] == pytest.approx(statistics.fmean(values))
        assert summary.deviation[column] == pytest.approx(statistics.stdev(values))


def test_summary_of_one_song_has_no_deviation():
    summary = summarize([ALTERNATING])
    assert summary.mean == tonality(ALTERNATING)
    assert all(math.isnan(value) for value in summary.deviation)


def test_summary_of_no_songs():
    assert tonality_table([]).shape == (0, len(Tonality._fields))
    with pytest.raises(ValueError, match="at least one melody"):
        summarize([])
