"""Effects of seeds and tunes, against statsmodels, SciPy, all resamples and simulated studies."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from melgen.evaluation.comparing_cells.crossed import crossed_effects, tune_interval
from melgen.evaluation.comparing_cells.paired import paired_difference, t_margin

TABLE = [
    [0.2, -0.26, 0.53, -0.59, 0.22, 0.8],
    [1.2, 1.65, -0.62, 0.11, 1.75, -0.69],
    [0.14, 0.7, 2.26, 1.89, 1.07, 1.23],
    [0.65, 2.62, 0.87, 1.2, 2.05, 1.78],
]
SQUARES = {"seeds": 2.325477777777777, "tunes": 0.3423399999999998, "rest": 0.7719244444444443}
"""Mean squares by statsmodels 0.15.0: ``anova_lm(ols("v ~ C(s) + C(t)"))``."""


def test_components_equal_those_of_an_analysis_of_variance():
    found = crossed_effects(TABLE, [1] * 6)
    assert found.mean == pytest.approx(np.mean(TABLE))
    assert found.seed_deviation == pytest.approx(math.sqrt((SQUARES["seeds"] - SQUARES["rest"]) / 6), rel=1e-12)
    assert found.tune_deviation == 0, "the mean square of tunes is below that of the rest"
    assert found.rest_deviation == pytest.approx(math.sqrt(SQUARES["rest"]), rel=1e-12)
    assert found.variance_of_seeds == pytest.approx(SQUARES["seeds"] / 24, rel=1e-12)
    assert found.variance_of_tunes == 0
    by_seed = paired_difference(np.mean(TABLE, axis=1), np.zeros(4))
    assert (found.low, found.high) == pytest.approx((by_seed.low, by_seed.high), rel=1e-12)


def test_rows_and_columns_may_be_exchanged():
    turned = crossed_effects(np.transpose(TABLE), [1] * 4)
    assert turned.tune_deviation == pytest.approx(math.sqrt((SQUARES["seeds"] - SQUARES["rest"]) / 6), rel=1e-12)
    assert turned.seed_deviation == 0
    of_seeds, of_tunes = SQUARES["tunes"] / 24, (SQUARES["seeds"] - SQUARES["rest"]) / 24
    assert turned.high - turned.mean == pytest.approx(t_margin(of_seeds, 5, 0.95, of_tunes, 3), rel=1e-9)


def test_tunes_of_different_lengths_weigh_by_their_notes():
    notes = np.array([10, 20, 30, 10, 40, 10])
    bits = np.array(TABLE) * notes
    found = crossed_effects(bits, notes)
    by_seed = bits.sum(axis=1) / notes.sum()
    assert found.mean == pytest.approx(by_seed.mean(), rel=1e-12)
    assert found.variance_of_seeds == pytest.approx(by_seed.var(ddof=1) / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("table", "notes", "error"),
    [
        ([[1.0, 2.0]], [1, 1], "at least 2 of each, got 1 and 2"),
        ([[1.0], [2.0]], [1], "at least 2 of each, got 2 and 1"),
        ([[1.0, 2.0], [1.0, 2.0]], [1, 1, 1], r"got \[2, 2\] and \[3\]"),
        ([[1.0, math.nan], [1.0, 2.0]], [1, 1], "must be finite"),
        ([[1.0, 2.0], [1.0, 2.0]], [1, 0], "tune 1 has no notes"),
    ],
)
def test_refused(table, notes, error):
    with pytest.raises(ValueError, match=error):
        crossed_effects(table, notes)


def test_equal_networks_have_an_interval_of_width_0():
    found = crossed_effects(np.zeros((3, 4)), [5, 6, 7, 8])
    assert (found.low, found.mean, found.high, found.rest_deviation) == (0, 0, 0, 0)


def test_the_bootstrap_over_tunes_approaches_that_of_all_resamples():
    bits, notes = np.array([[1.0, 3.0, 2.0, 8.0], [3.0, 5.0, 2.0, 4.0]]), np.array([10, 20, 15, 30])
    means = bits.mean(axis=0)
    ratios = [means[list(drawn)].sum() / notes[list(drawn)].sum() for drawn in product(range(4), repeat=4)]
    exact = np.quantile(ratios, [0.1, 0.9])
    assert tune_interval(bits, notes, confidence=0.8, resamples=100_000) == pytest.approx(exact, abs=2e-3)
    assert all(map(math.isnan, tune_interval([1.0], [10])))


def test_the_bootstrap_over_tunes_is_that_of_scipy():
    rng = np.random.default_rng(0)
    notes = rng.integers(20, 200, 80)
    bits = 0.05 * notes + rng.normal(0, 5, 80)
    theirs = stats.bootstrap(
        (bits, notes), lambda d, n, axis=-1: d.sum(axis) / n.sum(axis), paired=True, vectorized=True,
        method="percentile", n_resamples=20_000, random_state=1,
    ).confidence_interval  # fmt: skip
    assert tune_interval(bits, notes, resamples=20_000) == pytest.approx((theirs.low, theirs.high), abs=3e-4)


def coverage(seeds, tunes, deviations, studies):
    """How often the interval contains the true difference, and how often that over seeds alone does."""
    rng = np.random.default_rng([seeds, tunes])
    of_seed, of_tune, of_rest = deviations
    hits = np.zeros(2)
    for _ in range(studies):
        notes = rng.lognormal(4, 0.5, tunes).round() + 3
        effects = of_seed * rng.normal(size=(seeds, 1)) + of_tune * rng.normal(size=tunes)
        bits = (0.04 + effects + of_rest * rng.normal(size=(seeds, tunes))) * notes
        found, alone = crossed_effects(bits, notes), paired_difference(bits.sum(axis=1) / notes.sum(), np.zeros(seeds))
        hits += found.low <= 0.04 <= found.high, alone.low <= 0.04 <= alone.high
    return hits / studies


def test_the_interval_covers_the_true_difference_although_that_over_seeds_alone_does_not():
    both, alone = coverage(5, 100, (0.02, 0.1, 0.05), 400)
    assert both >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)
    assert alone < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("tunes", [30, 150])
@pytest.mark.parametrize(
    "deviations", [(0.02, 0.0, 0.1), (0.02, 0.1, 0.05), (0.0, 0.1, 0.05), (0.02, 0.02, 0.2)], ids=str
)
def test_the_interval_over_seeds_and_tunes_covers_95_percent(seeds, tunes, deviations):
    both, _ = coverage(seeds, tunes, deviations, 1500)
    assert 0.93 <= both <= 0.985
