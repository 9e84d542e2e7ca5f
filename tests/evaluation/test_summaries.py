import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from melgen.evaluation import summaries
from melgen.evaluation.summaries import (
    best_song,
    distances_to_mean,
    over_seeds,
    representative_song,
    summarize_scores,
)

nan = math.nan
# The same product of matrices, cut into blocks of other sizes.
BLOCK_TOLERANCE = 1e-12


def test_moments_by_hand():
    summary = summarize_scores({"motion": [1.0, 2.0, 6.0]})["motion"]
    assert (summary.mean, summary.variance, summary.count) == (3.0, 7.0, 3)
    assert summary.standard_deviation == math.sqrt(7)
    assert 1 <= summary.low < 3 < summary.high <= 6


def test_the_interval_of_two_songs():
    # A quarter of the resamples take the lower song twice, a quarter the upper one twice, half take both.
    wide = summarize_scores({"a": [0.0, 1.0]}, confidence=0.6)["a"]
    narrow = summarize_scores({"a": [0.0, 1.0]}, confidence=0.4)["a"]
    assert (wide.low, wide.high, narrow.low, narrow.high) == (0, 1, 0.5, 0.5)


def test_equal_to_resampling_song_by_song():
    values = np.random.default_rng(1).gamma(2, size=40)
    draws = np.random.default_rng(7).integers(40, size=(2000, 40))
    expected = np.quantile(values[draws].mean(axis=1), [0.05, 0.95])
    summary = summarize_scores({"a": values}, confidence=0.9, resamples=2000, seed=7)["a"]
    assert [summary.low, summary.high] == pytest.approx(expected.tolist(), abs=1e-12)


def test_one_song_none_and_nan():
    scores = {"one": [nan, 2.0, nan], "none": [nan, nan, nan], "all": [1.0, 2.0, 3.0], "two": [nan, 1.0, 2.0]}
    found = summarize_scores(scores)
    one, none = found["one"], found["none"]
    assert (one.mean, one.count) == (2, 1)
    assert none.count == 0
    for value in (one.variance, one.standard_deviation, one.low, one.high, none.mean, none.variance, none.high):
        assert math.isnan(value)
    assert found["two"].mean == 1.5
    assert (found["two"].low, found["two"].high) == (1, 2)
    # A missing value of one metric changes no other metric.
    alone = summarize_scores({"all": scores["all"]})["all"]
    assert found["all"].low == pytest.approx(alone.low, abs=BLOCK_TOLERANCE)
    assert list(found) == list(scores)


def test_draws_that_all_lack_a_metric_give_no_interval():
    summary = summarize_scores({"rare": [nan] * 98 + [1.0, 2.0]}, resamples=1, seed=3)["rare"]
    assert (summary.mean, summary.count) == (1.5, 2)
    assert math.isnan(summary.low)
    assert math.isnan(summary.high)


def test_equal_values_have_an_interval_of_no_width():
    summary = summarize_scores({"a": [0.1] * 7})["a"]
    assert summary.low == summary.high == 0.1


def test_deterministic_and_independent_of_the_block_size(monkeypatch):
    scores = {"a": np.random.default_rng(4).normal(size=30), "b": np.arange(30.0)}
    once = summarize_scores(scores)
    assert summarize_scores(scores) == once
    assert summarize_scores(scores, seed=1) != once
    monkeypatch.setattr(summaries, "_COUNTS_PER_BLOCK", 1000)
    for name, summary in summarize_scores(scores).items():
        assert summary.low == pytest.approx(once[name].low, abs=BLOCK_TOLERANCE)


def test_many_songs_take_the_normal_interval():
    values = np.random.default_rng(5).normal(size=summaries.LARGEST_BOOTSTRAP_SONGS + 1)
    summary = summarize_scores({"a": values})["a"]
    low, high = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx((low, high))
    few = summarize_scores({"a": values[:-1]}, resamples=500)["a"]
    assert few.high - few.low == pytest.approx(high - low, rel=0.1)


def test_summaries_of_nothing():
    assert summarize_scores({}) == {}
    assert summarize_scores({"a": []})["a"].count == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scores": {"a": [1, 2], "b": [1]}}, "one value per song"),
        ({"scores": {"a": [[1, 2]]}}, "one value per song"),
        ({"scores": {"a": [1]}, "confidence": 1}, "confidence=1: must be a number above 0 and below 1"),
        ({"scores": {"a": [1]}, "resamples": 0}, "resamples=0: must be a whole number of at least 1"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        summarize_scores(**arguments)


def test_over_seeds():
    values = [1.5, 2.0, 4.0]
    summary = over_seeds([*values, nan], confidence=0.9)
    low, high = stats.t.interval(0.9, 2, statistics.fmean(values), stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx((low, high))
    assert (summary.mean, summary.variance, summary.count) == (2.5, 1.75, 3)
    alone = over_seeds([2.0])
    assert (alone.mean, alone.count) == (2, 1)
    assert math.isnan(alone.low)
    assert math.isnan(alone.standard_deviation)
    assert over_seeds([]).count == 0
    with pytest.raises(ValueError, match="confidence=95: must be a number above 0 and below 1"):
        over_seeds(values, confidence=95)


TABLE = [[4.0, 2.0, 0.5], [1.0, 5.0, 0.5], [2.0, 3.0, 0.5], [1.0, 2.0, 0.5]]  # mean 2, 3, 0.5


def test_songs_by_hand():
    assert distances_to_mean(TABLE).tolist() == [math.sqrt(5), math.sqrt(5), 0, math.sqrt(2)]
    assert best_song(TABLE) == 3
    assert representative_song(TABLE) == 2


def test_ties_take_the_first():
    assert best_song([[2, 1, 1], [1, 1, 1], [1, 1, 1]]) == 1
    assert representative_song([[9, 0, 0], [2, 0, 0], [4, 0, 0], [-3, 0, 0]]) == 1
    assert representative_song([[1, 1, 1]]) == best_song([[1, 1, 1]]) == 0


def original(table):
    """The paper's scripts: the mean point, distances by scipy, the smallest pair of value and index."""
    columns = list(zip(*table, strict=True))
    point = [np.mean(column) for column in columns]  # like stats.describe in the scripts
    distances = [distance.euclidean(point, row) for row in table]
    sums = [a + b + c for a, b, c in table]
    return distances, *(min((value, index) for index, value in enumerate(values))[1] for values in (sums, distances))


@pytest.mark.slow
@given(st.lists(st.lists(st.floats(0, 10), min_size=3, max_size=3), min_size=2, max_size=50))
def test_equal_to_the_original(table):
    distances, best, _ = original(table)
    ours = distances_to_mean(table)
    assert ours == pytest.approx(distances, abs=1e-12)
    assert best_song(table) == best
    # Both sides round. If two songs are nearly equally near, either may be the nearest.
    assert distances[representative_song(table)] == pytest.approx(min(distances), abs=1e-12)


def test_equal_to_the_original_on_scores():
    rng = np.random.default_rng(6)
    for _ in range(20):
        table = np.stack([rng.integers(0, 99, 100) / 33, rng.integers(23, 115, 100) / 23, rng.random(100)], axis=1)
        _, best, nearest = original(table.tolist())
        assert (best_song(table), representative_song(table)) == (best, nearest)
        for column, described in zip(table.T, (stats.describe(column) for column in table.T), strict=True):
            summary = summarize_scores({"a": column}, resamples=1)["a"]
            assert summary.mean == described.mean
            assert summary.variance == pytest.approx(described.variance, rel=1e-14)
            assert summary.standard_deviation == pytest.approx(stats.tstd(column), rel=1e-14)


@pytest.mark.parametrize("choose", [best_song, representative_song, distances_to_mean])
def test_no_song_to_choose(choose):
    with pytest.raises(ValueError, match="table"):
        choose(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="song 2 has"):
        choose([[1, 1, 1], [1, nan, 1]])
