"""Paired differences, against SciPy, hand-computed cases and simulated studies."""

import math

import numpy as np
import pytest
from scipy import stats

from melgen.evaluation.comparing_cells.paired import (
    is_within,
    paired_difference,
    seeds_needed,
    t_margin,
)


def test_the_interval_is_that_of_scipy_s_paired_t_test():
    rng = np.random.default_rng(0)
    first, second = rng.normal(2.4, 0.1, 7), rng.normal(2.5, 0.1, 7)
    found = paired_difference(first, second, 0.9)
    theirs = stats.ttest_rel(first, second).confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert found.count == 7


def test_pairs_with_nan_do_not_count_and_one_pair_has_no_interval():
    found = paired_difference([1.0, math.nan, 4.0], [0.5, 1.0, math.nan])
    assert (found.mean, found.count) == (0.5, 1)
    assert math.isnan(found.low)
    with pytest.raises(ValueError, match=r"shapes \[2\] and \[3\]"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize(("mean", "is_equal"), [(0.0, True), (0.017, True), (0.02, False), (-0.02, False)])
def test_an_interval_within_the_region_is_two_one_sided_tests(mean, is_equal):
    differences = mean + np.array([-0.013, -0.005, 0.0, 0.005, 0.013])
    found = paired_difference(differences, np.zeros(5))
    level = 0.025
    lower = stats.ttest_1samp(differences, -0.03, alternative="greater").pvalue
    upper = stats.ttest_1samp(differences, 0.03, alternative="less").pvalue
    assert is_within(found.low, found.high, 0.03) == (max(lower, upper) < level) == is_equal


def test_what_is_on_the_boundary_is_not_within():
    assert not is_within(-0.03, 0.01, 0.03)
    assert not is_within(-0.01, 0.03, 0.03)


@pytest.mark.parametrize(("deviation", "width"), [(0.02, 0.03), (0.02, 0.01), (0.5, 0.01)])
def test_seeds_needed_are_the_fewest_that_are_enough(deviation, width):
    seeds = seeds_needed(deviation, width)
    ends = [
        stats.t.interval(0.95, count - 1, 0, deviation / math.sqrt(count))[1] for count in (seeds, max(seeds - 1, 2))
    ]
    assert ends[0] <= width
    assert seeds == 2 or ends[1] > width


def test_seeds_cannot_replace_tunes():
    assert seeds_needed(0.02, 0.01, fixed_variance=0.0052**2) is None, "1.96 x 0.0052 is above 0.01"
    assert seeds_needed(0.02, 0.01, fixed_variance=0.004**2) > seeds_needed(0.02, 0.01)
    assert seeds_needed(math.nan, 0.01) is None
    assert seeds_needed(0.0, 0.01) == 2
    with pytest.raises(ValueError, match="width=0: must be a number above 0"):
        seeds_needed(0.1, 0)


def test_the_margin_of_a_sum_uses_satterthwaite_s_freedom():
    freedom = (0.04 + 0.09) ** 2 / (0.04**2 / 4 + 0.09**2 / 49)
    expected = stats.t.ppf(0.975, freedom) * math.sqrt(0.13)
    assert t_margin(0.04, 4, 0.95, 0.09, 49) == pytest.approx(expected, rel=1e-12)
    assert t_margin(0.04, 2, 0.95, 0.001, 49) == stats.t.ppf(0.975, 2) * 0.2, "not below that of the first alone"


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_t_interval_covers_the_true_difference_in_95_of_100_studies(seeds):
    """Cells with a common effect of the seed, which pairing removes."""
    rng = np.random.default_rng(seeds)
    studies = 4000
    common = rng.normal(0, 0.1, (studies, seeds))
    first = 2.37 + common + rng.normal(0, 0.02, (studies, seeds))
    second = 2.4 + common + rng.normal(0, 0.03, (studies, seeds))
    quantile = stats.t.ppf(0.975, seeds - 1)
    differences = first - second
    margins = quantile * differences.std(axis=1, ddof=1) / math.sqrt(seeds)
    for study in range(0, studies, 100):  # the vectorized intervals are ours
        found = paired_difference(first[study], second[study])
        assert found.high - found.mean == pytest.approx(margins[study], rel=1e-9)
    hits = np.count_nonzero(np.abs(differences.mean(axis=1) + 0.03) <= margins)
    error = math.sqrt(0.95 * 0.05 / studies)
    assert hits / studies == pytest.approx(0.95, abs=3 * error)
