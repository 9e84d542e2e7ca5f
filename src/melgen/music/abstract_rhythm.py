"""The interface of a rhythm, the symbols that all rhythms have, and the kinds of symbols that their grammars name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_one_of
from melgen.music.events import FIRST, REST, Events
from melgen.music.grammar import START, Rules

END = 1002
"""The symbol after the last event of a tune, in the first stream."""
HOLD, OFF = 1003, 1004
"""A further step of the note that sounds, and a step of silence."""
NO_DURATION = 0
"""The duration that goes with `END`."""

CONDITIONS = ("header", "none")

BEFORE_NOTES, SOUNDING, SILENT = 1, 2, 3  # states of a grammar, after START

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
        streams: how many symbols are read in each step: 1; or 2, a value and its duration.
        representations: the names of those that it composes with; None for all.
        is_comparable: whether its bits per note can be compared with those of other rhythms: it can write the same
            tunes, and each comes back whole. Without that, bits per note are left out.
        pairs_intervals_with_note_before: whether a symbol pairs an interval with the duration of the note before it,
            so that the first note has no symbol of its own.

    Raises:
        ValueError: for another condition.
    """

    condition: str = "header"

    name: ClassVar[str]
    streams: ClassVar[int] = 1
    representations: ClassVar[tuple[str, ...] | None] = None
    is_comparable: ClassVar[bool] = True
    pairs_intervals_with_note_before: ClassVar[bool] = False

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
        """The name that a musician would give a symbol of the first stream.

        Args:
            symbol: the symbol.
            value_name: the name of its value.
        """
        return value_name

    def describe(self) -> dict[str, Any]:
        """Plain data from which `rhythm_from` makes it."""
        options = [each.name for each in fields(self) if each.init]
        return {"name": self.name, **{key: value for key, value in asdict(self).items() if key in options}}


def event_rules(opening: str) -> Rules:
    """The grammar of a rhythm with one symbol for each event: no rest after a rest, before the end, or alone.

    Args:
        opening: see `AbstractRhythm.rules`.
    """
    return {
        START: {opening: SOUNDING, REST_KIND: BEFORE_NOTES},
        BEFORE_NOTES: {opening: SOUNDING},
        SOUNDING: {NOTE: SOUNDING, REST_KIND: SILENT, END_KIND: SILENT},
        SILENT: {NOTE: SOUNDING},
    }
