"""Hashes of a corpus: of each tune, and of its whole content."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from melgen.corpora import ImportedCorpus
from melgen.corpora.packing import hashes_of, interval_keys
from melgen.music.melody import Melodies
from melgen.music.representations import Interval


def tune_keys(imported: ImportedCorpus) -> list[bytes]:
    """`interval_keys` of a corpus, whose values may be the intervals already: ``[tunes]``."""
    melodies = imported.melodies
    if imported.encoded_as != Interval.name:
        return list(interval_keys(melodies))
    return [melodies.pitches_of(tune).astype("<i2", copy=False).tobytes() for tune in range(len(melodies))]


def tune_hashes(imported: ImportedCorpus) -> NDArray[np.uint64]:
    """`melgen.corpora.packing.interval_hashes` of a corpus, which may be encoded as intervals: ``[tunes]``."""
    return hashes_of(tune_keys(imported))


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
