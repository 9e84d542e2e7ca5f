"""MIDI files for the tests, written with mido: independent of the reader under test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import mido

Notes = Iterable[tuple[int, int, int]]  # onset and duration in ticks, pitch


def write_midi(
    path: Path,
    *tracks: Notes,
    names: tuple[str, ...] = (),
    channels: tuple[int, ...] = (),
    tpq: int = 480,
    metre: tuple[int, int] | None = None,
) -> Path:
    file = mido.MidiFile(type=1, ticks_per_beat=tpq)
    for place, notes in enumerate(tracks):
        track = mido.MidiTrack()
        file.tracks.append(track)
        if metre is not None and not place:
            track.append(mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]))
        if place < len(names):
            track.append(mido.MetaMessage("track_name", name=names[place]))
        channel = channels[place] if place < len(channels) else place
        # Note-offs come before note-ons, so that a repeated note is two notes.
        events = [(onset, 1, pitch) for onset, _, pitch in notes]
        events += [(onset + duration, 0, pitch) for onset, duration, pitch in notes]
        now = 0
        for tick, kind, pitch in sorted(events):
            name = "note_on" if kind else "note_off"
            track.append(mido.Message(name, note=pitch, velocity=64, time=tick - now, channel=channel))
            now = tick
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save(path)
    return path


def scale(first: int = 60, notes: int = 16, ticks: int = 240) -> list[tuple[int, int, int]]:
    """Notes that rise by semitones."""
    return [(place * ticks, ticks, first + place) for place in range(notes)]
