"""Rhythms: how the durations of a melody become the symbols that a network reads and writes, together with its pitches.

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

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from melgen.checking import require
from melgen.music.abstract_rhythm import (
    BEFORE_NOTES,
    DURATION_KIND,
    END,
    END_KIND,
    FIRST_KIND,
    HOLD,
    HOLD_KIND,
    NO_DURATION,
    NOTE,
    OFF,
    OFF_KIND,
    REST_KIND,
    SILENT,
    SOUNDING,
    AbstractRhythm,
    event_rules,
)
from melgen.music.events import FIRST, REST, Events, RhythmError
from melgen.music.grammar import START, Rules
from melgen.music.metre import STEPS_PER_QUARTER, length_name
from melgen.music.named import kind_named
from melgen.music.paper_pairs import PaperPairs


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
        """Rules that forbid a rest after a rest or before the end, and an end before a note."""
        return event_rules(opening)

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """Its value and its length: ``C4:1/4``."""
        return value_name if symbol == END else f"{value_name}:{length_name(symbol // self._CODES)}"


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
        """Rules that forbid a rest after a rest or before the end, and an end before a note."""
        return event_rules(opening)


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
        before = {opening: SOUNDING, OFF_KIND: BEFORE_NOTES}
        return {
            START: before,
            BEFORE_NOTES: before,
            SOUNDING: {NOTE: SOUNDING, HOLD_KIND: SOUNDING, OFF_KIND: SILENT, END_KIND: SILENT},
            SILENT: {NOTE: SOUNDING, OFF_KIND: SILENT},
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
            BEFORE_NOTES: {opening: after_note},
            SOUNDING: {NOTE: after_note, REST_KIND: after_rest, END_KIND: SILENT},
            SILENT: {NOTE: after_note},
            after_note: {DURATION_KIND: SOUNDING},
            after_first_rest: {DURATION_KIND: BEFORE_NOTES},
            after_rest: {DURATION_KIND: SILENT},
        }

    def symbol_name(self, symbol: int, value_name: str) -> str:
        """The value, or ``length`` with the part of a whole note."""
        return f"length {length_name(symbol - self._DURATIONS)}" if symbol >= self._DURATIONS else value_name


RHYTHMS: Mapping[str, type[AbstractRhythm]] = MappingProxyType(
    {rhythm.name: rhythm for rhythm in (NoRhythm, Joint, Factored, Grid, Interleaved, PaperPairs)}
)
"""Our rhythms by name."""


_OPTIONS = {rhythm.__name__: name for name, rhythm in RHYTHMS.items()}


def rhythm_option(target: str) -> str:
    """The option of ``rhythm=`` that chooses a class: the name of one of ours; of any other class its last word.

    Args:
        target: the dotted path of the class.

    >>> rhythm_option("melgen.music.PaperPairs"), rhythm_option("melgen.music.NoRhythm"), rhythm_option("mine.Swing")
    ('paper_pairs', 'none', 'Swing')
    """
    package, _, name = target.rpartition(".")
    return _OPTIONS.get(name, name) if f"{package}.".startswith("melgen.music.") else name


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
