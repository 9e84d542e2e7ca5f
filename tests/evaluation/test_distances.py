import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from melgen.evaluation import distances as module
from melgen.evaluation.distances import FEATURES, SetDistance, set_distances
from tests import builders

# Linear binning of the distances, and 2,048 points for the integral.
TOLERANCE = 2e-3


@pytest.fixture(scope="module")
def airs():
    return builders.airs(240)


def feature(name, song, widest=127):
    """Each feature from its definition, for one song."""
    song = [int(pitch) for pitch in song]
    pairs = list(pairwise(song))
    steps = [b - a for a, b in pairs]
    if name == "pitch_class_histogram":
        return [sum(p % 12 == c for p in song) / len(song) for c in range(12)]
    if name == "pitch_class_transition_matrix":
        return [sum((a % 12, b % 12) == (c, d) for a, b in pairs) / len(pairs) for c in range(12) for d in range(12)]
    if name == "interval_histogram":
        return [steps.count(i) / len(steps) for i in range(-widest, widest + 1)]
    return {
        "pitch_count": [len(set(song))],
        "pitch_range": [max(song) - min(song)],
        "average_pitch_interval": [sum(map(abs, steps)) / len(steps)],
    }[name]


def distances_one_by_one(name, songs, reference):
    a = [np.array(feature(name, song)) for song in songs]
    b = [np.array(feature(name, song)) for song in reference]
    intra = [np.linalg.norm(x - y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
    return intra, [np.linalg.norm(x - y) for x in a for y in b]


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURES)
def test_equals_scipy_on_real_tunes(name, airs):
    songs, reference = [tune[:34] for tune in airs[:20]], airs[20:50]
    intra, inter = distances_one_by_one(name, songs, reference)
    p, q = stats.gaussian_kde(intra), stats.gaussian_kde(inter)
    margin = 8 * max(math.sqrt(kde.covariance[0, 0]) for kde in (p, q))
    x = np.linspace(min(intra + inter) - margin, max(intra + inter) + margin, 6001)
    area = integrate.simpson(np.minimum(p(x), q(x)), x=x)
    divergence = integrate.simpson(p(x) * (p.logpdf(x) - q.logpdf(x)), x=x)
    found = set_distances(songs, reference)[name]
    np.testing.assert_allclose(found, [area, divergence], rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.slow
def test_the_area_is_that_of_quad(airs):
    # Like the integral of the authors' code, but over the whole line.
    songs, reference = [tune[:34] for tune in airs[:6]], airs[6:13]
    intra, inter = distances_one_by_one("pitch_range", songs, reference)
    p, q = stats.gaussian_kde(intra), stats.gaussian_kde(inter)
    area, _ = integrate.quad(lambda x: min(p(x)[0], q(x)[0]), -30, 60, limit=100, epsabs=5e-4)
    assert set_distances(songs, reference)["pitch_range"].overlapped_area == pytest.approx(area, abs=TOLERANCE)


def test_density_is_that_of_scipy():
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.gamma(2, 1, 5000), rng.integers(0, 5, 2000)])
    points = np.linspace(-1, 12, 300)
    expected = stats.gaussian_kde(sample)(points)
    found = np.exp(module._log_density(sample, points))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


@pytest.mark.slow
def test_two_halves_of_one_corpus_are_near_and_chance_is_far(airs):
    rng = np.random.default_rng(0)
    chance = [rng.integers(40, 90, 60) for _ in range(120)]
    near, far = set_distances(airs[::2], airs[1::2]), set_distances(chance, airs[1::2])
    for name in FEATURES:
        assert near[name].overlapped_area > 0.85
        assert near[name].kl_divergence < 0.1
        assert far[name].overlapped_area < near[name].overlapped_area
        assert far[name].kl_divergence > near[name].kl_divergence


def test_the_divergence_runs_from_intra_to_inter():
    # Two normal densities have a closed form: intra N(0, 1), inter N(1, 2).
    rng = np.random.default_rng(1)
    intra, inter = rng.normal(0, 1, 20_000), rng.normal(1, 2, 20_000)
    found = module._compare(intra - intra.min(), inter - intra.min())
    # Scott's bandwidth widens both, which the closed form takes into account.
    widen = 1 + 20_000**-0.4
    p, q = 1 * widen, 4 * widen
    expected = 0.5 * (p / q + 1 / q - 1 + math.log(q / p))
    assert found.kl_divergence == pytest.approx(expected, rel=0.05)
    assert found.kl_divergence < 0.5 * (q / p + 1 / p - 1 + math.log(p / q)) / 2


def test_densities_far_apart_have_a_finite_divergence():
    rng = np.random.default_rng(0)
    found = module._compare(rng.normal(5, 0.1, 1000), rng.normal(500, 0.1, 1000))
    assert found.overlapped_area == pytest.approx(0, abs=1e-12)
    assert 1e6 < found.kl_divergence < math.inf


def test_a_density_much_narrower_than_the_other_still_has_its_area():
    rng = np.random.default_rng(0)
    narrow = rng.normal(10, 1e-5, 1000)
    wide = rng.normal(10, 3, 1000)
    expected = stats.gaussian_kde(wide)(10)[0] * 12 * 1e-5
    assert 0 < module._compare(narrow, wide).overlapped_area < expected


REFERENCE = [[60, 62, 64], [60, 60, 67], [72, 60, 61], [60, 64, 67]]


def test_sets_too_small_have_no_distance():
    for songs, reference in (
        (REFERENCE[:2], REFERENCE),
        (REFERENCE, REFERENCE[:2]),
        ([[60], [], *REFERENCE[:2]], REFERENCE),
        ([], REFERENCE),
    ):
        scores = set_distances(songs, reference)
        assert list(scores) == list(FEATURES)
        assert np.isnan(list(scores.values())).all()


def test_equal_distances():
    same = [[60, 62, 60, 64]] * 4
    assert set(set_distances(same, same).values()) == {SetDistance(1.0, 0.0)}
    # All tunes are equal, and all songs are equally far from them: two separate points.
    apart = set_distances([[60, 60, 60, 60]] * 3, same)
    for area, divergence in apart.values():
        assert area == 0
        assert math.isnan(divergence)
    # One set of distances with a density, one without.
    assert set_distances(REFERENCE, same)["pitch_range"].overlapped_area == 0
    assert math.isnan(set_distances(REFERENCE, same)["pitch_range"].kl_divergence)


@pytest.mark.slow
def test_large_sets_are_drawn_from_with_the_seed(airs, monkeypatch):
    monkeypatch.setattr(module, "MOST_SONGS", 50)
    songs, reference = airs[:100], airs[100:]
    first, again, other = (set_distances(songs, reference, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    drawn = module._draw(songs, np.random.default_rng(0))
    assert len(drawn) == 50
    assert len({id(song) for song in drawn}) == 50
