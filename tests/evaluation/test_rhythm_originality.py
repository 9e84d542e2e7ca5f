"""Passages that are equal in pitch and rhythm, against the definition written out."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation.originality import RhythmIndex, TuneIndex
from tests.evaluation.rhythms import melody_of

pairs = st.lists(st.tuples(st.integers(60, 61), st.sampled_from([12, 24])), min_size=1, max_size=20)
songs = pairs.map(melody_of)


class WideIndex(RhythmIndex):
    """With two codes in a word, as for a corpus of very many steps."""

    def _prepare(self, tunes):
        super()._prepare(tunes)
        return 2


def steps_of(song):
    notes = list(zip(song.pitches, song.durations, strict=True))
    return [(after[0] - before[0], after[1]) for before, after in pairwise(notes)]


def passages(steps, n):
    return [tuple(steps[i : i + n]) for i in range(len(steps) - n + 1)]


def by_brute_force(tunes, song, ngram):
    steps = steps_of(song)
    longest, nearest = 0, -1
    for n in range(1, len(steps) + 1):
        holders = [
            i for i, tune in enumerate(tunes) if not set(passages(steps_of(tune), n)).isdisjoint(passages(steps, n))
        ]
        if holders:
            longest, nearest = n, holders[0]
    known = {passage for tune in tunes for passage in passages(steps_of(tune), ngram)}
    own = passages(steps, ngram)
    share = sum(passage in known for passage in own) / len(own) if own else np.nan
    return longest, nearest, share, ngram <= len(steps) == longest


@pytest.mark.parametrize("index", [RhythmIndex, WideIndex])
@settings(max_examples=60, deadline=None)
@given(st.lists(songs, max_size=4), st.lists(songs, min_size=1, max_size=3), st.integers(1, 6))
def test_equals_brute_force(index, tunes, songs, ngram):
    found = index(tunes, [""] * len(tunes)).compare(songs, ngram)
    for i, song in enumerate(songs):
        np.testing.assert_equal([column[i] for column in found], by_brute_force(tunes, song, ngram))


def test_the_same_pitches_in_another_rhythm():
    tune = melody_of([(60, 24), (62, 12), (64, 12), (65, 48)])
    slower = melody_of([(60, 48), (62, 24), (64, 24), (65, 96)])
    unknown = melody_of([(60, 24), (62, 5), (64, 5), (65, 5)])
    transposed = melody_of([(67, 12), (69, 12), (71, 12), (72, 48)])
    found = RhythmIndex([tune], ["tune"]).compare([slower, unknown, transposed], 3)
    assert found.longest_shared_intervals.tolist() == [0, 0, 3]
    assert found.exact_copy.tolist() == [False, False, True], "the length of the first note is not compared"
    assert TuneIndex([tune.pitches], ["tune"]).compare([slower.pitches], 3).exact_copy.all()


def test_rests_are_not_compared():
    with_rest = melody_of([(60, 24), (None, 24), (62, 12)])
    assert RhythmIndex([melody_of([(60, 24), (62, 12)])], ["tune"]).compare([with_rest], 1).exact_copy.all()


@pytest.mark.slow
def test_real_tunes_contain_themselves_and_share_at_most_their_pitches():
    melodies = FolkCorpus(["airds"]).load().melodies
    tunes = [melodies[i] for i in range(150)]
    rhythm, pitch = RhythmIndex(tunes[:100], [""] * 100), TuneIndex([tune.pitches for tune in tunes[:100]], [""] * 100)
    assert rhythm.compare(tunes[:100]).exact_copy.all()
    found, pitches = rhythm.compare(tunes[100:]), pitch.compare([tune.pitches for tune in tunes[100:]])
    assert (found.longest_shared_intervals <= pitches.longest_shared_intervals).all()
    assert (found.shared_ngram_share <= pitches.shared_ngram_share).all()


def test_no_tunes_and_names():
    assert RhythmIndex([], []).compare([melody_of([(60, 24), (62, 24)])]).nearest_tune.tolist() == [-1]
    with pytest.raises(ValueError, match="each tune needs a name"):
        RhythmIndex([melody_of([(60, 24)])], [])
