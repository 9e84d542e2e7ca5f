"""Hashes of a corpus: of each tune, and of its whole content."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from melgen.corpora import ImportedCorpus
from melgen.corpora.packing import interval_hashes
from melgen.music.melody import Melodies, starts_of
from melgen.music.representations import Interval


def tune_hashes(imported: ImportedCorpus) -> NDArray[np.uint64]:
    """`interval_hashes` of a corpus, which may be encoded as intervals already: ``[tunes]``."""
    if imported.encoded_as != Interval.name:
        return interval_hashes(imported.melodies)
    tunes = [imported.melodies.pitches_of(i) for i in range(len(imported.melodies))]
    # Pitches with these intervals; beyond 16 bits they wrap around, and so do their differences.
    pitches = [np.concatenate([[0], np.cumsum(tune, dtype=np.int64)]).astype(np.int16) for tune in tunes]
    nothing = np.zeros(0, np.int32)
    starts = starts_of([len(tune) for tune in pitches])
    return interval_hashes(Melodies(np.concatenate(pitches), nothing, nothing, starts, [], []))


def content_hash(melodies: Melodies, splits: NDArray[np.int8] | None) -> str:
    """A hash of melodies and their declared splits, the same on every machine.

    Keys are not part of it: networks do not read them, and runs record this hash since before keys were kept.
    """
    digest = hashlib.sha256()
    notes = (melodies.pitches, melodies.onsets, melodies.durations, melodies.starts)
    bars = (melodies.pickups, melodies.metres, melodies.metre_starts, melodies.bars, melodies.bar_starts)
    for array in (*notes, *bars, np.zeros(0, np.int8) if splits is None else splits):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:32]
