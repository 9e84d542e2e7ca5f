"""Encodings: how a whole tune becomes what a network reads and writes; a representation and a rhythm together.

Data flows one way. A `Melody` becomes values (by its representation), events (by its onsets and durations), symbols (by
its rhythm), and tokens (by the vocabulary of the training tunes). `PitchEncoding` is the short way of ``rhythm=none``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.music.abstract_rhythm import END, NO_DURATION, AbstractRhythm
from melgen.music.events import FIRST, REST, Events, Header, RhythmError, Timing, header_of, melody_of, timing_of
from melgen.music.grammar import Grammar
from melgen.music.melody import MIDDLE_C, Melody
from melgen.music.metre import length_name
from melgen.music.note_names import REST_NAME
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import EncodedTune, TuneVocabulary

NOT_A_NOTE = -1
"""In `Encoding.groups`: a symbol that is not a note."""


@dataclass(frozen=True)
class Encoding:
    """The encoding of tunes with rhythm: a representation for their pitches, and a rhythm for their time.

    Raises:
        ValueError: if the two do not compose.

    >>> from melgen.music.representations import Control
    >>> from melgen.music.rhythms import Factored
    >>> encoding = Encoding(Control(), Factored())
    >>> tune = encoding.encode(Melody((67, 69), (0, 36), (24, 12)))
    >>> tune.symbols.tolist()
    [[67, 24], [1000, 12], [69, 12], [1002, 0]]
    >>> encoding.decode(tune.symbols, tune.first_pitch).onsets
    (0, 36)
    """

    representation: AbstractRepresentation
    rhythm: AbstractRhythm

    def __post_init__(self) -> None:
        fits = self.rhythm.representations
        if fits is not None and self.representation.name not in fits:
            raise ValueError(
                f"rhythm={self.rhythm.name}: composes with dataset={' and dataset='.join(fits)} only, "
                f"got dataset={self.representation.name}"
            )
        if self._values_before not in (0, 1):
            raise ValueError(
                f"rhythm={self.rhythm.name}: dataset={self.representation.name} writes no value for "
                f"{self._values_before} notes; a representation with rhythm writes one for each note, except for the "
                "first"
            )

    def encode(self, melody: Melody) -> EncodedTune:
        """The symbols of a melody in its own key, with `END`.

        Raises:
            RhythmError: if it cannot be written.
        """
        return self._encode(melody, timing_of(melody), self.representation.encode(melody.pitches))

    def augmentations(self, melody: Melody) -> list[EncodedTune]:
        """The encoded tunes that training makes of one melody, the melody itself first.

        Raises:
            RhythmError: if it cannot be written.
        """
        timing = timing_of(melody)
        return [self._encode(melody, timing, values) for values in self.representation.augmentations(melody.pitches)]

    def encode_primer(self, melody: Melody, header: Header) -> EncodedTune:
        """The symbols of a melody that a network continues, after a header: without `END`.

        Raises:
            ValueError: if it cannot be written.
        """
        if not len(melody):
            return EncodedTune(header, np.zeros((0, self.rhythm.streams), np.int64), MIDDLE_C, 0)
        tune = self.encode(melody)
        return tune._replace(header=header, symbols=tune.symbols[:-1])

    def decode(self, symbols: NDArray[np.int64], first_pitch: int = MIDDLE_C, header: Header | None = None) -> Melody:
        """The melody that symbols encode; any symbols are one, and nothing after `END` is read.

        Shape:
            ``symbols``: ``[symbols, streams]``.
        """
        ends = np.flatnonzero(symbols[:, 0] == END)
        before_end = symbols[: ends[0]] if len(ends) else symbols
        return melody_of(self.rhythm.events(before_end), self.representation, first_pitch, header)

    def reason_against(self, melody: Melody) -> str | None:
        """The reason why a melody cannot be written; None if it can."""
        try:
            self.encode(melody)
        except RhythmError as error:
            return str(error)
        return None

    def vocabulary_of(self, tunes: Iterable[EncodedTune]) -> TuneVocabulary:
        """The vocabulary of training tunes."""
        return TuneVocabulary.of(tunes, self.rhythm.condition == "header", self.rhythm.complete)

    def grammar(self, vocabulary: TuneVocabulary) -> Grammar:
        """The rules for which symbols of a vocabulary may follow which."""
        symbols = vocabulary.symbols.values.tolist()
        semitones = None
        if self.representation.is_relative:
            values = self._values(vocabulary)
            semitones = np.where(self._are_notes(vocabulary) & (values != FIRST), values, 0)
        return Grammar.of(
            self.rhythm.rules("first" if self._values_before else "note"), symbols, self.rhythm.kind_of, semitones
        )

    def groups(self, vocabulary: TuneVocabulary) -> NDArray[np.int64]:
        """The number of each symbol's value among those of notes, or `NOT_A_NOTE`: ``[V]``.

        The probability of a pitch, given that a note begins, is the share of its group among all groups.
        """
        values, are_notes = self._values(vocabulary), self._are_notes(vocabulary)
        groups = np.full(len(values), NOT_A_NOTE, np.int64)
        groups[are_notes] = np.unique(values[are_notes], return_inverse=True)[1]
        return groups

    def note_values(self, vocabulary: TuneVocabulary) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The different values of notes, and how to average the rows of their symbols.

        Shape:
            ``[values]`` and ``[values, V]``, whose rows add up to 1.
        """
        values, are_notes = self._values(vocabulary), self._are_notes(vocabulary) & (self._values(vocabulary) != FIRST)
        different = np.unique(values[are_notes])
        belongs = (values == different[:, None]) & are_notes
        return different, belongs / belongs.sum(1, keepdims=True)

    def names(self, vocabulary: TuneVocabulary) -> list[str]:
        """The name that a musician would give each symbol of the first stream."""
        return [self.name([symbol]) for symbol in vocabulary.symbols.values.tolist()]

    def name(self, symbol: Sequence[int]) -> str:
        """The name that a musician would give a symbol, with its length if it has a second stream: ``C4:1/4``.

        Notes, rests and lengths are named as `melgen.music.note_names` reads them.
        """
        first, *durations = symbol
        value = self.rhythm.value_of(first)
        special = {REST: REST_NAME, FIRST: "first", END: "end"}
        name = self.rhythm.symbol_name(first, special.get(value) or self.representation.value_name(value))
        return ":".join([name, *(length_name(steps) for steps in durations if steps != NO_DURATION)])

    def describe(self) -> dict[str, Any]:
        """Plain data: the name of the representation, and the description of the rhythm."""
        return {"representation": self.representation.name, "rhythm": self.rhythm.describe()}

    @property
    def notes_ahead(self) -> int:
        """By how many notes the value in the symbols of a tune is ahead of the duration: 0, or 1 for paper_pairs."""
        return self._values_before if self.rhythm.pairs_intervals_with_note_before else 0

    @property
    def _values_before(self) -> int:
        """The number of first notes for which the representation has no value."""
        return self.representation.first_predicted_note - 2

    def _values(self, vocabulary: TuneVocabulary) -> NDArray[np.int64]:
        return np.array([self.rhythm.value_of(symbol) for symbol in vocabulary.symbols.values.tolist()], np.int64)

    def _are_notes(self, vocabulary: TuneVocabulary) -> NDArray[np.bool_]:
        kinds = [self.rhythm.kind_of(symbol) for symbol in vocabulary.symbols.values.tolist()]
        return np.isin(kinds, ("note", "first"))

    def per_note(self, values: NDArray[np.integer]) -> NDArray[np.int64]:
        """Values of a representation, one for each note, ``[..., notes]``: `FIRST` where it has none."""
        if not self._values_before:
            return values.astype(np.int64)
        return np.concatenate([np.full((*values.shape[:-1], self._values_before), FIRST, np.int64), values], -1)

    def _encode(self, melody: Melody, timing: Timing, values: NDArray[np.integer]) -> EncodedTune:
        if not len(melody):
            raise RhythmError("no notes")
        each = self.per_note(values)
        if len(each) != len(melody):
            raise ValueError(
                f"rhythm={self.rhythm.name}: dataset={self.representation.name} writes {len(values)} values for "
                f"{len(melody)} notes; a representation with rhythm writes one for each note"
                f"{', except for the first' if self._values_before else ''}"
            )
        symbols = self.rhythm.symbols(timing.events(each))
        end = np.array([[END, *[NO_DURATION] * (self.rhythm.streams - 1)]])
        return EncodedTune(header_of(melody), np.concatenate([symbols, end]), int(melody.pitches[0]), len(melody))


def has_rhythm(durations: NDArray[np.integer]) -> bool:
    """Whether notes differ in length: a corpus of pitches alone has equal notes."""
    return bool(len(durations)) and bool((durations != durations[0]).any())


__all__ = ["NOT_A_NOTE", "EncodedTune", "Encoding", "Events", "RhythmError", "TuneVocabulary", "has_rhythm"]
