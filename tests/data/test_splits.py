"""Whole tunes are split, with their copies, by their intervals and split_seed alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import CorpusError, FolkCorpus, ImportedCorpus
from melgen.corpora.packing import interval_keys
from melgen.corpora.report import ImportReport
from melgen.data import Split
from melgen.data.choosing_splits import declared_or_hashed
from melgen.data.corpus_hashes import tune_hashes
from melgen.data.splits import _place, copies_across_splits, groups_of, split_tunes
from melgen.music.melody import Melodies, Melody
from tests.data.melodies import melodies, walks
from tests.tiers import quick_rows

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


@quick_rows(1, "fractions", [FRACTIONS, (0.5, 0.2, 0.3), (0.34, 0.33, 0.33)])
@quick_rows(1, "split_seed", [0, 1, 2**31])
def test_the_shares_are_met_on_average(fractions, split_seed):
    counts = Counter(split_tunes(packed(walks(5000)), fractions, split_seed).tolist())
    for split, share in zip(Split, fractions, strict=True):
        deviation = (5000 * share * (1 - share)) ** 0.5
        assert abs(counts[split] - 5000 * share) < 4 * deviation


def splits_by_tune(songs, split_seed=0):
    return dict(zip(map(shape_of, songs), split_tunes(packed(songs), FRACTIONS, split_seed).tolist(), strict=True))


def test_a_tune_keeps_its_split_in_every_corpus():
    songs = walks(400)
    whole = splits_by_tune(songs)
    for part in (songs[:200], songs[100:], songs[::-1], songs + walks(50, seed=9), songs[::3]):
        found = splits_by_tune(part)
        assert {shape: found[shape] for shape in whole.keys() & found.keys()} == {
            shape: whole[shape] for shape in whole.keys() & found.keys()
        }
    higher = [[pitch + 5 for pitch in song] for song in songs[:300]]
    assert splits_by_tune(higher).items() <= whole.items()


@pytest.mark.slow
def test_the_splits_of_a_collection_are_those_in_a_larger_corpus():
    """`corpus=misc_folk` inside `corpus=[misc_folk,ryans]`."""
    small, large = (
        FolkCorpus(names).load(progress=False).melodies for names in (["misc_folk"], ["misc_folk", "ryans"])
    )
    within = dict(zip(large.sources, split_tunes(large).tolist(), strict=True))
    for source, split in zip(small.sources, split_tunes(small).tolist(), strict=True):
        assert within[source] == split


def test_splits_never_change():
    """Compare with stored numbers: on another machine, Python or numpy a tune must have the same split."""
    songs = walks(40)
    assert (
        "".join(map(str, split_tunes(packed(songs), FRACTIONS, 0).tolist()))
        == "2000000120000000010000000200000000000000"
    )
    assert (
        "".join(map(str, split_tunes(packed(songs), FRACTIONS, 7).tolist()))
        == "0000102001000000001000002000002100000002"
    )


def test_larger_shares_only_add_tunes():
    corpus = packed(walks(500))
    few, many = (split_tunes(corpus, fractions, 0) for fractions in ((0.6, 0.2, 0.2), (0.7, 0.2, 0.1)))
    assert (many[few == Split.TRAIN] == Split.TRAIN).all()


def test_tunes_of_one_note_are_one_tune():
    songs = [[60], [61], [99], *walks(30)]
    assert len(set(split_tunes(packed(songs), FRACTIONS, 0)[:3].tolist())) == 1


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="split_seed=-1: must be a whole number of at least 0"):
        split_tunes(packed(walks(10)), FRACTIONS, -1)


@pytest.mark.parametrize("tunes", [3, 4, 5, 9])
@pytest.mark.parametrize("fractions", [FRACTIONS, (0.98, 0.01, 0.01), (0.01, 0.01, 0.98)])
def test_in_a_tiny_corpus_no_split_is_empty(tunes, fractions):
    for split_seed in range(10):
        assert set(split_tunes(packed(walks(tunes)), fractions, split_seed).tolist()) == set(Split)


def test_the_tune_nearest_to_a_threshold_fills_an_empty_split():
    """The hash puts all three tunes into training: the two with the highest numbers move, the third stays."""
    for seed in range(40):
        songs = walks(3, seed=seed)
        places = {shape_of(song): _place(0, key) for song, key in zip(songs, interval_keys(packed(songs)), strict=True)}
        if max(places.values()) < FRACTIONS[0]:
            break
    in_order = sorted(places, key=lambda shape: places[shape])
    assert [splits_by_tune(songs)[shape] for shape in in_order] == [Split.TRAIN, Split.VALIDATION, Split.TEST]


def test_the_split_is_a_function_of_split_seed():
    corpus = packed(walks(100))
    first, again, other = (split_tunes(corpus, FRACTIONS, split_seed) for split_seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_split_is_not_the_order_of_the_corpus():
    splits = split_tunes(packed(walks(100)), FRACTIONS, 0)
    assert (splits[:80] != Split.TRAIN).any()


@pytest.mark.parametrize("fractions", [(0.8, 0.2), (0.8, 0.1, 0.2), (0.9, 0.1, 0.0), (1.2, -0.1, -0.1), (1, 1, 1), ()])
def test_fractions_that_are_not_shares_are_refused(fractions):
    with pytest.raises(ValueError, match=r"split_fractions=.*three positive shares"):
        split_tunes(packed(walks(10)), fractions, 0)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(list(Split))), min_size=1, max_size=30))
def test_copies_across_splits_counts_the_tunes_that_have_one_elsewhere(tunes):
    groups = np.array([group for group, _ in tunes])
    splits = np.array([split for _, split in tunes], np.int8)
    expected = sum(any(group == other and split != elsewhere for other, elsewhere in tunes) for group, split in tunes)
    assert copies_across_splits(groups, splits) == expected


def test_groups_are_numbered_by_first_appearance():
    songs = [[60, 62, 64], [50], [62, 64, 66], [71], [60, 62]]
    assert groups_of(list(interval_keys(packed(songs)))).tolist() == [0, 1, 0, 1, 2]


def imported(melodies, splits=None, encoded_as=None):
    return ImportedCorpus(melodies, splits, encoded_as, "", ImportReport("folder tunes"))


def test_tunes_as_intervals_have_the_same_splits_and_copies(caplog):
    # The intervals of two tunes may differ by a constant; they are no copies.
    songs = [*walks(300), [60, 61, 63], [60, 62, 65]]
    pitches = imported(packed(songs))
    intervals = imported(Melodies.from_list(Melody.from_pitches(np.diff(song)) for song in songs), None, "interval")
    expected = declared_or_hashed(pitches, FRACTIONS, 0).tolist()
    assert declared_or_hashed(intervals, FRACTIONS, 0).tolist() == expected
    assert tune_hashes(intervals).tolist() == tune_hashes(pitches).tolist()
    splits = np.arange(len(songs), dtype=np.int8) % 3
    declared_or_hashed(imported(intervals.melodies, splits, "interval"), FRACTIONS, 0)
    assert "have a copy in another split" not in caplog.text


def test_an_empty_declared_split_names_the_corpus():
    with pytest.raises(CorpusError, match="folder tunes: declares its splits, but its test split has no tune"):
        declared_or_hashed(imported(packed(walks(4)), np.array([0, 0, 1, 1], np.int8)), FRACTIONS, 0)
