"""The share of a tune that its nearest training tune contains, in any key, and bits per note by this share.

Variants of one tune are in several collections. A held-out tune is nearer to training the more of its n-grams of
intervals occur in one training tune.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.flat_notes import WORD_INTERVALS, flatten, interval_words

NGRAM_INTERVALS = 5
"""Six notes: long enough to be rare in other tunes, short enough to survive the changes between variants."""

EDGES = (0.2, 0.4, 0.6, 0.8)
"""The lower edges of the bins of similarity above the lowest."""

_COUNTS_AT_ONCE = 8_000_000
_BITS_PER_INTERVAL = np.uint64(64 // WORD_INTERVALS)


class Nearest(NamedTuple):
    """The training tune that contains most of each tune.

    Shape:
        ``[tunes]`` each: the `share` of the tune's n-grams, counted as often as they occur, that the nearest training
        tune contains, nan for a tune without n-grams; and its number, `tune`, of equals the first, -1 if none contains
        any.
    """

    share: NDArray[np.float64]
    tune: NDArray[np.int64]


def nearest_training_tunes(
    tunes: Sequence[ArrayLike], training: Sequence[ArrayLike], ngram: int = NGRAM_INTERVALS
) -> Nearest:
    """Find the nearest training tune of each tune.

    Args:
        tunes: pitches of each tune.
        training: pitches of each training tune.
        ngram: intervals of an n-gram, 1 to 8.

    Raises:
        ValueError: for an n-gram out of range, or an interval beyond 127 semitones.

    >>> found = nearest_training_tunes([[62, 64, 66, 67]], [[60, 55], [60, 62, 64]], ngram=1)
    >>> found.share.round(3).tolist(), found.tune.tolist()
    ([0.667], [1])
    """
    from scipy.sparse import csr_matrix

    check_whole("ngram", ngram, most=WORD_INTERVALS)
    words, owner = _ngrams(tunes, ngram)
    training_words, training_owner = _ngrams(training, ngram)
    known = np.unique(words)
    place = np.minimum(np.searchsorted(known, training_words), max(len(known) - 1, 0))
    occurs = known[place] == training_words if len(known) else np.zeros(len(training_words), np.bool_)
    pairs = np.unique(np.stack([place[occurs], training_owner[occurs]]), axis=1)
    contains = csr_matrix((np.ones(pairs.shape[1], np.int32), (pairs[0], pairs[1])), shape=(len(known), len(training)))
    counts = csr_matrix(
        (np.ones(len(words), np.int32), (owner, np.searchsorted(known, words))), shape=(len(tunes), len(known))
    )
    share, nearest = np.full(len(tunes), np.nan), np.full(len(tunes), -1)
    total = np.bincount(owner, minlength=len(tunes))
    rows = max(1, _COUNTS_AT_ONCE // max(len(training), 1))
    for begin in range(0, len(tunes), rows):
        shared = (counts[begin : begin + rows] @ contains).toarray()
        most = shared.max(axis=1, initial=0)
        here = slice(begin, begin + len(shared))
        np.divide(most, total[here], out=share[here], where=total[here] > 0)
        if len(training):
            nearest[here] = np.where(most > 0, shared.argmax(axis=1), -1)
    return Nearest(share, nearest)


def bin_of(share: ArrayLike) -> NDArray[np.int64]:
    """The bin of each similarity, from 0: ``[tunes]``; a value at an edge belongs to the bin above it.

    >>> bin_of([0, 0.2, 0.79, 1]).tolist()
    [0, 1, 3, 4]
    """
    return np.searchsorted(EDGES, np.asarray(share, np.float64), side="right")


def bin_names() -> list[str]:
    """The bins in words.

    >>> bin_names()
    ['below 0.2', '0.2 to 0.4', '0.4 to 0.6', '0.6 to 0.8', '0.8 and above']
    """
    between = [f"{low:g} to {high:g}" for low, high in pairwise(EDGES)]
    return [f"below {EDGES[0]:g}", *between, f"{EDGES[-1]:g} and above"]


def tunes_by_bin(share: ArrayLike) -> NDArray[np.int64]:
    """The number of tunes in each bin: ``[bins]``; tunes with nan are left out.

    >>> tunes_by_bin([0, 0.1, 0.9, np.nan]).tolist()
    [2, 0, 0, 0, 1]
    """
    shares = np.asarray(share, np.float64)
    return np.bincount(bin_of(shares[~np.isnan(shares)]), minlength=len(EDGES) + 1)


def bits_by_bin(share: ArrayLike, bits: ArrayLike, notes: ArrayLike) -> NDArray[np.float64]:
    """Bits per note of the tunes of each bin, nan for an empty one: ``[bins]``.

    Args:
        share: similarity of each tune; tunes with nan are left out.
        bits, notes: of each tune, ``[tunes]``.
    """
    shares = np.asarray(share, np.float64)
    known = ~np.isnan(shares)
    number = bin_of(shares[known])

    def in_bins(values: ArrayLike) -> NDArray[np.float64]:
        return np.bincount(number, np.asarray(values, np.float64)[known], len(EDGES) + 1).astype(np.float64)

    total = in_bins(notes)
    return np.divide(in_bins(bits), total, out=np.full(len(total), np.nan), where=total > 0)


def _ngrams(tunes: Sequence[ArrayLike], ngram: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All n-grams as numbers, and the tune of each: ``[n-grams]``."""
    notes = flatten(tunes)
    begins = np.flatnonzero(notes.lengths[notes.song] - 1 - notes.place >= ngram)
    words = interval_words(notes)[begins] >> _BITS_PER_INTERVAL * np.uint64(WORD_INTERVALS - ngram)
    return words, notes.song[begins]
