"""Rules for which symbols may follow which: each tune has one spelling, and others have a probability of zero.

The rules of each rhythm are its method `rules`; here they are applied to many tunes at once.

Letters: B tunes, Q states of the grammar, V symbols that can be predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH

START = 0
"""The state before the first symbol of a tune."""

Rules = Mapping[int, Mapping[str, int]]
"""For each state the kinds of symbols that may follow, and the state after each."""


class Reading(NamedTuple):
    """The positions up to which tunes have been read.

    Shape:
        ``states``: ``[B]``, of the grammar; ``pitches``: ``[B]``, of the last note, or before it the first pitch.
    """

    states: NDArray[np.int64]
    pitches: NDArray[np.int64]


@dataclass(frozen=True)
class Grammar:
    """The symbols that may follow, by what has been read.

    Attributes:
        allowed: ``[Q, V]`` bool.
        following: ``[Q, V]``, the state after a symbol; the same state where the symbol is not allowed.
        semitones: ``[V]``, how far each symbol moves from the last pitch; None if symbols contain pitches.
    """

    allowed: NDArray[np.bool_]
    following: NDArray[np.int64]
    semitones: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        rules: Rules,
        symbols: Sequence[int],
        kind_of: Callable[[int], str],
        semitones: NDArray[np.int64] | None = None,
    ) -> Grammar:
        """The grammar with these rules.

        Args:
            rules: for each state the kinds that may follow.
            symbols: of the vocabulary.
            kind_of: the kind of a symbol.
            semitones: see the class.
        """
        kinds = [kind_of(symbol) for symbol in symbols]
        allowed = np.array([[kind in rules[state] for kind in kinds] for state in range(len(rules))])
        following = np.array([[rules[state].get(kind, state) for kind in kinds] for state in range(len(rules))])
        return cls(allowed, following, semitones)

    def begin(self, first_pitches: Sequence[int] | NDArray[np.integer]) -> Reading:
        """The state of tunes before their first symbol."""
        pitches = np.array(first_pitches, np.int64)
        return Reading(np.full(len(pitches), START, np.int64), pitches)

    def next_allowed(self, reading: Reading) -> NDArray[np.bool_]:
        """Mark the symbols that may follow, ``[B, V]``.

        An interval that leaves the range of MIDI is not allowed: the pitch that it leads to has another spelling.
        """
        allowed = self.allowed[reading.states]
        if self.semitones is not None:
            pitches = reading.pitches[:, None] + self.semitones
            allowed = allowed & (pitches >= LOWEST_PITCH) & (pitches <= HIGHEST_PITCH)
        return allowed

    def read(self, reading: Reading, tokens: NDArray[np.integer]) -> Reading:
        """Read one more token of each tune; tokens that are not predicted (of the header) change nothing.

        Shape:
            ``tokens``: ``[B]``.
        """
        is_symbol = tokens < self.allowed.shape[1]
        known = np.where(is_symbol, tokens, 0)
        states = np.where(is_symbol, self.following[reading.states, known], reading.states)
        if self.semitones is None:
            return Reading(states, reading.pitches)
        return Reading(states, reading.pitches + np.where(is_symbol, self.semitones[known], 0))
