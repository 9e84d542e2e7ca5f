"""Lines of notes in ticks become melodies in steps of 1/24 of a quarter note.

Onsets and ends are rounded, as positions in the tune, half up: ``floor(24 * ticks / ticks_per_quarter + 1/2)``. A
duration is the difference of the two, so rounding makes no gap and no overlap between consecutive notes. A note whose
onset and end round to the same step is kept and lasts 0 steps. Metres, pickup and bars are rounded in the same way.

Many lines are rounded at once, because a tune has so few notes that a call of NumPy takes longer than its arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.corpora.cleaning import Extent
from melgen.corpora.packing import select
from melgen.errors import ReadError
from melgen.music.key import MODES
from melgen.music.melody import MAX_STEPS, Melodies, Melody, starts_of
from melgen.music.metre import STEPS_PER_QUARTER

_FINE_TICKS = 4 * STEPS_PER_QUARTER  # per quarter; from here on, the tick nearest to a step counts as the step


@dataclass(frozen=True, eq=False)
class Line:
    """The notes of a melody in ticks, in order and without overlap.

    ``bars`` are in ticks, in any order. ``about`` has what else is known of the melody: its title, source, metres,
    pickup and key, but neither notes nor bars. ``remarks`` name deviations that the reader had to make.

    Shape:
        notes: ``[notes, 3]``, each onset, duration and pitch.
        bars: ``[bars]``.

    Raises:
        ReadError: if the key has another mode than those of `MODES`.
    """

    notes: NDArray[np.int64]
    bars: NDArray[np.int64]
    ticks_per_quarter: int
    about: Melody
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        key = self.about.key
        if key is not None and key.mode not in MODES:
            raise ReadError(f"the key has the mode {key.mode!r}; must be one of {', '.join(MODES)}")

    @classmethod
    def of(cls, melody: Melody) -> Line:
        """The line of a melody: its ticks are steps, so that rounding returns the same melody.

        Raises:
            OverflowError: if a pitch, or the value of a melody that is already encoded, is too large for `Melodies`.
        """
        pitches = np.fromiter(melody.pitches, np.int64, len(melody))
        largest = int(np.abs(pitches).max(initial=0))
        if largest > np.iinfo(np.int16).max:  # which NumPy before 2 would store as another number
            raise OverflowError(f"a pitch of ±{largest} is too large for 16 bits")
        notes = np.array([melody.onsets, melody.durations, pitches], np.int64).T
        about = replace(melody, pitches=(), onsets=(), durations=(), bars=())
        return cls(notes, np.array(melody.bars, np.int64), STEPS_PER_QUARTER, about)


def steps(ticks: ArrayLike, ticks_per_quarter: ArrayLike) -> NDArray[np.int64]:
    """Ticks rounded to steps of 1/24 of a quarter note, half up.

    >>> steps([9, 10, 20, 29, 30, 160], 480).tolist()
    [0, 1, 1, 1, 2, 8]
    """
    resolution = np.asarray(ticks_per_quarter, np.int64)
    return (2 * STEPS_PER_QUARTER * np.asarray(ticks, np.int64) + resolution) // (2 * resolution)


def is_off_grid(ticks: ArrayLike, ticks_per_quarter: ArrayLike) -> NDArray[np.bool_]:
    """Whether each position is between two steps, so that rounding moves it.

    Where a step is not a whole number of ticks, as with 1,024 per quarter note, the tick nearest to a step counts as
    that step. With fewer than 96 ticks per quarter note, a tick is too long for that.

    >>> quintuplet, triplet = [0, 96, 192], [0, 160, 320]
    >>> is_off_grid(quintuplet, 480).tolist(), is_off_grid(triplet, 480).tolist()
    ([False, True, True], [False, False, False])
    """
    ticks, resolution = np.asarray(ticks, np.int64), np.asarray(ticks_per_quarter, np.int64)
    exact = resolution * steps(ticks, resolution)  # times 24
    nearest = (2 * exact + STEPS_PER_QUARTER) // (2 * STEPS_PER_QUARTER)
    return (ticks != nearest) | ((resolution < _FINE_TICKS) & (STEPS_PER_QUARTER * ticks != exact))


class RoundedLines:
    """Lines in steps. Numbers have 64 bits, so that none is too large.

    Shape:
        pitches, onsets, durations: ``[notes]``, of all lines, one after the other.
        bars: ``[bars]``, of all lines, one after the other; of each line in order, and each once.
        starts, bar_starts: ``[lines + 1]``, as in `Melodies`.
        ends: ``[lines]``, the step at which each ends.
        notes_off_grid: ``[lines]``, how many notes of each begin or end between two steps.
    """

    def __init__(self, lines: Sequence[Line]):
        self._lines = lines
        self.starts = starts_of([len(line.notes) for line in lines])
        notes = np.concatenate([np.zeros((0, 3), np.int64), *(line.notes for line in lines)])
        resolution = self._for_each([len(line.notes) for line in lines])
        begin, end = notes[:, 0], notes[:, 0] + notes[:, 1]
        self.onsets, ends = steps(begin, resolution), steps(end, resolution)
        self.durations = ends - self.onsets
        self.pitches = notes[:, 2]
        self.ends = self.of_each(np.maximum, ends)
        off_grid = is_off_grid(begin, resolution) | is_off_grid(end, resolution)
        self.notes_off_grid = self.of_each(np.add, off_grid.astype(np.int64))
        self.bars, self.bar_starts = self._rounded_bars()

    def of_each(self, reduce: np.ufunc, column: NDArray[np.int64]) -> NDArray[np.int64]:
        """The sum, least or greatest of a column of notes in each line, 0 for a line without notes: ``[lines]``."""
        has_notes = self.starts[1:] > self.starts[:-1]
        found = np.zeros(len(has_notes), np.int64)
        found[has_notes] = reduce.reduceat(column, self.starts[:-1][has_notes])
        return found

    def extents(self) -> Iterator[Extent]:
        """The extent of each."""
        columns = [
            self.of_each(reduce, column)
            for column in (self.pitches, self.durations)
            for reduce in (np.minimum, np.maximum)
        ]
        return starmap(Extent, np.stack([np.diff(self.starts), *columns], axis=1).tolist())

    def packed(self, keep: NDArray[np.bool_]) -> Melodies:
        """The melodies for which ``keep`` is true; their numbers must not be too large for `Melodies`."""
        about = Melodies.from_list([line.about for line in self._lines])
        melodies = Melodies(
            self.pitches.astype(np.int16),
            self.onsets.astype(np.int32),
            self.durations.astype(np.int32),
            self.starts,
            about.titles,
            about.sources,
            pickups=about.pickups,
            metres=about.metres,
            metre_starts=about.metre_starts,
            bars=self.bars.astype(np.int32),
            bar_starts=self.bar_starts,
            keys=about.keys,
        )
        return select(melodies, keep)

    def melody(self, line: int) -> Melody:
        """The melody of one line."""
        notes = slice(self.starts[line], self.starts[line + 1])
        return replace(
            self._lines[line].about,
            pitches=tuple(self.pitches[notes].tolist()),
            onsets=tuple(self.onsets[notes].tolist()),
            durations=tuple(self.durations[notes].tolist()),
            bars=tuple(self.bars[self.bar_starts[line] : self.bar_starts[line + 1]].tolist()),
        )

    def _rounded_bars(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        lengths = [len(line.bars) for line in self._lines]
        line = np.repeat(np.arange(len(lengths)), lengths)
        ticks = np.concatenate([np.zeros(0, np.int64), *(line.bars for line in self._lines)])
        bars = steps(ticks, self._for_each(lengths))
        inside = (bars >= 0) & (bars <= MAX_STEPS)
        bars, line = bars[inside], line[inside]
        order = np.lexsort((bars, line))
        bars, line = bars[order], line[order]
        is_first = np.append(True, (np.diff(bars) != 0) | (np.diff(line) != 0))[: len(bars)]
        counts = np.bincount(line[is_first], minlength=len(lengths))
        return bars[is_first], starts_of(counts)

    def _for_each(self, lengths: Sequence[int]) -> NDArray[np.int64]:
        """The resolution for each of so many numbers of each line."""
        return np.repeat(np.array([line.ticks_per_quarter for line in self._lines], np.int64), lengths)
