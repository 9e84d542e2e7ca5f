"""The best model: named only if the seeds support it."""

import math

import numpy as np
import pytest

from melgen.evaluation.winners import lowest_of


def test_a_winner_differs_from_every_other_model():
    found = lowest_of({"a": [3.0, 3.01], "b": [2.0, 2.01], "c": [4.0, 4.01]})
    assert (found.lowest, found.rivals, found.is_decided, found.seeds) == ("b", (), True, (2, 2))
    assert "each of the 2 other models (2 seeds each" in found.in_words()


def test_one_equal_rival_prevents_a_winner():
    found = lowest_of({"a": [2.0, 2.2, 2.4], "b": [2.1, 2.3, 2.5], "c": [9.0, 9.1, 9.2]})
    assert (found.lowest, found.rivals, found.is_decided) == ("a", ("b",), False)
    assert found.in_words() == "not distinguishable from b (3 seeds each)"


@pytest.mark.parametrize("seeds", [[2.0], [2.0, math.nan]])
def test_one_seed_cannot_decide(seeds):
    found = lowest_of({"a": seeds, "b": [9.0, 9.0, 9.0]})
    assert not found.is_decided
    assert found.in_words() == "not distinguishable from b (one seed cannot decide)"


def test_models_without_a_number_do_not_count():
    assert lowest_of({"a": [math.nan], "b": []}) is None
    alone = lowest_of({"a": [1.0], "b": [math.nan]})
    assert (alone.lowest, alone.others, alone.is_decided, alone.in_words()) == ("a", 0, False, "the only model")


def test_a_verdict_of_another_comparison_counts_more():
    values = {"a": [2.0, 2.01], "b": [3.0, 3.01], "c": [2.0, 4.0]}
    assert lowest_of(values).rivals == ("c",)
    found = lowest_of(values, compared={frozenset("ab"): False, frozenset("ca"): True, frozenset("bc"): False})
    assert found.rivals == ("b",)


def test_many_rivals_are_counted():
    found = lowest_of({name: [1.0 + 0.01 * i, 2.0] for i, name in enumerate("abcdefg")})
    assert found.in_words() == "not distinguishable from b, c, d and 3 more (2 seeds each)"


def test_equal_seeds_are_equal_models():
    assert lowest_of({"a": [1.0, 1.0], "b": [1.0, 1.0]}).rivals == ("b",)
    assert lowest_of({"a": [1.0, 1.0], "b": [1.5, 1.5]}).is_decided


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_the_interval_is_that_of_welch(shift):
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(1)
    first, second = rng.normal(0, 1, 4), rng.normal(shift, 2, 3) + 1
    if first.mean() > second.mean():
        first, second = second, first
    p = ttest_ind(first, second, equal_var=False).pvalue
    assert lowest_of({"a": first.tolist(), "b": second.tolist()}).is_decided == (p < 0.05)


@pytest.mark.slow
def test_chance_alone_seldom_makes_a_winner():
    rng = np.random.default_rng(0)
    draws = [lowest_of({name: rng.normal(size=3).tolist() for name in "abcdefghi"}) for _ in range(300)]
    assert sum(found.is_decided for found in draws) <= 15
