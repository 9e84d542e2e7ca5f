"""Many melodies with rhythm as flat arrays: pitches, onsets and durations of all notes, one song after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import Melodies, Melody
from melgen.music.metre import STEPS_PER_QUARTER

Tunes = Sequence[Melody] | Melodies
"""Melodies as a list, or packed."""

Numbers = NDArray[np.int64]


class FlatRhythm(NamedTuple):
    """The notes of several songs, one song after another. Times are in steps of 1/24 quarter.

    Shape:
        ``pitch``, ``onset``, ``duration``, ``song`` (its number) and ``place`` (in its song, from 0): ``[notes]``;
        ``lengths``: ``[songs]``.
    """

    pitch: Numbers
    onset: Numbers
    duration: Numbers
    song: Numbers
    place: Numbers
    lengths: Numbers

    @property
    def first(self) -> Numbers:
        """Index of the first note of each song; every song needs a note: ``[songs]``."""
        return np.flatnonzero(self.place == 0)

    @property
    def later(self) -> Numbers:
        """Indices of the notes that follow another of the same song: ``[notes - songs]``."""
        return np.flatnonzero(self.place)

    @property
    def end(self) -> Numbers:
        """The time at which each note ends: ``[notes]``."""
        return self.onset + self.duration

    @property
    def last_end(self) -> Numbers:
        """The time at which the last sound of each song ends: ``[songs]``; every song needs a note."""
        return np.maximum.reduceat(self.end, self.first) if len(self.lengths) else np.zeros(0, np.int64)

    def running_maximum(self, values: Numbers) -> Numbers:
        """The largest of the values of a song up to each note: ``[notes]``."""
        if not len(values):
            return values
        # Each song gets a range of its own, so that one pass over all songs is enough.
        low = values.min()
        shift = self.song * (int(values.max() - low) + 1) - low
        return np.maximum.accumulate(values + shift) - shift


def flatten_rhythm(melodies: Tunes, fewest: int = 0) -> FlatRhythm:
    """Join melodies.

    Raises:
        ValueError: if a melody has fewer than `fewest` notes, its onsets decrease or a duration is negative.

    >>> flat = flatten_rhythm([Melody((60, 62), (0, 12), (12, 6)), Melody((64,), (24,), (8,))])
    >>> flat.onset.tolist(), flat.song.tolist(), flat.last_end.tolist()
    ([0, 12, 24], [0, 0, 1], [18, 32])
    """
    packed = melodies if isinstance(melodies, Melodies) else Melodies.from_list(melodies)
    lengths = packed.lengths.astype(np.int64)
    if (lengths < fewest).any():
        short = int(np.argmax(lengths < fewest))
        raise ValueError(f"a melody needs {fewest} notes or more, but melody {short + 1} has {lengths[short]}")
    song = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(song)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    pitch, onset, duration = (
        np.asarray(column).astype(np.int64) for column in (packed.pitches, packed.onsets, packed.durations)
    )
    flat = FlatRhythm(pitch, onset, duration, song, place, lengths)
    back = flat.later[np.diff(flat.onset)[flat.later - 1] < 0]
    for wrong, rule in (
        (back, "its onsets must not decrease"),
        (np.flatnonzero(flat.duration < 0), "no duration is negative"),
    ):
        if wrong.size:
            note = wrong[0]
            raise ValueError(
                f"melody {song[note] + 1}, note {place[note] + 1}: {rule}, "
                f"got onset {flat.onset[note]} and duration {flat.duration[note]}"
            )
    return flat


def has_rhythm(melodies: Tunes) -> bool:
    """Whether any melody is more than a row of equal quarter notes without rests, as songs without rhythm are.

    >>> has_rhythm([Melody.from_pitches([60, 62])]), has_rhythm([Melody((60,), (0,), (12,))])
    (False, True)
    """
    flat = flatten_rhythm(melodies)
    even = (flat.duration == STEPS_PER_QUARTER) & (flat.onset == STEPS_PER_QUARTER * flat.place)
    return not bool(even.all())
