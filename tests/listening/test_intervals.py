"""Intervals over listeners and songs: their sums by definition, and how often they contain the truth."""

from __future__ import annotations

import numpy as np
import pytest

from melgen.listening.bradley_terry import Judgements, fit, judgement_gradients
from melgen.listening.design import lay_out
from melgen.listening.intervals import Clusters, against_reference, intervals, score_intervals, variances
from tests.listening.listeners import Population, simulate

LOG_TIES = float(np.log(0.6))


def simulated(conditions=4, songs=8, listeners=12, comparisons=18, listener_deviation=0.0, song_deviation=0.0, seed=0):
    """One test: the population, its judgements, and the songs of each condition."""
    population = Population(np.linspace(0, -1.5, conditions), LOG_TIES, listener_deviation, song_deviation)
    songs_of = [np.arange(i * songs, (i + 1) * songs) for i in range(conditions)]
    sheets = lay_out([each.tolist() for each in songs_of], [], listeners, comparisons, 0, seed)
    pairs = [[(each.first, each.second) for each in sheet] for sheet in sheets]
    found = simulate(population, pairs, np.repeat(np.arange(conditions), songs), np.random.default_rng(seed))
    return population, *found, songs_of


def test_the_sums_are_those_over_pairs_of_judgements_that_share_a_listener_or_a_song():
    """Written once more, pair by pair, by the definition."""
    _, judgements, clusters, songs_of = simulated(songs=3, listeners=5, comparisons=12, listener_deviation=1)
    fitted = fit(judgements, 4, 0)
    gradients = judgement_gradients(judgements, fitted)
    one, other = clusters.first_song, clusters.second_song
    meat = {"listener": 0.0, "song": 0.0, "both": 0.0}
    for i in range(len(judgements)):
        for j in range(len(judgements)):
            product = np.outer(gradients[i], gradients[j])
            same_listener = clusters.listener[i] == clusters.listener[j]
            share_song = bool({one[i], other[i]} & {one[j], other[j]})
            meat["listener"] += product * same_listener
            meat["song"] += product * share_song
            meat["both"] += product * (same_listener and share_song)
    diagonal = {name: np.diag(fitted.covariance @ total @ fitted.covariance)[:-1] for name, total in meat.items()}
    found = variances(judgements, clusters, fitted, songs_of, against_reference(fitted))
    assert found.listeners == pytest.approx(diagonal["listener"] * 5 / 4)
    assert found.songs == pytest.approx(np.maximum(0, diagonal["song"] * 3 / 2 - diagonal["both"]), abs=1e-12)
    assert found.total == pytest.approx(np.maximum(found.listeners + found.songs, found.judgements))
    assert found.judgements == pytest.approx(np.diag(fitted.covariance)[:-1])


def test_the_reference_has_no_interval_and_scores_have_those_of_abilities():
    _, judgements, clusters, songs_of = simulated()
    fitted = fit(judgements, 4, 0)
    found = variances(judgements, clusters, fitted, songs_of, against_reference(fitted))
    ends = intervals(fitted.abilities, found, 0.95)
    assert (ends.low[0], ends.high[0]) == (0, 0)
    assert (ends.low[1:] < fitted.abilities[1:]).all()
    assert (fitted.abilities[1:] < ends.high[1:]).all()
    scores = score_intervals(fitted, ends)
    assert (scores.low <= fitted.scores).all()
    assert (fitted.scores <= scores.high).all()
    assert (scores.low > 0).all()


def test_the_interval_of_a_pair_is_that_of_an_ability_with_another_reference():
    """Without a prior the choice of the reference does not matter at all, and the weak one hardly matters."""
    _, judgements, clusters, songs_of = simulated(listeners=30, listener_deviation=0.5)
    one, other = fit(judgements, 4, 0), fit(judgements, 4, 2)
    pairs = [(1, 2), (3, 2), (2, 2)]
    found = variances(judgements, clusters, one, songs_of, pairs)
    expected = variances(judgements, clusters, other, songs_of, pairs)
    assert found.total == pytest.approx(expected.total, rel=0.02)
    assert found.freedom == pytest.approx(expected.freedom, rel=0.02)
    turned = variances(judgements, clusters, one, songs_of, [(b, a) for a, b in pairs])
    assert turned.total == pytest.approx(found.total)
    assert found.total[2] == 0


def test_one_listener_or_one_song_is_not_enough():
    judgements = Judgements(np.array([0, 1]), np.array([1, 0]), np.array([1.0, 0.0]))
    fitted = fit(judgements, 2, 0)
    songs = [np.array([0, 1]), np.array([2, 3])]
    with pytest.raises(ValueError, match="at least 2 of them"):
        variances(judgements, Clusters(np.array([0, 0]), np.array([0, 2]), np.array([3, 1])), fitted, songs, [(1, 0)])
    with pytest.raises(ValueError, match="at least 2 that were heard"):
        variances(judgements, Clusters(np.array([0, 1]), np.array([0, 2]), np.array([2, 0])), fitted, songs, [(1, 0)])


def coverage(repetitions, **numbers):
    """Shares of intervals that contain the truth: ours, and those of independent judgements."""
    ours, independent, truth = [], [], None
    for seed in range(repetitions):
        population, judgements, clusters, songs_of = simulated(seed=seed, **numbers)
        if truth is None:
            truth = population.marginal_abilities(0)
        fitted = fit(judgements, len(truth), 0)
        found = variances(judgements, clusters, fitted, songs_of, against_reference(fitted))
        ends = intervals(fitted.abilities, found, 0.95)
        ours.append(((ends.low <= truth) & (truth <= ends.high))[1:])
        independent.append((np.abs(fitted.abilities - truth) <= 1.96 * np.sqrt(found.judgements))[1:])
    return float(np.mean(ours)), float(np.mean(independent))


def test_intervals_contain_the_truth_in_some_repetitions():
    ours, _ = coverage(15, listener_deviation=0.5, song_deviation=0.5)
    assert ours >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "independent_fails"),
    [
        ({}, False),
        ({"listener_deviation": 1.0, "listeners": 25}, True),
        ({"song_deviation": 0.8, "listeners": 25, "songs": 12}, True),
        ({"listener_deviation": 0.5, "song_deviation": 0.5, "songs": 10, "listeners": 15}, True),
        ({"listener_deviation": 0.5, "song_deviation": 0.5, "conditions": 6, "comparisons": 24}, True),
    ],
)
def test_intervals_contain_the_truth_in_about_95_percent(numbers, independent_fails):
    ours, independent = coverage(120, **numbers)
    # Three standard errors of a share of 95% in 120 repetitions are 6%, if the abilities of one are alike.
    assert 0.89 <= ours <= 0.995
    assert (independent < 0.9) == independent_fails
