"""The Bradley-Terry model with ties, compared with formulas, a general optimiser and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime, minimize

from melgen.listening.bradley_terry import PRIOR_DEVIATION, Judgements, _Target, fit, judgement_gradients, outcomes

NEARLY_FLAT = 1e4
"""Standard deviation of a prior that changes nothing here."""


def judgements_of(*counts):
    """Judgements from rows of first, second, wins, ties and losses."""
    first, second, score = [], [], []
    for one, other, wins, ties, losses in counts:
        total = wins + ties + losses
        first += [one] * total
        second += [other] * total
        score += [1.0] * wins + [0.5] * ties + [0.0] * losses
    return Judgements(np.array(first), np.array(second), np.array(score))


many = st.lists(
    st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(0, 6)] * 3).filter(lambda row: row[0] != row[1] and sum(row[2:])),
    min_size=1,
    max_size=6,
).map(lambda rows: judgements_of(*rows))


def davidson(first, second, ties):
    """The three probabilities in Davidson's own form, of worths instead of abilities."""
    middle = ties * np.sqrt(first * second)
    return np.array([first, middle, second]) / (first + second + middle)


@given(*[st.floats(0.01, 100)] * 3)
def test_the_probabilities_are_those_of_davidson(first, second, ties):
    found = outcomes(np.log(first / second), np.log(ties))
    assert np.stack(found) == pytest.approx(davidson(first, second, ties))


def test_two_conditions_without_ties_have_the_log_odds():
    found = fit(judgements_of((0, 1, 30, 0, 10)), 2, 1, NEARLY_FLAT)
    assert found.abilities == pytest.approx([np.log(3), 0], abs=1e-4)
    assert found.covariance[0, 0] == pytest.approx(1 / 30 + 1 / 10, rel=1e-3)  # of log odds
    assert found.scores == pytest.approx([0.75, 0.5], abs=1e-4)


def test_two_conditions_with_ties_fit_the_counts_exactly():
    found = fit(judgements_of((0, 1, 20, 15, 5)), 2, 0, NEARLY_FLAT)
    assert np.stack(outcomes(-found.abilities[1], found.log_ties)) == pytest.approx([0.5, 0.375, 0.125], abs=1e-5)


@settings(max_examples=10, deadline=None)
@given(many)
def test_the_fit_is_the_maximum_that_a_general_optimiser_finds(judgements):
    """The likelihood is written once more, judgement by judgement, in Davidson's own form."""

    def negative(parameters):
        abilities, log_ties = np.append(parameters[:-1], 0.0), parameters[-1]
        worth = np.exp(abilities)
        odds = [
            davidson(worth[one], worth[other], np.exp(log_ties))
            for one, other in zip(judgements.first, judgements.second, strict=True)
        ]
        drawn = np.array([{1.0: 0, 0.5: 1, 0.0: 2}[score] for score in judgements.score])
        likelihood = np.log(np.array(odds)[np.arange(len(drawn)), drawn]).sum()
        prior = (((abilities - abilities.mean()) ** 2).sum() + log_ties**2) / (2 * PRIOR_DEVIATION**2)
        return prior - likelihood

    reference = minimize(negative, np.zeros(4), method="BFGS", options={"gtol": 1e-6})
    found = fit(judgements, 4, 3)
    assert np.append(found.abilities[:3], found.log_ties) == pytest.approx(reference.x, abs=2e-3)


@given(many, st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_gradient_and_hessian_are_the_derivatives(judgements, point):
    target, place = _Target(judgements, 4, 1, PRIOR_DEVIATION), np.array(point)
    assert target.gradient(place) == pytest.approx(approx_fprime(place, target.value, 1e-6), abs=1e-3)
    columns = [
        (target.gradient(place + step) - target.gradient(place - step)) / 2e-5 for step in 1e-5 * np.eye(len(place))
    ]
    assert target.hessian(place) == pytest.approx(np.array(columns), abs=1e-5)


@given(many, st.integers(0, 3))
def test_gradients_of_judgements_add_up_to_that_of_the_prior(judgements, reference):
    found = fit(judgements, 4, reference)
    gradients = judgement_gradients(judgements, found).sum(axis=0)
    of_prior = np.append(found.abilities - found.abilities.mean(), found.log_ties) / PRIOR_DEVIATION**2
    of_prior[reference] = 0
    assert gradients == pytest.approx(of_prior, abs=1e-5)


@given(many)
def test_the_choice_of_the_reference_only_shifts_the_abilities(judgements):
    one, other = fit(judgements, 4, 0), fit(judgements, 4, 2)
    assert one.abilities - one.abilities[2] == pytest.approx(other.abilities, abs=1e-4)
    assert one.log_ties == pytest.approx(other.log_ties, abs=1e-4)


def test_a_condition_that_always_wins_has_a_finite_ability():
    found = fit(judgements_of((0, 1, 50, 0, 0)), 2, 1)
    assert 3 < found.abilities[0] < 12
    assert found.scores[0] > 0.97


def test_judgements_are_needed():
    with pytest.raises(ValueError, match="without a judgement"):
        fit(judgements_of(), 2, 0)
