"""Melodies as MIDI files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from melgen.checking import check_whole, is_number, require
from melgen.files import replacing
from melgen.music.key import FOUND_KEY, KEY_OF_MIDI, MODES, Key
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, STEPS_PER_QUARTER, Melody
from melgen.music.metre import BEAT_TYPES, STEPS_PER_WHOLE, Metre
from melgen.music.spelling import find_key

if TYPE_CHECKING:
    from mido import MetaMessage

TICKS_PER_QUARTER = 960
TICKS_PER_STEP = TICKS_PER_QUARTER // STEPS_PER_QUARTER

_MAX_TEMPO_MICROSECONDS = 2**24 - 1  # a MIDI file keeps the length of a quarter note in three bytes
_MAX_BYTE = 255
_MODES_OF_MIDI = ("major", "minor")
_DEFAULT_SIGNATURE = "C"  # of many programs, so that it alone states no key


def write_midi(melody: Melody, path: str | Path, tempo_qpm: float = 120, velocity: int = 100) -> Path:
    """Write a melody as a MIDI file: type 1, 960 ticks per quarter note, a tempo track and a track of notes.

    Equal melodies give equal bytes. The file is written whole or not at all; its folder is created if needed.
    A note ends no later than the next one starts, and lasts at least one step. The name of the track of notes is the
    melody's title.

    A melody with a key gets its key signature, and one with a metre gets its time signatures. Without a key, one with a
    metre gets the key signature that `melgen.music.spelling` finds, and a text that this key was found. MIDI names
    major and minor keys only: another mode has the signature of the mode, and is named in a text. So is C major: many
    programs write its signature by default. MIDI has no sign for a pickup: it is written as a first time signature
    of the pickup's length, 1/8 before 6/8, so that bar lines are in the right places in programs that read the file,
    ours too. Before a pickup that is not a number of thirty-seconds there is no time signature, and bars count from the
    end of the pickup. Bars within a tune are those that its time signatures give: MIDI cannot state a bar that a repeat
    divides.

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
    fits = is_number(tempo_qpm) and tempo_qpm > 0 and 1 <= bpm2tempo(tempo_qpm) <= _MAX_TEMPO_MICROSECONDS
    require(fits, "tempo_qpm", tempo_qpm, "a number from 4 to 60,000,000 to fit a MIDI file")

    conductor = MidiTrack([MetaMessage("set_tempo", tempo=bpm2tempo(tempo_qpm), time=0), *_signatures(melody)])
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


def _signatures(melody: Melody) -> Iterator[MetaMessage]:
    """The key signature of a melody and its time signatures; nothing if it has neither a key nor a metre."""
    from mido import MetaMessage

    changes = [change for change in melody.metres if change.metre.beats <= _MAX_BYTE and _is_power(change.metre)]
    if not changes and melody.key is None:
        return
    yield from _key_signature(melody)
    if not changes:
        return
    stated: list[tuple[int, Metre]] = list(changes)
    pickup = melody.pickup or 0
    first, metre = stated[0]
    if first == 0 and 0 < pickup < metre.bar_steps:
        later = [(step, each) for step, each in stated[1:] if step > pickup]
        stated = [*((0, each) for each in _metre_of(pickup)), (pickup, metre), *later]
    now = 0
    for step, each in stated:
        yield MetaMessage(
            "time_signature",
            numerator=each.beats,
            denominator=each.beat_type,
            clocks_per_click=min(each.beat_steps, _MAX_BYTE),  # there are 24 MIDI clocks in a quarter note, too
            time=(step - now) * TICKS_PER_STEP,
        )
        now = step


def _key_signature(melody: Melody) -> Iterator[MetaMessage]:
    from mido import MetaMessage

    key = melody.key or find_key(melody.pitches, melody.durations)
    signature = _key_name(key.with_few_signs())
    yield MetaMessage("key_signature", key=signature, time=0)
    if melody.key is None or key.mode not in _MODES_OF_MIDI or signature == _DEFAULT_SIGNATURE:
        yield MetaMessage("text", text=KEY_OF_MIDI + (FOUND_KEY if melody.key is None else key.name), time=0)


def _is_power(metre: Metre) -> bool:
    """Whether MIDI can write a metre's beat type: only powers of two."""
    return metre.beat_type.bit_count() == 1


def _metre_of(steps: int) -> list[Metre]:
    """The metre with the longest beats whose bar has this length; none if it is not a number of thirty-seconds.

    There is none either if MIDI, which keeps the number of beats in a byte, cannot write it.

    >>> _metre_of(12), _metre_of(36), _metre_of(8)
    ([Metre(beats=1, beat_type=8)], [Metre(beats=3, beat_type=8)], [])
    """
    types = [each for each in BEAT_TYPES if each >= 4 and steps % (STEPS_PER_WHOLE // each) == 0]
    metres = [Metre(steps * each // STEPS_PER_WHOLE, each) for each in types[:1]]
    return [metre for metre in metres if metre.beats <= _MAX_BYTE]


def _key_name(key: Key) -> str:
    """The name of the major or minor key with the same signature, as mido writes it.

    >>> _key_name(Key(2, "minor")), _key_name(Key(2, "dorian")), _key_name(Key(-2, "major"))
    ('Dm', 'Am', 'Bb')
    """
    shift = MODES["minor"] if key.has_minor_third else 0
    return Key(key.fifths + shift, "major").tonic_name + ("m" if shift else "")


def _check_notes(melody: Melody) -> None:
    for i, pitch in enumerate(melody.pitches):
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            raise ValueError(f"note {i + 1} has pitch {pitch}; MIDI pitches are {LOWEST_PITCH} to {HIGHEST_PITCH}")
        if melody.durations[i] < 0:
            raise ValueError(f"note {i + 1} has a negative duration of {melody.durations[i]} steps")
        earliest = melody.onsets[i - 1] + 1 if i else 0
        if melody.onsets[i] < earliest:
            raise ValueError(f"note {i + 1} starts at step {melody.onsets[i]}, but cannot start before step {earliest}")
