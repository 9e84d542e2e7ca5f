"""The highest line of a track: the rule for notes that sound together, of `melgen.corpora.extraction`.

The lines of many tracks are found at once, because a track has so few notes that a call of NumPy takes longer than its
arithmetic.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import starts_of

Notes = NDArray[np.int64]


class PlayedNotes(NamedTuple):
    """The notes of a track, and the two lengths of time, in ticks, that decide which of them sound together.

    Attributes:
        notes: at least one, in any order.
        together: a note that begins at least so long after the first of a group of notes begins another group.
        overlap: a note that still sounds so long after the next has begun sounds together with it.

    Shape:
        notes: ``[notes, 3]``, each onset, duration and pitch.
    """

    notes: Notes
    together: int
    overlap: int


def highest_lines(tracks: Sequence[PlayedNotes]) -> list[tuple[Notes, float]]:
    """The highest line of each track, as an array of notes in order, and the share of its notes that are crowded.

    >>> (line, share), _ = highest_lines([
    ...     PlayedNotes(np.array([[0, 480, 60], [0, 480, 64], [470, 480, 62]]), 15, 120),
    ...     PlayedNotes(np.array([[0, 480, 60], [480, 480, 64]]), 15, 120),
    ... ])
    >>> line.tolist(), round(share, 3)
    ([[0, 470, 64], [470, 480, 62]], 0.333)
    """
    lines = [(track.notes, 0.0) for track in tracks]
    several = np.flatnonzero(_has_notes_together(tracks)).tolist()
    for place, found in zip(several, _lines_of_groups([tracks[place] for place in several]), strict=True):
        lines[place] = found
    return lines


def _has_notes_together(tracks: Sequence[PlayedNotes]) -> NDArray[np.bool_]:
    """Whether a track is not its own line already, one note after the other: ``[tracks]``."""
    if not tracks:
        return np.zeros(0, np.bool_)
    starts, onsets, durations, _ = _joined(tracks)
    together = np.repeat(_of_each(tracks, "together"), np.diff(starts))
    overlaps = np.zeros(len(onsets), np.bool_)
    overlaps[1:] = onsets[1:] - onsets[:-1] < np.maximum(durations[:-1], together[:-1])
    overlaps[starts[:-1]] = False
    return np.logical_or.reduceat(overlaps, starts[:-1])


def _lines_of_groups(tracks: Sequence[PlayedNotes]) -> list[tuple[Notes, float]]:
    """As `highest_lines`, where notes may sound together."""
    if not tracks:
        return []
    starts, onsets, durations, pitches = _joined(tracks)
    lengths = np.diff(starts)
    track = np.repeat(np.arange(len(tracks)), lengths)
    order = np.lexsort((onsets, track))
    onsets, durations, pitches = onsets[order], durations[order], pitches[order]
    firsts = _firsts(onsets, track, _of_each(tracks, "together"))
    highest = _highest(pitches, firsts)

    line = np.stack([onsets[firsts], durations[highest], pitches[highest]], axis=1)
    goes_on = track[firsts[1:]] == track[firsts[:-1]]  # to the next group of the same track
    until_next = line[1:, 0] - line[:-1, 0]
    np.minimum(line[:-1, 1], until_next, out=line[:-1, 1], where=goes_on)
    ends = onsets + durations
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        np.maximum.accumulate(ends[start:end], out=ends[start:end])  # until when any note so far sounds
    is_overlapped = np.zeros(len(firsts), np.int64)
    overlaps = ends[firsts[1:] - 1] - line[1:, 0]
    is_overlapped[1:] = goes_on & (overlaps > _of_each(tracks, "overlap")[track[firsts[1:]]])

    bounds = np.searchsorted(firsts, starts)
    overlapped = np.add.reduceat(is_overlapped, bounds[:-1])
    crowded = (lengths - np.diff(bounds) + overlapped).tolist()
    return [
        (line[begin:end], count / notes)
        for begin, end, count, notes in zip(
            bounds[:-1].tolist(), bounds[1:].tolist(), crowded, lengths.tolist(), strict=True
        )
    ]


def _firsts(onsets: NDArray[np.int64], track: NDArray[np.int64], together: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the first note of each group of notes that begin together.

    Args:
        onsets: of notes in order.
        track: the number of the track of each.
        together: as in `PlayedNotes`, for each track.
    """
    gaps = onsets[1:] - onsets[:-1]
    is_first = np.ones(len(onsets), np.bool_)
    is_first[1:] = (track[1:] != track[:-1]) | (gaps >= together[track[1:]])
    is_played = (gaps > 0) & ~is_first[1:]
    # Where notes of a group are played and not written, its end depends on its beginning.
    for number in np.unique(track[1:][is_played]):
        start, end = np.searchsorted(track, [number, number + 1]).tolist()
        is_first[start:end] = False
        is_first[start + np.array(_beginnings(onsets[start:end].tolist(), int(together[number])))] = True
    return np.flatnonzero(is_first)


def _highest(pitches: NDArray[np.int64], firsts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of the highest note of each group, the first of equal ones."""
    if len(firsts) == len(pitches):
        return firsts
    sizes = np.diff(firsts, append=len(pitches))
    are_highest = np.flatnonzero(pitches == np.repeat(np.maximum.reduceat(pitches, firsts), sizes))
    return are_highest[np.searchsorted(are_highest, firsts)]


def _beginnings(times: Sequence[int], together: int) -> list[int]:
    """The place of the first of each group of times: all less than ``together`` after it belong to the group."""
    starts, following = [], 0
    while following < len(times):
        starts.append(following)
        following = bisect_left(times, times[following] + together, following + 1)
    return starts


def _joined(tracks: Sequence[PlayedNotes]) -> tuple[NDArray[np.int64], ...]:
    """Where each track starts, ``[tracks + 1]``, and the onsets, durations and pitches of all: ``[notes]`` each."""
    notes = [track.notes for track in tracks]
    return starts_of([len(each) for each in notes]), *np.concatenate(notes).T


def _of_each(tracks: Sequence[PlayedNotes], length: str) -> NDArray[np.int64]:
    return np.array([getattr(track, length) for track in tracks], np.int64)
