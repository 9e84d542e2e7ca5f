"""Sorted suffixes of many tunes, and searches in them.

Tunes are a row of codes, each ended by a code of 0. `melgen.evaluation.flat_notes.code_words` packs several codes into
a machine word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


def suffix_order(words: NDArray[np.uint64], longest: int, per_word: int) -> Places:
    """The places at which suffixes begin, sorted by the codes that follow: ``[codes]``.

    Prefix doubling: suffixes ranked by their first d codes are then ranked by 2 d, with the rank of the suffix
    d codes later. Codes after the end of a tune decide only between suffixes that are equal.

    Args:
        words: the codes that follow each place: ``[codes]``.
        longest: number of codes of the longest tune.
        per_word: number of codes in a word.
    """
    rank = np.unique(words, return_inverse=True)[1]
    depth = per_word
    while depth < longest and rank.max() + 1 < len(rank):
        following = np.zeros_like(rank)
        following[:-depth] = rank[depth:]
        rank = np.unique(rank * len(rank) + following, return_inverse=True)[1]
        depth *= 2
    return np.argsort(rank, kind="stable")


def search_ranges(
    value_at: Callable[[Places], NDArray[Any]], values: NDArray[Any], low: Places, high: Places, *, right: bool = False
) -> Places:
    """`numpy.searchsorted` of each value within a sorted range of its own: ``[searches]``.

    Args:
        value_at: the values at places of the sorted order, ``[searches]`` each; places outside a search's range are
            also asked for, up to the end of the highest range.
        values: what is searched for.
        low, high: the first place of each range, and the one after its last.
        right: as for `numpy.searchsorted`.

    >>> table = np.array([1, 3, 3, 7, 2, 4])
    >>> low, high = np.array([0, 4]), np.array([4, 6])
    >>> search_ranges(lambda places: table[np.minimum(places, 5)], np.array([3, 4]), low, high).tolist()
    [1, 5]
    """
    for _ in range(int((high - low).max(initial=0)).bit_length()):
        middle = (low + high) // 2
        found = value_at(middle)
        before = (low < high) & ((found <= values) if right else (found < values))
        low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
    return low
