"""Descriptors of melodies other than tonality: pitch classes, range, sizes of the intervals, repeated notes.

Descriptors that `muspy` 0.5 also has give the same values as its functions on a track of these notes; here they
take arrays, and thousands of melodies at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.batches import Batch, batches, lengths_of
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, Melodies

DESCRIPTORS = (
    "pitch_class_entropy",
    "scale_consistency",
    "pitch_range",
    "n_pitches_used",
    "n_pitch_classes_used",
    "step_ratio",
    "leap_ratio",
    "repeat_ratio",
    "longest_repeated_note",
)
LARGEST_STEP_SEMITONES = 2

_PITCH_CLASSES = 12
_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
# Which pitch classes ``[12]`` belong to which major scale ``[12]``. The natural minor scales have the same notes.
_SCALES = np.array(
    [
        [float((note - root) % _PITCH_CLASSES in _MAJOR_SCALE) for root in range(_PITCH_CLASSES)]
        for note in range(_PITCH_CLASSES)
    ]
)


def descriptor_table(melodies: Sequence[ArrayLike] | Melodies) -> dict[str, NDArray[np.float64]]:
    """All descriptors of many melodies: an array ``[songs]`` for each, in the order of `DESCRIPTORS`.

    As `muspy` defines them:

    - ``pitch_class_entropy``: ``-sum(p * log2(p))`` over the shares of the pitch classes among the notes, in
      bits; 0 for one pitch class, at most log2(12).
    - ``scale_consistency``: the largest share of the notes that belong to one major or (natural) minor scale.
    - ``pitch_range``: highest minus lowest pitch, in semitones.
    - ``n_pitches_used``, ``n_pitch_classes_used``: number of different ones.

    Other descriptors:

    - ``step_ratio``, ``leap_ratio``, ``repeat_ratio``: intervals of 1 or 2 semitones, of 3 and more, and of 0,
      up or down, as shares of the N - 1 intervals; nan for a single note.
    - ``longest_repeated_note``: notes in the longest run of one repeated pitch; at least 1. It shows a network
      that is stuck on a note.

    Raises:
        ValueError: if a melody has no notes, or a pitch is not a MIDI number.

    >>> table = descriptor_table([[60, 60, 62, 67], [60]])
    >>> table["pitch_range"].tolist(), table["leap_ratio"].round(3).tolist()
    ([7.0, 0.0], [0.333, nan])
    """
    lengths = lengths_of(melodies, 1, "descriptors need a note")
    table = {name: np.empty(len(lengths)) for name in DESCRIPTORS}
    for batch in batches(melodies, lengths):
        columns = [*_pitch_descriptors(batch), *_interval_descriptors(batch)]
        for name, values in zip(DESCRIPTORS, columns, strict=True):
            table[name][batch.songs] = values
    return table


def _pitch_descriptors(batch: Batch) -> list[NDArray]:
    songs, lengths, starts = len(batch.songs), batch.lengths, batch.starts
    highest, lowest = np.maximum.reduceat(batch.notes, starts), np.minimum.reduceat(batch.notes, starts)
    if lowest.min() < LOWEST_PITCH or highest.max() > HIGHEST_PITCH:
        wrong = lowest.min() if lowest.min() < LOWEST_PITCH else highest.max()
        raise ValueError(f"a pitch must be a MIDI number from {LOWEST_PITCH} to {HIGHEST_PITCH}, got {wrong}")
    notes = batch.notes.astype(np.int64)
    song_of_note = np.repeat(np.arange(songs), lengths)
    used = np.zeros((songs, HIGHEST_PITCH + 1), bool)
    used[song_of_note, notes] = True

    cells = song_of_note * _PITCH_CLASSES + notes % _PITCH_CLASSES
    counts = np.bincount(cells, minlength=songs * _PITCH_CLASSES).reshape(songs, _PITCH_CLASSES)
    shares = counts / lengths[:, None]
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=counts > 0)
    return [
        0 - (shares * logarithms).sum(axis=1),  # subtracted from 0 to avoid -0
        (counts @ _SCALES).max(axis=1) / lengths,
        highest.astype(np.int64) - lowest,
        used.sum(axis=1),
        (counts > 0).sum(axis=1),
    ]


def _interval_descriptors(batch: Batch) -> list[NDArray]:
    starts = batch.starts
    notes = batch.notes.astype(np.int64)
    # The interval before each note; there is none before the first of a melody.
    sizes = np.abs(np.diff(notes, prepend=notes[0]))
    sizes[starts] = -1
    kinds = [(sizes > 0) & (sizes <= LARGEST_STEP_SEMITONES), sizes > LARGEST_STEP_SEMITONES, sizes == 0]
    intervals = batch.lengths - 1
    ratios = [
        np.divide(
            np.add.reduceat(kind, starts, dtype=np.int64),
            intervals,
            out=np.full(len(starts), np.nan),
            where=intervals > 0,
        )
        for kind in kinds
    ]
    run_starts = np.flatnonzero(sizes != 0)
    run_lengths = np.diff(run_starts, append=len(sizes))
    first_runs = np.searchsorted(run_starts, starts)
    return [*ratios, np.maximum.reduceat(run_lengths, first_runs)]
