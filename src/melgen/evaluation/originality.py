"""Find the parts of a song that occur in the training tunes, in any key.

Songs and tunes are compared as sequences of intervals in semitones, so a transposed copy is a copy. An *n-gram* is
n consecutive intervals, which are n + 1 notes. Nothing is estimated or hashed: every figure is exact.

`TuneIndex` compares pitches only; for `RhythmIndex` two intervals are equal only if they also lead to notes of equal
length.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.flat_notes import WORD_INTERVALS, FlatNotes, code_words, flatten, interval_words
from melgen.evaluation.flat_rhythm import FlatRhythm, flatten_rhythm
from melgen.evaluation.suffixes import search_ranges, suffix_order
from melgen.music.melody import MAX_STEPS, Melody

NGRAM_INTERVALS = 8
_CHUNK_NOTES = 2**18  # compared at once; limits memory to about 50 MB
_WORD_BITS = 64
_NO_STEP = np.iinfo(np.int64).max

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]
_Tune = TypeVar("_Tune")


class Originality(NamedTuple):
    """The result of comparing songs with a `TuneIndex`.

    Attributes:
        longest_shared_intervals: length of the longest interval n-gram that the song has in common with a
            tune; 0 if there is none, as for a song of one note.
        nearest_tune: index of the first tune that contains an n-gram of this length from the song; -1 for none.
        shared_ngram_share: share of the song's n-grams (with repetition) that occur in any tune; nan for a
            song without n-grams.
        exact_copy: whether the whole song occurs inside a tune. A song without n-grams never counts: a few notes that
            a network ends at once are in many tunes.

    Shape:
        All ``[songs]``.
    """

    longest_shared_intervals: Numbers
    nearest_tune: Numbers
    shared_ngram_share: NDArray[np.float64]
    exact_copy: NDArray[np.bool_]


class AbstractTuneIndex(ABC, Generic[_Tune]):
    """Tunes, prepared for finding passages of songs in them.

    A suffix array (Manber and Myers, 1993) of codes, one for each step from note to note, sorted by prefix doubling.
    Passages never extend from one tune into the next. A subclass decides which steps are equal.

    Args:
        tunes: the tunes.
        names: the name of each tune.

    Raises:
        ValueError: unless there are as many names as tunes.
    """

    def __init__(self, tunes: Sequence[_Tune], names: Sequence[str]):
        if len(tunes) != len(names):
            raise ValueError(f"each tune needs a name, got {len(names)} names for {len(tunes)} tunes")
        self.names = tuple(names)
        self._per_word = self._prepare(tunes)
        notes, self._words = self._encode(tunes)
        self._order = suffix_order(self._words, int(notes.lengths.max(initial=0)), self._per_word)
        # One entry more than the suffixes, so that ranges may end after the last one.
        self._tune_in_order = np.append(notes.song[self._order], len(self.names))

    @abstractmethod
    def _prepare(self, tunes: Sequence[_Tune]) -> int:
        """Learn the codes from the tunes; return the number of codes in a word of 64 bits."""

    @abstractmethod
    def _encode(self, songs: Sequence[_Tune]) -> tuple[FlatNotes, Words]:
        """The notes of songs, and the codes of the steps that follow each note, see `code_words`: ``[notes]``."""

    def compare(self, songs: Sequence[_Tune], ngram: int = NGRAM_INTERVALS) -> Originality:
        """Measure how much of each song occurs in the tunes.

        Args:
            songs: the songs, as the tunes.
            ngram: length in intervals of the n-grams counted in `Originality.shared_ngram_share`, and the least of a
                song that can be a copy.

        Raises:
            ValueError: if `ngram` is below 1, or an interval exceeds 127 semitones.
        """
        check_whole("ngram", ngram)
        parts = [self._compare(*self._encode(chunk), ngram) for chunk in _chunks(songs)]
        return Originality(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _compare(self, notes: FlatNotes, words: Words, ngram: int) -> Originality:
        songs = len(notes.lengths)
        left = notes.lengths[notes.song] - 1 - notes.place
        shared, low, high = self._longest_matches(words, left)

        longest = np.zeros(songs, np.int64)
        np.maximum.at(longest, notes.song, shared)
        best = np.flatnonzero((shared > 0) & (shared == longest[notes.song]))
        nearest = np.full(songs, len(self.names))
        np.minimum.at(nearest, notes.song[best], self._first_tunes(low[best], high[best]))

        ngrams = np.maximum(notes.lengths - ngram, 0)
        found = np.bincount(notes.song[shared >= ngram], minlength=songs)
        share = np.divide(found, ngrams, out=np.full(songs, np.nan), where=ngrams > 0)
        copy = (ngrams > 0) & (longest == notes.lengths - 1)
        return Originality(longest, np.where(longest > 0, nearest, -1), share, copy)

    def _longest_matches(self, words: Words, left: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """The longest n-gram from each note that a tune contains, and the suffixes that begin with it.

        Args:
            words: the intervals that follow each note: ``[notes]``.
            left: number of intervals that follow each note in its song: ``[notes]``.

        Returns:
            Length, first suffix in sorted order, and the one after the last; each ``[notes]``.
        """
        per_word = self._per_word
        bits = np.uint64(_WORD_BITS // per_word)
        rests = np.append(~np.uint64(0) >> bits * np.arange(per_word, dtype=np.uint64), np.uint64(0))
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
                equal = np.maximum(equal, np.where(inside, _equal_codes(found, word, per_word), 0))
            equal = np.minimum(equal, left[open_] - depth)  # after the end of a song nothing counts as equal
            rest = rests[equal]
            low[open_] = self._search(word & ~rest, depth, first, behind)
            high[open_] = self._search(word | rest, depth, first, behind, right=True)
            length[open_] += equal
            open_ = open_[(equal == per_word) & (length[open_] < left[open_])]
        return length, low, high

    def _word_at(self, place: Numbers, depth: Numbers) -> Words:
        """The intervals of a word that begin `depth` intervals into the suffix at a place of the sorted order."""
        suffixes = self._order[np.minimum(place, len(self._words) - 1)]
        return self._words[np.minimum(suffixes + depth, len(self._words) - 1)]

    def _search(self, words: Words, depth: Numbers, low: Numbers, high: Numbers, *, right: bool = False) -> Numbers:
        """`numpy.searchsorted` of each word within its own range, in which the first `depth` intervals are equal."""
        return search_ranges(lambda middle: self._word_at(middle, depth), words, low, high, right=right)

    def _first_tunes(self, low: Numbers, high: Numbers) -> Numbers:
        """The lowest tune of each range of suffixes."""
        # Equal ranges are searched once. Ranges of one length do not overlap, so the work is bounded.
        base = len(self._words) + 1
        ranges, which = np.unique(low * base + high, return_inverse=True)
        bounds = np.stack(np.divmod(ranges, base), axis=1).ravel()
        return np.minimum.reduceat(self._tune_in_order, bounds)[::2][which] if len(low) else low


class TuneIndex(AbstractTuneIndex[ArrayLike]):
    """An index of the pitches of tunes: two steps are equal if their intervals are.

    Args:
        tunes: pitches of each tune.
        names: the name of each tune.

    Raises:
        ValueError: unless there are as many names as tunes, or if an interval exceeds 127 semitones.

    >>> index = TuneIndex([[60, 62, 64, 65, 67], [72, 71, 69]], ["upwards", "downwards"])
    >>> index.compare([[50, 52, 54, 55], [60, 59, 57, 58], [60]], ngram=2).nearest_tune.tolist()
    [0, 1, -1]
    """

    def _prepare(self, tunes: Sequence[ArrayLike]) -> int:
        return WORD_INTERVALS

    def _encode(self, songs: Sequence[ArrayLike]) -> tuple[FlatNotes, Words]:
        notes = flatten(songs)
        return notes, interval_words(notes)


class RhythmIndex(AbstractTuneIndex[Melody]):
    """An index of pitches and note lengths: steps are equal if interval and length of the note led to are equal.

    The length of the first note of a passage and rests are not compared.

    Args:
        tunes: the tunes.
        names: the name of each tune.

    Raises:
        ValueError: unless there are as many names as tunes, or if a tune is not in order.

    >>> index = RhythmIndex([Melody((60, 62, 64), (0, 24, 48), (24, 24, 12))], ["tune"])
    >>> songs = [Melody((50, 52, 54), (0, 12, 36), (12, 24, last)) for last in (12, 24)]
    >>> index.compare(songs).longest_shared_intervals.tolist()
    [2, 1]
    """

    def _prepare(self, tunes: Sequence[Melody]) -> int:
        self._steps = np.unique(_steps_with_lengths(flatten_rhythm(tunes)))
        # Codes begin at 1, and one more is for steps that no tune contains.
        return 4 if len(self._steps) + 2 < 1 << _WORD_BITS // 4 else 2

    def _encode(self, songs: Sequence[Melody]) -> tuple[FlatNotes, Words]:
        flat = flatten_rhythm(songs)
        steps = _steps_with_lengths(flat)
        place = np.searchsorted(self._steps, steps)
        is_known = np.append(self._steps, _NO_STEP)[place] == steps
        codes = np.zeros(len(flat.pitch), np.uint64)
        codes[flat.later - 1] = np.where(is_known, place, len(self._steps)) + 1
        return FlatNotes(flat.pitch, flat.song, flat.place, flat.lengths), code_words(codes, self._per_word)


def _steps_with_lengths(notes: FlatRhythm) -> Numbers:
    """Each step from note to note as one number, from its interval and the length of the later note: ``[steps]``."""
    later = notes.later
    return (notes.pitch[later] - notes.pitch[later - 1]) * (MAX_STEPS + 1) + notes.duration[later]


def _chunks(songs: Sequence[_Tune]) -> Iterator[Sequence[_Tune]]:
    """Consecutive songs in chunks of about `_CHUNK_NOTES` notes; one empty chunk if there are no songs."""
    chunk: list[_Tune] = []
    notes = 0
    for song in songs:
        chunk.append(song)
        notes += len(song)  # type: ignore[arg-type]  # a melody, list or array
        if notes >= _CHUNK_NOTES:
            yield chunk
            chunk, notes = [], 0
    yield chunk


def _equal_codes(a: Words, b: Words, per_word: int) -> Numbers:
    """Number of equal leading codes of two words, from the highest."""
    bits = np.uint64(_WORD_BITS // per_word)
    limits = np.uint64(1) << bits * np.arange(per_word, dtype=np.uint64)
    return per_word - np.searchsorted(limits, a ^ b, side="right")
