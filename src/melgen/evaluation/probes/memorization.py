"""Memorization: how much of the songs that a network writes is in its training tunes, beyond what style explains.

The *share* of a set of songs is the share of its distinct n-grams of intervals that tunes contain, in any key and of
pitches only. An n-gram counts once however often the songs contain it. Otherwise a network that writes one figure again
and again would be judged by a single n-gram: by whether it happens to be in a few tunes or not. The *longest passage*
of a song is that of `melgen.evaluation.originality`. Both grow with the number of tunes.

The control compares the same songs with tunes that the network has never been trained on. So that the two shares can be
compared, the held-out tunes are dealt into two parts, and the training tunes into parts of exactly as many notes. Songs
that have only the style of the corpus share as much with either kind of part. What they share more with the parts of
training tunes is memorized. Since a part has a fraction of the training tunes, songs copied from all of them share
only about this fraction more.

Parts are samples of tunes, so that their shares differ by chance: the interval over tunes shows by how much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.comparing_cells.paired import t_margin
from melgen.evaluation.flat_notes import flatten
from melgen.evaluation.originality import NGRAM_INTERVALS, TuneIndex
from melgen.evaluation.summaries import DEFAULT_CONFIDENCE

_WIDEST = 127  # interval between MIDI pitches
HELD_OUT_PARTS = 2
"""Parts of the held-out tunes: two show how much parts differ."""
MOST_PARTS = 16
"""Parts of the training tunes, at most."""

Tunes = list[NDArray[np.int64]]
Numbers = NDArray[np.float64]
Ngrams = NDArray[np.bytes_]


class EqualParts(NamedTuple):
    """Parts of training tunes and of held-out tunes, each of `notes` notes; no note is in two parts."""

    training: tuple[Tunes, ...]
    held_out: tuple[Tunes, ...]
    notes: int


def equal_parts(training: Sequence[ArrayLike], held_out: Sequence[ArrayLike], seed: int = 0) -> EqualParts:
    """Deal tunes into parts of equally many notes.

    Tunes are taken in random order, each for the part with the fewest notes; then each part is cut to the notes of the
    smallest. Parts are as large as two of the held-out tunes allow; if there are fewer training tunes than held-out
    ones, as large as the training tunes.

    Args:
        training, held_out: pitches of each tune.
        seed: of the random order.

    Returns:
        The parts; none at all without training tunes or without held-out tunes.

    >>> parts = equal_parts([[60, 62, 64, 65]] * 6, [[70, 71], [72, 74, 76]])
    >>> parts.notes, len(parts.training), len(parts.held_out)
    (2, 6, 2)
    """
    rng = np.random.default_rng(seed)
    known, unseen = (_shuffled(tunes, rng) for tunes in (training, held_out))
    if not known or not unseen:
        return EqualParts((), (), 0)
    few = _dealt(unseen, HELD_OUT_PARTS)
    many = _dealt(known, min(MOST_PARTS, sum(map(len, known)) // _fewest_notes(few)))
    notes = min(_fewest_notes(few), _fewest_notes(many))
    return EqualParts(tuple(_cut(part, notes) for part in many), tuple(_cut(part, notes) for part in few), notes)


def _shuffled(tunes: Sequence[ArrayLike], rng: np.random.Generator) -> Tunes:
    """The tunes that have notes, in random order."""
    arrays = [np.asarray(tunes[place], np.int64) for place in rng.permutation(len(tunes)).tolist()]
    return [tune for tune in arrays if len(tune)]


def _dealt(tunes: Tunes, parts: int) -> list[Tunes]:
    dealt: list[Tunes] = [[] for _ in range(max(1, min(parts, len(tunes))))]
    notes = np.zeros(len(dealt), np.int64)
    for tune in tunes:
        place = int(notes.argmin())
        dealt[place].append(tune)
        notes[place] += len(tune)
    return dealt


def _fewest_notes(parts: Sequence[Tunes]) -> int:
    return min(sum(map(len, part)) for part in parts)


def _cut(part: Tunes, notes: int) -> Tunes:
    before = np.cumsum([0, *map(len, part)])[:-1].tolist()
    return [tune[: notes - done] for tune, done in zip(part, before, strict=True) if done < notes]


class _Known:
    """Tunes as songs are compared with them."""

    def __init__(self, tunes: Sequence[ArrayLike], index: TuneIndex | None = None):
        self._tunes, self._index = tunes, index or TuneIndex(tunes, [""] * len(tunes))
        self._ngrams: dict[int, Ngrams] = {}

    def share_of(self, ngrams: Ngrams, length: int) -> float:
        """The share of n-grams that the tunes contain."""
        if length not in self._ngrams:
            self._ngrams[length] = distinct_ngrams(self._tunes, length)
        return float(np.isin(ngrams, self._ngrams[length]).mean())

    def mean_longest(self, songs: Sequence[ArrayLike]) -> float:
        """The longest passage of each song that is in a tune, mean over songs."""
        return float(self._index.compare(songs).longest_shared_intervals.mean())


class SeenAndUnseen:
    """The tunes that songs are compared with.

    Args:
        training: pitches of each training tune.
        held_out: pitches of each tune that was not trained on; none for no control.
        seed: of the random parts.
        index: of all training tunes, if there is one.

    Attributes:
        part_notes: of each part; 0 without parts.
        training_notes: of all training tunes.
    """

    def __init__(
        self,
        training: Sequence[ArrayLike],
        held_out: Sequence[ArrayLike],
        seed: int = 0,
        index: TuneIndex | None = None,
    ):
        parts = equal_parts(training, held_out, seed)
        self.part_notes, self.training_notes = parts.notes, sum(len(np.asarray(tune)) for tune in training)
        self._whole = _Known(training, index)
        self._training, self._held_out = ([_Known(part) for part in kind] for kind in (parts.training, parts.held_out))

    def measure(self, songs: Sequence[ArrayLike], ngram: int = NGRAM_INTERVALS) -> Memorized | None:
        """What songs have in common with the tunes.

        Args:
            songs: pitches of each; those without an n-gram are left out.
            ngram: length of the n-grams in intervals.

        Returns:
            The shares and the means of the longest passages; None if no song has an n-gram.
        """
        long_enough = [song for song in songs if len(np.asarray(song)) > ngram]
        if not long_enough:
            return None
        own = distinct_ngrams(long_enough, ngram)

        def compared(known: Sequence[_Known]) -> Numbers:
            rows = [[each.share_of(own, ngram) for each in known], [each.mean_longest(long_enough) for each in known]]
            return np.array(rows, np.float64)

        share, longest = compared([self._whole])[:, 0].tolist()
        return Memorized(len(long_enough), share, longest, compared(self._training), compared(self._held_out))


def distinct_ngrams(tunes: Sequence[ArrayLike], ngram: int) -> Ngrams:
    """The distinct n-grams of tunes, each as a string of one byte for each interval, in order: ``[n-grams]``.

    Args:
        tunes: pitches of each.
        ngram: intervals of an n-gram.

    Raises:
        ValueError: for an n-gram of no interval, or an interval beyond 127 semitones.

    >>> distinct_ngrams([[60, 62, 64, 66], [72, 74, 76]], 2).tolist()
    [b'\\x82\\x82']
    """
    check_whole("ngram", ngram)
    notes = flatten(tunes)
    begins = np.flatnonzero(notes.lengths[notes.song] - 1 - notes.place >= ngram)
    steps = np.diff(notes.pitch)[begins[:, None] + np.arange(ngram)]
    if np.abs(steps).max(initial=0) > _WIDEST:
        raise ValueError(f"an interval is {np.abs(steps).max()} semitones; at most {_WIDEST} are possible")
    # From 1 on, since a string of bytes cannot end with 0.
    codes = np.ascontiguousarray(steps + _WIDEST + 1, np.uint8)
    return np.unique(codes.view(f"S{ngram}").ravel())


class Memorized(NamedTuple):
    """What the songs of one network have in common with tunes.

    Attributes:
        songs: number of those that have an n-gram.
        share, longest: with all training tunes: share of the n-grams, and intervals of the longest passage, the mean
            over songs.
        training, held_out: share and longest passage with each part of the training tunes and of the held-out tunes:
            ``[2, parts]``.
    """

    songs: int
    share: float
    longest: float
    training: Numbers
    held_out: Numbers

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return self._asdict() | {"training": self.training.tolist(), "held_out": self.held_out.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Memorized:
        """The inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: for other data.
        """
        training, held_out = (np.array(content[key], np.float64).reshape(2, -1) for key in ("training", "held_out"))
        return cls(int(content["songs"]), float(content["share"]), float(content["longest"]), training, held_out)

    @classmethod
    def mean_of_sets(cls, sets: Sequence[Memorized]) -> Memorized:
        """The means over several sets of songs, compared with the same tunes; `songs` is that of all sets."""
        columns = zip(*(each[1:] for each in sets), strict=True)
        share, longest, training, held_out = (np.mean(column, axis=0) for column in columns)
        return cls(sum(each.songs for each in sets), float(share), float(longest), training, held_out)

    @property
    def excess(self) -> float:
        """The share with a part of the training tunes minus that with a part of the held-out tunes; nan without."""
        return self.mean_of("training") - self.mean_of("held_out")

    def mean_of(self, kind: str, row: int = 0) -> float:
        """The mean over parts: of the share, or of the longest passage in `row` 1; nan without parts."""
        values = getattr(self, kind)[row]
        return float(values.mean()) if len(values) else math.nan


def interval_over_tunes(networks: Sequence[Memorized], confidence: float = DEFAULT_CONFIDENCE) -> tuple[float, float]:
    """Interval of the mean excess of networks, whose parts are the same, over tunes.

    Student's t interval of the difference of the means of two samples of equal variance: the parts of the training
    tunes, and those of the held-out tunes, each with its mean share over networks.

    Returns:
        Both ends; nan for fewer than three parts.
    """
    samples = [np.mean([getattr(each, kind)[0] for each in networks], axis=0) for kind in ("training", "held_out")]
    sizes = [len(sample) for sample in samples]
    freedom = sum(sizes) - 2
    if 0 in sizes or freedom < 1:
        return math.nan, math.nan
    difference = float(samples[0].mean() - samples[1].mean())
    pooled = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples) / freedom
    margin = t_margin(pooled * sum(1 / size for size in sizes), freedom, confidence)
    return difference - margin, difference + margin
