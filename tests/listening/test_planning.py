"""How many judgements a width needs: against textbook formulas, and against simulated tests."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.listening.bradley_terry import fit
from melgen.listening.intervals import against_reference, intervals, score_intervals, variances
from melgen.listening.planning import (
    Assumptions,
    Design,
    Parts,
    expected_parts,
    judgements_for,
    plan_in_words,
    songs_for,
    width_of,
)
from tests.listening.listeners import Population, simulate
from tests.listening.test_intervals import lay_out

NOTHING = Assumptions(ties=0, listener_deviation=0, song_deviation=0)


@given(st.floats(0.05, 0.5), st.floats(0.5, 0.99))
def test_two_conditions_without_ties_need_as_many_as_a_proportion(width, confidence):
    needed = judgements_for(width, expected_parts(Design(2, 5, 10), NOTHING), 0, confidence)
    assert needed == math.ceil((NormalDist().inv_cdf((1 + confidence) / 2) / width) ** 2)


@given(
    st.integers(2, 12),
    st.integers(2, 40),
    st.floats(0.1, 0.6),
    st.builds(Assumptions, st.floats(0, 0.8), st.floats(0, 1), st.floats(0, 1)),
)
def test_the_number_is_the_smallest_that_gives_the_width(conditions, songs, width, assumed):
    parts = expected_parts(Design(conditions, songs, 24), assumed)
    needed = judgements_for(width, parts, assumed.ties, 0.95)
    if needed is None:
        assert width_of(math.inf, parts, assumed.ties, 0.95) >= width
        enough = expected_parts(Design(conditions, songs_for(width, assumed, 0.95), 24), assumed)
        assert judgements_for(width, enough, assumed.ties, 0.95) is not None
    else:
        assert width_of(needed, parts, assumed.ties, 0.95) <= width * (1 + 1e-9)
        assert needed == 1 or width_of(needed - 1, parts, assumed.ties, 0.95) > width * (1 - 1e-9)


def test_the_information_is_that_of_the_fitted_model():
    """At even odds, with as many ties as assumed, the model's own variance is the planned one."""
    conditions, ties = 4, 0.25
    population = Population(np.zeros(conditions), float(np.log(2 * ties / (1 - ties))))
    songs_of = [list(range(i * 10, (i + 1) * 10)) for i in range(conditions)]
    sheets = [[(each.first, each.second) for each in sheet] for sheet in lay_out(songs_of, [], 100, 24, 0, 0)]
    judgements, _ = simulate(population, sheets, np.repeat(np.arange(conditions), 10), np.random.default_rng(0))
    planned = expected_parts(Design(conditions, 10, 24), Assumptions(ties, 0, 0)).per_judgement / len(judgements)
    found = np.diag(fit(judgements, conditions, 0).covariance)[1:-1]
    assert found == pytest.approx(planned, rel=0.05)


@pytest.mark.slow
def test_a_planned_test_has_intervals_of_the_width():
    design, assumed, width = Design(4, 20, 24), Assumptions(0.2, 0.5, 0.5), 0.2
    needed = judgements_for(width, expected_parts(design, assumed), assumed.ties, 0.95)
    listeners = math.ceil(needed / design.comparisons)
    population = Population(np.zeros(4), float(np.log(2 * 0.2 / 0.8)), 0.5, 0.5)
    songs_of = [np.arange(i * 20, (i + 1) * 20) for i in range(4)]
    widths = []
    for seed in range(40):
        sheets = lay_out([each.tolist() for each in songs_of], [], listeners, design.comparisons, 0, seed)
        pairs = [[(each.first, each.second) for each in sheet] for sheet in sheets]
        judgements, clusters = simulate(population, pairs, np.repeat(np.arange(4), 20), np.random.default_rng(seed))
        fitted = fit(judgements, 4, 0)
        found = variances(judgements, clusters, fitted, songs_of, against_reference(fitted))
        ends = score_intervals(fitted, intervals(fitted.abilities, found, 0.95))
        widths.append((ends.high - ends.low)[1:])
    assert np.mean(widths) == pytest.approx(width, rel=0.15)


def test_words():
    text = plan_in_words(Design(4, 20, 24), Assumptions(), 0.2, 0.95)
    assert text.startswith("674 judgements of 29 listeners for a 95% interval")
    text = plan_in_words(Design(4, 20, 24), Assumptions(ties=0.125), 0.2, 0.975)
    assert " for a 97.5% interval " in text
    assert "12.5% ties" in text
    text = plan_in_words(Design(4, 20, 24), Assumptions(), 0.1, 0.95)
    assert text.startswith("no number of judgements gives")
    assert "songs=31 or more can" in text


def test_parts_of_a_finished_test():
    assert judgements_for(0.2, Parts(400.0, 0.5), 0.2, 0.95) is None
    assert width_of(100, Parts(1.0, 0.0), 0, 0.95) == pytest.approx(2 * 1.96 * 0.25 * 0.1, rel=1e-4)


@pytest.mark.parametrize("changes", [{"ties": 1}, {"listener_deviation": -1}, {"song_deviation": "much"}])
def test_assumptions_that_cannot_be(changes):
    with pytest.raises(ValueError, match=f"planning.{next(iter(changes))}="):
        Assumptions(**changes)
