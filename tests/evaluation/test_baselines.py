import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.evaluation.baselines import BigramBaseline, UniformBaseline, UnigramBaseline
from tests import builders

BASELINES = [UniformBaseline, UnigramBaseline, BigramBaseline]
TUNES = [[60, 62, 60, 64], [62, 60], [64]]
every_baseline = pytest.mark.parametrize("baseline", BASELINES)
corpora = st.lists(st.lists(st.integers(55, 70), max_size=20), min_size=1).filter(lambda tunes: any(tunes))


@pytest.fixture(scope="module")
def airs():
    return builders.airs()


def probability(name, tunes, note, before):
    """The definition, note by note; `before` is None for a first note."""
    vocabulary = {pitch for tune in tunes for pitch in tune}
    if name == "uniform":
        return 1 / len(vocabulary)
    if name == "unigram" or before is None:
        every = [pitch for tune in tunes for pitch in tune]
        return (every.count(note) + 1) / (len(every) + len(vocabulary))
    pairs = [pair for tune in tunes for pair in pairwise(tune)]
    return (pairs.count((before, note)) + 1) / (sum(a == before for a, _ in pairs) + len(vocabulary))


def bits_in_a_loop(name, training, tunes):
    bits = [
        -math.log2(probability(name, training, tune[i], tune[i - 1])) for tune in tunes for i in range(2, len(tune))
    ]
    return sum(bits) / len(bits) if bits else math.nan


def test_names():
    assert [baseline.name for baseline in BASELINES] == ["uniform", "unigram", "bigram"]


def test_hand_computed_likelihood():
    # Among 7 notes, 60 occurs three times, 62 twice and 64 twice; V = 3. The notes 60 and 64 are scored.
    song = [[62, 60, 60, 64]]
    assert UniformBaseline.fit(TUNES).bits_per_note(song) == pytest.approx(math.log2(3))
    unigram = -(math.log2(4 / 10) + math.log2(3 / 10)) / 2
    assert UnigramBaseline.fit(TUNES).bits_per_note(song) == pytest.approx(unigram)
    # After 60 came 62 and 64 once each: 60 has 1/5, 64 has 2/5.
    bigram = -(math.log2(1 / 5) + math.log2(2 / 5)) / 2
    assert BigramBaseline.fit(TUNES).bits_per_note(song) == pytest.approx(bigram)


@pytest.mark.slow
@given(corpora)
def test_equals_the_definition(tunes):
    for baseline in BASELINES:
        found = baseline.fit(tunes).bits_per_note(tunes)
        np.testing.assert_allclose(found, bits_in_a_loop(baseline.name, tunes, tunes), rtol=1e-12)


@pytest.mark.slow
@every_baseline
@given(tunes=corpora)
def test_probabilities_add_up_to_one(baseline, tunes):
    fitted = baseline.fit(tunes)
    assert fitted.following.shape == (len(fitted.pitches),) * 2
    np.testing.assert_allclose(fitted.first.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(fitted.following.sum(axis=1), 1, rtol=1e-12)
    assert (fitted.following > 0).all()


def test_a_bigram_beats_a_unigram_beats_chance(airs):
    training, held_out = airs[100:], airs[:100]
    seen = set(np.concatenate(training).tolist())
    known = [tune for tune in held_out if set(tune.tolist()) <= seen]
    uniform, unigram, bigram = (baseline.fit(training).bits_per_note(known) for baseline in BASELINES)
    assert bigram < unigram - 0.5
    assert unigram < uniform - 0.5
    assert uniform == pytest.approx(math.log2(len(seen)))


@every_baseline
def test_written_notes_follow_the_probabilities(baseline, airs):
    fitted = baseline.fit(airs[:100])
    songs = np.stack(fitted.write(4000, 20, primer=[], seed=0))
    tokens = np.searchsorted(fitted.pitches, songs)
    size = len(fitted.pitches)
    first = np.bincount(tokens[:, 0], minlength=size) / len(songs)
    np.testing.assert_allclose(first, fitted.first, atol=0.03)
    pairs = np.bincount(tokens[:, :-1].ravel() * size + tokens[:, 1:].ravel(), minlength=size**2)
    pairs = pairs.reshape(size, size)
    seen_often = pairs.sum(axis=1) > 2000
    assert seen_often.sum() >= 8
    shares = pairs[seen_often] / pairs[seen_often].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares, fitted.following[seen_often], atol=0.04)


@every_baseline
def test_songs_begin_with_the_primer_and_depend_on_the_seed_alone(baseline):
    fitted = baseline.fit(TUNES)
    songs = fitted.write(5, 30, primer=[64, 60, 62, 60], seed=7)
    assert len(songs) == 5
    assert all(song[:4].tolist() == [64, 60, 62, 60] and len(song) == 34 for song in songs)
    assert set(np.concatenate(songs).tolist()) <= {60, 62, 64}
    np.testing.assert_array_equal(songs, fitted.write(5, 30, primer=[64, 60, 62, 60], seed=7))
    np.testing.assert_array_equal(songs, fitted.write(9, 30, primer=[64, 60, 62, 60], seed=7)[:5])
    assert not np.array_equal(songs, fitted.write(5, 30, primer=[64, 60, 62, 60], seed=8))


def test_a_bigram_goes_on_from_the_primer():
    # 60 is always followed by 72 and 72 by 60: with a thousand examples, smoothing hardly matters.
    fitted = BigramBaseline.fit([[60, 72] * 500])
    song = fitted.write(1, 6, primer=[72], seed=0)[0]
    assert song.tolist() == [72, 60, 72, 60, 72, 60, 72]


@every_baseline
def test_edges(baseline):
    alone = baseline.fit([[60]])
    assert alone.write(2, 3, primer=[60], seed=0)[1].tolist() == [60] * 4
    assert alone.bits_per_note([[60, 60, 60]]) == 0
    assert math.isnan(alone.bits_per_note([[60, 60], [60], []]))
    assert [song.tolist() for song in alone.write(1, 0, primer=[60], seed=0)] == [[60]]
    assert alone.write(0, 3, primer=[], seed=0) == []


@every_baseline
def test_refuses_pitches_that_never_occurred_and_invalid_arguments(baseline):
    fitted = baseline.fit(TUNES)
    with pytest.raises(ValueError, match="a tune contains pitch 61, which never occurred in training"):
        fitted.bits_per_note([[60, 62], [61, 62]])
    with pytest.raises(ValueError, match=r"the primer contains pitch 99, which never .* 3 pitches from 60 to 64"):
        fitted.write(1, 3, primer=[60, 99], seed=0)
    with pytest.raises(ValueError, match="cannot be negative, got -1 and 3"):
        fitted.write(-1, 3, primer=[], seed=0)
    with pytest.raises(ValueError, match="contain none"):
        baseline.fit([[], []])


@every_baseline
def test_sampling_options_are_those_of_networks(baseline):
    fitted = baseline.fit([*TUNES, [60, 60, 60]])
    likeliest = fitted.pitches[fitted.following.argmax(axis=1)]
    songs = np.stack(fitted.write(30, 5, [64], seed=1, selection="greedy"))
    after = dict(zip(fitted.pitches.tolist(), likeliest.tolist(), strict=True))
    assert all(after[a] == b for song in songs.tolist() for a, b in pairwise(song))
    np.testing.assert_array_equal(songs, fitted.write(30, 5, [64], seed=2, top_k=1))
    with pytest.raises(ValueError, match="top_p=2"):
        fitted.write(1, 5, [64], seed=1, top_p=2)
