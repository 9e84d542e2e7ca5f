import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.evaluation import originality
from melgen.evaluation.originality import Originality, TuneIndex
from tests import builders

# Few pitches, so that passages recur; long enough that a comparison takes several machine words.
melodies = st.lists(st.integers(60, 62), max_size=40) | st.lists(st.sampled_from([0, 60, 127]), max_size=12)
corpora = st.lists(melodies, max_size=6)


@pytest.fixture(scope="module")
def airs():
    return builders.airs(150)


def intervals(pitches):
    return tuple(np.diff(np.asarray(pitches, int)).tolist())


def ngrams(sequence, n):
    return [sequence[i : i + n] for i in range(len(sequence) - n + 1)]


def by_brute_force(tunes, songs, ngram):
    """The definition, written out literally."""
    tunes = [intervals(tune) for tune in tunes]
    longest_song = max((len(song) for song in songs), default=0)
    known = {n: [set(ngrams(tune, n)) for tune in tunes] for n in {ngram, *range(1, longest_song)}}
    rows = []
    for song in map(intervals, songs):
        longest, nearest = 0, -1
        for n in range(1, len(song) + 1):
            holders = [i for i, grams in enumerate(known[n]) if not grams.isdisjoint(ngrams(song, n))]
            if holders:
                longest, nearest = n, holders[0]
        own = ngrams(song, ngram)
        share = sum(any(gram in grams for grams in known[ngram]) for gram in own) / len(own) if own else np.nan
        rows.append((longest, nearest, share, ngram <= len(song) == longest))
    return Originality(*map(np.array, zip(*rows, strict=True)))


def assert_equal(found, expected):
    for column, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(column, other)


@pytest.mark.slow
@given(corpora, st.lists(melodies, min_size=1, max_size=5), st.integers(1, 10))
def test_equals_brute_force(tunes, songs, ngram):
    index = TuneIndex(tunes, [""] * len(tunes))
    assert_equal(index.compare(songs, ngram), by_brute_force(tunes, songs, ngram))


@pytest.mark.slow
def test_equals_brute_force_on_real_tunes(airs):
    songs = [tune[:34] for tune in airs[100:130]]
    tunes = airs[:100]
    found = TuneIndex(tunes, [""] * 100).compare(songs)
    assert_equal(found, by_brute_force(tunes, songs, 8))
    assert 0 < found.shared_ngram_share.mean() < 1


@pytest.mark.parametrize("transposition", [0, -7])
def test_a_training_tune_is_an_exact_copy_in_any_key(airs, transposition):
    found = TuneIndex(airs, [""] * len(airs)).compare([tune + transposition for tune in airs])
    assert found.exact_copy.all()
    assert (found.shared_ngram_share == 1).all()
    np.testing.assert_array_equal(found.longest_shared_intervals, [len(tune) - 1 for tune in airs])
    # A tune may be contained in an earlier one, but never in a later one.
    assert (found.nearest_tune <= np.arange(len(airs))).all()


def test_a_tune_with_one_wrong_note_is_not_a_copy(airs):
    song = airs[3].copy()
    song[20] += 30
    found = TuneIndex(airs, [""] * len(airs)).compare([song])
    assert not found.exact_copy[0]
    # The wrong note changes the intervals before and after it.
    assert found.longest_shared_intervals[0] == max(19, len(song) - 1 - 21)
    assert found.nearest_tune[0] <= 3


def test_no_passage_crosses_from_one_tune_into_the_next():
    tunes = [[60, 62, 64], [65, 67, 69], [71], [72, 60]]
    found = TuneIndex(tunes, list("abcd")).compare([[60, 62, 64, 65, 67, 69, 71, 72, 60]])
    # Up 2, up 2 occurs in the first two tunes; joined, they would contain the whole passage.
    assert found.longest_shared_intervals.tolist() == [2]
    assert found.nearest_tune.tolist() == [0]


def test_a_few_notes_that_occur_in_a_tune_are_not_a_copy():
    found = TuneIndex([[60, 62, 64, 65, 67]], ["a"]).compare([[60, 62, 64], [60, 62, 64, 65]], ngram=3)
    assert found.longest_shared_intervals.tolist() == [2, 3]
    assert found.exact_copy.tolist() == [False, True]


def test_a_song_of_one_note_shares_nothing():
    found = TuneIndex([[60, 62]], ["a"]).compare([[60], []])
    assert found.longest_shared_intervals.tolist() == [0, 0]
    assert found.nearest_tune.tolist() == [-1, -1]
    assert np.isnan(found.shared_ngram_share).all()
    assert found.exact_copy.tolist() == [False, False]


def test_the_end_of_a_song_is_not_a_passage():
    # Both end after the same eight intervals. Neither has a ninth, which does not count as a match.
    tune = [60, 61, 63, 62, 65, 61, 66, 60, 67]
    found = TuneIndex([tune], ["a"]).compare([tune, [*tune, 60]])
    assert found.longest_shared_intervals.tolist() == [8, 8]
    assert found.exact_copy.tolist() == [True, False]


def test_a_long_repeated_note_and_doubled_tunes():
    found = TuneIndex([[60] * 500, [60] * 700, [60] * 700], list("abc")).compare([[5] * 600, [5] * 500, [5] * 900])
    assert found.longest_shared_intervals.tolist() == [599, 499, 699]
    assert found.nearest_tune.tolist() == [1, 0, 1]
    assert found.exact_copy.tolist() == [True, True, False]


def test_chunks_change_nothing(airs, monkeypatch):
    index = TuneIndex(airs[:50], [""] * 50)
    songs = [tune[:40] for tune in airs]
    whole = index.compare(songs)
    monkeypatch.setattr(originality, "_CHUNK_NOTES", 100)
    assert_equal(index.compare(songs), whole)


def test_no_songs_and_no_tunes():
    assert [len(column) for column in TuneIndex([[60, 62]], ["a"]).compare([])] == [0, 0, 0, 0]
    assert TuneIndex([], []).compare([[60, 62]]).nearest_tune.tolist() == [-1]


def test_names_are_kept():
    assert TuneIndex([[60], [62]], ["one", "two"]).names == ("one", "two")


def test_refuses_invalid_arguments():
    with pytest.raises(ValueError, match="2 names for 1 tunes"):
        TuneIndex([[60]], ["a", "b"])
    index = TuneIndex([[60, 62]], ["a"])
    with pytest.raises(ValueError, match="ngram=0: must be a whole number of at least 1"):
        index.compare([[60]], ngram=0)
    with pytest.raises(ValueError, match="at most 127 semitones, but 200 follows 10"):
        index.compare([[60, 62], [10, 200]])
    with pytest.raises(ValueError, match=r"pitches as whole numbers, got \[60.5\]"):
        index.compare([[60.5]])
