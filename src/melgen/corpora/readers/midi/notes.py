"""The notes of the channels of symusic's scores.

A note that is never switched off ends where the next note of its channel begins, or with its track; such notes are
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.extraction import Track

NEVER_OFF = "notes that are never switched off, ended at the next note or the end of their track"


class Channel(NamedTuple):
    """One channel of a track, with at least one note.

    Attributes:
        of_symusic: its notes and whether it is a drum track.
        name: of the track.
        end_of_track: the tick at which the track ends; ``None`` if it is unknown.
    """

    of_symusic: Any
    name: str
    end_of_track: int | None


def as_tracks(channels: Sequence[Channel]) -> tuple[list[Track], tuple[str, ...]]:
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
