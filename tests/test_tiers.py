"""The rows of a table in two tiers: none is lost, and the first ones stay in the quick tier."""

import pytest

from tests.tiers import quick_rows


def rows_of(decorator):
    """The rows that pytest gets, each with whether it is slow, and its id."""
    _, rows = decorator.mark.args
    return [
        (row.values, any(mark.name == "slow" for mark in row.marks), row.id)
        if isinstance(row, type(pytest.param()))
        else (row, False, None)
        for row in rows
    ]


def test_every_row_is_kept_and_all_but_the_first_are_slow():
    assert rows_of(quick_rows(1, ("a", "b"), [(1, 2), (3, 4), (5, 6)])) == [
        ((1, 2), False, None),
        ((3, 4), True, None),
        ((5, 6), True, None),
    ]


def test_a_row_of_one_argument_may_be_a_tuple():
    assert rows_of(quick_rows(1, "fractions", [(0.8, 0.2), (0.5, 0.5)])) == [
        ((0.8, 0.2), False, None),
        (((0.5, 0.5),), True, None),
    ]


def test_ids_and_marks_of_a_row_are_kept():
    skipped = pytest.param(2, id="two", marks=pytest.mark.skip)
    decorator = quick_rows(1, "x", [1, skipped])
    assert rows_of(decorator) == [(1, False, None), ((2,), True, "two")]
    assert {mark.name for mark in decorator.mark.args[1][1].marks} == {"skip", "slow"}
