"""MIDI files, read with symusic.

The chunks are checked before symusic gets their tracks, so that a file that is truncated or is not MIDI is refused
with a reason. symusic gets each track separately and divides it by channel and program. The parts divided by program
are joined again, because a change of instrument does not end a melody.

Names are read from the bytes: UTF-8, else Latin-1. Metres are those of the time signatures, and bars are counted
from them. A note that is never switched off ends where the next note of its channel begins, or with its track; such
notes are counted.

A key is that of a key signature. Many programs write C major by default: if a file has only this signature, the key is
unknown, unless a text of ours names it.

MIDI has no sign for a pickup. Programs write one as a first time signature that lasts one bar and is shorter than
the second; it is read in this way.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers import MEGABYTE, decode, read_bytes
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.key import KEY_OF_MIDI, Key
from melgen.music.metre import BEAT_TYPES, Metre

MAX_BYTES = 50 * MEGABYTE
MAX_BARS = 1_000_000
_HEADER_BYTES = 14
_HEADER_OF_TRACK = struct.Struct(">4sIHHH4sI")  # the header of a file with one track, and that of the track
_META, _SYSEX, _SYSEX_GOES_ON = 0xFF, 0xF0, 0xF7
_TEXT, _TRACK_NAME, _KEY = 1, 3, 0x59
_KEY_SIGNATURE = bytes([_META, _KEY, 2])
_MODES = {0: "major", 1: "minor"}
_DEFAULT_KEY = Key(0, "major")
_NOTE_OFF, _NOTE_ON, _PROGRAM_CHANGE, _CHANNEL_PRESSURE = 0x80, 0x90, 0xC0, 0xD0
_SOUNDS_OR_COUNTS = re.compile(rb"[\x90-\x9f]|\xff\x58")  # a track without these has neither note nor metre
_END_OF_TRACK = b"\xff\x2f\x00"
_END_MARK = "the end of the track"
# An empty text where the track would end, and the marker a tick later.
_LATE_MARKER = b"\xff\x01\x00\x01\xff\x06" + bytes([len(_END_MARK)]) + _END_MARK.encode()
_ALL_VALUES = bytes(range(256))
_BEAT_TYPES = frozenset({*BEAT_TYPES, 64})

NEVER_OFF = "notes that are never switched off, ended at the next note or the end of their track"


def read_midi(source: Source) -> Iterator[Tune]:
    """The tune of a MIDI file."""
    data = _without_riff(read_bytes(source.path, MAX_BYTES))
    chunks = track_chunks(data)
    division = int.from_bytes(data[12:14], "big")
    if division & 0x8000:
        raise ReadError(f"Division {division:#06x} counts SMPTE frames, not ticks per quarter note")
    if division == 0:
        raise ReadError("0 ticks per quarter note; must be at least 1")
    channels: list[list[_Channel]] = []
    signatures: dict[int, Metre] = {}
    keys: dict[int, Key | None] = {}
    named_keys: dict[int, Key | None] = {}
    names = []
    for number, chunk in enumerate(chunks, 1):
        if _KEY_SIGNATURE in chunk:
            of_signatures, of_texts = _keys(chunk)
            keys |= of_signatures
            named_keys |= of_texts
        if _SOUNDS_OR_COUNTS.search(chunk) is None:
            names.append(_name(chunk, is_late=True))
            continue
        score, end_of_track = _score(chunk, division, number)
        if len(score.tracks) > 1 and (patched := _without_program_changes(chunk)) != chunk:
            score, end_of_track = _score(patched, division, number)
        parts = _items(score.tracks)
        names.append(_name(chunk, is_late=any(each.name for each in parts)))
        channels.append([_Channel(each, names[-1], end_of_track) for each in parts if each.notes])
        for each in _items(score.time_signatures):
            if (metre := stated_metre(each.numerator, each.denominator)) is not None:
                signatures[each.time] = metre
    pieces, remarks = _as_tracks([channel for of_track in channels for channel in of_track])
    places = iter(pieces)
    tracks = [track for of_track in channels for track in _join_in_order([next(places) for _ in of_track])]
    tune = Tune(join_pieces(tracks), division, next((name for name in names if name), ""), remarks=remarks)
    if named_keys or {*keys.values()} != {_DEFAULT_KEY}:
        tune.keys = tuple(sorted((keys | named_keys).items(), key=itemgetter(0)))
    if signatures:
        end = max((int((track.notes[:, 0] + track.notes[:, 1]).max()) for track in tracks), default=0)
        count_bars(tune, signatures, end)
    yield tune


def count_bars(tune: Tune, signatures: Mapping[int, Metre], end: int) -> None:
    """Give a tune its metres, pickup and bars.

    Args:
        tune: the tune; all ticks are in its resolution.
        signatures: the metre at each tick where one is stated.
        end: the tick at which its last note ends.
    """
    tune.metres, tune.pickup = _metres_and_pickup(sorted(signatures.items()), tune.ticks_per_quarter)
    tune.bars = _bars(tune.metres, tune.pickup, tune.ticks_per_quarter, end)


def stated_metre(beats: int, beat_type: int) -> Metre | None:
    """The metre of a time signature; ``None`` if it makes no sense."""
    return Metre(beats, beat_type) if beat_type in _BEAT_TYPES and beats > 0 else None


def _items(of_symusic: Any) -> list[Any]:
    """The items of a list of symusic, which takes several times as long to iterate over as to index."""
    return [of_symusic[place] for place in range(len(of_symusic))]


class _Channel(NamedTuple):
    """One channel of a track, with at least one note.

    Attributes:
        of_symusic: its notes and whether it is a drum track.
        name: of the track.
        end_of_track: the tick at which the track ends; ``None`` if it is unknown.
    """

    of_symusic: Any
    name: str
    end_of_track: int | None


def _as_tracks(channels: Sequence[_Channel]) -> tuple[list[Track], tuple[str, ...]]:
    """Channels with all their notes, and remarks about these notes."""
    if not channels:
        return [], ()
    starts, notes = _notes([channel.of_symusic.notes for channel in channels])
    last_ends = np.maximum.reduceat(notes[:, 0] + notes[:, 1], starts[:-1]).tolist()
    tracks, is_never_off = [], False
    for channel, start, stop, last_end in zip(channels, starts[:-1], starts[1:], last_ends, strict=True):
        own, is_drum = notes[start:stop], channel.of_symusic.is_drum
        if channel.end_of_track is not None and last_end > channel.end_of_track:
            own = _ended(own, channel.end_of_track)
            is_never_off |= not is_drum  # drums need no end
        tracks.append(Track(own, channel.name, is_drum))
    return tracks, (NEVER_OFF,) if is_never_off else ()


def _notes(lists: Sequence[Any]) -> tuple[list[int], NDArray[np.int64]]:
    """Where each of several lists of notes starts, ``[lists + 1]``, and the notes of all: ``[notes, 3]``.

    symusic takes longer to make the arrays of a list than to join two, so all are joined first. The first is changed.
    """
    starts = [0, *accumulate(map(len, lists))]
    joined = lists[0]
    for each in lists[1:]:
        joined.extend(each)
    columns = joined.numpy()
    return starts, np.array([columns["time"], columns["duration"], columns["pitch"]], np.int64).T


def _score(chunk: bytes, division: int, number: int) -> tuple[Any, int | None]:
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
            for _ in _events(chunk):
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
    if not chunk.endswith(_END_OF_TRACK):
        return chunk
    values = _ALL_VALUES.translate(None, _ALL_VALUES.translate(None, chunk))  # those in the track, in order
    statuses = values[bisect_left(values, _NOTE_ON) : bisect_left(values, _NOTE_ON + 16)]
    pitches = values[: bisect_left(values, 128)]  # at least those of its notes
    offs = bytearray(3 * len(pitches))  # of each: no delay, pitch, no velocity
    offs[1::3] = pitches
    all_off = b"".join([bytes((0, status - _NOTE_ON + _NOTE_OFF)) + offs[1:] for status in statuses])
    return b"%b%b%b\0%b" % (chunk[: -len(_END_OF_TRACK)], _LATE_MARKER, all_off, _END_OF_TRACK)


def _ended(notes: NDArray[np.int64], end_of_track: int) -> NDArray[np.int64]:
    """The notes of one channel, those that are never switched off ended.

    If a key is struck twice and switched off once, the second note ends there.

    >>> _ended(np.array([[0, 20, 60], [10, 91, 60], [40, 61, 64], [70, 10, 62]]), 100).tolist()
    [[0, 10, 60], [10, 10, 60], [40, 30, 64], [70, 10, 62]]
    """
    notes = notes[np.argsort(notes[:, 0], kind="stable")]
    onsets, ends, pitches = notes[:, 0], notes[:, 0] + notes[:, 1], notes[:, 2]
    for place in np.flatnonzero(ends > end_of_track):
        onset = onsets[place]
        never_off = place
        struck = (pitches == pitches[place]) & (onsets < onset) & (ends > onset) & (ends <= end_of_track)
        if struck.any():
            never_off = np.flatnonzero(struck)[-1]
            ends[place] = ends[never_off]
        later = onsets[onsets > onsets[never_off]]
        ends[never_off] = later[0] if len(later) else end_of_track
    notes[:, 1] = ends - onsets
    return notes


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


class _Event(NamedTuple):
    """``tick`` is when it is due, and ``place`` the offset of its status byte, -1 under running status.

    ``kind`` is the type of a meta event.
    """

    tick: int
    place: int
    status: int
    kind: int
    content: bytes


def _events(chunk: bytes) -> Iterator[_Event]:
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
        if status in (_META, _SYSEX, _SYSEX_GOES_ON):
            kind = 0
            if status == _META:
                kind = chunk[position] if position < len(chunk) else 0
                position += 1
            length = number()
            if position + length > len(chunk):
                raise ReadError(f"byte {position}: an event of {length} bytes, but only {len(chunk) - position} remain")
            yield _Event(tick, place, status, kind, chunk[position : position + length])
            position += length
            continue
        if not 0x80 <= status < 0xF0:
            raise ReadError(f"byte {max(place, 0) or position}: an event of unknown kind {status:#04x}")
        length = 1 if status & 0xF0 in (_PROGRAM_CHANGE, _CHANNEL_PRESSURE) else 2
        content = chunk[position : position + length]
        for offset, value in enumerate(content):
            if value > 127:
                raise ReadError(f"byte {position + offset}: a value of {value} in an event; must be at most 127")
        yield _Event(tick, place, status, 0, content)
        position += length


def _keys(chunk: bytes) -> tuple[dict[int, Key | None], dict[int, Key | None]]:
    """The keys of a track at their ticks: those of its key signatures, and those that texts of ours name.

    Such a text follows a key signature. It names a key that a signature alone cannot, or states that it is unknown.
    """
    of_signatures: dict[int, Key | None] = {}
    of_texts: dict[int, Key | None] = {}
    last = chunk.rfind(_KEY_SIGNATURE)
    if last < 0:
        return of_signatures, of_texts
    try:
        for event in _events(chunk):
            if event.status != _META:
                if event.place > last:  # the rest of the track, which may be long
                    break
            elif event.kind == _KEY and len(event.content) == 2:
                fifths, mode = struct.unpack("bB", event.content)
                of_signatures[event.tick] = Key.of_signature(fifths, _MODES.get(mode, ""))
            elif event.kind == _TEXT and event.tick in of_signatures and event.content.startswith(KEY_OF_MIDI.encode()):
                name = event.content.removeprefix(KEY_OF_MIDI.encode()).decode("latin-1")
                of_texts[event.tick] = Key.parse(name)
    except ReadError:  # reading the notes will show the fault
        pass
    return of_signatures, of_texts


def _without_program_changes(chunk: bytes) -> bytes:
    """A track with its program changes replaced by channel pressure, which has the same length and no effect here."""
    patched = bytearray(chunk)
    try:
        for event in _events(chunk):
            if event.place >= 0 and event.status & 0xF0 == _PROGRAM_CHANGE:
                patched[event.place] += _CHANNEL_PRESSURE - _PROGRAM_CHANGE
    except ReadError:  # symusic has read it; keep the changes up to the fault
        pass
    return bytes(patched)


def _name(chunk: bytes, is_late: bool) -> str:
    """The first name in a track; with ``is_late`` also searched for after the first note."""
    if _TRACK_NAME not in chunk:  # the kind of an event; a quick test, because most tracks of notes have no name
        return ""
    try:
        for event in _events(chunk):
            if not is_late and event.status & 0xF0 in (_NOTE_ON, _NOTE_OFF):
                break
            if event.status == _META and event.kind == _TRACK_NAME:
                return _text(event.content)
    except ReadError:
        pass
    return ""


def _text(content: bytes) -> str:
    """Decode UTF-16 with a byte order mark, UTF-8, or else Latin-1.

    >>> _text("Mélodie".encode("latin-1")), _text("Mélodie".encode())
    ('Mélodie', 'Mélodie')
    """
    return decode(content).strip("\0 \t\r\n")


def _metres_and_pickup(
    signatures: list[tuple[int, Metre]], division: int
) -> tuple[tuple[tuple[int, Metre], ...], int | None]:
    """The metres that differ from the one before, and the pickup in ticks, if the first bar is shorter."""
    metres: list[tuple[int, Metre]] = []
    for tick, metre in signatures:
        if not metres or metres[-1][1] != metre:
            metres.append((tick, metre))
    if len(metres) > 1 and metres[0][0] == 0:
        first, second = _bar_ticks(metres[0][1], division, 1), _bar_ticks(metres[1][1], division, 1)
        if metres[1][0] == first < second:
            return ((0, metres[1][1]), *metres[2:]), first
    return tuple(metres), None


def _bar_ticks(metre: Metre, division: int, bars: int) -> int:
    return 4 * division * metre.beats * bars // metre.beat_type


def _bars(
    metres: tuple[tuple[int, Metre], ...], pickup: int | None, division: int, end: int
) -> NDArray[np.int64] | tuple[int, ...]:
    """The start of each bar, counted from each time signature; empty if there are absurdly many."""
    if not metres:
        return ()
    begins = [np.zeros(1 if pickup else 0, np.int64)]
    starts = [(metres[0][0] + (pickup or 0), metres[0][1]), *metres[1:], (end, metres[-1][1])]
    total = 0
    for (start, metre), (stop, _) in pairwise(starts):
        length = 4 * division * metre.beats  # of a bar, times its beat type
        count = max(0, -(-(stop - start) * metre.beat_type // length))
        total += count
        if total > MAX_BARS:
            return ()
        begins.append(start + np.arange(count, dtype=np.int64) * length // metre.beat_type)
    return np.concatenate(begins)


def _join_in_order(pieces: list[Track]) -> list[Track]:
    """The channels of one track; consecutive channels that never sound together are joined."""
    sounding = [piece for piece in pieces if len(piece.notes)]
    if len(sounding) < 2:
        return sounding
    joined: list[Track] = []
    for piece in sorted(sounding, key=lambda each: int(each.notes[:, 0].min())):
        before = next((place for place, each in enumerate(joined) if _goes_on(each, piece)), None)
        if before is None:
            joined.append(piece)
        else:
            notes = np.concatenate([joined[before].notes, piece.notes])
            joined[before] = Track(notes, piece.name, piece.is_drum)
    return joined


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
