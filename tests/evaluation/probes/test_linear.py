"""The linear probe against the densities of SciPy, and its control."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from melgen.evaluation.probes.linear import (
    UNKNOWN,
    Labelled,
    LinearDiscriminant,
    ProbeResult,
    Spread,
    balanced_accuracy,
    probe,
)


def notes(count, classes=4, width=6, seed=0, shift=2.0):
    """States of classes whose means are `shift` apart, of very different spreads."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, classes, count)
    means = shift * np.random.default_rng(9).normal(size=(classes, width))
    states = means[own] + rng.normal(size=(count, width)) * np.geomspace(0.3, 3, width)
    return labelled(states, own)


def labelled(states, own):
    """Of tunes of ten notes."""
    return Labelled(np.asarray(states, np.float32), own, np.arange(len(own)) // 10)


@pytest.mark.parametrize("shrinkage", [1e-3, 1.0])
def test_a_state_belongs_to_the_class_of_the_highest_density(shrinkage):
    train, test = notes(400), notes(200, seed=1)
    found = LinearDiscriminant(Spread(train.states), train.classes, 4).classify(test.states, shrinkage)
    means = [train.states[train.classes == each].mean(axis=0, dtype=np.float64) for each in range(4)]
    within = train.states - np.array(means)[train.classes]
    covariance = within.T @ within / 400
    covariance += shrinkage * np.trace(covariance) / 6 * np.eye(6)
    densities = [multivariate_normal(mean, covariance).logpdf(test.states) for mean in means]
    assert found.tolist() == np.argmax(densities, axis=0).tolist()


def test_a_class_between_two_others_is_not_masked():
    """As it would be in a regression onto class indicators."""
    rng = np.random.default_rng(0)
    own = rng.integers(0, 3, 900)
    states = np.stack([own + 0.1 * rng.normal(size=900), rng.normal(size=900)], axis=1)
    parts = [labelled(states[part], own[part]) for part in (slice(0, 300), slice(300, 600), slice(600, 900))]
    assert probe(*parts).accuracy > 0.99


def test_shuffled_classes_and_states_without_classes_are_at_chance():
    splits = [notes(2_000, seed=seed) for seed in range(3)]
    found = probe(*splits)
    assert found.accuracy > 0.7
    assert found.chance == 0.25
    assert abs(found.shuffled - found.chance) < 0.05
    noise = [
        part._replace(states=np.random.default_rng(5).normal(size=(2_000, 6)).astype(np.float32)) for part in splits
    ]
    assert abs(probe(*noise).accuracy - 0.25) < 0.05


def test_units_and_turns_of_the_state_change_nothing():
    splits = [notes(500, seed=seed) for seed in range(3)]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    turned = [labelled(100 * part.states @ turn + 7, part.classes) for part in splits]
    assert probe(*turned).accuracy == pytest.approx(probe(*splits).accuracy, abs=0.005)


def test_classes_of_few_tunes_and_unknown_ones_are_left_out():
    splits = [notes(500, seed=seed) for seed in range(3)]
    expected = probe(*splits)
    more = np.repeat([UNKNOWN, 1], [50, 40])  # class 1 is in four tunes; the others are numbered from 3
    marked = [
        labelled(np.append(part.states, np.full((90, 6), 50), axis=0), np.append(part.classes + 3, more))
        for part in splits
    ]
    assert probe(*marked) == expected
    fifth = [
        labelled(np.append(part.states, np.full((10, 6), 50), axis=0), np.append(part.classes, [1] * 10))
        for part in marked
    ]
    assert probe(*fifth[:2], marked[2]) == expected, "enough in training, and not in the measured tunes"
    assert probe(*fifth).classes == 5


def test_without_two_classes_there_is_no_result():
    one = labelled(np.zeros((100, 3)), np.zeros(100, np.int64))
    none = labelled(np.zeros((0, 3)), np.zeros(0, np.int64))
    unknown = one._replace(classes=np.full(100, UNKNOWN))
    for parts in ((one, one, one), (none, none, none), (unknown, one, one)):
        found = probe(*parts)
        assert math.isnan(found.accuracy)
        assert math.isnan(found.shuffled)
    assert math.isnan(ProbeResult(math.nan, math.nan, 0, 0).chance)


def test_states_that_do_not_vary_within_classes_are_separated():
    own = np.arange(120) % 2
    constant = labelled(np.stack([own, np.ones(120)], axis=1), own)
    assert probe(constant, constant, constant).accuracy == 1.0


def test_without_validation_notes_a_fixed_shrinkage_is_used():
    train, _, test = (notes(500, seed=seed) for seed in range(3))
    none = labelled(train.states[:0], train.classes[:0])
    fitted = LinearDiscriminant(Spread(train.states), train.classes, 4)
    expected = balanced_accuracy(fitted.classify(test.states, 1e-2), test.classes)
    assert probe(train, none, test).accuracy == expected
