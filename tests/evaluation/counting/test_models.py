"""Counting models against their definitions, on small alphabets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.evaluation.counting import contexts, ppm
from melgen.evaluation.counting.contexts import Places, SortedContexts
from melgen.evaluation.counting.kneser_ney import KneserNey
from melgen.evaluation.counting.ppm import Ppm, combined
from tests.evaluation.counting import definitions

READ = 5
"""Different tokens that are read; the model predicts the lower ones."""
sizes = st.integers(1, READ)
tunes = st.lists(st.lists(st.integers(0, READ - 1), max_size=14), max_size=5)
rows = st.lists(st.integers(0, READ - 1), max_size=10)
bounds = st.none() | st.integers(0, 4)
POEM = [[0, 1, 2, 0, 1, 2, 0, 1, 3], [1, 2, 2, 2, 1], [3], [0, 1, 2, 0, 1, 2]]


def arrays(found):
    return [np.array(tune, np.int64) for tune in found]


def every_place(row):
    """The probabilities after each beginning of a row, the empty one too."""
    column = np.arange(len(row) + 1)
    return Places(np.array([[*row, 0]]), np.zeros_like(column), column)


def check(found, expected):
    np.testing.assert_allclose(found, np.array(expected, float), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    assert (found > 0).all()


@settings(deadline=None)
@given(tunes, rows, sizes, bounds, bounds, st.sampled_from(["arithmetic", "geometric"]), st.sampled_from([0, 0.5, 7]))
def test_ppm_equals_its_definition(found, row, size, bound, recent, combination, bias):
    pasts = [row[:i] for i in range(len(row) + 1)]
    long_term = [definitions.ppm(past, found, size, bound) for past in pasts]
    short_term = [definitions.ppm(past, [past], size, recent) for past in pasts]
    both = [definitions.both(*pair, combination, bias) for pair in zip(long_term, short_term, strict=True)]
    for memory, expected in {"ltm": long_term, "stm": short_term, "both": both}.items():
        model = Ppm(arrays(found), size, memory, bound, recent, combination, bias)
        check(model.at(every_place(row)), expected)


@settings(deadline=None)
@given(tunes, rows, sizes, st.integers(1, 5))
def test_kneser_ney_equals_its_definition(found, row, size, order):
    expected = [definitions.kneser_ney(row[:i], found, size, order) for i in range(len(row) + 1)]
    check(KneserNey(arrays(found), size, order).at(every_place(row)), expected)


@pytest.mark.parametrize("order", [2, 3, 5])
def test_kneser_ney_with_discounts_equals_its_definition(order):
    """A corpus that is large enough for discounts at every length of contexts."""
    generator = np.random.default_rng(0)
    found = [np.abs(np.cumsum(generator.integers(-3, 4, 20))) % 12 for _ in range(60)]
    model = KneserNey(found, 12, order)
    assert all(discounts is not None for discounts in model._discounts[1:])
    row = found[0][:6].tolist()
    expected = [definitions.kneser_ney(row[:i], [tune.tolist() for tune in found], 12, order) for i in range(7)]
    check(model.at(every_place(row)), expected)


def test_the_short_term_model_is_empty_at_the_start_of_a_tune():
    start = Places(np.array([[3, 1]]), np.zeros(1, np.int64), np.zeros(1, np.int64))
    assert Ppm(arrays(POEM), 4, "stm").at(start).tolist() == [[0.25] * 4]
    long_term = Ppm(arrays(POEM), 4, "ltm").at(start)
    assert Ppm(arrays(POEM), 4, bias=0).at(start) == pytest.approx((long_term + 0.25) / 2)


def test_by_hand():
    """The order of 1 was seen after 0, twice before 2 and once before 3."""
    unigram = (np.array([5, 7, 7, 2]) + 1) / (21 + 4)
    after_1 = (np.array([0, 0, 5, 1]) + 2 * unigram) / (6 + 2)
    after_01 = (np.array([0, 0, 4, 1]) + 2 * after_1) / (5 + 2)
    place = Places(np.array([[0, 1]]), np.zeros(1, np.int64), np.array([2]))
    assert Ppm(arrays(POEM), 4, "ltm", order_bound=2).at(place)[0] == pytest.approx(after_01)


def test_many_ranges_and_rows_at_once(monkeypatch):
    """Counts of wide ranges come from sums at every block, and places may be in any order."""
    monkeypatch.setattr(contexts, "_BLOCK", 4)
    generator = np.random.default_rng(1)
    found = [generator.integers(0, 3, 50) for _ in range(6)]
    rows = generator.integers(0, 3, (4, 8))
    row, column = generator.permutation(4).repeat(3), generator.integers(0, 9, 12)
    together = Ppm(found, 3, order_bound=3).at(Places(rows, row, column))
    for one, place, p in zip(row, column, together, strict=True):
        past = rows[one, :place].tolist()
        pair = definitions.ppm(past, [tune.tolist() for tune in found], 3, 3), definitions.ppm(past, [past], 3, 12)
        assert p == pytest.approx(definitions.both(*pair, "arithmetic", ppm.BIAS))


@pytest.mark.parametrize("largest", [10, 300, 70_000])
def test_tokens_of_any_number(largest):
    """Codes of one, two and four bytes are sorted alike."""
    found = [np.array([largest, 1, largest, 1, 0]), np.array([1, 0])]
    cursor = SortedContexts(found, 2).cursor(Places(np.array([[largest, 1]]), np.zeros(1, np.int64), np.array([2])))
    cursor.extend(np.array([True]))
    assert cursor.counts().tolist() == [[2, 0]]
    cursor.extend(np.array([True]))
    assert cursor.counts().tolist() == [[1, 0]]


@given(st.integers(1, 6), st.floats(0, 20), st.data())
def test_combinations_are_distributions_between_both(size, bias, data):
    weights = st.lists(st.floats(1e-6, 1), min_size=size, max_size=size)
    each = [np.array([data.draw(weights)]) for _ in range(2)]
    each = [p / p.sum() for p in each]
    for combination in ("arithmetic", "geometric"):
        found = combined(each, combination, bias)
        assert found.sum() == pytest.approx(1)
    within = combined(each, "arithmetic", bias)
    assert (within <= np.maximum(*each) + 1e-12).all()
    assert (within >= np.minimum(*each) - 1e-12).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": "all"}, "memory=all"),
        ({"order_bound": -1}, "order_bound=-1"),
        ({"recent_order_bound": 1.5}, "recent_order_bound=1.5"),
        ({"combination": "mean"}, "combination=mean"),
        ({"bias": -1}, "bias=-1"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Ppm(arrays(POEM), 4, **options)
    with pytest.raises(ValueError, match="order=0"):
        KneserNey(arrays(POEM), 4, 0)
