"""Melodies as MIDI files and as readable notes."""

from __future__ import annotations

import io
from pathlib import Path

from melgen.checking import check_whole, require
from melgen.files import replacing
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_QUARTER, Melody, pitch_name

TICKS_PER_QUARTER = 960
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER
REST_NAME = "r"

_MAX_TEMPO_MICROSECONDS = 2**24 - 1  # a MIDI file keeps the length of a quarter note in three bytes


def write_midi(melody: Melody, path: str | Path, tempo_qpm: float = 120, velocity: int = 100) -> Path:
    """Write a melody as a MIDI file: type 1, 960 ticks per quarter note, a tempo track and a track of notes.

    Equal melodies give equal bytes. The file is written whole or not at all; its folder is created if needed.
    A note ends no later than the next one starts, and lasts at least one step.

    Raises:
        ValueError: if the melody, the tempo or the velocity cannot be written in a MIDI file.
    """
    content = midi_bytes(melody, tempo_qpm, velocity)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)


def midi_bytes(melody: Melody, tempo_qpm: float = 120, velocity: int = 100) -> bytes:
    """The content of the file that `write_midi` writes."""
    from mido import Message, MetaMessage, MidiFile, MidiTrack, bpm2tempo

    _check_notes(melody)
    check_whole("velocity", velocity, 1, 127)
    fits = tempo_qpm > 0 and 1 <= bpm2tempo(tempo_qpm) <= _MAX_TEMPO_MICROSECONDS
    require(fits, "tempo_qpm", tempo_qpm, "a number from 4 to 60,000,000 to fit a MIDI file")

    conductor = MidiTrack([MetaMessage("set_tempo", tempo=bpm2tempo(tempo_qpm), time=0)])
    notes = MidiTrack()
    if melody.title:
        # A title may contain characters that UTF-8 cannot encode, such as half a surrogate pair from a damaged file.
        title = melody.title.encode("utf-8", "replace").decode("utf-8")
        notes.append(MetaMessage("track_name", name=title, time=0))
    unchecked = {"skip_checks": True}  # everything is checked above; mido would check every note again
    now = 0
    for i, (pitch, onset, duration) in enumerate(zip(melody.pitches, melody.onsets, melody.durations, strict=True)):
        end = onset + max(duration, 1)
        if i + 1 < len(melody):
            end = min(end, melody.onsets[i + 1])
        notes.append(
            Message("note_on", note=pitch, velocity=velocity, time=(onset - now) * TICKS_PER_STEP, **unchecked)
        )
        notes.append(Message("note_off", note=pitch, velocity=0, time=(end - onset) * TICKS_PER_STEP, **unchecked))
        now = end

    buffer = io.BytesIO()
    tracks = [conductor, notes]
    MidiFile(type=1, ticks_per_beat=TICKS_PER_QUARTER, tracks=tracks, charset="utf-8").save(file=buffer)
    return buffer.getvalue()


def note_text(melody: Melody) -> str:
    """The notes by name, with an ``r`` for every quarter note, or part of one, of rest between them.

    >>> note_text(Melody((60, 62, 57), (0, 24, 72), (24, 24, 24)))
    'C4 D4 r A3'
    """
    words = []
    now = 0
    for pitch, onset, duration in zip(melody.pitches, melody.onsets, melody.durations, strict=True):
        words += [REST_NAME] * -(-(onset - now) // STEPS_PER_QUARTER)
        words.append(pitch_name(pitch))
        now = onset + duration
    return " ".join(words)


def _check_notes(melody: Melody) -> None:
    for i, pitch in enumerate(melody.pitches):
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            raise ValueError(f"note {i + 1} has pitch {pitch}; MIDI pitches are {LOWEST_PITCH} to {HIGHEST_PITCH}")
        if melody.durations[i] < 0:
            raise ValueError(f"note {i + 1} has a negative duration of {melody.durations[i]} steps")
        earliest = melody.onsets[i - 1] + 1 if i else 0
        if melody.onsets[i] < earliest:
            raise ValueError(f"note {i + 1} starts at step {melody.onsets[i]}, but cannot start before step {earliest}")
