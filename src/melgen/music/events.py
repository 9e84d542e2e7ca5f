"""Events: a melody with rhythm as a row of notes and rests, the form that all rhythms write and read.

An event has a *value* and a duration in steps. The value is that of the representation (a pitch, an interval), or one
of the codes below. A melody has one canonical row of events: its rests are as long as they can be, and it ends with a
note. Any row of events can be decoded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import MIDDLE_C, Melody
from melgen.music.metre import Metre, MetreChange, bar_starts
from melgen.music.representations import AbstractRepresentation

REST = 1000
"""The value of a rest."""
FIRST = 1001
"""The value of the first note, where a representation has none for it: there is no interval before it."""
LONGEST_EVENT = 2047
"""The longest note or rest that a rhythm writes, in steps: 85 quarter notes."""

OVERLAP = "overlapping notes"
NO_LENGTH = "a note without length"
TOO_LONG = f"a note or rest of more than {LONGEST_EVENT} steps"


class Header(NamedTuple):
    """The beginning of a tune before its first event: given to the network, never predicted.

    Attributes:
        metre: of the whole tune; None if it is unknown, free or changes.
        pickup: length of the incomplete first bar in steps, 0 if it is complete; None if unknown.
    """

    metre: Metre | None = None
    pickup: int | None = None


class Events(NamedTuple):
    """Notes and rests, one after another.

    Shape:
        ``values``, ``durations``: ``[events]``.
    """

    values: NDArray[np.int64]
    durations: NDArray[np.int64]


class RhythmError(ValueError):
    """A melody cannot be written with rhythm; the message is the reason, without the melody."""


def header_of(melody: Melody) -> Header:
    """The header of a melody.

    >>> header_of(Melody((60,), (0,), (24,), metres=(MetreChange(0, Metre(6, 8)),), pickup=12))
    Header(metre=Metre(beats=6, beat_type=8), pickup=12)
    """
    return Header(melody.metre, melody.pickup)


class Timing(NamedTuple):
    """The durations of the notes and rests of a melody, whatever their values.

    Shape:
        ``durations``: ``[events]``; ``are_notes``: ``[events]`` bool, false for a rest.
    """

    durations: NDArray[np.int64]
    are_notes: NDArray[np.bool_]

    def events(self, values: NDArray[np.integer]) -> Events:
        """The events of notes with these values, ``[notes]``; also of several versions, ``[versions, notes]``."""
        each = np.empty((*values.shape[:-1], len(self.durations)), np.int64)
        each.fill(REST)  # several times as fast as np.full, and every tune needs it
        each[..., self.are_notes] = values
        return Events(each, self.durations)


def timing_of(melody: Melody) -> Timing:
    """The canonical events of a melody, without their values; a gap between two notes is a rest.

    Raises:
        RhythmError: if notes overlap, have no length, or a note or rest is too long.

    >>> timing_of(Melody((60, 62), (0, 36), (24, 12))).durations.tolist()
    [24, 12, 12]
    """
    # A place for a rest before each note; those of no length are taken out.
    each = np.empty((len(melody), 2), np.int64)
    silences, durations = each[:, 0], each[:, 1]
    durations[:] = melody.durations
    onsets = np.array(melody.onsets, np.int64)
    silences[:] = onsets
    silences[1:] -= onsets[:-1] + durations[:-1]
    if len(each) and each.min() < 0:
        raise RhythmError(OVERLAP if durations.min() > 0 else NO_LENGTH)
    if len(each) and durations.min() == 0:
        raise RhythmError(NO_LENGTH)
    if each.max(initial=0) > LONGEST_EVENT:
        raise RhythmError(TOO_LONG)
    kept = each.ravel() > 0
    are_notes = np.zeros(each.shape, np.bool_)
    are_notes[:, 1] = True
    return Timing(each.ravel()[kept], are_notes.ravel()[kept])


def events_of(melody: Melody, values: NDArray[np.integer]) -> Events:
    """The canonical events of a melody whose notes have these values.

    Raises:
        RhythmError: as `timing_of`.

    >>> events = events_of(Melody((60, 62), (0, 36), (24, 12)), np.array([60, 62]))
    >>> events.values.tolist(), events.durations.tolist()
    ([60, 1000, 62], [24, 12, 12])
    """
    return timing_of(melody).events(values)


def melody_of(
    events: Events, representation: AbstractRepresentation, first_pitch: int = MIDDLE_C, header: Header | None = None
) -> Melody:
    """The melody that events encode; any events are one.

    Rests at the beginning are silence, rests one after another add up, those at the end are dropped, and a duration
    is at least one step.

    Args:
        events: its notes and rests.
        representation: of the values.
        first_pitch: of the first note, where the values do not contain it.
        header: its metre and pickup; the melody gets its bar lines from them.

    >>> from melgen.music.representations import Interval
    >>> melody = melody_of(Events(np.array([REST, FIRST, 2]), np.array([12, 24, 0])), Interval(), 67)
    >>> melody.pitches, melody.onsets, melody.durations
    ((67, 69), (12, 36), (24, 1))
    """
    durations = np.maximum(events.durations, 1)
    ends = np.cumsum(durations)
    is_note = np.asarray(events.values) != REST
    pitches = representation.pitches_of(events.values[is_note].tolist(), first_pitch)
    metre, pickup = header or Header()
    length = int(ends[is_note][-1]) if is_note.any() else 0
    return Melody(
        tuple(pitches),
        tuple((ends - durations)[is_note].tolist()),
        tuple(durations[is_note].tolist()),
        metres=() if metre is None else (MetreChange(0, metre),),
        pickup=pickup,
        bars=() if metre is None else bar_starts(metre, pickup, length),
    )
