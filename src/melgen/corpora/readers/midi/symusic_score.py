"""symusic's score of one track, in which notes that are never switched off are kept."""

from __future__ import annotations

import struct
from bisect import bisect_left
from typing import Any

from melgen.corpora.readers.midi.events import CHANNEL_PRESSURE, END_OF_TRACK, NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, events
from melgen.errors import ReadError

_HEADER_OF_TRACK = struct.Struct(">4sIHHH4sI")  # the header of a file with one track, and that of the track
_END_MARK = "the end of the track"
# An empty text where the track would end, and the marker a tick later.
_LATE_MARKER = b"\xff\x01\x00\x01\xff\x06" + bytes([len(_END_MARK)]) + _END_MARK.encode()
_ALL_VALUES = bytes(range(256))


def items(of_symusic: Any) -> list[Any]:
    """The items of a list of symusic, which takes several times as long to iterate over as to index."""
    return [of_symusic[place] for place in range(len(of_symusic))]


def score_of(chunk: bytes, division: int, number: int) -> tuple[Any, int | None]:
    """symusic's score of one track, and the tick at which the track ends; ``None`` if it is unknown.

    If it is known, notes that are never switched off end one tick later; otherwise they are left out.
    """
    try:
        score = _parsed(_with_all_notes_off(chunk), division)
        if score.markers and (last := score.markers[-1]).text == _END_MARK:
            return score, last.time - 1
    except (RuntimeError, ValueError):  # damaged; reading the unchanged track will show the fault
        pass
    try:
        return _parsed(chunk, division), None
    except (RuntimeError, ValueError) as error:
        try:
            for _ in events(chunk):
                pass
        except ReadError as fault:
            raise ReadError(f"track {number}, {fault}") from error
        raise ReadError(f"track {number} is damaged: {str(error).splitlines()[0]}") from error


def _parsed(chunk: bytes, division: int) -> Any:
    import symusic

    header = _HEADER_OF_TRACK.pack(b"MThd", 6, 1, 1, division, b"MTrk", len(chunk))
    return symusic.Score.from_midi(header + chunk)


def _with_all_notes_off(chunk: bytes) -> bytes:
    """A track in which every key of its channels is switched off one tick after its end, with a marker there.

    symusic leaves out notes that are never switched off. No legal note ends so late, so these notes can be found.
    A track without an end is unchanged.
    """
    if not chunk.endswith(END_OF_TRACK):
        return chunk
    values = _ALL_VALUES.translate(None, _ALL_VALUES.translate(None, chunk))  # those in the track, in order
    statuses = values[bisect_left(values, NOTE_ON) : bisect_left(values, NOTE_ON + 16)]
    pitches = values[: bisect_left(values, 128)]  # at least those of its notes
    offs = bytearray(3 * len(pitches))  # of each: no delay, pitch, no velocity
    offs[1::3] = pitches
    all_off = b"".join([bytes((0, status - NOTE_ON + NOTE_OFF)) + offs[1:] for status in statuses])
    return b"%b%b%b\0%b" % (chunk[: -len(END_OF_TRACK)], _LATE_MARKER, all_off, END_OF_TRACK)


def without_program_changes(chunk: bytes) -> bytes:
    """A track with its program changes replaced by channel pressure, which has the same length and no effect here."""
    patched = bytearray(chunk)
    try:
        for event in events(chunk):
            if event.place >= 0 and event.status & 0xF0 == PROGRAM_CHANGE:
                patched[event.place] += CHANNEL_PRESSURE - PROGRAM_CHANGE
    except ReadError:  # symusic has read it; keep the changes up to the fault
        pass
    return bytes(patched)
