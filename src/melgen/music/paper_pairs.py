"""The pairs of pitch and duration of the second paper, with its numbers."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from melgen.music.abstract_rhythm import (
    BEFORE_NOTES,
    END,
    END_KIND,
    FIRST_KIND,
    NOTE,
    REST_KIND,
    SILENT,
    SOUNDING,
    AbstractRhythm,
    event_rules,
)
from melgen.music.events import FIRST, REST, Events, RhythmError
from melgen.music.grammar import START, Rules
from melgen.music.metre import STEPS_PER_SIXTEENTH, length_name


@dataclass(frozen=True)
class PaperPairs(AbstractRhythm):
    """The pairs of the second paper (arXiv 2101.07669), numbered as there; `Joint` is the same idea without its limits.

    The token of a pitch and a duration of 1 to 16 sixteenths is ``16 * (pitch - lowest) + (duration - 1)``. The
    vocabulary has all 16 durations of every pitch from the lowest to the highest of the training tunes, whether they
    occur or not. The tokens of a rest, which the paper does not have, and of `END` come after them.

    With ``dataset=interval`` an interval is paired with the duration of the note *before* it, as in the paper:
    ``[x[i + 1] - x[i], duration of note i]``. So the duration of the last note is not written, and decoding makes it a
    quarter. The last note of a primer is as long as the network makes it, and a song without a primer has one note more
    than ``notes=``.

    A tune with a note or rest that is not 1 to 16 whole sixteenths long is left out. Because of that, and of the last
    duration, bits per note are not those of the other rhythms; they are left out. Losses are those of this vocabulary.

    >>> rhythm = PaperPairs()
    >>> symbols = rhythm.symbols(Events(np.array([60, REST, 62]), np.array([48, 24, 90])))[:, 0].tolist()
    >>> vocabulary = rhythm.complete({*symbols, END})
    >>> [vocabulary.index(symbol) for symbol in symbols], len(vocabulary)
    ([7, 51, 46], 65)
    >>> intervals = rhythm.symbols(Events(np.array([FIRST, REST, 2]), np.array([48, 24, 90])))
    >>> back = rhythm.events(intervals)
    >>> len(intervals), back.values.tolist(), back.durations.tolist()
    (2, [1001, 1000, 2], [48, 24, 24])
    """

    name: ClassVar[str] = "paper_pairs"
    is_comparable: ClassVar[bool] = False
    pairs_intervals_with_note_before: ClassVar[bool] = True

    LONGEST: ClassVar[int] = 16
    """The longest duration, in sixteenths: each pitch, interval and the rest has a row of as many symbols."""

    # Numbers of rows. All symbols are below END, and those of rests above those of notes.
    _REST: ClassVar[int] = -1
    _PITCH_0: ClassVar[int] = -500
    _INTERVAL_0: ClassVar[int] = -1500
    _PITCHES_FROM: ClassVar[int] = -1000
    _LAST_DURATION: ClassVar[int] = 4 * STEPS_PER_SIXTEENTH

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """A pair for each event; with intervals none for the last note.

        Raises:
            RhythmError: if a note or rest is not 1 to 16 whole sixteenths long.
        """
        lengths, between = np.divmod(events.durations, STEPS_PER_SIXTEENTH)
        if between.any():
            raise RhythmError("a note between the sixteenths")
        if lengths.max(initial=0) > self.LONGEST:
            raise RhythmError(f"a note or rest of more than {self.LONGEST} sixteenths")
        notes = np.flatnonzero(events.values != REST)
        rows = np.full(len(lengths), self._REST, np.int64)
        if len(notes) and events.values[notes[0]] == FIRST:
            rows[notes[:-1]] = events.values[notes[1:]] + self._INTERVAL_0
            rows, lengths = rows[: notes[-1]], lengths[: notes[-1]]
        else:
            rows[notes] = events.values[notes] + self._PITCH_0
        return (rows * self.LONGEST + lengths - 1)[:, None]

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """The events of the pairs; after those of intervals comes one more note, a quarter."""
        rows, values, durations = self._parts(symbols[:, 0])
        if not (self._is_interval(rows)).any():
            return Events(values, durations)
        notes = np.flatnonzero(rows != self._REST)
        intervals = values[notes]
        values[notes] = [FIRST, *intervals[:-1]]
        return Events(np.append(values, intervals[-1]), np.append(durations, self._LAST_DURATION))

    def value_of(self, symbol: int) -> int:
        """The value of the pair, with intervals that of the note after it; `END` has the symbol ``END``."""
        return END if symbol == END else int(self._parts(np.array([symbol]))[1][0])

    def rules(self, opening: str) -> Rules:
        """The rules of events; with intervals the end may follow a rest, since one more note comes before it."""
        if opening != FIRST_KIND:
            return event_rules(opening)
        return {
            START: {NOTE: SOUNDING, REST_KIND: BEFORE_NOTES},
            BEFORE_NOTES: {NOTE: SOUNDING},
            SOUNDING: {NOTE: SOUNDING, REST_KIND: SILENT, END_KIND: SILENT},
            SILENT: {NOTE: SOUNDING, END_KIND: SILENT},
        }

    def complete(self, seen: Set[int]) -> list[int]:
        """All durations of each value from the lowest to the highest; of a rest, if there is one; and `END`."""
        rows = {symbol // self.LONGEST for symbol in seen if symbol != END}
        notes = rows - {self._REST}
        every = [*range(min(notes), max(notes) + 1), *(rows - notes)] if notes else sorted(rows)
        return [*(row * self.LONGEST + length for row in every for length in range(self.LONGEST)), END]

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """Its value and its length: ``C4:1/4``."""
        if symbol == END:
            return value_name
        return f"{value_name}:{length_name(int(self._parts(np.array([symbol]))[2][0]))}"

    def _parts(self, symbols: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows, values and durations in steps of symbols other than `END`."""
        rows, lengths = np.divmod(symbols, self.LONGEST)
        values = rows - np.where(self._is_interval(rows), self._INTERVAL_0, self._PITCH_0)
        values[rows == self._REST] = REST
        return rows, values, (lengths + 1) * STEPS_PER_SIXTEENTH

    def _is_interval(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return rows < self._PITCHES_FROM
