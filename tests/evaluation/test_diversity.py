import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora import FolkCorpus
from melgen.evaluation import diversity as module
from melgen.evaluation.diversity import diversity

song_sets = st.lists(st.lists(st.integers(60, 63), max_size=14), max_size=8)


def intervals(song):
    return tuple(b - a for a, b in pairwise(song))


def four_grams(song):
    steps = intervals(song)
    return [steps[i : i + 4] for i in range(len(steps) - 3)]


def by_definition(songs):
    grams = [four_grams(song) for song in songs]
    every = [gram for song in grams for gram in song]
    sets = [set(song) for song in grams if song]
    nearest = [
        max(2 * len(a & b) / (len(a) + len(b)) for j, b in enumerate(sets) if j != i)
        for i, a in enumerate(sets)
        if len(sets) > 1
    ]
    return [
        len({intervals(song) for song in songs}) / len(songs) if songs else math.nan,
        len(set(every)) / len(every) if every else math.nan,
        sum(nearest) / len(nearest) if nearest else math.nan,
    ]


@given(song_sets)
def test_equals_the_definition(songs):
    np.testing.assert_allclose(list(diversity(songs).values()), by_definition(songs), rtol=1e-12)


def test_names():
    names = ["distinct_songs", "distinct_4gram_share", "mean_nearest_neighbour_similarity"]
    assert list(diversity([[60, 62]])) == names


def test_a_writer_that_repeats_itself_is_seen():
    tunes = FolkCorpus(["airds"]).load(progress=False).melodies
    different = [tunes.pitches_of(i)[:34] for i in range(60)]
    collapsed = [different[0] + i % 12 for i in range(60)]
    real, poor = diversity(different), diversity(collapsed)
    assert poor["distinct_songs"] == 1 / 60
    assert poor["distinct_4gram_share"] <= 1 / 60
    assert poor["mean_nearest_neighbour_similarity"] == 1
    assert real["distinct_songs"] > 0.9
    assert real["mean_nearest_neighbour_similarity"] < 0.6


def test_transposition_changes_nothing():
    songs = [[60, 62, 64, 65, 67, 60], [60, 65, 60, 65, 60]]
    assert diversity([[pitch + 5 for pitch in songs[0]], songs[1]]) == diversity(songs)


def test_songs_too_short_for_a_4gram():
    scores = diversity([[60], [62], [60, 64]])
    assert scores["distinct_songs"] == 2 / 3
    assert math.isnan(scores["distinct_4gram_share"])
    assert math.isnan(scores["mean_nearest_neighbour_similarity"])


def test_large_sets_are_drawn_from_with_the_seed(monkeypatch):
    rng = np.random.default_rng(0)
    songs = [rng.integers(60, 64, 20) for _ in range(200)]
    exact = diversity(songs)
    monkeypatch.setattr(module, "MOST_SONGS", 100)
    drawn = [diversity(songs, seed=seed) for seed in (0, 0, 1)]
    key = "mean_nearest_neighbour_similarity"
    assert drawn[0] == drawn[1]
    assert drawn[0][key] != drawn[2][key]
    # Among half the songs the nearest one is slightly farther.
    assert exact[key] - 0.1 < drawn[0][key] < exact[key]
    assert drawn[2]["distinct_4gram_share"] == exact["distinct_4gram_share"]


@pytest.mark.parametrize("pitches", [[60.0, 62.5], [[60, 62]]])
def test_refuses_pitches_that_are_not_a_list_of_whole_numbers(pitches):
    with pytest.raises(ValueError, match="pitches as whole numbers"):
        diversity([pitches])
