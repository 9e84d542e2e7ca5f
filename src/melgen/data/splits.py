"""Which tune is trained on, validated on, tested on.

Whole tunes are split, never notes, and copies of one tune stay together: two tunes with the same
sequence of intervals, so also transpositions of each other, are one group.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.packing import interval_keys
from melgen.corpora.sources import Split
from melgen.music.melody import Melodies

FRACTION_TOLERANCE = 1e-6


def interval_groups(melodies: Melodies) -> NDArray[np.int64]:
    """Number the tunes by their interval sequence: ``[tunes]``, equal numbers being copies of one tune.

    >>> from melgen.music.melody import Melody
    >>> tunes = Melodies.from_list(Melody.from_pitches(p) for p in ([60, 62], [65, 67], [60, 61]))
    >>> interval_groups(tunes).tolist()
    [0, 0, 1]
    """
    seen: dict[bytes, int] = {}
    groups = (seen.setdefault(key, len(seen)) for key in interval_keys(melodies))
    return np.fromiter(groups, np.int64, len(melodies))


def split_tunes(
    melodies: Melodies, fractions: Sequence[float] = (0.8, 0.1, 0.1), split_seed: int = 0
) -> NDArray[np.int8]:
    """Assign every tune to a `Split` by chance, copies of one tune together: ``[tunes]``.

    Args:
        melodies: the corpus; its order is part of what ``split_seed`` fixes.
        fractions: shares of train, validation and test, by number of tunes.
        split_seed: seeds the assignment, independently of the seed of the training.

    Raises:
        ValueError: if the fractions are not three shares that sum to 1, or the corpus has so few distinct
            tunes that a split would stay empty.
    """
    check_fractions(fractions)
    groups = interval_groups(melodies)
    group_sizes = np.bincount(groups)
    if len(group_sizes) < len(Split):
        raise ValueError(
            f"a corpus needs at least {len(Split)} distinct tunes for train, validation and test, "
            f"got {len(group_sizes)} (of {len(melodies)} tunes)"
        )
    order = np.random.default_rng(split_seed).permutation(len(group_sizes))
    filled = np.cumsum(group_sizes[order])
    ends = np.searchsorted(filled, np.cumsum(fractions)[:2] * len(melodies), side="left") + 1
    # A small corpus must not lose a split to rounding: every part gets at least one group.
    first_end = int(np.clip(ends[0], 1, len(order) - 2))
    second_end = int(np.clip(ends[1], first_end + 1, len(order) - 1))
    split_of_group = np.empty(len(order), np.int8)
    split_of_group[order[:first_end]] = Split.TRAIN
    split_of_group[order[first_end:second_end]] = Split.VALIDATION
    split_of_group[order[second_end:]] = Split.TEST
    return split_of_group[groups]


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise a `ValueError` unless ``fractions`` are three positive shares that sum to 1."""
    if len(fractions) != len(Split) or min(fractions) <= 0 or abs(sum(fractions) - 1) > FRACTION_TOLERANCE:
        raise ValueError(
            f"split_fractions={list(fractions)}: must be three positive shares (train, validation, test) that sum to 1"
        )


def copies_across_splits(groups: NDArray[np.int64], splits: NDArray[np.int8]) -> int:
    """How many tunes have a copy in another split; above zero only for splits that the source declares."""
    lowest = np.full(groups.max() + 1, len(Split), np.int8)
    highest = np.full(groups.max() + 1, -1, np.int8)
    np.minimum.at(lowest, groups, splits)
    np.maximum.at(highest, groups, splits)
    return int(np.count_nonzero(lowest[groups] != highest[groups]))
