"""P-values, against SciPy, statsmodels and signs counted one by one."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from melgen.evaluation.comparing_cells.p_values import LARGEST_EXACT, holm, sign_flip_p

DIFFERENCES = [0.03, -0.011, 0.052, 0.04, -0.002, 0.021, 0.018, 0.044, -0.013, 0.027]
values = st.lists(st.integers(-50, 50).map(lambda number: number / 8), min_size=1, max_size=8)


@pytest.mark.parametrize("count", [5, 9, 10])
def test_exact_p_values_are_those_of_scipy(count):
    differences = np.array(DIFFERENCES[:count])
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip_p(differences) == pytest.approx(theirs, rel=1e-12)


def test_five_seeds_cannot_reach_five_percent_and_ten_can():
    assert sign_flip_p([1.0] * 5) == 2**-4
    assert sign_flip_p([1.0] * 10) == 2**-9


def test_many_values_are_tested_by_random_signs():
    differences = np.random.default_rng(1).normal(0.4, 1, LARGEST_EXACT + 5)
    found = sign_flip_p(differences, resamples=20_000, seed=3)
    drawn = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, random_state=5
    )
    error = math.sqrt(found * (1 - found) / 20_000)
    assert found == pytest.approx(drawn.pvalue, abs=5 * error)
    assert found == sign_flip_p(differences, resamples=20_000, seed=3) != sign_flip_p(differences, resamples=20_000)
    assert sign_flip_p([1.0] * 40, resamples=999) == 1 / 1000, "never 0"


@given(values)
def test_p_values_equal_all_signs_counted_one_by_one(differences):
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
            for signs in product((1, -1), repeat=len(differences))]  # fmt: skip
    assert sign_flip_p(differences) == np.mean([each >= sums[0] for each in sums])


@given(values, st.randoms(use_true_random=False))
def test_p_values_do_not_depend_on_sign_unit_or_order(differences, random):
    shuffled = random.sample(differences, len(differences))
    p = sign_flip_p(differences)
    assert p == sign_flip_p([-value for value in differences]) == sign_flip_p([0.1 * value for value in shuffled])
    assert 2 ** (1 - len(differences)) <= p <= 1


def test_holm_equals_statsmodels():
    # statsmodels 0.15.0, multipletests(method="holm")
    found = holm([0.002, 0.41, 0.0117, 0.03, 0.03, 0.2, 0.0005])
    assert found == pytest.approx([0.012, 0.41, 0.0585, 0.12, 0.12, 0.4, 0.0035], rel=1e-12)
    assert holm([0.01, math.nan, 0.03])[::2] == [0.02, 0.03]
    assert holm([]) == []
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([0.5, 1.5])


probabilities = st.lists(st.integers(0, 1000).map(lambda number: number / 1000), min_size=1, max_size=12)


@given(probabilities)
def test_holm_keeps_the_order_and_lies_between_one_test_and_bonferroni(p_values):
    found = holm(p_values)
    for p, adjusted in zip(p_values, found, strict=True):
        assert p <= adjusted <= min(1, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()


@given(probabilities, st.integers(0, 11))
def test_a_smaller_p_value_makes_no_adjusted_one_larger(p_values, which):
    smaller = list(p_values)
    smaller[which % len(smaller)] /= 2
    assert all(new <= old + 1e-12 for new, old in zip(holm(smaller), holm(p_values), strict=True))
