"""A melody: its score and a player. Of a long one they are the beginning, and a line states it."""

from __future__ import annotations

import base64
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

from melgen.display.markup import block, remark
from melgen.display.piano_roll import piano_roll
from melgen.music.melody import STEPS_PER_QUARTER, Melody
from melgen.music.note_names import note_text
from melgen.plurals import counted
from melgen.rendering.engraving import engrave
from melgen.rendering.measures import playable
from melgen.rendering.sound import TAIL_SECONDS, synthesize, write_samples

WIDTH_PX = 700
SCORE_NOTES = 400
"""A longer score would make a notebook slow."""
TEMPO_QPM = 120
SOUND_SECONDS = 60
SAMPLE_RATE = 22_050
BIT_RATE_KBPS = 32
"""A minute of MP3 has 240 kB at this rate, and of WAV 2.6 MB."""

_STEPS_PER_SECOND = TEMPO_QPM * STEPS_PER_QUARTER // 60
_SCORE_STEPS = 10 * SOUND_SECONDS * _STEPS_PER_SECOND  # of one with few notes and long rests
_TEXT_WIDTH = 100
_TEXT_NOTES = 40


def html(melody: Melody, *, caption: str = "") -> str:
    """Score, player and length of a melody.

    A melody that cannot be engraved has a piano roll, and one that cannot be played no player; a line has the reason.

    Args:
        melody: the melody.
        caption: above it.
    """
    shown, why_no_score, is_whole = _score(melody)
    sound, why_no_sound, is_heard_whole = _player(melody)
    cut = "" if is_whole else f"Only its first {SCORE_NOTES} notes, or ten minutes, are shown."
    silent = "" if is_heard_whole else "Only its first minute is heard."
    return block(
        "melody",
        remark(caption or (melody.title if why_no_score else "")),  # a score shows the title itself
        shown,
        f"<div>{sound}</div>" if sound else "",
        remark(length_of(melody), cut, silent, why_no_score, why_no_sound),
    )


def text(melody: Melody) -> str:
    """Its length and its first notes by name."""
    names = note_text(beginning(melody, _TEXT_NOTES, _SCORE_STEPS))
    more = " ..." if len(melody) > _TEXT_NOTES else ""
    return (
        f"Melody of {counted(len(melody), 'note')}: {textwrap.shorten(names + more, _TEXT_WIDTH, placeholder=' ...')}"
    )


def length_of(melody: Melody) -> str:
    """Its number of notes, and how long it lasts at the player's tempo."""
    seconds = end_of(melody) / _STEPS_PER_SECOND
    return f"{counted(len(melody), 'note')}, {seconds:,.1f} s."


def end_of(melody: Melody) -> int:
    """The step at which its last note ends; 0 without notes."""
    return max((onset + each for onset, each in zip(melody.onsets, melody.durations, strict=True)), default=0)


def beginning(melody: Melody, notes: int, steps: int) -> Melody:
    """The first notes that begin before a step, none of them longer than until it, with the bars until it.

    >>> beginning(Melody((60, 62, 64), (0, 24, 48), (24, 24, 48)), 3, 36).durations
    (24, 12)
    """
    count = min(notes, sum(onset < steps for onset in melody.onsets))
    onsets = melody.onsets[:count]
    return replace(
        melody,
        pitches=melody.pitches[:count],
        onsets=onsets,
        durations=tuple(min(each, steps - onset) for onset, each in zip(onsets, melody.durations, strict=False)),
        metres=tuple(change for change in melody.metres if change.step < steps),
        bars=tuple(bar for bar in melody.bars if bar < steps),
    )


def _score(melody: Melody) -> tuple[str, str, bool]:
    """The score, else the piano roll; why there is no score; and whether all of the melody is in it."""
    part = beginning(melody, SCORE_NOTES, _SCORE_STEPS)
    is_whole = len(part) == len(melody) and end_of(melody) <= _SCORE_STEPS
    if not len(part):
        return "", "", is_whole
    try:
        return engrave(part, width_px=WIDTH_PX).rstrip(), "", is_whole
    except (ImportError, ValueError, RuntimeError) as error:
        return piano_roll(part, melody.title), f"A piano roll instead of a score: {error}.", is_whole


def _player(melody: Melody) -> tuple[str, str, bool]:
    """The player; why there is none; and whether all of the melody is heard."""
    if not len(melody):
        return "", "", True
    try:
        whole = playable(melody)
        part = beginning(whole, len(whole), SOUND_SECONDS * _STEPS_PER_SECOND)
        sound = base64.b64encode(_mp3(part)).decode()
    except (ImportError, ValueError) as error:
        return "", f"Without sound: {error}.", True
    player = f'<audio controls preload="metadata" src="data:audio/mpeg;base64,{sound}"></audio>'
    return player, "", end_of(whole) <= SOUND_SECONDS * _STEPS_PER_SECOND


def _mp3(melody: Melody) -> bytes:
    samples = synthesize(melody, tempo_qpm=TEMPO_QPM, sample_rate=SAMPLE_RATE)
    samples = samples[: round((SOUND_SECONDS + TAIL_SECONDS) * SAMPLE_RATE)]
    with tempfile.TemporaryDirectory() as scratch:  # libsndfile writes files
        file = Path(scratch, "melody.mp3")
        write_samples(file, samples, SAMPLE_RATE, bit_rate_kbps=BIT_RATE_KBPS)
        return file.read_bytes()
