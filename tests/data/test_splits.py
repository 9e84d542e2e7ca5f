"""Whole tunes are split, copies together, by split_seed alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.data import Split
from melgen.data.splits import copies_across_splits, interval_groups, split_tunes
from melgen.music.melody import Melodies
from tests.data.melodies import melodies, walks

FRACTIONS = (0.8, 0.1, 0.1)

# A few shapes and a few keys: most tunes of an example are copies or transpositions of others.
shapes = st.lists(st.integers(-3, 3), min_size=0, max_size=3).map(tuple)
corpora = st.lists(st.tuples(shapes, st.integers(40, 80)), min_size=1, max_size=60)


def tune(shape, first):
    return [first + sum(shape[:i]) for i in range(len(shape) + 1)]


def packed(songs):
    return Melodies.from_list(melodies(songs))


def shape_of(song):
    return tuple(after - before for before, after in pairwise(song))


@settings(deadline=None)
@given(corpora, st.integers(0, 2**32))
def test_copies_and_transpositions_never_fall_into_different_splits(corpus, split_seed):
    songs = [tune(shape, first) for shape, first in corpus]
    distinct = {shape_of(song) for song in songs}
    if len(distinct) < 3:
        with pytest.raises(ValueError, match=f"at least 3 distinct tunes.*got {len(distinct)} "):
            split_tunes(packed(songs), FRACTIONS, split_seed)
        return
    splits = split_tunes(packed(songs), FRACTIONS, split_seed)
    where = defaultdict(set)
    for song, split in zip(songs, splits.tolist(), strict=True):
        where[shape_of(song)].add(split)
    assert all(len(found) == 1 for found in where.values())
    assert set(splits.tolist()) == set(Split)


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=30, max_size=120), st.integers(0, 1000))
def test_shares_are_met_up_to_a_group_of_copies(group_sizes, split_seed):
    songs = [tune((1,) * (group + 1), 40 + copy) for group, size in enumerate(group_sizes) for copy in range(size)]
    counts = Counter(split_tunes(packed(songs), FRACTIONS, split_seed).tolist())
    for split, share in zip(Split, FRACTIONS, strict=True):
        assert abs(counts[split] - share * len(songs)) <= 2 * max(group_sizes)


def test_a_thousand_distinct_tunes_are_split_80_10_10():
    counts = Counter(split_tunes(packed(walks(1000)), FRACTIONS, 0).tolist())
    assert [counts[split] for split in Split] == [800, 100, 100]


def test_other_shares():
    counts = Counter(split_tunes(packed(walks(1000)), (0.5, 0.2, 0.3), 0).tolist())
    assert [counts[split] for split in Split] == [500, 200, 300]


@pytest.mark.parametrize("tunes", [3, 4, 5, 9])
@pytest.mark.parametrize("fractions", [FRACTIONS, (0.98, 0.01, 0.01), (0.01, 0.01, 0.98)])
def test_in_a_tiny_corpus_no_split_is_empty(tunes, fractions):
    for split_seed in range(10):
        assert set(split_tunes(packed(walks(tunes)), fractions, split_seed).tolist()) == set(Split)


def test_the_split_is_a_function_of_split_seed():
    corpus = packed(walks(100))
    first, again, other = (split_tunes(corpus, FRACTIONS, split_seed) for split_seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_split_is_not_the_order_of_the_corpus():
    splits = split_tunes(packed(walks(100)), FRACTIONS, 0)
    assert (splits[:80] != Split.TRAIN).any()


@pytest.mark.parametrize("fractions", [(0.8, 0.2), (0.8, 0.1, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1), (1, 1, 1), ()])
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(ValueError, match=r"split_fractions=.*three positive shares"):
        split_tunes(packed(walks(10)), fractions, 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(list(Split))), min_size=1, max_size=30))
def test_copies_across_splits_counts_the_tunes_that_have_one_elsewhere(tunes):
    groups = np.array([group for group, _ in tunes])
    splits = np.array([split for _, split in tunes], np.int8)
    expected = sum(any(group == other and split != elsewhere for other, elsewhere in tunes) for group, split in tunes)
    assert copies_across_splits(groups, splits) == expected


def test_groups_are_numbered_by_first_appearance():
    songs = [[60, 62, 64], [50], [62, 64, 66], [71], [60, 62]]
    assert interval_groups(packed(songs)).tolist() == [0, 1, 0, 1, 2]
