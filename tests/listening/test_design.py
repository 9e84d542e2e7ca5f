"""Which pairs listeners hear: balance, on every sheet and over all of them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.listening.design import lay_out

layouts = st.tuples(
    st.integers(2, 6),  # conditions
    st.integers(2, 7),  # songs of each
    st.integers(1, 6),  # sheets
    st.integers(1, 20),  # comparisons
    st.integers(0, 1000),  # seed
)


def made(conditions, songs, sheets, comparisons, seed, checks=0):
    songs_of = [range(number * songs, (number + 1) * songs) for number in range(conditions)]
    right = range(conditions * songs, conditions * songs + checks)
    return lay_out(songs_of, right, sheets, comparisons, checks, seed)


def spread(counts, keys):
    numbers = [counts[key] for key in keys]
    return max(numbers) - min(numbers)


@given(layouts)
def test_pairs_songs_and_sides_are_balanced(layout):
    conditions, songs, _, comparisons, _ = layout
    sheets = made(*layout)
    pairs = [*combinations(range(conditions), 2)]
    sides = Counter()
    of_pairs, of_songs = Counter(), Counter()
    for sheet in sheets:
        assert len(sheet) == comparisons
        in_order = [(each.first // songs, each.second // songs) for each in sheet]
        on_sheet = Counter(tuple(sorted(pair)) for pair in in_order)
        songs_on_sheet = Counter(song for each in sheet for song in (each.first, each.second))
        assert spread(on_sheet, pairs) <= 1
        assert all(spread(songs_on_sheet, range(i * songs, (i + 1) * songs)) <= 1 for i in range(conditions))
        sides.update(in_order)
        of_pairs += on_sheet
        of_songs += songs_on_sheet
    assert spread(of_pairs, pairs) <= 1
    assert all(spread(of_songs, range(i * songs, (i + 1) * songs)) <= 1 for i in range(conditions))
    assert all(abs(sides[one, other] - sides[other, one]) <= 1 for one, other in pairs)


@given(layouts)
def test_the_order_comes_from_the_seed(layout):
    assert made(*layout) == made(*layout)


def test_another_seed_gives_other_sheets():
    assert made(4, 5, 3, 12, 0) != made(4, 5, 3, 12, 1)


@pytest.mark.parametrize("conditions", [3, 5, 8])
def test_each_condition_is_heard_about_equally_often_by_a_listener(conditions):
    for sheet in made(conditions, 10, 20, 24, 0):
        heard = Counter(song // 10 for each in sheet for song in (each.first, each.second))
        assert spread(heard, range(conditions)) <= 3
        leads = Counter(each.first // 10 for each in sheet)
        assert all(abs(2 * leads[i] - heard[i]) <= 5 for i in range(conditions))


def test_few_songs_are_heard_twice_in_a_row():
    sheets = made(3, 4, 40, 24, 0)
    repeats = [
        len({one.first, one.second} & {other.first, other.second}) > 0
        for sheet in sheets
        for one, other in pairwise(sheet)
    ]
    assert np.mean(repeats) < 0.15  # a random order has a quarter


@given(layouts, st.integers(1, 4))
def test_attention_checks_come_between_the_comparisons(layout, checks):
    conditions, songs, _, comparisons, _ = layout
    checks = min(checks, comparisons)
    rights = range(conditions * songs, conditions * songs + checks)
    for sheet in made(*layout, checks=checks):
        of_checks = [each for each in sheet if each.is_check]
        assert len(of_checks) == checks
        assert len(sheet) == comparisons + checks
        assert not sheet[0].is_check
        assert all((each.first in rights) != (each.second in rights) for each in of_checks)
        assert not any({each.first, each.second} & {*rights} for each in sheet if not each.is_check)
        assert len({each.first if each.first in rights else each.second for each in of_checks}) == checks
