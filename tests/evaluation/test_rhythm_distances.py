"""Distances over rhythm against scipy, feature by feature."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from melgen.corpora import FolkCorpus
from melgen.evaluation import distances as module
from melgen.evaluation.distances import RHYTHM_FEATURES, SetDistance, rhythm_distances
from melgen.evaluation.rhythm_descriptors import rhythm_table
from melgen.music.metre import Metre
from tests.evaluation.rhythms import in_metre, melody_of
from tests.tiers import quick_rows

pytestmark = pytest.mark.slow

TOLERANCE = 2e-3  # linear binning of the distances, as for pitches


def shares(values):
    return {value: values.count(value) / len(values) for value in values}


def feature(name, song):
    """Each feature from its definition, for one song: shares by category."""
    intervals = [after - before for before, after in pairwise(song.onsets)]
    table = {key: values[0] for key, values in rhythm_table([song]).items()}
    return {
        "note_length_histogram": lambda: shares(list(song.durations)),
        "note_length_transition_matrix": lambda: shares(list(pairwise(song.durations))),
        "inter_onset_interval_histogram": lambda: shares(intervals),
        "note_length_count": lambda: {0: len(set(song.durations))},
        "average_inter_onset_interval": lambda: {0: sum(intervals) / len(intervals) / 24},
        "silence_share": lambda: {0: table["silence_share"]},
        "note_count": lambda: {0: len(song)},
        "bar_count": lambda: {0: table["n_bars"]},
    }[name]()


def distance(a, b):
    return math.dist([a.get(key, 0) for key in sorted({*a, *b})], [b.get(key, 0) for key in sorted({*a, *b})])


@pytest.fixture(scope="module")
def tunes():
    melodies = FolkCorpus(["misc_folk"]).load(progress=False).melodies
    return [melodies[i] for i in range(50)]


@quick_rows(1, "name", RHYTHM_FEATURES)
def test_equals_scipy_on_real_tunes(name, tunes):
    a, b = ([feature(name, song) for song in part] for part in (tunes[:20], tunes[20:50]))
    intra = [distance(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j]
    inter = [distance(x, y) for x in a for y in b]
    p, q = stats.gaussian_kde(intra), stats.gaussian_kde(inter)
    margin = 8 * max(math.sqrt(kde.covariance[0, 0]) for kde in (p, q))
    x = np.linspace(min(intra + inter) - margin, max(intra + inter) + margin, 6001)
    area = integrate.simpson(np.minimum(p(x), q(x)), x=x)
    divergence = integrate.simpson(p(x) * (p.logpdf(x) - q.logpdf(x)), x=x)
    found = rhythm_distances(tunes[:20], tunes[20:50])[name]
    np.testing.assert_allclose(found, [area, divergence], rtol=TOLERANCE, atol=TOLERANCE)


def test_songs_of_unknown_bars_are_left_out_of_the_bars_only(tunes):
    free = [melody_of([(60, 12), (62, 24), (64, 12 + i)]) for i in range(4)]
    found = rhythm_distances(free, tunes)
    assert math.isnan(found["bar_count"].overlapped_area)
    assert not math.isnan(found["note_length_histogram"].overlapped_area)
    timed = [melody_of([(60, 96 * i)] * 2, **in_metre(Metre(4, 4))) for i in range(1, 4)]
    assert rhythm_distances(free + timed, tunes)["bar_count"] == rhythm_distances(timed, tunes)["bar_count"]


def test_a_set_is_like_itself_and_unlike_another(tunes):
    same = [melody_of([(60, 12), (62, 12)], **in_metre(Metre(4, 4)))] * 4
    assert set(rhythm_distances(same, same).values()) == {SetDistance(1.0, 0.0)}
    longer = [melody_of([(60, 24), (62, 24)], **in_metre(Metre(4, 4)))] * 4
    assert rhythm_distances(longer, same)["note_length_histogram"].overlapped_area == 0


def test_too_few_songs(tunes):
    assert all(math.isnan(area) for area, _ in rhythm_distances(tunes[:2], tunes).values())
    assert all(math.isnan(area) for area, _ in rhythm_distances([melody_of([(60, 24)])] * 5, tunes).values())


def test_large_sets_are_drawn_from(tunes, monkeypatch):
    monkeypatch.setattr(module, "MOST_SONGS", 10)
    first, again, other = (rhythm_distances(tunes[:30], tunes[30:], seed=seed) for seed in (3, 3, 4))
    assert first == again != other


def test_each_pair_of_lengths_has_its_own_column():
    songs = [melody_of([(60, 2 * i + 1), (60, 2 * i + 2)]) for i in range(6)]
    table = module._rhythm_features(songs)["note_length_transition_matrix"]
    np.testing.assert_array_equal(table, np.eye(6))
