"""Interquartile mean and probability of improvement, against SciPy and rliable."""

import math

import numpy as np
import pytest
from scipy import stats

from melgen.evaluation.comparing_cells.aggregates import interquartile_mean, probability_of_improvement

# Three settings with ten seeds each, of two cells.
FIRST = np.array(
    [[2.4, 2.415, 2.386], [2.355, 2.377, 2.35], [2.403, 2.467, 2.375], [2.369, 2.424, 2.418], [2.405, 2.353, 2.399],
     [2.435, 2.333, 2.377], [2.305, 2.336, 2.308], [2.388, 2.337, 2.414], [2.408, 2.391, 2.274], [2.373, 2.398, 2.406]]
)  # fmt: skip
SECOND = np.array(
    [[2.353, 2.406, 2.381], [2.39, 2.483, 2.39], [2.428, 2.474, 2.401], [2.424, 2.436, 2.433], [2.369, 2.434, 2.498],
     [2.353, 2.473, 2.436], [2.398, 2.53, 2.468], [2.37, 2.434, 2.459], [2.421, 2.464, 2.427], [2.463, 2.502, 2.396]]
)  # fmt: skip


def test_the_interquartile_mean_is_that_of_rliable():
    # rliable 1.2.0: aggregate_iqm, and get_interval_estimates with 20,000 resamples
    assert interquartile_mean(FIRST.T).value == pytest.approx(2.3846875, rel=1e-12)
    found = interquartile_mean((FIRST - SECOND).T, resamples=20_000)
    assert found.value == pytest.approx(-0.047875, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((-0.0718125, -0.023), abs=1e-3)


@pytest.mark.parametrize("count", [1, 3, 4, 7, 10])
def test_the_interquartile_mean_is_a_trimmed_mean(count):
    values = FIRST[:count, 0]
    assert interquartile_mean([values]).value == pytest.approx(stats.trim_mean(values, 0.25), rel=1e-12)


def test_the_probability_of_improvement_is_that_of_rliable_and_of_mann_and_whitney():
    # rliable 1.2.0: probability_of_improvement(second, first), since fewer bits are better here
    pairs = list(zip(FIRST.T, SECOND.T, strict=True))
    assert probability_of_improvement(pairs).value == pytest.approx(0.7716666666666666, rel=1e-12)
    one = probability_of_improvement(pairs[:1])
    assert one.value == pytest.approx(stats.mannwhitneyu(*pairs[0][::-1]).statistic / 100, rel=1e-12)
    assert 0 <= one.low < one.value < one.high <= 1


def test_intervals_by_bootstrap_equal_plain_resampling():
    """Pairs drawn one by one, without our matrix of weights."""
    pairs = [(FIRST[:, 0], SECOND[:, 0])]
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(3000):
        first, second = (side[rows] for rows in [rng.integers(10, size=10)] for side in pairs[0])
        drawn.append(np.mean((first[:, None] < second) + 0.5 * (first[:, None] == second)))
    found = probability_of_improvement(pairs, resamples=3000)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.03)


def test_few_pairs_have_no_interval():
    for settings in ([FIRST[:9, 0]], list(FIRST[:3].T) * 2, [FIRST[:4, 0]] * 3):
        assert math.isnan(interquartile_mean(settings).low)
        assert math.isnan(probability_of_improvement([(each, each) for each in settings]).low)
    assert not math.isnan(interquartile_mean(list(FIRST[:5].T)).low)


def test_nothing_is_not_a_number_and_lengths_must_agree():
    assert math.isnan(interquartile_mean([]).value)
    assert math.isnan(interquartile_mean([[]]).value)
    assert math.isnan(probability_of_improvement([]).value)
    assert probability_of_improvement([([2.0], [2.0])]).value == 0.5
    with pytest.raises(ValueError, match="got 2 and 1"):
        probability_of_improvement([([1.0, 2.0], [1.0])])


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "seeds"), [(1, 10), (1, 20), (2, 5), (4, 5)])
def test_intervals_cover_nearly_95_percent(settings, seeds):
    rng = np.random.default_rng([settings, seeds])
    truth = stats.norm.cdf(0.5 / math.sqrt(2))
    hits = np.zeros(2)
    for study in range(800):
        pairs = [(rng.normal(0, 1, seeds), rng.normal(0.5, 1, seeds)) for _ in range(settings)]
        middle = interquartile_mean([first - second for first, second in pairs], resamples=500, seed=study)
        improvement = probability_of_improvement(pairs, resamples=500, seed=study)
        hits += middle.low <= -0.5 <= middle.high, improvement.low <= truth <= improvement.high
    assert (hits / 800 >= 0.88).all()
