"""The two formats of the paper's published pickles.

A *song list* is a list of songs, each a list of pitches or of ``(pitch, duration)`` pairs, with durations in
sixteenths; a pitch without a duration is a quarter note. A *stream* is
``{"notes_dict": {id: value}, "x": [...], "y": [...]}``: the values (not the ids) of all songs, without the
last of each in ``x`` and without the first in ``y``. A song ends exactly where ``x[i + 1] != y[i]``.
"""

from __future__ import annotations

import pickletools
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melgen.corpora.cleaning import TOO_LONG
from melgen.corpora.extraction import Rejection
from melgen.corpora.readers import MEGABYTE, read_bytes
from melgen.corpora.readers.unpickling import load_plain
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.melody import MAX_STEPS, Melody
from melgen.music.metre import STEPS_PER_QUARTER, STEPS_PER_SIXTEENTH

MAX_BYTES = 500 * MEGABYTE
MAX_NOTES = 50_000_000  # a pickle of a few bytes can refer to one long list a million times
_BOUND = 2**15 - 1  # melodies keep their values in 16 bits
_QUARTER = STEPS_PER_QUARTER // STEPS_PER_SIXTEENTH  # in sixteenths
_OPCODE_BYTES = 64
MALFORMED = "malformed song"


def read_songs(source: Source) -> Iterator[Melody | Rejection]:
    """The songs of a pickle: pitches, or values of the representation in which they are encoded."""
    content = load_plain(read_bytes(source.path, MAX_BYTES))
    if isinstance(content, dict):
        songs: Sequence[Any] = stream_songs(content)
    elif isinstance(content, (list, tuple)):
        songs = content
    else:
        raise ReadError(
            f"contains a {type(content).__name__}; expected a list of songs, or a dict of notes_dict, x and y"
        )
    _check_size(songs)
    for number, song in enumerate(songs, 1):
        yield _melody(song, f"{source.name}#{number}")


def is_stream(path: Path) -> bool:
    """Whether a pickle's outermost container is a dictionary, according to its first opcodes."""
    if not path.is_file():  # opening a pipe would wait for ever
        return False
    try:
        with path.open("rb") as file:
            start = file.read(_OPCODE_BYTES)
        for opcode, _, _ in pickletools.genops(start):
            if opcode.name not in ("PROTO", "FRAME", "MARK"):
                return opcode.name in ("EMPTY_DICT", "DICT")
    except (OSError, ValueError):
        pass
    return False


def stream_songs(stream: dict[Any, Any]) -> list[list[int]]:
    """The songs of a stream.

    A boundary cannot be found if the next song happens to begin with the last value of the one before.

    >>> stream_songs({"notes_dict": {0: 60, 1: 62, 2: 64}, "x": [60, 62, 60], "y": [62, 64, 62]})
    [[60, 62, 64], [60, 62]]
    """
    if set(stream) != {"notes_dict", "x", "y"}:
        raise ReadError(f"contains a dict of {sorted(map(str, stream))[:5]}; expected notes_dict, x and y")
    notes_dict = stream["notes_dict"]
    if not isinstance(notes_dict, dict) or not notes_dict:
        raise ReadError("notes_dict is not a dictionary of values")
    columns = []
    for key in ("x", "y"):
        values = stream[key]
        if not isinstance(values, (list, tuple)) or not all(type(value) is int for value in values):
            raise ReadError(f"{key} is not a list of whole numbers")
        if not all(-_BOUND <= value <= _BOUND for value in values):
            raise ReadError(f"{key} contains a value beyond {_BOUND}")
        columns.append(np.array(values, np.int64))
    x, y = columns
    if len(x) != len(y) or len(x) == 0:
        raise ReadError(f"x has {len(x)} values and y has {len(y)}; expected equally many, and at least one")
    unknown = set(np.unique(np.concatenate([x, y])).tolist()) - set(notes_dict.values())
    if unknown:
        raise ReadError(f"value {min(unknown)} of x or y is not in notes_dict")
    ends = [*(np.flatnonzero(x[1:] != y[:-1]) + 1).tolist(), len(x)]
    starts = [0, *ends[:-1]]
    return [[*x[start:end].tolist(), int(y[end - 1])] for start, end in zip(starts, ends, strict=True)]


def _check_size(songs: Sequence[Any]) -> None:
    notes = sum(len(song) for song in songs if isinstance(song, (list, tuple)))
    if notes > MAX_NOTES:
        raise ReadError(f"{notes} notes; must be at most {MAX_NOTES}")


def _melody(song: Any, name: str) -> Melody | Rejection:
    if not isinstance(song, (list, tuple)):
        return Rejection(MALFORMED, f"a {type(song).__name__}; expected a list of notes", name)
    pairs = [note if isinstance(note, (list, tuple)) else (note, _QUARTER) for note in song]
    for pair in pairs:
        if len(pair) != 2 or type(pair[0]) is not int or type(pair[1]) is not int:
            return Rejection(
                MALFORMED, f"note {reprlib.repr(pair):.40}; expected a pitch, or a pitch and a duration", name
            )
        if abs(pair[0]) > _BOUND or not 0 <= pair[1] <= MAX_STEPS:
            return Rejection(MALFORMED, f"note {reprlib.repr(pair):.40} is out of bounds", name)
    durations = [duration * STEPS_PER_SIXTEENTH for _, duration in pairs]
    ends = np.cumsum([0, *durations]).tolist()
    if ends[-1] > MAX_STEPS:
        # The original's list contains durations up to 35,791,394; the sum of several exceeds 32 bits.
        return Rejection(TOO_LONG, f"{ends[-1]} steps; must be at most {MAX_STEPS}", name)
    return Melody(tuple(pitch for pitch, _ in pairs), tuple(ends[:-1]), tuple(durations), source=name)
