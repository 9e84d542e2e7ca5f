"""MusicXML, plain and compressed, and ``**kern``, read with music21.

Every part gives a track for each of its voices, at sounding pitch. Repeats and endings are played out, ties
joined, grace notes and chord symbols left out. Archives and entities that would swell when unpacked are
refused before anything parses them.
"""

from __future__ import annotations

import contextlib
import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers import MEGABYTE, ReadError, read_bytes
from melgen.corpora.readers.abc import decode
from melgen.corpora.sources import Source

MAX_BYTES = 50 * MEGABYTE  # of a file, and of a score once unpacked
MAX_TIMES = 100  # of a repeated passage; music21 would copy it a million times
TICKS_PER_QUARTER = 10080  # divisible by 1 to 10, so that tuplets keep their place
AS_WRITTEN = "repeats that do not add up, read once as written"

_CONTAINER = "META-INF/container.xml"
_ROOT_FILE = re.compile(r"<rootfile\b[^>]*\bfull-path\s*=\s*[\"']([^\"']+)[\"']")
_ENTITY = re.compile(r"<!ENTITY", re.IGNORECASE)
# music21 10.5 takes the bar line `=:|!` for the start of a repeat too, unless it has a number.
_UNNUMBERED_REPEAT = re.compile(r"(?<![^\t\n])(==?):")


def read_musicxml(source: Source) -> Iterator[Tune]:
    """The one tune of a MusicXML file."""
    yield _tune(parse_musicxml(read_bytes(source.path, MAX_BYTES)))


def read_kern(source: Source) -> Iterator[Tune]:
    """The one tune of a ``**kern`` file."""
    text = decode(read_bytes(source.path, MAX_BYTES)).replace("\r\n", "\n")
    if "**kern" not in text:
        raise ReadError("not a **kern file: no **kern spine")
    yield _tune(_parse(_UNNUMBERED_REPEAT.sub(r"\g<1>0:", text), "humdrum"))


def parse_musicxml(data: bytes) -> Any:
    """A music21 score from the bytes of a plain or compressed MusicXML file."""
    if data[:2] == b"PK":
        data = _unpack(data)
    text = data.decode("utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else decode(data)
    if _ENTITY.search(text):
        raise ReadError("the XML declares entities, which scores do not need and bombs are made of")
    if "<score-partwise" not in text and "<score-timewise" not in text:
        raise ReadError("not MusicXML: neither score-partwise nor score-timewise")
    return _parse(text, "musicxml")


def _unpack(data: bytes) -> bytes:
    """The score inside a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            score = None
            if _CONTAINER in names:
                match = _ROOT_FILE.search(decode(_member(archive, _CONTAINER)))
                score = match[1] if match is not None and match[1] in names else None
            if score is None:
                scores = [
                    name
                    for name in names
                    if name.lower().endswith((".xml", ".musicxml")) and not name.startswith(("META-INF", "__MACOSX"))
                ]
                if not scores:
                    raise ReadError("the archive holds no score")
                score = scores[0]
            return _member(archive, score)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ReadError(f"a damaged archive: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(MAX_BYTES + 1)  # the size that an archive states may be a lie
    if len(data) > MAX_BYTES:
        raise ReadError(f"{name} unpacks to more than {MAX_BYTES / MEGABYTE:.0f} MB")
    return data


def _parse(text: str, kind: str) -> Any:
    from music21 import converter, stream

    parsed = converter.parseData(text, format=kind)
    if isinstance(parsed, stream.Opus):
        return parsed.scores[0]
    return parsed


def _tune(score: Any) -> Tune:
    from music21.exceptions21 import Music21Exception

    remarks = set()
    with contextlib.suppress(Music21Exception):  # an instrument that music21 does not know: as written
        score = score.toSoundingPitch()
    tracks: list[Track] = []
    for part in list(score.parts) or [score]:
        _check_repeats(part)
        try:
            played = part.expandRepeats()
        except Music21Exception:
            played = part
            if _has_repeats(part):
                remarks.add(AS_WRITTEN)
        tracks += _voices(played, str(part.partName or ""))
    title = score.metadata.bestTitle if score.metadata is not None else None
    return Tune(tracks, TICKS_PER_QUARTER, str(title or ""), remarks=tuple(remarks))


def _check_repeats(part: Any) -> None:
    from music21 import bar

    for each in part.recurse().getElementsByClass(bar.Repeat):
        if each.times is not None and each.times > MAX_TIMES:
            raise ReadError(f"a repeat of {each.times!s:.20} times, at most {MAX_TIMES} are played")


def _has_repeats(part: Any) -> bool:
    from music21 import bar, repeat

    return any(True for _ in part.recurse().getElementsByClass((bar.Repeat, repeat.RepeatMark)))


def _voices(part: Any, name: str) -> list[Track]:
    """One track for each voice of a part; where a measure has no voices, its notes belong to the first."""
    from music21 import stream

    voices: defaultdict[int, list[_Note]] = defaultdict(list)
    unpitched = False
    measures = list(part.getElementsByClass(stream.Measure)) or [part]
    for measure in measures:
        start = measure.offset if measure is not part else 0
        streams = [(0, measure, start)]
        streams += [(place, voice, start + voice.offset) for place, voice in enumerate(measure.voices)]
        for place, notes, offset in streams:
            for element in notes.notes:
                pitch = _highest_pitch(element)
                if pitch is None:
                    unpitched = unpitched or not hasattr(element, "pitches") or not element.pitches
                elif not element.duration.isGrace:
                    voices[place].append(_Note(element, offset, pitch))
    tracks = []
    for place in sorted(voices):
        label = name if place == 0 else f"{name} {place + 1}".strip()
        tracks.append(Track(np.array(_join_ties(voices[place])), label))
    if not tracks and unpitched:
        tracks.append(Track(np.array([(0, 1, 0)]), name, is_drum=True))
    return tracks


class _Note:
    """A sounding note: ``onset``, ``duration`` in ticks, ``pitch``, and whether it is tied to the next."""

    def __init__(self, element: Any, offset: Any, pitch: tuple[int, Any]):
        self.onset = _ticks(offset + element.offset)
        self.duration = _ticks(offset + element.offset + element.duration.quarterLength) - self.onset
        self.pitch, tie = pitch
        self.held = tie is not None and tie.type in ("start", "continue")


def _highest_pitch(element: Any) -> tuple[int, Any] | None:
    """The highest pitch of a note or chord with its tie; ``None`` for chord symbols and percussion."""
    from music21 import chord, harmony, note

    if isinstance(element, harmony.Harmony):
        return None
    if isinstance(element, note.Note):
        return element.pitch.midi, element.tie
    if isinstance(element, chord.Chord) and element.notes:
        top = max(element.notes, key=lambda each: each.pitch.midi)
        return top.pitch.midi, top.tie
    return None


def _join_ties(notes: list[_Note]) -> list[tuple[int, int, int]]:
    joined: list[_Note] = []
    for note in sorted(notes, key=lambda each: each.onset):
        last = joined[-1] if joined else None
        if last is not None and last.held and last.pitch == note.pitch and last.onset + last.duration == note.onset:
            last.duration += note.duration
            last.held = note.held
        else:
            joined.append(note)
    return [(note.onset, note.duration, note.pitch) for note in joined]


def _ticks(quarters: float | Fraction) -> int:
    return round(quarters * TICKS_PER_QUARTER)
