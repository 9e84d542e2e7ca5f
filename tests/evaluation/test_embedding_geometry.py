import itertools
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from melgen.evaluation.embedding_geometry import (
    embedding_geometry,
    fifths_distances,
    frequent_values,
    semitone_distances,
)

PITCHES = np.arange(48, 84)
INTERVALS = np.arange(-13, 14)


def circle_of_fifths(values):
    angle = 2 * np.pi * (7 * np.asarray(values) % 12) / 12
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def by_name(fits):
    return {(fit.metric, fit.geometry): fit for fit in fits}


def test_fifths_by_counting_along_the_circle():
    circle = ["C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#", "A#", "F"]
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    found = fifths_distances(range(24))
    for p, q in itertools.product(range(24), repeat=2):
        steps = abs(circle.index(names[p % 12]) - circle.index(names[q % 12]))
        assert found[p, q] == min(steps, 12 - steps)


def test_intervals_lie_on_the_same_circle_in_both_directions():
    assert fifths_distances([0, 7, -5, -7, 5])[0].tolist() == [0, 1, 1, 1, 1]
    assert semitone_distances([-2, 7])[0].tolist() == [0, 9]


@pytest.mark.parametrize("values", [PITCHES, INTERVALS])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_an_embedding_on_the_circle_of_fifths(values, metric):
    fits = by_name(embedding_geometry(circle_of_fifths(values), values, permutations=199))
    fifths, semitones = fits[metric, "fifths"], fits[metric, "semitones"]
    assert fifths.correlation == pytest.approx(1)
    assert fifths.p_value == 1 / 200
    assert abs(semitones.correlation) < 0.15
    assert fifths.compared == len(values)


@pytest.mark.parametrize("values", [PITCHES, INTERVALS])
def test_an_embedding_on_a_line_of_pitches(values):
    fits = by_name(embedding_geometry(values[:, None] * [[1.0, 2.0]], values, permutations=199))
    assert fits["euclidean", "semitones"].correlation == pytest.approx(1)
    assert fits["euclidean", "semitones"].p_value == 1 / 200
    assert abs(fits["euclidean", "fifths"].correlation) < 0.15


def test_chance_gives_correlations_near_zero_and_even_p_values():
    p_values, correlations = [], []
    for seed in range(60):
        weights = np.random.default_rng(seed).normal(size=(24, 16))
        for fit in embedding_geometry(weights, np.arange(60, 84), permutations=99, seed=seed):
            p_values.append(fit.p_value)
            correlations.append(fit.correlation)
    assert abs(np.mean(correlations)) < 0.02
    # 240 p-values in 60 independent groups: their mean has a deviation of at most 0.29 / sqrt(60) = 0.04.
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.15)


def test_correlation_equals_scipy_and_the_partial_one_is_that_of_residuals():
    values = np.arange(55, 80)
    weights = np.random.default_rng(3).normal(size=(25, 5)) + 0.1 * values[:, None]
    pairs = np.triu_indices(25, k=1)
    distances = np.linalg.norm(weights[:, None] - weights, axis=2)[pairs]
    fifths, semitones = fifths_distances(values)[pairs], semitone_distances(values)[pairs]
    fits = by_name(embedding_geometry(weights, values, permutations=9))
    assert fits["euclidean", "fifths"].correlation == pytest.approx(spearmanr(distances, fifths)[0], abs=1e-12)
    assert fits["euclidean", "semitones"].correlation == pytest.approx(spearmanr(distances, semitones)[0], abs=1e-12)

    from scipy.stats import rankdata

    def residual(x, given):
        design = np.stack([np.ones(len(x)), rankdata(given)], axis=1)
        return rankdata(x) - design @ np.linalg.lstsq(design, rankdata(x), rcond=None)[0]

    expected = np.corrcoef(residual(distances, semitones), residual(fifths, semitones))[0, 1]
    assert fits["euclidean", "fifths"].partial == pytest.approx(expected, abs=1e-9)


def test_p_value_approaches_that_of_all_permutations():
    values = np.array([60, 62, 64, 65, 67])
    weights = np.random.default_rng(1).normal(size=(5, 3)) + 0.3 * values[:, None]
    pairs = np.triu_indices(5, k=1)
    distances = np.linalg.norm(weights[:, None] - weights, axis=2)
    semitones = semitone_distances(values)[pairs]
    observed = spearmanr(distances[pairs], semitones)[0]
    extreme = sum(
        abs(spearmanr(distances[np.ix_(order, order)][pairs], semitones)[0]) >= abs(observed) - 1e-9
        for order in map(list, itertools.permutations(range(5)))
    )
    found = by_name(embedding_geometry(weights, values, permutations=20_000))["euclidean", "semitones"]
    assert found.p_value == pytest.approx(extreme / math.factorial(5), abs=0.015)


def test_turning_stretching_and_reordering_change_nothing():
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(20, 6))
    values = np.arange(60, 80)
    turned = 3 * weights @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    order = rng.permutation(20)
    first = [fit.correlation for fit in embedding_geometry(weights, values, permutations=0)]
    for other in (embedding_geometry(turned, values, permutations=0),
                  embedding_geometry(weights[order], values[order], permutations=0)):  # fmt: skip
        assert [fit.correlation for fit in other] == pytest.approx(first, abs=1e-9)


def test_the_seed_decides_alone():
    weights = np.random.default_rng(0).normal(size=(12, 4))
    first = embedding_geometry(weights, range(12), permutations=300, seed=4)
    assert embedding_geometry(weights, range(12), permutations=300, seed=4) == first
    assert embedding_geometry(weights, range(12), permutations=300, seed=5) != first


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_values(count):
    for fit in embedding_geometry(np.eye(4)[:count], range(count)):
        assert np.isnan(fit[2:6]).all()
        assert fit.compared == count


def test_constant_values_have_no_correlation():
    for fit in embedding_geometry(np.ones((6, 3)), range(6), permutations=9):
        assert np.isnan(fit[2:6]).all()
    octaves = by_name(embedding_geometry(np.random.default_rng(0).normal(size=(5, 3)), [24, 36, 48, 60, 72]))
    assert math.isnan(octaves["euclidean", "fifths"].correlation)
    assert math.isfinite(octaves["euclidean", "semitones"].correlation)
    assert math.isnan(octaves["euclidean", "semitones"].partial)


def test_frequent_values_by_hand():
    assert frequent_values([5, 0, 90, 5]).tolist() == [True, False, True, True]
    assert frequent_values([5, 0, 90, 5], coverage=0.95).tolist() == [True, False, True, False]
    assert frequent_values([0, 0]).tolist() == [False, False]


def test_invalid_arguments_are_refused():
    with pytest.raises(ValueError, match="every row needs a value, got 2 for 3"):
        embedding_geometry(np.eye(3), [60, 61])
    with pytest.raises(ValueError, match="-1"):
        frequent_values([3, -1])
    with pytest.raises(ValueError, match=r"1\.5"):
        frequent_values([3], coverage=1.5)
