"""Tables of a representation: which pitch a value leads to, and which value a pitch becomes.

JavaScript cannot call a representation, but it can look up tables. They are made by asking the representation, so they
also hold for one that a user wrote, as long as the pitch of a note depends only on its value and the pitch before it,
and its value only on its pitch or on the interval before it. Long rows of all pairs check that; a representation that
fails is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from melgen.errors import EngineError
from melgen.music.events import FIRST
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH, MIDDLE_C, STEPS_PER_QUARTER
from melgen.music.representations import AbstractRepresentation

SILENT = -1
"""In place of a pitch: the value is not a note, its beat is silent, and the pitch before the next one is middle C."""
NO_VALUE = -(2**15)
"""In place of a value: no pair of pitches has this interval."""

PITCHES = range(LOWEST_PITCH, HIGHEST_PITCH + 1)

Move = int | list[int]
"""The pitch to which a value leads: one number, or one for each pitch before it, ``[128]``."""


class ValuesOfPitches(TypedDict):
    """The value of a note, by its pitch or by the interval before it."""

    by_interval: bool
    values: list[int]
    """By pitch: ``[128]``. By interval: ``[255]``, from -127 to 127 semitones."""


def values_before(representation: AbstractRepresentation) -> int:
    """How many first notes the representation has no value for.

    Raises:
        EngineError: if it is more than one.
    """
    before = representation.first_predicted_note - 2
    if before not in (0, 1):
        raise _refusal(representation, f"it has no value for the first {before} notes")
    return before


def moves(representation: AbstractRepresentation, values: Iterable[int], has_rhythm: bool) -> list[Move]:
    """The pitch to which each value leads, by the pitch before it; `SILENT` where it is not a note.

    Args:
        representation: of the values.
        values: those of the notes of a vocabulary; `FIRST` among them, if it is.
        has_rhythm: whether each value is a note, as in `AbstractRepresentation.pitches_of`; otherwise `decode` counts.

    Raises:
        EngineError: if the pitch depends on more than the value and the pitch before it.

    >>> from melgen.music.representations import Control, Interval
    >>> moves(Control(), [60, 131], has_rhythm=False)
    [60, 119]
    >>> (row,) = moves(Interval(), [2], has_rhythm=False)
    >>> row[60], row[127], row[3]
    (62, 117, -1)
    """
    values = list(values)
    rows = [[_followed(representation, [value], pitch, has_rhythm)[0] for pitch in PITCHES] for value in values]
    row_of = dict(zip(values, rows, strict=True))
    for first in row_of.keys() - {FIRST}:
        every_pair = [value for second in values if second != FIRST for value in (first, second)]
        running, expected = MIDDLE_C, []
        for value in every_pair:
            pitch = row_of[value][running]
            expected.append(pitch)
            running = MIDDLE_C if pitch == SILENT else pitch
        if _followed(representation, every_pair, MIDDLE_C, has_rhythm) != expected:
            raise _refusal(representation, "the pitch of a note depends on more than its value and the pitch before it")
    return [row[0] if len(set(row)) == 1 else row for row in rows]


def values_of_pitches(representation: AbstractRepresentation) -> ValuesOfPitches:
    """The value of each pitch, or of each interval.

    Raises:
        EngineError: if the value of a note depends on something else.

    >>> from melgen.music.representations import Control, Interval
    >>> values_of_pitches(Control())["values"][:3], values_of_pitches(Interval())["values"][:3]
    ([0, 1, 2], [-127, -126, -125])
    """
    before = values_before(representation)
    melodies = [[first, *(pitch for second in PITCHES for pitch in (second, first))] for first in PITCHES]
    melodies += [[pitch] * (1 + before) for pitch in PITCHES]
    found = np.concatenate([_encoded(representation, melody) for melody in melodies])
    keys = {False: np.concatenate([melody[before:] for melody in melodies]) - LOWEST_PITCH}
    if before:
        keys[True] = np.concatenate([np.diff(melody) for melody in melodies]) + HIGHEST_PITCH - LOWEST_PITCH
    for by_interval, key in keys.items():
        table = np.full(2 * len(PITCHES) - 1 if by_interval else len(PITCHES), NO_VALUE, np.int64)
        table[key] = found
        if (table[key] == found).all():
            return {"by_interval": by_interval, "values": table.tolist()}
    raise _refusal(representation, "the value of a note depends on more than its pitch, or the interval before it")


def _encoded(representation: AbstractRepresentation, melody: list[int]) -> NDArray[np.int64]:
    """The values of a melody, one for each note that has one."""
    try:
        values = np.asarray(representation.encode(np.array(melody, np.int16))).astype(np.int64)
    except Exception as error:  # a representation that a user wrote may raise anything
        raise _refusal(representation, f"encoding {melody[:4]} failed: {error}") from error
    if values.shape != (len(melody) - values_before(representation),):
        raise _refusal(representation, f"it writes {len(values)} values for {len(melody)} notes")
    return values


def _followed(
    representation: AbstractRepresentation, values: Sequence[int], first_pitch: int, has_rhythm: bool
) -> list[int]:
    """The pitch of each value in a row, or `SILENT`."""
    before = values_before(representation)
    try:
        if has_rhythm:
            first = [FIRST] * before if FIRST not in values else []
            pitches = list(representation.pitches_of([*first, *values], first_pitch))[len(first) :]
        else:
            melody = representation.decode(values, first_pitch)
            pitches = [SILENT] * (before + len(values))
            for pitch, onset, duration in zip(melody.pitches, melody.onsets, melody.durations, strict=True):
                if duration != STEPS_PER_QUARTER or onset % STEPS_PER_QUARTER:
                    raise _refusal(representation, "it decodes notes that are not quarter notes")
                pitches[onset // STEPS_PER_QUARTER] = pitch
            if before and pitches[0] != first_pitch:
                raise _refusal(representation, "its first note does not have the first pitch")
            pitches = pitches[before:]
    except EngineError:
        raise
    except Exception as error:  # a representation that a user wrote may raise anything
        raise _refusal(representation, f"decoding {list(values[:4])} failed: {error}") from error
    is_pitch = all(pitch in PITCHES or (pitch == SILENT and not has_rhythm) for pitch in pitches)
    if len(pitches) != len(values) or not is_pitch:
        raise _refusal(representation, "decoding does not give one pitch from 0 to 127 for each value")
    return [int(pitch) for pitch in pitches]


def _refusal(representation: AbstractRepresentation, reason: str) -> EngineError:
    return EngineError(f"dataset={representation.name}: cannot run in a page: {reason}")
