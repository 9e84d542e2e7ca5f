"""Many melodies as arrays that fit into a processor's cache, which makes measuring them fast.

A million melodies are never in memory twice: they are read, measured and discarded one batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.music.melody import Melodies

# About ten arrays of one byte per note are in use at once; together they take one or two megabytes.
_NOTES_PER_BATCH = 1 << 17


class Batch(NamedTuple):
    """Some melodies, the shorter first: their indices and lengths ``[S]`` and their notes, joined, ``[notes]``."""

    songs: NDArray[np.int64]
    lengths: NDArray[np.int64]
    notes: NDArray[np.integer]

    @property
    def starts(self) -> NDArray[np.int64]:
        """The index in `notes` at which each melody starts: ``[S]``."""
        return np.cumsum(self.lengths) - self.lengths


def lengths_of(melodies: Sequence[ArrayLike] | Melodies, fewest: int, rule: str) -> NDArray[np.int64]:
    """Number of notes of each melody: ``[songs]``.

    Raises:
        ValueError: if a melody has fewer than `fewest` notes; the message begins with `rule`.

    >>> lengths_of([[60, 62], [60]], 1, "a range needs a note").tolist()
    [2, 1]
    """
    if isinstance(melodies, Melodies):
        lengths = melodies.lengths
    else:
        lengths = np.fromiter(map(len, melodies), np.int64, len(melodies))  # type: ignore[arg-type]  # lists or arrays
    if (lengths < fewest).any():
        song = int(np.argmax(lengths < fewest))
        raise ValueError(f"{rule}, but melody {song + 1} has {lengths[song]}")
    return lengths


def batches(melodies: Sequence[ArrayLike] | Melodies, lengths: NDArray[np.int64]) -> Iterator[Batch]:
    """All melodies in batches of similar length, so that a batch is nearly a rectangle.

    Raises:
        ValueError: if pitches are not whole numbers.

    >>> melodies = [[60, 62, 64], [60], [67, 65, 64]]
    >>> [(batch.songs.tolist(), batch.notes.tolist()) for batch in batches(melodies, np.array([3, 1, 3]))]
    [([1, 0, 2], [60, 60, 62, 64, 67, 65, 64])]
    """
    order = np.argsort(lengths, kind="stable")
    first = 0
    while first < len(order):
        at_most = max(1, _NOTES_PER_BATCH // max(1, int(lengths[order[first]])))
        candidates = lengths[order[first : first + at_most]]
        # The number of cells in a rectangle of the first 1, 2, ... of them.
        cells = candidates * np.arange(1, len(candidates) + 1)
        count = max(1, int(np.searchsorted(cells, _NOTES_PER_BATCH, side="right")))
        songs = order[first : first + count]
        yield Batch(songs, lengths[songs], _notes_of(melodies, songs, lengths[songs]))
        first += count


def _notes_of(
    melodies: Sequence[ArrayLike] | Melodies, songs: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.integer]:
    if isinstance(melodies, Melodies):
        shift = melodies.starts[songs] - (np.cumsum(lengths) - lengths)
        return np.asarray(melodies.pitches)[np.repeat(shift, lengths) + np.arange(lengths.sum())]
    chosen = [melodies[song] for song in songs.tolist()]
    if {list, tuple}.issuperset(map(type, chosen)):
        try:  # three times as fast as NumPy
            return np.frombuffer(b"".join(map(bytes, chosen)), np.uint8)  # type: ignore[arg-type]  # lists of numbers
        except (TypeError, ValueError):
            pass  # not all are whole numbers from 0 to 255
    notes = np.concatenate([np.asarray(melody) for melody in chosen])
    if notes.ndim != 1 or notes.dtype.kind not in "iu":
        raise ValueError(f"a melody must be a list of MIDI numbers, got {notes.dtype} in {notes.ndim} dimensions")
    return notes
