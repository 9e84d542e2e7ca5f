"""MIDI files, read with symusic.

The chunks are checked before the file is handed over, so that what is truncated or no MIDI at all is refused
with its reason. symusic divides a track by channel and program; the pieces of one named track that follow
each other without sounding together (a change of instrument) are joined again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers import MEGABYTE, ReadError, read_bytes
from melgen.corpora.sources import Source
from melgen.music.metre import Metre

MAX_BYTES = 50 * MEGABYTE
_HEADER_BYTES = 14


def read_midi(source: Source) -> Iterator[Tune]:
    """The one tune of a MIDI file."""
    data = _without_riff(read_bytes(source.path, MAX_BYTES))
    check_chunks(data)
    import symusic

    try:
        score: Any = symusic.Score.from_midi(data)
    except (RuntimeError, ValueError) as error:
        raise ReadError(str(error).split("\n")[0]) from error
    if score.ticks_per_quarter <= 0:
        raise ReadError(f"{score.ticks_per_quarter} ticks per quarter note, at least 1 is needed")
    tracks = []
    for each in score.tracks:
        columns = each.notes.numpy()
        notes = np.empty((len(columns["time"]), 3), np.int64)
        for place, key in enumerate(("time", "duration", "pitch")):
            notes[:, place] = columns[key]
        tracks.append(Track(notes, each.name, each.is_drum))
    metres = tuple((int(each.time), Metre(each.numerator, each.denominator)) for each in score.time_signatures)
    yield Tune(join_pieces(tracks), score.ticks_per_quarter, _title(tracks), metres=metres)


def check_chunks(data: bytes) -> None:
    """Refuse what does not have the header and the chunks of a MIDI file.

    >>> check_chunks(b"<html>not a melody</html>")
    Traceback (most recent call last):
        ...
    melgen.corpora.readers.ReadError: not a MIDI file: it begins with b'<htm', not b'MThd'
    """
    if data[:4] != b"MThd":
        raise ReadError(f"not a MIDI file: it begins with {data[:4]!r}, not b'MThd'")
    if len(data) < _HEADER_BYTES:
        raise ReadError(f"truncated: {len(data)} bytes, the header alone has {_HEADER_BYTES}")
    declared = int.from_bytes(data[10:12], "big")
    position, tracks = 8 + int.from_bytes(data[4:8], "big"), 0
    while tracks < declared:
        if position + 8 > len(data):
            raise ReadError(f"truncated: {tracks} of {declared} tracks are there")
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        position += 8 + length
        if position > len(data):
            raise ReadError(f"truncated: a chunk ends at byte {position}, the file at {len(data)}")
        tracks += kind == b"MTrk"


def join_pieces(tracks: list[Track]) -> list[Track]:
    """Tracks of one name that never sound together, joined into one."""
    joined: list[Track] = []
    for track in tracks:
        if not len(track.notes):
            continue
        if joined and track.name and _goes_on(joined[-1], track):
            joined[-1] = Track(np.concatenate([joined[-1].notes, track.notes]), track.name, track.is_drum)
        else:
            joined.append(track)
    return joined


def _goes_on(before: Track, after: Track) -> bool:
    if (before.name, before.is_drum) != (after.name, after.is_drum):
        return False
    return bool((before.notes[:, 0] + before.notes[:, 1]).max() <= after.notes[:, 0].min())


def _without_riff(data: bytes) -> bytes:
    """The MIDI file inside an RMID wrapper."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID" and (start := data.find(b"MThd", 12, 64)) >= 0:
        return data[start:]
    return data


def _title(tracks: list[Track]) -> str:
    """The first track's name, which in single-track files is the sequence name."""
    return tracks[0].name.strip() if tracks else ""
