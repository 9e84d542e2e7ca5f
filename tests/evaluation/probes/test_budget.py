"""The order of cells at several budgets, and when a change of it is reported."""

import numpy as np
import pytest

from melgen.evaluation.probes.budget import CellCurves, Change, best_until, order_at_budgets

UPDATES = [25, 50, 75, 100]


def cell(name, *values, seeds=5, spread=0.01, seed=0):
    """Curves whose validation bits scatter around values."""
    rng = np.random.default_rng([seed, *map(ord, name)])
    return CellCurves(name, {each: (UPDATES, np.array(values) + spread * rng.normal(size=4)) for each in range(seeds)})


def test_a_cell_that_is_overtaken_is_reported_with_its_budgets():
    found = order_at_budgets([cell("lstm", 3.0, 2.6, 2.4, 2.3), cell("mingru", 2.8, 2.55, 2.5, 2.48)])
    assert found.budgets == (25, 50, 75, 100)
    assert found.ranks.tolist() == [[2, 2, 1, 1], [1, 1, 2, 2]]
    assert found.changes == (Change("lstm", "mingru", 25, 100),)
    assert found.order_of_means_changes
    assert found.bits["lstm"].shape == (5, 4)


def test_the_same_order_at_every_budget():
    found = order_at_budgets([cell("a", 3, 2.6, 2.4, 2.3), cell("b", 3.1, 2.7, 2.5, 2.4), cell("c", 4, 3, 2.8, 2.7)])
    assert found.ranks.tolist() == [[1] * 4, [2] * 4, [3] * 4]
    assert (found.changes, found.order_of_means_changes, found.is_tested) == ((), False, True)


def test_cells_that_differ_by_chance_alone_seldom_change_their_order():
    """The control: every cell has the same true curve. Their means change places, and no change is reported."""
    found = [
        order_at_budgets([cell(name, 3, 2.6, 2.4, 2.3, spread=0.05, seed=seed) for name in "ab"]) for seed in range(200)
    ]
    assert sum(each.order_of_means_changes for each in found) > 100
    assert sum(bool(each.changes) for each in found) <= 4


def test_one_common_seed_shows_no_change():
    one = [cell("a", 3, 2.6, 2.4, 1.9, seeds=1), cell("b", 2.2, 2.1, 2.1, 2.1, seeds=1)]
    found = order_at_budgets(one)
    assert (found.is_tested, found.changes, found.order_of_means_changes) == (False, (), True)


def test_budgets_are_parts_of_what_all_trainings_have_made():
    short = CellCurves("short", {0: ([10, 40], [3.0, 2.0])})
    long = CellCurves("long", {0: ([20, 80], [2.5, 1.0])})
    found = order_at_budgets([short, long])
    assert found.budgets == (10, 20, 30, 40)
    assert np.isnan(found.bits["long"][0, 0])
    assert found.bits["long"][0, 1:].tolist() == [2.5] * 3
    assert np.isnan(found.ranks[1, 0])
    assert found.ranks[:, 1].tolist() == [2, 1]


def test_the_best_up_to_a_budget_counts():
    assert best_until(([1, 2, 3], [2.0, 1.0, 1.5]), 3) == 1.0
    assert best_until(([1, 2, 3], [2.0, np.nan, 3.0]), 2) == 2.0


@pytest.mark.parametrize("cells", [[], [cell("a", 1, 2, 3, 4)], [cell("a", 1, 2, 3, 4), CellCurves("b", {})]])
def test_fewer_than_two_cells_have_no_order(cells):
    assert order_at_budgets(cells) is None
