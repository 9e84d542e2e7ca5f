"""The tracks of a MIDI file as bytes, with a reason if the file is truncated or is not MIDI."""

from __future__ import annotations

from melgen.errors import ReadError

_HEADER_BYTES = 14


def track_chunks(data: bytes) -> list[bytes]:
    """The content of each track of a MIDI file: at least as many as it declares.

    The header may be longer than the usual 6 bytes. Data after the last track is left out if it is not a track.

    >>> track_chunks(b"<html>not a melody</html>")
    Traceback (most recent call last):
        ...
    melgen.errors.ReadError: not a MIDI file: it begins with '<htm', not 'MThd'
    """
    if data[:4] != b"MThd":
        raise ReadError(f"not a MIDI file: it begins with {data[:4].decode('latin-1')!a}, not 'MThd'")
    if len(data) < _HEADER_BYTES:
        raise ReadError(f"truncated: {len(data)} bytes, but the header alone has {_HEADER_BYTES}")
    header_length = int.from_bytes(data[4:8], "big")
    declared = int.from_bytes(data[10:12], "big")
    position = 8 + header_length
    if data[_HEADER_BYTES : _HEADER_BYTES + 4] == b"MTrk" and data[position : position + 4] != b"MTrk":
        position = _HEADER_BYTES  # a header that states a wrong length
    elif header_length < _HEADER_BYTES - 8:
        raise ReadError(f"the header states a length of {header_length} bytes; must be at least {_HEADER_BYTES - 8}")
    chunks: list[bytes] = []
    while position + 8 <= len(data):
        kind, length = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "big")
        start, position = position + 8, position + 8 + length
        if position > len(data):
            if len(chunks) < declared:
                raise ReadError(f"truncated: a chunk ends at byte {position}, but the file at {len(data)}")
            break
        if kind == b"MTrk":
            chunks.append(data[start:position])
    if len(chunks) < declared:
        raise ReadError(f"truncated: {len(chunks)} of {declared} tracks")
    if not chunks:
        raise ReadError("the file has no track")
    return chunks


def without_riff(data: bytes) -> bytes:
    """The MIDI file inside an RMID wrapper."""
    if data[:4] == b"RIFF" and data[8:12] == b"RMID" and (start := data.find(b"MThd", 12, 64)) >= 0:
        return data[start:]
    return data
