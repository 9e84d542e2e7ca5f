"""Many songs as flat arrays for comparisons: notes, and steps from one note to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

WORD_INTERVALS = 8
_LARGEST_INTERVAL = 127  # between MIDI pitches
_WORD_BITS = 64


class Steps(NamedTuple):
    """All pairs of neighbouring notes; both notes of a pair are in the same song.

    Shape:
        All ``[steps]``: the pitches `before` and `after`, the number of the song, and the place of the later
        note in its song (from 1).
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    song: NDArray[np.int64]
    place: NDArray[np.int64]


class FlatNotes(NamedTuple):
    """The notes of several songs, one song after another.

    Shape:
        ``pitch``, ``song`` (its number) and ``place`` (in its song, from 0): ``[notes]``;
        ``lengths``: ``[songs]``.
    """

    pitch: NDArray[np.int64]
    song: NDArray[np.int64]
    place: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def steps(self) -> Steps:
        """The steps within the songs."""
        later = np.flatnonzero(self.place)
        return Steps(self.pitch[later - 1], self.pitch[later], self.song[later], self.place[later])


def flatten(songs: Sequence[ArrayLike]) -> FlatNotes:
    """Join songs, each a sequence of pitches.

    Raises:
        ValueError: if a song is not a flat sequence of integers.

    >>> notes = flatten([[60, 62, 64], [], [72, 71]])
    >>> notes.song.tolist(), notes.place.tolist(), notes.steps().after.tolist()
    ([0, 0, 0, 2, 2], [0, 1, 2, 0, 1], [62, 64, 71])
    """
    arrays = [np.asarray(song) for song in songs]
    for song, array in zip(songs, arrays, strict=True):
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise ValueError(f"a song must be a list of pitches as whole numbers, got {song!r:.80}")
    lengths = np.array([len(array) for array in arrays], np.int64)
    pitch = np.concatenate([np.zeros(0, np.int64), *(array for array in arrays if array.size)]).astype(np.int64)
    number = np.repeat(np.arange(len(arrays)), lengths)
    place = np.arange(len(pitch)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return FlatNotes(pitch, number, place, lengths)


def interval_words(notes: FlatNotes) -> NDArray[np.uint64]:
    """The eight intervals that follow each note, as one number: ``[notes]``.

    Each interval is one byte, the first one the highest: words sort like the interval sequences, and comparing two
    words compares eight intervals exactly. A byte is the interval in semitones + 128, or 0 after the end of the
    song.

    Raises:
        ValueError: if an interval exceeds 127 semitones.

    >>> [f"{word:016x}" for word in interval_words(flatten([[60, 60, 62], [72, 71]])).tolist()]
    ['8082000000000000', '8200000000000000', '0000000000000000', '7f00000000000000', '0000000000000000']
    """
    step = notes.steps()
    intervals = step.after - step.before
    if intervals.size and np.abs(intervals).max() > _LARGEST_INTERVAL:
        worst = int(np.argmax(np.abs(intervals)))
        raise ValueError(
            f"intervals between MIDI pitches are at most {_LARGEST_INTERVAL} semitones, "
            f"but {step.after[worst]} follows {step.before[worst]}"
        )
    codes = np.zeros(len(notes.pitch), np.uint64)
    codes[np.flatnonzero(notes.place) - 1] = intervals + (_LARGEST_INTERVAL + 1)
    return code_words(codes, WORD_INTERVALS)


def code_words(codes: NDArray[np.uint64], per_word: int) -> NDArray[np.uint64]:
    """The codes that begin at each place, several as one number, the first the highest: ``[notes]``.

    Args:
        codes: a code for each place, which fits into ``64 / per_word`` bits; 0 for the end of a song.
        per_word: number of codes in a word; divides 64.

    >>> [f"{word:016x}" for word in code_words(np.array([258, 3, 0, 4], np.uint64), 4).tolist()]
    ['0102000300000000', '0003000000000000', '0000000000000000', '0004000000000000']
    """
    bits = np.uint64(_WORD_BITS // per_word)
    first = codes << bits * np.uint64(per_word - 1)
    words = first.copy()
    for _ in range(per_word - 1):
        words[:-1] = first[:-1] | np.where(codes[:-1] > 0, words[1:] >> bits, np.uint64(0))
    return words
