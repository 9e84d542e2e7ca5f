"""MIDI files, read with symusic.

`chunks` checks the file before symusic gets its tracks, so that a file that is truncated or is not MIDI is refused with
a reason. `symusic_score` gives symusic each track separately, which divides it by channel and program. `notes` makes
arrays of its notes, and `joining` joins the parts divided by program, because a change of instrument does not end a
melody. `keys` and `names` read the `events` of a track themselves, and `bars` counts bars from the time signatures.

Many programs write C major by default: if a file has only this key signature, the key is unknown, unless a text of ours
names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import itemgetter

from melgen.corpora.extraction import Tune
from melgen.corpora.readers import MEGABYTE, read_bytes
from melgen.corpora.readers.midi.bars import count_bars, stated_metre
from melgen.corpora.readers.midi.chunks import track_chunks, without_riff
from melgen.corpora.readers.midi.joining import join_in_order, join_pieces
from melgen.corpora.readers.midi.keys import KEY_SIGNATURE, keys_in
from melgen.corpora.readers.midi.names import name_in
from melgen.corpora.readers.midi.notes import Channel, as_tracks
from melgen.corpora.readers.midi.symusic_score import items, score_of, without_program_changes
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.key import Key
from melgen.music.metre import Metre

MAX_BYTES = 50 * MEGABYTE
_DEFAULT_KEY = Key(0, "major")
_TUNES_OF_THEIR_OWN = 2  # the type of a file whose tracks do not sound together
_SOUNDS_OR_COUNTS = re.compile(rb"[\x90-\x9f]|\xff\x58")  # a track without these has neither note nor metre


def read_midi(source: Source) -> Iterator[Tune]:
    """The tune of a MIDI file."""
    data = without_riff(read_bytes(source.path, MAX_BYTES))
    chunks = track_chunks(data)
    division = int.from_bytes(data[12:14], "big")
    if division & 0x8000:
        raise ReadError(f"Division {division:#06x} counts SMPTE frames, not ticks per quarter note")
    if division == 0:
        raise ReadError("0 ticks per quarter note; must be at least 1")
    channels: list[list[Channel]] = []
    signatures: dict[int, Metre] = {}
    keys: dict[int, Key | None] = {}
    named_keys: dict[int, Key | None] = {}
    names = []
    for number, chunk in enumerate(chunks, 1):
        if KEY_SIGNATURE in chunk:
            of_signatures, of_texts = keys_in(chunk)
            keys |= of_signatures
            named_keys |= of_texts
        if _SOUNDS_OR_COUNTS.search(chunk) is None:
            names.append(name_in(chunk, is_late=True))
            continue
        score, end_of_track = score_of(chunk, division, number)
        if len(score.tracks) > 1 and (patched := without_program_changes(chunk)) != chunk:
            score, end_of_track = score_of(patched, division, number)
        parts = items(score.tracks)
        names.append(name_in(chunk, is_late=any(each.name for each in parts)))
        channels.append([Channel(each, names[-1], end_of_track) for each in parts if each.notes])
        for each in items(score.time_signatures):
            if (metre := stated_metre(each.numerator, each.denominator)) is not None:
                signatures[each.time] = metre
    sounding = sum(map(bool, channels))
    if int.from_bytes(data[8:10], "big") == _TUNES_OF_THEIR_OWN and sounding > 1:
        raise ReadError(f"a MIDI file of type 2: its {sounding} tracks are tunes of their own, not parts of one")
    pieces, remarks = as_tracks([channel for of_track in channels for channel in of_track])
    places = iter(pieces)
    tracks = [track for of_track in channels for track in join_in_order([next(places) for _ in of_track])]
    tune = Tune(join_pieces(tracks), division, next((name for name in names if name), ""), remarks=remarks)
    if named_keys or {*keys.values()} != {_DEFAULT_KEY}:
        tune.keys = tuple(sorted((keys | named_keys).items(), key=itemgetter(0)))
    if signatures:
        end = max((int((track.notes[:, 0] + track.notes[:, 1]).max()) for track in tracks), default=0)
        count_bars(tune, signatures, end)
    yield tune
