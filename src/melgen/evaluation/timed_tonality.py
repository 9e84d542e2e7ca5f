"""Macroharmony and centricity in windows of equal musical time, after arXiv 2101.07669, which extends them to rhythm.

A melody is laid on a grid of sixteenths, on which only the onsets of notes count. Windows are `span_sixteenths` long
and begin every `slide_sixteenths`. Conjunct motion does not depend on rhythm (`melgen.evaluation.tonality`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_whole
from melgen.evaluation.flat_rhythm import FlatRhythm, Numbers, Tunes, flatten_rhythm
from melgen.evaluation.tonality import FEWEST_NOTES, MOST_NOTES
from melgen.music.metre import in_sixteenths

SPAN_SIXTEENTHS = 32
SLIDE_SIXTEENTHS = 4
_CHUNK_ONSETS = 2**20  # compared at once; limits memory to about 50 MB


class TimedTonality(NamedTuple):
    """The timed metrics of melodies.

    Attributes:
        timed_macroharmony: mean over the windows of 1 if an onset window has 5 to 8 different pitches, else
            \\|n - 5\\| + 1, as `melgen.evaluation.tonality.limited_macroharmony`; nan if no window has an onset.
        timed_centricity: mean over the windows of the longest run of one repeated pitch as a share of the onsets.
        silent_windows: number of windows without an onset, which are left out.
        moved_onsets: number of notes moved to the next free sixteenth, because another note begins in theirs.

    Shape:
        All ``[songs]``.
    """

    timed_macroharmony: NDArray[np.float64]
    timed_centricity: NDArray[np.float64]
    silent_windows: Numbers
    moved_onsets: Numbers


def timed_tonality(
    melodies: Tunes, span_sixteenths: int = SPAN_SIXTEENTHS, slide_sixteenths: int = SLIDE_SIXTEENTHS
) -> TimedTonality:
    """The timed metrics of many melodies.

    A melody of L sixteenths has ``(L - span) // slide + 1`` windows, and a single one if ``L <= span``. The grid
    begins at step 0. Onsets and ends are rounded to sixteenths, half up; a note of no length takes one sixteenth.

    Raises:
        ValueError: if a melody has no notes, or the span or slide is below 1.

    >>> from melgen.music.melody import Melody
    >>> found = timed_tonality([Melody((60, 60, 62, 64), (0, 96, 192, 288), (96, 96, 96, 6))])
    >>> found.timed_macroharmony.tolist(), found.timed_centricity.tolist()
    ([4.2], [0.6])
    """
    check_whole("span_sixteenths", span_sixteenths)
    check_whole("slide_sixteenths", slide_sixteenths)
    notes = flatten_rhythm(melodies, fewest=1)
    songs = len(notes.lengths)
    position, length, moved = on_grid(notes)

    counts = np.maximum(length - span_sixteenths, 0) // slide_sixteenths + 1
    song = np.repeat(np.arange(songs), counts)
    start = slide_sixteenths * (np.arange(len(song)) - np.repeat(np.cumsum(counts) - counts, counts))
    # A range of numbers for each song, so that one search finds the onsets of all windows.
    width = int(length.max(initial=0)) + span_sixteenths + 1
    onsets = notes.song * width + position
    low = np.searchsorted(onsets, song * width + start)
    high = np.searchsorted(onsets, song * width + start + span_sixteenths)
    different, longest = _different_and_longest(notes, low, high)

    heard = low < high
    in_range = (different >= FEWEST_NOTES) & (different <= MOST_NOTES)
    macroharmony = np.where(in_range, 1.0, np.abs(different - FEWEST_NOTES) + 1.0)
    centricity = longest / np.maximum(high - low, 1)
    windows = np.bincount(song[heard], minlength=songs)

    def mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(song[heard], scores[heard], songs)
        return np.divide(sums, windows, out=np.full(songs, np.nan), where=windows > 0)

    return TimedTonality(mean(macroharmony), mean(centricity), counts - windows, moved)


def on_grid(notes: FlatRhythm) -> tuple[Numbers, Numbers, Numbers]:
    """The sixteenth of each onset ``[notes]``; of each song the length in sixteenths and the moved onsets ``[songs]``.

    >>> from melgen.music.melody import Melody
    >>> [part.tolist() for part in on_grid(flatten_rhythm([Melody((60, 62, 64), (0, 2, 12), (2, 0, 24))]))]
    [[0, 1, 2], [6], [1]]
    """
    rounded = in_sixteenths(notes.onset)
    # The order is kept: a note that takes the place of the next moves that one, too.
    position = notes.place + notes.running_maximum(rounded - notes.place)
    length = in_sixteenths(notes.last_end)
    last = np.cumsum(notes.lengths) - 1
    moved = np.bincount(notes.song, position > rounded, len(notes.lengths)).astype(np.int64)
    return position, np.maximum(length, position[last] + 1), moved


def _different_and_longest(notes: FlatRhythm, low: Numbers, high: Numbers) -> tuple[Numbers, Numbers]:
    """Number of different pitches among the notes from `low` to `high`, and their longest run: ``[windows]`` each."""
    indices = np.arange(len(notes.pitch))
    # The note before with the same pitch in the same song, -1 for none.
    keys = notes.song * (int(notes.pitch.max(initial=0)) + 1) + notes.pitch
    order = np.argsort(keys, kind="stable")
    earlier = np.full(len(keys), -1)
    same = np.flatnonzero(np.diff(keys[order]) == 0)
    earlier[order[same + 1]] = order[same]
    begins = np.diff(keys, prepend=-1) != 0
    run_start = np.maximum.accumulate(np.where(begins, indices, 0))

    different, longest = np.zeros((2, len(low)), np.int64)
    sizes = high - low
    filled = np.flatnonzero(sizes)
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes[filled]) // _CHUNK_ONSETS)) + 1
    for chunk in np.split(filled, cuts) if filled.size else []:
        starts = np.cumsum(sizes[chunk]) - sizes[chunk]
        first = np.repeat(low[chunk], sizes[chunk])
        note = np.arange(len(first)) - np.repeat(starts, sizes[chunk]) + first
        different[chunk] = np.add.reduceat(earlier[note] < first, starts, dtype=np.int64)
        longest[chunk] = np.maximum.reduceat(note - np.maximum(run_start[note], first) + 1, starts)
    return different, longest
