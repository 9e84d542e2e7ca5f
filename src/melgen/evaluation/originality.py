"""How much of a song occurs in the training tunes, in any key.

Songs and tunes are compared as sequences of intervals in semitones, so a transposed copy is a copy. An *n-gram* is
n consecutive intervals, which are n + 1 notes. Nothing is estimated or hashed: every figure is exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.flat_notes import WORD_INTERVALS, FlatNotes, flatten, interval_words

NGRAM_INTERVALS = 8
_BYTE = np.uint64(8)
_CHUNK_NOTES = 2**18  # compared at once; limits memory to about 50 MB

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]


class Originality(NamedTuple):
    """The result of comparing songs with a `TuneIndex`.

    Attributes:
        longest_shared_intervals: length of the longest interval n-gram that the song has in common with a
            tune; 0 if there is none, as for a song of one note.
        nearest_tune: index of the first tune that contains an n-gram of this length from the song; -1 for none.
        shared_ngram_share: share of the song's n-grams (with repetition) that occur in any tune; nan for a
            song without n-grams.
        exact_copy: whether the whole song occurs inside a tune; a song of one note never does.

    Shape:
        All ``[songs]``.
    """

    longest_shared_intervals: Numbers
    nearest_tune: Numbers
    shared_ngram_share: NDArray[np.float64]
    exact_copy: NDArray[np.bool_]


class TuneIndex:
    """Tunes, prepared for finding passages of songs in them.

    A suffix array (Manber and Myers, 1993) of the tunes' intervals, sorted by prefix doubling. Passages never
    extend from one tune into the next.

    Args:
        tunes: pitches of each tune.
        names: the name of each tune.

    Raises:
        ValueError: unless there are as many names as tunes, or if an interval exceeds 127 semitones.

    >>> index = TuneIndex([[60, 62, 64, 65, 67], [72, 71, 69]], ["upwards", "downwards"])
    >>> index.compare([[50, 52, 54, 55], [60, 59, 57, 58], [60]], ngram=2).nearest_tune.tolist()
    [0, 1, -1]
    """

    def __init__(self, tunes: Sequence[ArrayLike], names: Sequence[str]):
        if len(tunes) != len(names):
            raise ValueError(f"each tune needs a name, got {len(names)} names for {len(tunes)} tunes")
        self.names = tuple(names)
        notes = flatten(tunes)
        self._words = interval_words(notes)
        self._order = _suffix_order(self._words, int(notes.lengths.max(initial=0)))
        # One entry more than the suffixes, so that ranges may end after the last one.
        self._tune_in_order = np.append(notes.song[self._order], len(self.names))

    def compare(self, songs: Sequence[ArrayLike], ngram: int = NGRAM_INTERVALS) -> Originality:
        """Measure how much of each song occurs in the tunes.

        Args:
            songs: pitches of each song.
            ngram: length in intervals of the n-grams counted in `Originality.shared_ngram_share`.

        Raises:
            ValueError: if `ngram` is below 1, or an interval exceeds 127 semitones.
        """
        check_whole("ngram", ngram)
        parts = [self._compare(flatten(chunk), ngram) for chunk in _chunks(songs)]
        return Originality(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _compare(self, notes: FlatNotes, ngram: int) -> Originality:
        songs = len(notes.lengths)
        left = notes.lengths[notes.song] - 1 - notes.place
        shared, low, high = self._longest_matches(interval_words(notes), left)

        longest = np.zeros(songs, np.int64)
        np.maximum.at(longest, notes.song, shared)
        best = np.flatnonzero((shared > 0) & (shared == longest[notes.song]))
        nearest = np.full(songs, len(self.names))
        np.minimum.at(nearest, notes.song[best], self._first_tunes(low[best], high[best]))

        ngrams = np.maximum(notes.lengths - ngram, 0)
        found = np.bincount(notes.song[shared >= ngram], minlength=songs)
        share = np.divide(found, ngrams, out=np.full(songs, np.nan), where=ngrams > 0)
        copy = (notes.lengths > 1) & (longest == notes.lengths - 1)
        return Originality(longest, np.where(longest > 0, nearest, -1), share, copy)

    def _longest_matches(self, words: Words, left: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """The longest n-gram from each note that a tune contains, and the suffixes that begin with it.

        Args:
            words: the eight intervals that follow each note: ``[notes]``.
            left: number of intervals that follow each note in its song: ``[notes]``.

        Returns:
            Length, first suffix in sorted order, and the one after the last; each ``[notes]``.
        """
        length, low = np.zeros((2, len(words)), np.int64)
        high = np.full(len(words), len(self._words))
        open_ = np.flatnonzero(left > 0) if len(self._words) else np.zeros(0, np.int64)
        while open_.size:
            depth, first, behind = length[open_], low[open_], high[open_]
            word = words[open_ + depth]
            place = self._search(word, depth, first, behind)
            # In sorted order, one of the two neighbours has the most in common with the word.
            equal = np.zeros(len(open_), np.int64)
            for neighbour in (place - 1, place):
                inside = (neighbour >= first) & (neighbour < behind)
                found = self._word_at(np.where(inside, neighbour, 0), depth)
                equal = np.maximum(equal, np.where(inside, _equal_bytes(found, word), 0))
            equal = np.minimum(equal, left[open_] - depth)  # after the end of a song nothing counts as equal
            rest = np.append(~np.uint64(0) >> _BYTE * np.arange(WORD_INTERVALS, dtype=np.uint64), np.uint64(0))[equal]
            low[open_] = self._search(word & ~rest, depth, first, behind)
            high[open_] = self._search(word | rest, depth, first, behind, right=True)
            length[open_] += equal
            open_ = open_[(equal == WORD_INTERVALS) & (length[open_] < left[open_])]
        return length, low, high

    def _word_at(self, place: Numbers, depth: Numbers) -> Words:
        """The eight intervals that begin `depth` intervals into the suffix at a place of the sorted order."""
        return self._words[np.minimum(self._order[place] + depth, len(self._words) - 1)]

    def _search(self, words: Words, depth: Numbers, low: Numbers, high: Numbers, *, right: bool = False) -> Numbers:
        """`numpy.searchsorted` of each word within its own range, in which the first `depth` intervals are equal."""
        for _ in range(int((high - low).max(initial=0)).bit_length()):
            middle = (low + high) // 2
            found = self._word_at(np.minimum(middle, len(self._words) - 1), depth)
            before = (low < high) & ((found <= words) if right else (found < words))
            low, high = np.where(before, middle + 1, low), np.where(before, high, middle)
        return low

    def _first_tunes(self, low: Numbers, high: Numbers) -> Numbers:
        """The lowest tune of each range of suffixes."""
        # Equal ranges are searched once. Ranges of one length do not overlap, so the work is bounded.
        base = len(self._words) + 1
        ranges, which = np.unique(low * base + high, return_inverse=True)
        bounds = np.stack(np.divmod(ranges, base), axis=1).ravel()
        return np.minimum.reduceat(self._tune_in_order, bounds)[::2][which] if len(low) else low


def _chunks(songs: Sequence[ArrayLike]) -> Iterator[Sequence[ArrayLike]]:
    """Consecutive songs in chunks of about `_CHUNK_NOTES` notes; one empty chunk if there are no songs."""
    chunk: list[ArrayLike] = []
    notes = 0
    for song in songs:
        chunk.append(song)
        notes += np.size(song)
        if notes >= _CHUNK_NOTES:
            yield chunk
            chunk, notes = [], 0
    yield chunk


def _equal_bytes(a: Words, b: Words) -> Numbers:
    """Number of equal leading bytes of two words, from the highest."""
    limits = np.uint64(1) << _BYTE * np.arange(WORD_INTERVALS, dtype=np.uint64)
    return WORD_INTERVALS - np.searchsorted(limits, a ^ b, side="right")


def _suffix_order(words: Words, longest: int) -> Numbers:
    """The places at which suffixes begin, sorted by the intervals that follow: ``[notes]``.

    Prefix doubling: suffixes ranked by their first d intervals are then ranked by 2 d, with the rank of the suffix
    d intervals later. Bytes after the end of a tune decide only between suffixes that are equal.
    """
    rank = np.unique(words, return_inverse=True)[1]
    depth = WORD_INTERVALS
    while depth < longest and rank.max() + 1 < len(rank):
        following = np.zeros_like(rank)
        following[:-depth] = rank[depth:]
        rank = np.unique(rank * len(rank) + following, return_inverse=True)[1]
        depth *= 2
    return np.argsort(rank, kind="stable")
