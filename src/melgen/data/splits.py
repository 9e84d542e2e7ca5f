"""Splitting a corpus into training, validation and test tunes.

Whole tunes are split, never notes, and copies of one tune stay together: two tunes with the same sequence of
intervals, which includes transpositions of each other, form one group. The split of a tune depends only on its
intervals and on ``split_seed``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_whole
from melgen.corpora.packing import interval_keys
from melgen.corpora.sources import Split
from melgen.music.melody import Melodies

FRACTION_TOLERANCE = 1e-6
_PLACE_BYTES = 6  # of a hash: the most that a float represents exactly


def groups_of(keys: Sequence[bytes]) -> NDArray[np.int64]:
    """Number tunes by the keys of their interval sequences: ``[tunes]``; copies of one tune have the same number.

    >>> from melgen.music.melody import Melody
    >>> tunes = Melodies.from_list(Melody.from_pitches(p) for p in ([60, 62], [65, 67], [60, 61]))
    >>> groups_of(list(interval_keys(tunes))).tolist()
    [0, 0, 1]
    """
    seen: dict[bytes, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def tunes_in(melodies: Melodies, splits: NDArray[np.int8], split: Split) -> list[NDArray[np.int16]]:
    """Pitches of each tune of a split, as views.

    Args:
        melodies: the corpus.
        splits: ``[tunes]``, a `Split` each.
        split: the one to take.
    """
    return [melodies.pitches_of(int(i)) for i in np.flatnonzero(splits == split)]


def split_tunes(
    melodies: Melodies, fractions: Sequence[float] = (0.8, 0.1, 0.1), split_seed: int = 0
) -> NDArray[np.int8]:
    """Assign every tune to a `Split` by a hash of its intervals: ``[tunes]``.

    A hash of ``split_seed`` and the tune's interval sequence gives a number from 0 to 1. The position of that number
    among the cumulative ``fractions`` decides the split. So a tune, its copies and its transpositions have the same
    split in every corpus and on every machine, whatever the other tunes are. The shares are met only on average.

    A split that would be empty, which happens only in very small corpora, gets the tune whose number is nearest to
    its threshold; only then do other tunes matter. All tunes of one note have the same, empty, interval sequence, and
    so the same split.

    Args:
        melodies: the corpus, as pitches.
        fractions: shares of train, validation and test.
        split_seed: another seed gives another assignment; independent of the training seed.

    Raises:
        ValueError: if the fractions are not three shares that sum to 1, the seed is negative, or the corpus has fewer
            distinct tunes than there are splits.
    """
    return split_by_keys(list(interval_keys(melodies)), fractions, split_seed)


def split_by_keys(
    keys: Sequence[bytes], fractions: Sequence[float] = (0.8, 0.1, 0.1), split_seed: int = 0
) -> NDArray[np.int8]:
    """As `split_tunes`, for tunes given by their `interval_keys`: ``[tunes]``.

    Raises:
        ValueError: as `split_tunes`.
    """
    check_fractions(fractions)
    check_whole("split_seed", split_seed, 0)
    places = {key: _place(split_seed, key) for key in keys}
    if len(places) < len(Split):
        raise ValueError(
            f"a corpus needs at least {len(Split)} distinct tunes for train, validation and test, "
            f"got {len(places)} (of {len(keys)} tunes)"
        )
    order = sorted(places, key=lambda key: (places[key], key))
    numbers = [places[key] for key in order]
    thresholds = fractions[0], fractions[0] + fractions[1]
    first_end, second_end = (bisect_left(numbers, threshold) for threshold in thresholds)
    # Where a split would be empty, the group nearest to the threshold moves across it.
    first_end = min(max(first_end, 1), len(order) - 2)
    second_end = min(max(second_end, first_end + 1), len(order) - 1)
    sizes = (first_end, second_end - first_end, len(order) - second_end)
    splits = (split for split, size in zip(Split, sizes, strict=True) for _ in range(size))
    split_of = dict(zip(order, splits, strict=True))
    return np.array([split_of[key] for key in keys], np.int8)


def _place(split_seed: int, intervals: bytes) -> float:
    """A number from 0 to 1, computed from ``split_seed`` and the bytes of an interval sequence."""
    digest = blake2b(b"%d:%b" % (split_seed, intervals), digest_size=_PLACE_BYTES).digest()
    return int.from_bytes(digest, "little") / 2 ** (8 * _PLACE_BYTES)


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise a `ValueError` unless ``fractions`` are three positive shares that sum to 1."""
    if len(fractions) != len(Split) or min(fractions) <= 0 or abs(sum(fractions) - 1) > FRACTION_TOLERANCE:
        raise ValueError(
            f"split_fractions={list(fractions)}: must be three positive shares (train, validation, test) that sum to 1"
        )


def copies_across_splits(groups: NDArray[np.int64], splits: NDArray[np.int8]) -> int:
    """Number of tunes with a copy in another split; above zero only for splits that the source declares."""
    lowest = np.full(groups.max() + 1, len(Split), np.int8)
    highest = np.full(groups.max() + 1, -1, np.int8)
    np.minimum.at(lowest, groups, splits)
    np.maximum.at(highest, groups, splits)
    return int(np.count_nonzero(lowest[groups] != highest[groups]))
