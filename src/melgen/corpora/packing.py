"""Joining, selecting and comparing packed melodies without unpacking them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import Melodies, starts_of

HASH_BYTES = 8


def concatenate(parts: Sequence[Melodies]) -> Melodies:
    """All melodies of several collections, in order."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return Melodies.from_list([])

    def joined(column: str) -> NDArray:
        return np.concatenate([getattr(part, column) for part in parts])

    def joined_starts(column: str) -> NDArray[np.int64]:
        return starts_of(np.concatenate([np.diff(getattr(part, column)) for part in parts]))

    return Melodies(
        joined("pitches"),
        joined("onsets"),
        joined("durations"),
        joined_starts("starts"),
        [title for part in parts for title in part.titles],
        [source for part in parts for source in part.sources],
        pickups=joined("pickups"),
        metres=joined("metres"),
        metre_starts=joined_starts("metre_starts"),
        bars=joined("bars"),
        bar_starts=joined_starts("bar_starts"),
        keys=joined("keys"),
    )


def select(melodies: Melodies, keep: NDArray[np.bool_]) -> Melodies:
    """The melodies for which ``keep`` is true.

    >>> from melgen.music.melody import Melody
    >>> packed = Melodies.from_list([Melody.from_pitches([60, 62]), Melody.from_pitches([64])])
    >>> [tune.pitches for tune in select(packed, np.array([False, True]))]
    [(64,)]
    """
    if keep.all():
        return melodies

    def of_those_kept(starts: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        lengths = np.diff(starts)
        return np.repeat(keep, lengths), starts_of(lengths[keep])

    notes, starts = of_those_kept(melodies.starts)
    changes, metre_starts = of_those_kept(melodies.metre_starts)
    bars, bar_starts = of_those_kept(melodies.bar_starts)
    return Melodies(
        melodies.pitches[notes],
        melodies.onsets[notes],
        melodies.durations[notes],
        starts,
        [title for title, kept in zip(melodies.titles, keep, strict=True) if kept],
        [source for source, kept in zip(melodies.sources, keep, strict=True) if kept],
        pickups=melodies.pickups[keep],
        metres=melodies.metres[changes],
        metre_starts=metre_starts,
        bars=melodies.bars[bars],
        bar_starts=bar_starts,
        keys=melodies.keys[keep],
    )


def interval_keys(melodies: Melodies) -> Iterator[bytes]:
    """The interval sequence of each melody as bytes, equal for copies and transpositions.

    The bytes are little-endian 16-bit integers on every machine; a melody of one note gives no bytes.
    """
    intervals = np.diff(melodies.pitches).astype("<i2", copy=False)
    for start, end in zip(melodies.starts[:-1].tolist(), melodies.starts[1:].tolist(), strict=True):
        yield intervals[start : max(end - 1, start)].tobytes()


def interval_hashes(melodies: Melodies) -> NDArray[np.uint64]:
    """A hash of each melody's interval sequence: BLAKE2b of its bytes, as a number.

    Shape:
        ``[tunes]``.

    >>> from melgen.music.melody import Melody
    >>> tunes = Melodies.from_list(Melody.from_pitches(p) for p in ([60, 62], [65, 67], [60, 61]))
    >>> [f"{number:016x}" for number in interval_hashes(tunes).tolist()]
    ['5231502eb341d6e2', '5231502eb341d6e2', '94297a5f7820e83a']
    """
    return hashes_of(interval_keys(melodies))


def hashes_of(keys: Iterable[bytes]) -> NDArray[np.uint64]:
    """BLAKE2b of each of several keys, as a number: ``[keys]``."""
    hashes = b"".join(blake2b(key, digest_size=HASH_BYTES).digest() for key in keys)
    return np.frombuffer(hashes, "<u8").astype(np.uint64)
