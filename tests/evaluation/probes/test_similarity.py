"""The nearest training tune against a search by brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.evaluation.correlation import rank_correlation
from melgen.evaluation.probes import similarity
from melgen.evaluation.probes.similarity import bin_of, bits_by_bin, nearest_training_tunes

TUNES = st.lists(st.lists(st.integers(60, 63), max_size=14), max_size=6)


def ngrams(tune, size):
    steps = np.diff(tune).tolist()
    return [tuple(steps[place : place + size]) for place in range(len(steps) - size + 1)]


@settings(max_examples=60, deadline=None)
@given(TUNES, TUNES, st.integers(1, 4))
def test_the_nearest_tune_is_that_of_a_search_by_brute_force(tunes, training, size):
    found = nearest_training_tunes(tunes, training, size)
    for tune, share, nearest in zip(tunes, found.share, found.tune, strict=True):
        own = ngrams(tune, size)
        shares = [
            sum(each in set(ngrams(other, size)) for each in own) / len(own) if own else np.nan for other in training
        ]
        if not own:
            assert np.isnan(share)
        else:
            assert share == pytest.approx(max(shares, default=0))
        assert nearest == (int(np.argmax(shares)) if own and max(shares, default=0) > 0 else -1)


def test_a_copy_in_another_key_is_all_similar_and_shuffled_notes_are_not(monkeypatch):
    steps = np.random.default_rng(1).choice([-4, -2, -1, 0, 1, 2, 2, 3], (60, 40))
    tunes = list(60 + np.cumsum(steps, axis=1))
    monkeypatch.setattr(similarity, "_COUNTS_AT_ONCE", 300)  # several parts
    found = nearest_training_tunes([tune + 3 for tune in tunes], tunes)
    assert found.share.tolist() == [1.0] * 60
    rng = np.random.default_rng(0)
    shuffled = nearest_training_tunes([rng.permutation(tune) for tune in tunes], tunes)
    assert shuffled.share.mean() < 0.1
    varied = [np.concatenate([tune[:20], tune[20:] + rng.integers(-5, 6, 20)]) for tune in tunes]
    variants = nearest_training_tunes(varied, tunes)
    assert ((variants.share > 0.3) & (variants.share < 0.8)).all()
    assert variants.tune.tolist() == list(range(60))


def test_options_are_checked():
    with pytest.raises(ValueError, match="ngram=9: must be a whole number from 1 to 8"):
        nearest_training_tunes([], [], 9)


def test_bits_of_bins_are_those_of_all_their_notes():
    share, bits, notes = [0.1, 0.1, 0.5, np.nan, 1.0], [10.0, 30.0, 8.0, 99.0, 1.0], [10, 10, 4, 9, 2]
    found = bits_by_bin(share, bits, notes)
    assert found[[0, 2, 4]].tolist() == [2.0, 2.0, 0.5]
    assert np.isnan(found[[1, 3]]).all()
    assert bin_of([0.1999, 0.2, 0.8]).tolist() == [0, 1, 4]


def test_bits_that_fall_with_similarity_are_found_and_shuffled_ones_are_not():
    rng = np.random.default_rng(0)
    share = rng.random(400)
    bits = (3 - share + 0.2 * rng.normal(size=400)) * 50
    notes = np.full(400, 50)
    assert (np.diff(bits_by_bin(share, bits, notes)) < 0).all()
    shuffled = rng.permutation(share)
    assert np.ptp(bits_by_bin(shuffled, bits, notes)) < 0.2 < np.ptp(bits_by_bin(share, bits, notes))
    assert abs(rank_correlation(shuffled, bits, resamples=1).coefficient) < 0.1
