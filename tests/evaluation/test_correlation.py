import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from melgen.evaluation import correlation
from melgen.evaluation.correlation import rank_correlation

columns = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=15)


def naive_ranks(values):
    return [sum(other < value for other in values) + (values.count(value) + 1) / 2 for value in values]


@pytest.mark.slow
@given(columns)
def test_equal_to_pearson_of_naive_ranks(points):
    x, y = map(list, zip(*points, strict=True))
    found = rank_correlation(x, y, resamples=20)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert math.isnan(found.coefficient)
        assert math.isnan(found.p_value)
    else:
        expected = np.corrcoef(naive_ranks(x), naive_ranks(y))[0, 1]
        assert found.coefficient == pytest.approx(expected, abs=1e-12)
        assert math.isnan(found.low) or -1 <= found.low <= found.high <= 1
    assert found.count == len(points)


def test_by_hand():
    # Differences of the ranks 0, 0, 1, -1: 1 - 6 * 2 / (4 * 15)
    assert rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]).coefficient == pytest.approx(0.8)
    found = rank_correlation([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert (found.coefficient, found.low, found.high) == pytest.approx((-1, -1, -1))


@pytest.mark.slow
def test_the_interval_equals_a_loop_over_resamples():
    rng = np.random.default_rng(0)
    x = rng.normal(size=12)
    y = x + rng.normal(size=12)
    draws = np.random.default_rng(3).integers(12, size=(500, 12))
    expected = np.quantile([spearmanr(x[draw], y[draw]).statistic for draw in draws], [0.1, 0.9])
    found = rank_correlation(x, y, confidence=0.8, resamples=500, seed=3)
    assert [found.low, found.high] == pytest.approx(expected.tolist(), abs=1e-12)
    assert found.low < found.coefficient < found.high
    assert found.p_value == pytest.approx(spearmanr(x, y).pvalue)


def test_constant_resamples_are_left_out():
    # One resample in nine draws one point only; the others agree.
    found = rank_correlation([1, 2, 3], [1, 2, 3])
    assert (found.coefficient, found.low, found.high) == pytest.approx((1, 1, 1))
    # A third of the draws miss the only point that differs.
    sparse = rank_correlation([1, 2, 3, 4], [0, 0, 0, 1], resamples=50)
    assert math.isfinite(sparse.low)
    # The only resample of this seed misses it, so none is left.
    assert math.isnan(rank_correlation([1, 2, 3, 4], [0, 0, 0, 1], resamples=1, seed=unlucky_seed()).low)


def unlucky_seed():
    return next(seed for seed in range(100) if 3 not in np.random.default_rng(seed).integers(4, size=(1, 4)))


@pytest.mark.slow
def test_deterministic_and_independent_of_the_block_size(monkeypatch):
    x, y = np.random.default_rng(1).normal(size=(2, 10))
    once = rank_correlation(x, y)
    assert rank_correlation(x, y) == once
    assert rank_correlation(x, y, seed=1) != once
    monkeypatch.setattr(correlation, "_RANKS_PER_BLOCK", 100)
    assert rank_correlation(x, y) == once


@pytest.mark.parametrize(
    ("x", "y", "count"),
    [
        ([], [], 0),
        ([1], [2], 1),
        ([1, 2], [2, 1], 2),
        ([1, 2, 3, math.nan], [2, 1, math.nan, 4], 2),
        ([1, 1, 1], [1, 2, 3], 3),
        ([1, 2, 3], [5, 5, 5], 3),
    ],
)
def test_too_few_points(x, y, count):
    found = rank_correlation(x, y)
    assert found.count == count
    assert all(map(math.isnan, (found.coefficient, found.low, found.high, found.p_value)))


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="two columns of equal length"):
        rank_correlation([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="confidence=0: must be a number above 0 and below 1"):
        rank_correlation([1, 2, 3], [1, 2, 3], confidence=0)
    with pytest.raises(ValueError, match="resamples=0: must be a whole number of at least 1"):
        rank_correlation([1, 2, 3], [1, 2, 3], resamples=0)
