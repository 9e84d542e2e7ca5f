"""Rhythms: how the durations of a melody become the symbols that a network reads and writes, beside its pitches.

A rhythm composes with a representation, which writes the pitches. It turns the `Events` of a tune into *symbols*,
whole numbers in one or two streams, and any symbols into events. `melgen.music.encoding` numbers them and adds what
they have in common: the header before a tune, its start and its end.

The same tune in every rhythm (3/4; the triplet's notes last 8 steps; the D is tied over the bar line):

=========== ==== ============== ============ ====
note        G4   A4 B4 C5       D5           rest ...
duration    24   8  8  8        36           12
=========== ==== ============== ============ ====
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_one_of, require
from melgen.music.events import FIRST, REST, Events, RhythmError
from melgen.music.grammar import START, Rules
from melgen.music.metre import STEPS_PER_QUARTER, STEPS_PER_SIXTEENTH
from melgen.music.named import kind_named

END = 1002
"""The symbol after the last event of a tune, in the first stream."""
HOLD, OFF = 1003, 1004
"""A further step of the note that sounds, and a step of silence."""
NO_DURATION = 0
"""The duration beside `END`."""

CONDITIONS = ("header", "none")

_BEFORE_NOTES, _SOUNDING, _SILENT = 1, 2, 3  # states of a grammar, after START

NOTE, REST_KIND, END_KIND, FIRST_KIND, DURATION_KIND, HOLD_KIND, OFF_KIND = (
    *("note", "rest", "end", "first", "duration", "hold", "off"),
)


@dataclass(frozen=True)
class AbstractRhythm(ABC):
    """The interface of a rhythm. Rhythms hold no state.

    Attributes:
        condition: ``header``: the network is given the metre and pickup of a tune before it begins; ``none``: it is
            not.
        name: as in ``rhythm=<name>``.
        streams: how many symbols are read in each step: 1; or 2, a duration beside each value.
        representations: the names of those that it composes with; None for all.
        is_comparable: whether its bits per note can be compared with those of other rhythms: it can write the same
            tunes, and each comes back whole. Without that, bits per note are left out.

    Raises:
        ValueError: for another condition.
    """

    condition: str = "header"

    name: ClassVar[str]
    streams: ClassVar[int] = 1
    representations: ClassVar[tuple[str, ...] | None] = None
    is_comparable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_one_of("rhythm.condition", self.condition, CONDITIONS)

    @abstractmethod
    def symbols(self, events: Events) -> NDArray[np.int64]:
        """The symbols of canonical events, without `END`: ``[symbols, streams]``.

        Raises:
            RhythmError: if this rhythm cannot write them.
        """

    @abstractmethod
    def events(self, symbols: NDArray[np.int64]) -> Events:
        """The events that symbols encode; total: any symbols of the vocabulary, without `END`, are some."""

    @abstractmethod
    def value_of(self, symbol: int) -> int:
        """The value of a symbol of the first stream: that of its note, `REST`, or the symbol itself."""

    @abstractmethod
    def rules(self, opening: str) -> Rules:
        """The grammar of canonical spellings, by the kinds of `kind_of`.

        Args:
            opening: the kind of a first note: ``first`` if the representation has no value for it, else ``note``.
        """

    def kind_of(self, symbol: int) -> str:
        """The kind of a symbol of the first stream: ``note``, ``first``, ``rest``, ``end``, or one of the rhythm's."""
        return {REST: REST_KIND, FIRST: FIRST_KIND, END: END_KIND}.get(self.value_of(symbol), NOTE)

    def complete(self, seen: Set[int]) -> list[int]:
        """The symbols of the first stream of a vocabulary, sorted: by default those seen in training.

        Args:
            seen: the symbols of the training tunes, with `END`.
        """
        return sorted(seen)

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """How a musician would write a symbol of the first stream.

        Args:
            symbol: the symbol.
            value_name: the name of its value.
        """
        return value_name

    def describe(self) -> dict[str, Any]:
        """Plain data from which `rhythm_from` makes it."""
        options = [each.name for each in fields(self) if each.init]
        return {"name": self.name, **{key: value for key, value in asdict(self).items() if key in options}}


@dataclass(frozen=True)
class NoRhythm(AbstractRhythm):
    """Pitches only: a song is a row of equal quarter notes, without metre and end, as in the paper."""

    condition: str = field(default="header", init=False)  # not an option: there is no header

    name: ClassVar[str] = "none"

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """The values alone."""
        return events.values[:, None]

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """Quarter notes."""
        return Events(symbols[:, 0], np.full(len(symbols), STEPS_PER_QUARTER))

    def value_of(self, symbol: int) -> int:
        """The symbol."""
        return symbol

    def rules(self, opening: str) -> Rules:
        """Everything may follow everything."""
        return {START: {NOTE: START, FIRST_KIND: START}}


@dataclass(frozen=True)
class Joint(AbstractRhythm):
    """One symbol for each pair of a value and a duration, as in the second paper.

    >>> events = Events(np.array([67, REST, 69]), np.array([24, 12, 8]))
    >>> back = Joint().events(Joint().symbols(events))
    >>> back.values.tolist(), back.durations.tolist()
    ([67, 1000, 69], [24, 12, 8])
    """

    name: ClassVar[str] = "joint"

    _BASE: ClassVar[int] = 128  # added to a value, which may be an interval down
    _SHORT: ClassVar[Mapping[int, int]] = MappingProxyType({REST: 300, FIRST: 301})  # below the codes of a duration
    _CODES: ClassVar[int] = 512  # for each duration; none of them is END

    @classmethod
    def pair(cls, value: int, duration: int) -> int:
        """The symbol of a value and a duration."""
        return duration * cls._CODES + cls._SHORT.get(value, value) + cls._BASE

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """A pair for each event."""
        short = events.values.copy()
        for value, code in self._SHORT.items():
            short[events.values == value] = code
        return (events.durations * self._CODES + short + self._BASE)[:, None]

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """The values and durations of the pairs."""
        durations, values = np.divmod(symbols[:, 0], self._CODES)
        values = values - self._BASE
        for value, code in self._SHORT.items():
            values[values == code] = value
        return Events(values, durations)

    def value_of(self, symbol: int) -> int:
        """The value of the pair; `END` has the symbol ``END``."""
        if symbol == END:
            return END
        return int(self.events(np.array([[symbol]])).values[0])

    def rules(self, opening: str) -> Rules:
        """No rest after a rest or before the end, no end before a note."""
        return _event_rules(opening)

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """Its value and its duration in steps: ``C4 24``."""
        return value_name if symbol == END else f"{value_name} {symbol // self._CODES}"


@dataclass(frozen=True)
class Factored(AbstractRhythm):
    """Two predictions for each event: its value, then its duration given that value.

    The chain rule makes that as exact as `Joint`, with as many outputs as values and durations, not as pairs.

    >>> Factored().symbols(Events(np.array([67, REST, 69]), np.array([24, 12, 8]))).tolist()
    [[67, 24], [1000, 12], [69, 8]]
    """

    name: ClassVar[str] = "factored"
    streams: ClassVar[int] = 2

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """Value and duration side by side."""
        symbols = np.empty((len(events.values), 2), np.int64)  # np.stack would take several times as long
        symbols[:, 0], symbols[:, 1] = events
        return symbols

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """Their two columns."""
        return Events(symbols[:, 0], symbols[:, 1])

    def value_of(self, symbol: int) -> int:
        """The symbol."""
        return symbol

    def rules(self, opening: str) -> Rules:
        """No rest after a rest or before the end, no end before a note."""
        return _event_rules(opening)


@dataclass(frozen=True)
class Grid(AbstractRhythm):
    """One symbol for each step of time: the value of a note that begins, `HOLD` while it sounds, `OFF` for silence.

    Attributes:
        steps_per_quarter: 12 can hold sixteenths and triplets of eighths and sixteenths; 4 sixteenths only. Tunes with
            a note between the steps are left out and counted.

    Raises:
        ValueError: if steps of a quarter note are not whole steps of the corpus.

    >>> Grid(steps_per_quarter=4).symbols(Events(np.array([67, REST, 69]), np.array([12, 12, 6])))[:, 0].tolist()
    [67, 1003, 1004, 1004, 69]
    """

    steps_per_quarter: int = 12

    name: ClassVar[str] = "grid"
    representations: ClassVar[tuple[str, ...] | None] = ("control", "interval")

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = (1, 2, 3, 4, 6, 8, 12, 24)
        require(
            type(self.steps_per_quarter) is int and self.steps_per_quarter in fits,
            "rhythm.steps_per_quarter",
            self.steps_per_quarter,
            f"one of {', '.join(map(str, fits))}, the divisors of {STEPS_PER_QUARTER}",
        )

    @property
    def _unit(self) -> int:
        return STEPS_PER_QUARTER // self.steps_per_quarter

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """A symbol for each step of each event.

        Raises:
            RhythmError: if an event does not begin and end on the grid.
        """
        if (events.durations % self._unit).any():
            raise RhythmError(f"a note between the steps of a grid of {self.steps_per_quarter} to the quarter")
        lengths = events.durations // self._unit
        is_rest = events.values == REST
        symbols = np.repeat(np.where(is_rest, OFF, HOLD), lengths)
        starts = np.cumsum(lengths) - lengths
        symbols[starts[~is_rest]] = events.values[~is_rest]
        return symbols[:, None]

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """`HOLD` before a note or after silence is silence."""
        values: list[int] = []
        lengths: list[int] = []
        for symbol in symbols[:, 0].tolist():
            is_silence = symbol == OFF or (symbol == HOLD and (not values or values[-1] == REST))
            if values and (symbol == HOLD or (is_silence and values[-1] == REST)):
                lengths[-1] += 1
            else:
                values.append(REST if is_silence else symbol)
                lengths.append(1)
        return Events(np.array(values, np.int64), np.array(lengths, np.int64) * self._unit)

    def value_of(self, symbol: int) -> int:
        """The symbol; silence is a rest."""
        return REST if symbol == OFF else symbol

    def kind_of(self, symbol: int) -> str:
        """Its kind; ``hold`` and ``off`` besides those of events."""
        return {HOLD: HOLD_KIND, OFF: OFF_KIND}.get(symbol) or super().kind_of(symbol)

    def rules(self, opening: str) -> Rules:
        """`HOLD` only while a note sounds, `END` only then."""
        before = {opening: _SOUNDING, OFF_KIND: _BEFORE_NOTES}
        return {
            START: before,
            _BEFORE_NOTES: before,
            _SOUNDING: {NOTE: _SOUNDING, HOLD_KIND: _SOUNDING, OFF_KIND: _SILENT, END_KIND: _SILENT},
            _SILENT: {NOTE: _SOUNDING, OFF_KIND: _SILENT},
        }

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """The value, ``hold`` or ``off``."""
        return {HOLD: "hold", OFF: "off"}.get(symbol, value_name)


@dataclass(frozen=True)
class Interleaved(AbstractRhythm):
    """The value and the duration of each event one after the other, in one stream.

    >>> Interleaved().symbols(Events(np.array([67, REST]), np.array([24, 12])))[:, 0].tolist()
    [67, 2024, 1000, 2012]
    """

    name: ClassVar[str] = "interleaved"

    _DURATIONS: ClassVar[int] = 2000  # the symbol of a duration of no step

    def symbols(self, events: Events) -> NDArray[np.int64]:
        """Twice as many as events."""
        return np.stack([events.values, events.durations + self._DURATIONS], 1).reshape(-1, 1)

    def events(self, symbols: NDArray[np.int64]) -> Events:
        """A value without a duration has the shortest; a duration without a value is left out."""
        values: list[int] = []
        durations: list[int] = []
        for symbol in symbols[:, 0].tolist():
            if symbol < self._DURATIONS:
                values.append(symbol)
                durations.append(NO_DURATION)
            elif durations and durations[-1] == NO_DURATION:
                durations[-1] = symbol - self._DURATIONS
        return Events(np.array(values, np.int64), np.array(durations, np.int64))

    def value_of(self, symbol: int) -> int:
        """The symbol."""
        return symbol

    def kind_of(self, symbol: int) -> str:
        """Its kind; ``duration`` besides those of events."""
        return DURATION_KIND if symbol >= self._DURATIONS else super().kind_of(symbol)

    def rules(self, opening: str) -> Rules:
        """A duration after each note and rest; otherwise as for events."""
        after_note, after_first_rest, after_rest = 4, 5, 6
        return {
            START: {opening: after_note, REST_KIND: after_first_rest},
            _BEFORE_NOTES: {opening: after_note},
            _SOUNDING: {NOTE: after_note, REST_KIND: after_rest, END_KIND: _SILENT},
            _SILENT: {NOTE: after_note},
            after_note: {DURATION_KIND: _SOUNDING},
            after_first_rest: {DURATION_KIND: _BEFORE_NOTES},
            after_rest: {DURATION_KIND: _SILENT},
        }

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """The value, or ``duration`` with its steps."""
        return f"duration {symbol - self._DURATIONS}" if symbol >= self._DURATIONS else value_name


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
        """As for events; with intervals the end may follow a rest, since one more note comes before it."""
        if opening != FIRST_KIND:
            return _event_rules(opening)
        return {
            START: {NOTE: _SOUNDING, REST_KIND: _BEFORE_NOTES},
            _BEFORE_NOTES: {NOTE: _SOUNDING},
            _SOUNDING: {NOTE: _SOUNDING, REST_KIND: _SILENT, END_KIND: _SILENT},
            _SILENT: {NOTE: _SOUNDING, END_KIND: _SILENT},
        }

    def complete(self, seen: Set[int]) -> list[int]:
        """All durations of each value from the lowest to the highest; of a rest, if there is one; and `END`."""
        rows = {symbol // self.LONGEST for symbol in seen if symbol != END}
        notes = rows - {self._REST}
        every = [*range(min(notes), max(notes) + 1), *(rows - notes)] if notes else sorted(rows)
        return [*(row * self.LONGEST + length for row in every for length in range(self.LONGEST)), END]

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """Its value and its duration in steps: ``C4 24``."""
        if symbol == END:
            return value_name
        return f"{value_name} {int(self._parts(np.array([symbol]))[2][0])}"

    def _parts(self, symbols: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Rows, values and durations in steps of symbols other than `END`."""
        rows, lengths = np.divmod(symbols, self.LONGEST)
        values = rows - np.where(self._is_interval(rows), self._INTERVAL_0, self._PITCH_0)
        values[rows == self._REST] = REST
        return rows, values, (lengths + 1) * STEPS_PER_SIXTEENTH

    def _is_interval(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        return rows < self._PITCHES_FROM


def _event_rules(opening: str) -> Rules:
    return {
        START: {opening: _SOUNDING, REST_KIND: _BEFORE_NOTES},
        _BEFORE_NOTES: {opening: _SOUNDING},
        _SOUNDING: {NOTE: _SOUNDING, REST_KIND: _SILENT, END_KIND: _SILENT},
        _SILENT: {NOTE: _SOUNDING},
    }


RHYTHMS: Mapping[str, type[AbstractRhythm]] = MappingProxyType(
    {rhythm.name: rhythm for rhythm in (NoRhythm, Joint, Factored, Grid, Interleaved, PaperPairs)}
)
"""Our rhythms by name."""


def rhythm_from(description: Mapping[str, Any]) -> AbstractRhythm:
    """The rhythm that `AbstractRhythm.describe` describes: one of ours, or an imported one that a user wrote.

    Raises:
        ValueError: if no rhythm has this name, or it does not have these options.

    >>> rhythm_from({"name": "grid", "condition": "none", "steps_per_quarter": 4})
    Grid(condition='none', steps_per_quarter=4)
    """
    options = dict(description)
    name = options.pop("name", None)
    kind = kind_named("rhythm", name, AbstractRhythm, RHYTHMS)  # type: ignore[type-abstract]  # only its subclasses
    try:
        return kind(**options)
    except TypeError as error:
        raise ValueError(f"rhythm {name}: {error}") from error
