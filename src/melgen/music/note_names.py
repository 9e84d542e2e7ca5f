"""Melodies as the names of their notes: ``C4 D4:1/8 E4 r:1/4 F#4:3/8``.

A name is a letter, its sign and its octave (C4 is middle C); ``r`` is a rest. A length follows a colon, as a part of a
whole note: ``1/4`` is a quarter, ``3/8`` a dotted quarter, ``1/12`` an eighth of a triplet. Without one, a note or rest
has the length of the one before it, as in LilyPond and in music21's tinyNotation; the first one is a quarter note.
"""

from __future__ import annotations

import re
from fractions import Fraction

from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, MAX_STEPS, Melody, pitch_name
from melgen.music.metre import STEPS_PER_QUARTER, STEPS_PER_WHOLE, length_name

REST_NAME = "r"

_NATURALS = dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))
_LENGTHS = "and a length follows a colon, C4:1/8"
_WORD = re.compile(r"(?:(?P<letter>[A-G])(?P<sign>##?|bb?|)(?P<octave>-?\d{1,2})|r)(?::(?P<length>.*))?")
_LENGTH = re.compile(r"(\d{1,6})(?:/(\d{1,6}))?")
_LIKE_A_NAME = re.compile(r"[A-Za-z][#b]*-?\d+(?::.*)?|[A-Za-z][#b]*:.*|[A-G](?:#+|b+)|[a-g]#+|r")


def note_text(melody: Melody) -> str:
    """The notes by name, with their lengths as parts of a whole note, and ``r`` for rests.

    A length is written where it differs from that of the note or rest before it; the first is a quarter note if
    nothing else is written. Rests among quarter notes are written as quarter rests if they are whole numbers of them.

    `melody_of_names` reads it if each note lasts a step or more and no note begins before the one before it ends. Other
    melodies are written for readers only: a note without length as ``C4:0``, and overlapping notes one after another.

    >>> note_text(Melody((60, 62, 57), (0, 24, 72), (24, 24, 24)))
    'C4 D4 r A3'
    >>> note_text(Melody((60, 62, 64, 57), (0, 36, 48, 60), (36, 12, 12, 8)))
    'C4:3/8 D4:1/8 E4 A3:1/12'
    """
    words = []
    now, length = 0, STEPS_PER_QUARTER

    def write(name: str, steps: int) -> None:
        nonlocal length
        words.append(name if steps == length else f"{name}:{length_name(steps)}")
        length = steps

    for pitch, onset, duration in zip(melody.pitches, melody.onsets, melody.durations, strict=True):
        rest = onset - now
        if length == STEPS_PER_QUARTER and rest > 0 and rest % STEPS_PER_QUARTER == 0:
            words += [REST_NAME] * (rest // STEPS_PER_QUARTER)
        elif rest > 0:
            write(REST_NAME, rest)
        write(pitch_name(pitch), duration)
        now = onset + duration
    return " ".join(words)


def melody_of_names(text: str) -> Melody:
    """The melody that `note_text` writes in this way. Its metre and its pickup are unknown.

    Raises:
        ValueError: for a word that is not a note or a rest, a pitch outside MIDI, a length that is not a whole number
            of steps, or a text that ends with a rest.

    >>> tune = melody_of_names("C4:3/8 D4:1/8 r Bb3")
    >>> tune.pitches, tune.onsets, tune.durations
    ((60, 62, 58), (0, 36, 60), (36, 12, 12))
    """
    pitches, onsets, durations = [], [], []
    now, length = 0, STEPS_PER_QUARTER
    words = text.split()
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            raise ValueError(f"{word} is not a note; notes are C4, F#5 or Bb3, {REST_NAME} is a rest, {_LENGTHS}")
        if match["length"] is not None:
            length = _steps(match["length"], word)
        if match["letter"]:
            pitches.append(_pitch(match))
            onsets.append(now)
            durations.append(length)
        now += length
        if now > MAX_STEPS:
            raise ValueError(f"{word} ends {now} steps after the beginning; at most {MAX_STEPS} are possible")
    if not words or words[-1].partition(":")[0] == REST_NAME:
        raise ValueError("there must be a note at the end")
    return Melody(tuple(pitches), tuple(onsets), tuple(durations))


def looks_like_names(text: str) -> bool:
    """Whether some word of a text looks like the name of a note with its octave, sign or length, well written or not.

    >>> [looks_like_names(text) for text in ("C4 D4", "H4 e4", "CDEF", "r C", "my tune")]
    [True, True, False, True, False]
    """
    return any(_LIKE_A_NAME.fullmatch(word) for word in text.split())


def _pitch(match: re.Match[str]) -> int:
    sign = len(match["sign"]) * (1 if match["sign"].startswith("#") else -1)
    pitch = 12 * (int(match["octave"]) + 1) + _NATURALS[match["letter"]] + sign
    if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
        raise ValueError(f"{match[0]} has pitch {pitch}; MIDI pitches are {LOWEST_PITCH} to {HIGHEST_PITCH}")
    return pitch


def _steps(length: str, word: str) -> int:
    match = _LENGTH.fullmatch(length)
    if match is None or not int(match[1]) or not int(match[2] or 1):
        raise ValueError(f"{word}: what follows the colon must be a part of a whole note, such as 1/8")
    steps = Fraction(int(match[1]) * STEPS_PER_WHOLE, int(match[2] or 1))
    if steps.denominator != 1:
        raise ValueError(f"{word}: the length {length} must be a multiple of 1/{STEPS_PER_WHOLE} of a whole note")
    return int(steps)
