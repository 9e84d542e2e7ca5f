"""The events of a track, read from its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from melgen.errors import ReadError

META, _SYSEX, _SYSEX_GOES_ON = 0xFF, 0xF0, 0xF7
NOTE_OFF, NOTE_ON, PROGRAM_CHANGE, CHANNEL_PRESSURE = 0x80, 0x90, 0xC0, 0xD0
END_OF_TRACK = b"\xff\x2f\x00"


class Event(NamedTuple):
    """``tick`` is when it is due, and ``place`` the offset of its status byte, -1 under running status.

    ``kind`` is the type of a meta event.
    """

    tick: int
    place: int
    status: int
    kind: int
    content: bytes


def events(chunk: bytes) -> Iterator[Event]:
    """The events of a track.

    Raises:
        ReadError: if they are damaged; names the byte and the rule.
    """
    position, status = 0, 0

    def number() -> int:
        nonlocal position
        value = 0
        for _ in range(4):
            if position >= len(chunk):
                raise ReadError(f"byte {position}: the track ends inside a number")
            byte = chunk[position]
            position += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise ReadError(f"byte {position - 4}: a number of more than four bytes")

    tick = 0
    while position < len(chunk):
        if chunk[position] < 0x80:  # the usual number, without a call
            tick += chunk[position]
            position += 1
        else:
            tick += number()
        if position >= len(chunk):
            raise ReadError(f"byte {position}: the track ends before an event")
        place = -1
        if chunk[position] >= 0x80:
            place, status = position, chunk[position]
            position += 1
        if status in (META, _SYSEX, _SYSEX_GOES_ON):
            kind = 0
            if status == META:
                kind = chunk[position] if position < len(chunk) else 0
                position += 1
            length = number()
            if position + length > len(chunk):
                raise ReadError(f"byte {position}: an event of {length} bytes, but only {len(chunk) - position} remain")
            yield Event(tick, place, status, kind, chunk[position : position + length])
            position += length
            continue
        if not 0x80 <= status < 0xF0:
            raise ReadError(f"byte {max(place, 0) or position}: an event of unknown kind {status:#04x}")
        length = 1 if status & 0xF0 in (PROGRAM_CHANGE, CHANNEL_PRESSURE) else 2
        content = chunk[position : position + length]
        for offset, value in enumerate(content):
            if value > 127:
                raise ReadError(f"byte {position + offset}: a value of {value} in an event; must be at most 127")
        yield Event(tick, place, status, 0, content)
        position += length
