"""Joining and choosing packed melodies without unpacking them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import Melodies


def concatenate(parts: Sequence[Melodies]) -> Melodies:
    """All melodies of several collections, in order."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return Melodies.from_list([])
    lengths = np.concatenate([part.lengths for part in parts])
    return Melodies(
        np.concatenate([part.pitches for part in parts]),
        np.concatenate([part.onsets for part in parts]),
        np.concatenate([part.durations for part in parts]),
        _starts(lengths),
        [title for part in parts for title in part.titles],
        [source for part in parts for source in part.sources],
    )


def select(melodies: Melodies, keep: NDArray[np.bool_]) -> Melodies:
    """The melodies marked true.

    >>> from melgen.music.melody import Melody
    >>> packed = Melodies.from_list([Melody.from_pitches([60, 62]), Melody.from_pitches([64])])
    >>> [tune.pitches for tune in select(packed, np.array([False, True]))]
    [(64,)]
    """
    if keep.all():
        return melodies
    notes = np.repeat(keep, melodies.lengths)
    return Melodies(
        melodies.pitches[notes],
        melodies.onsets[notes],
        melodies.durations[notes],
        _starts(melodies.lengths[keep]),
        [title for title, kept in zip(melodies.titles, keep, strict=True) if kept],
        [source for source, kept in zip(melodies.sources, keep, strict=True) if kept],
    )


def interval_keys(melodies: Melodies) -> Iterator[bytes]:
    """The interval sequence of each melody as bytes: equal for copies and transpositions."""
    intervals = np.diff(melodies.pitches)
    for start, end in zip(melodies.starts[:-1].tolist(), melodies.starts[1:].tolist(), strict=True):
        yield intervals[start : end - 1].tobytes()


def _starts(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
