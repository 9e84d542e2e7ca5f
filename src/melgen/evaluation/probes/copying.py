"""Copying from context: the bits of a repeated section, when it is heard again and when it is heard first.

A *repeat* is a passage of at least `LEAST_NOTES` notes that has occurred before in the same tune, note for note,
without overlap. Repeats are searched for from the beginning: at each note the longest passage that begins there and has
occurred before, and of several earlier occurrences of that length the first. The search goes on after the passage, as
in the parsing of Ziv and Lempel (*A universal algorithm for sequential data compression*, IEEE Transactions on
Information Theory 23, 1977).

Each note of a repeat is traced to its first hearing. Where a section is heard three times or more, only its second
hearing counts.

The control replaces the notes of all first hearings with notes of another tune. Second hearings remain in their places,
but what they would be copied from is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.music.melody import Melody

LEAST_NOTES = 16
"""The notes of the shortest repeat: about four bars of a folk tune."""

Numbers = NDArray[np.int64]


class Repeat(NamedTuple):
    """A passage that occurs twice: the first note of both occurrences, and the number of notes of each."""

    first: int
    second: int
    length: int


class HeardTwice(NamedTuple):
    """The notes of a tune that are heard a second time.

    Shape:
        All ``[pairs]``: the index of a note in its `first` and its `second` hearing, and its `place` in the repeat,
        from 1.
    """

    first: Numbers
    second: Numbers
    place: Numbers


def keys_of(melody: Melody, *, with_rhythm: bool) -> Numbers:
    """The properties by which one note repeats another if all of them are equal: ``[notes, keys]``.

    The pitch; with rhythm also the duration, and the time from the onset to that of the next note, which for the last
    note is its duration.
    """
    pitches = np.asarray(melody.pitches, np.int64)
    if not with_rhythm:
        return pitches[:, None]
    return np.stack([pitches, np.asarray(melody.durations, np.int64), _times_to_next(melody)], axis=1)


def find_repeats(keys: ArrayLike, least: int = LEAST_NOTES) -> list[Repeat]:
    """The repeats of a tune, by rising place of their second occurrence.

    Args:
        keys: what must be equal of two notes: ``[notes]`` or ``[notes, keys]``.
        least: notes of the shortest repeat.

    Raises:
        ValueError: if `least` is below 1.

    >>> find_repeats([60, 62, 64, 60, 62, 64, 65, 62, 64, 65], least=3)
    [Repeat(first=0, second=3, length=3), Repeat(first=4, second=7, length=3)]
    """
    check_whole("least", least)
    notes = np.asarray(keys, np.int64)
    table = notes if notes.ndim == 2 else notes[:, None]
    number = np.unique(table, axis=0, return_inverse=True)[1].ravel()
    longest, source = _longest_before(number, least)
    repeats, place = [], 0
    while place < len(number):
        length = int(longest[place])
        if length >= least:
            repeats.append(Repeat(int(source[place]), place, length))
        place += length if length >= least else 1
    return repeats


def _longest_before(number: Numbers, least: int) -> tuple[Numbers, Numbers]:
    """At each note the length of the longest passage that has occurred before it, and where that began first."""
    count = len(number)
    longest, source = np.zeros((2, count), np.int64)
    places = np.arange(count)
    for lag in range(count - least, least - 1, -1):  # larger lags first: of equals the earliest occurrence remains
        differs = np.flatnonzero(number[lag:] != number[:-lag]) + lag
        ends = np.append(differs, count)
        later = places[lag:]
        run = np.minimum(ends[np.searchsorted(ends, later)] - later, lag)
        better = np.flatnonzero(run > longest[lag:]) + lag
        longest[better] = run[better - lag]
        source[better] = better - lag
    return longest, source


def heard_twice(repeats: Sequence[Repeat], notes: int) -> HeardTwice:
    """Pair each note of a second hearing with the same note at its first hearing.

    Args:
        repeats: of a tune, by rising place, as `find_repeats` returns them.
        notes: of the tune.

    >>> pairs = heard_twice([Repeat(0, 2, 2), Repeat(0, 4, 2)], 6)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.place.tolist()
    ([0, 1], [2, 3], [1, 2])
    """
    origin = np.arange(notes)
    second, place = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for repeat in repeats:
        # Without overlap, so that the origins of all its notes are known.
        origin[repeat.second : repeat.second + repeat.length] = origin[repeat.first : repeat.first + repeat.length]
        second.append(np.arange(repeat.second, repeat.second + repeat.length))
        place.append(np.arange(1, repeat.length + 1))
    heard, places = np.concatenate(second), np.concatenate(place)
    _, at = np.unique(origin[heard], return_index=True)
    at.sort()
    return HeardTwice(origin[heard[at]], heard[at], places[at])


def without_first_hearing(melody: Melody, pairs: HeardTwice, other: Melody) -> Melody:
    """The control: the tune with notes of another in place of those that are heard again.

    A note is replaced by that at the same place of the other tune, which begins again at its end: its pitch, its
    duration and the time to the next note. What follows moves in time accordingly.

    Args:
        melody: the tune.
        pairs: its notes that are heard twice.
        other: a tune of at least one note.

    >>> tune, other = Melody.from_pitches([60, 62, 60, 62]), Melody.from_pitches([70, 71, 72], duration_steps=12)
    >>> control = without_first_hearing(tune, heard_twice([Repeat(0, 2, 2)], 4), other)
    >>> control.pitches, control.onsets
    ((70, 71, 60, 62), (0, 12, 24, 48))
    """
    replaced = pairs.first
    source = replaced % len(other)
    columns = []
    for own, others in (
        (melody.pitches, other.pitches),
        (melody.durations, other.durations),
        (_times_to_next(melody), _times_to_next(other)),
    ):
        column = np.array(own, np.int64)
        column[replaced] = np.asarray(others, np.int64)[source]
        columns.append(column)
    pitches, durations, times = columns
    onsets = melody.onsets[0] + np.concatenate([[0], np.cumsum(times[:-1])])
    return Melody(
        tuple(pitches.tolist()),
        tuple(onsets.tolist()),
        tuple(durations.tolist()),
        melody.title,
        melody.source,
        melody.metres,
        melody.pickup,
    )


def others_for(tunes: int, seed: int = 0) -> Numbers:
    """Another tune for each tune, at random, each used once: ``[tunes]``; a single tune has only itself.

    >>> sorted(others_for(4).tolist()), bool((others_for(4) == [0, 1, 2, 3]).any())
    ([0, 1, 2, 3], False)
    """
    order = np.random.default_rng(seed).permutation(tunes)
    others = np.empty(tunes, np.int64)
    others[order] = np.roll(order, -1)
    return others


def _times_to_next(melody: Melody) -> Numbers:
    onsets, durations = np.asarray(melody.onsets, np.int64), np.asarray(melody.durations, np.int64)
    return np.append(np.diff(onsets), durations[-1:])
