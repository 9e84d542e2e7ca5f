"""Every representation with every rhythm, with a vocabulary of real tunes and a network that is a table of scores."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from melgen.corpora import FolkCorpus
from melgen.engine.writing import WritingData, writing_data
from melgen.music import (
    DB12,
    Control,
    Factored,
    Grid,
    Interleaved,
    Interval,
    Joint,
    Melody,
    NoRhythm,
    PaperPairs,
    Vocabulary,
)
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.representations import AbstractRepresentation
from melgen.music.tune_vocabulary import TuneVocabulary

RHYTHMS = (
    *(NoRhythm(), Joint(), Factored(), Grid(), Interleaved(), PaperPairs()),
    *(Factored("none"), Grid(steps_per_quarter=4)),
)
STATES = 37  # of the network, prime to the factors of its rule
TUNES = 20


class TableModel(nn.Module):
    """A network whose scores are rows of a table; which row depends on all tokens read."""

    def __init__(self, predicted: int, durations: int | None, seed: int = 0):
        super().__init__()
        random = np.random.default_rng(seed)
        self.anchor = nn.Parameter(torch.zeros(1))  # callers look for the device of a parameter
        self.scores = torch.from_numpy(random.normal(0, 2, (STATES, predicted)).astype(np.float32))
        self.durations = torch.from_numpy(random.normal(0, 2, (STATES, durations or 1)).astype(np.float32))

    def read(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """The number of a row after each token, ``[B, T]``."""
        rows, now = [], torch.zeros(len(tokens), dtype=torch.int64) if state is None else state
        for token in tokens.unbind(1):
            first, second = token.unbind(1) if token.ndim == 2 else (token, torch.full_like(token, -1))
            now = (31 * now + first + 1 + 17 * (second + 1)) % STATES
            rows.append(now)
        return torch.stack(rows, 1), now

    def logits(self, output: Tensor) -> Tensor:
        """``[B, T, V]``."""
        return self.scores[output]

    def duration_logits(self, output: Tensor, tokens: Tensor) -> Tensor:
        """``[B, T, D]``."""
        return self.durations[(7 * output + tokens) % STATES]

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Scores, and the state after the last token."""
        output, state = self.read(tokens, state)
        return self.logits(output), state


class Case(NamedTuple):
    """A network with all that belongs to it."""

    name: str
    representation: AbstractRepresentation
    rhythm: AbstractRhythm
    vocabulary: Vocabulary | TuneVocabulary
    model: TableModel
    tunes: list[Melody]
    data: WritingData

    @property
    def encoding(self) -> Encoding:
        """How it writes, with rhythm."""
        return Encoding(self.representation, self.rhythm)

    @property
    def size(self) -> int:
        """How many symbols it predicts."""
        return len(self.vocabulary)

    def symbols(self, tokens: list[Any]) -> NDArray[np.int64]:
        """``[symbols, streams]`` of tokens."""
        assert isinstance(self.vocabulary, TuneVocabulary)
        shape = (-1, 2) if self.rhythm.streams == 2 else (-1,)
        return self.vocabulary.decode(np.array(tokens, np.int64).reshape(shape))

    def tokens(self, tune: Melody) -> list[Any]:
        """The tokens of a tune, without those before its first symbol and without its end."""
        if isinstance(self.vocabulary, Vocabulary):
            return self.vocabulary.encode(self.representation.encode(tune.pitches), strict=True).tolist()
        encoded = self.encoding.encode(tune)
        tokens = self.vocabulary.encode(encoded, strict=True)
        return tokens[len(tokens) - len(encoded.symbols) : -1].tolist()

    def decode(self, tokens: list[Any], first_pitch: int) -> Melody:
        """The notes of tokens."""
        if isinstance(self.vocabulary, Vocabulary):
            return self.representation.decode(self.vocabulary.decode(tokens).tolist(), first_pitch)
        return self.encoding.decode(self.symbols(tokens), first_pitch)


_EVERY_PAIR = {
    f"{representation.name}-{number}-{rhythm.name}": (representation, rhythm)
    for representation in (Control(), Interval(), DB12())
    for number, rhythm in enumerate(RHYTHMS)
    if rhythm.representations is None or representation.name in rhythm.representations
}

_FIRST_TRIED = (
    *("interval-0-none", "control-2-factored", "interval-1-joint", "control-0-none", "interval-3-grid"),
    *("db12-4-interleaved", "interval-5-paper_pairs"),
)
PAIRS = {name: _EVERY_PAIR[name] for name in dict.fromkeys([*_FIRST_TRIED, *_EVERY_PAIR])}
"""Each representation and rhythm that compose, by name; the first seven have every one of them."""
WITH_RHYTHM = [name for name in PAIRS if not name.endswith("-none")]


@cache
def airs() -> list[Melody]:
    """Some of Aird's airs, those with rests first."""
    tunes = FolkCorpus(["airds"]).load(progress=False).melodies
    return sorted([tunes[i] for i in range(400)], key=lambda tune: not has_rests(tune))


def has_rests(tune: Melody) -> bool:
    """Whether a note does not begin where the one before it ends."""
    ends = [onset + duration for onset, duration in zip(tune.onsets, tune.durations, strict=True)]
    return [0, *ends[:-1]] != list(tune.onsets)


@cache
def case(name: str) -> Case:
    """The case with this name."""
    representation, rhythm = PAIRS[name]
    vocabulary: Vocabulary | TuneVocabulary
    if isinstance(rhythm, NoRhythm):
        tunes = airs()[:TUNES]
        versions = [values for tune in tunes for values in representation.augmentations(np.array(tune.pitches))]
        vocabulary = Vocabulary.from_values(versions)
    else:
        encoding = Encoding(representation, rhythm)
        written = [tune for tune in airs() if encoding.reason_against(tune) is None]
        tunes = [*written[: TUNES // 2], *written[-TUNES // 2 :]]  # half of them with rests
        assert has_rests(tunes[0])
        vocabulary = encoding.vocabulary_of([version for tune in tunes for version in encoding.augmentations(tune)])
    return case_of(name, representation, rhythm, vocabulary, tunes)


def small_case(name: str, tunes: list[Melody], seed: int = 0) -> Case:
    """A case whose vocabulary is that of a few tunes, so that a network often writes a rest or an end."""
    representation, rhythm = PAIRS[name]
    encoding = Encoding(representation, rhythm)
    vocabulary = encoding.vocabulary_of(map(encoding.encode, tunes))
    return case_of(f"small-{name}-{seed}", representation, rhythm, vocabulary, tunes, seed)


def case_of(
    name: str,
    representation: AbstractRepresentation,
    rhythm: AbstractRhythm,
    vocabulary: Vocabulary | TuneVocabulary,
    tunes: list[Melody],
    seed: int = 0,
) -> Case:
    """A case with a network."""
    of_second = vocabulary.durations if isinstance(vocabulary, TuneVocabulary) else None
    model = TableModel(len(vocabulary), None if of_second is None else len(of_second), seed)
    data = writing_data(representation, rhythm, vocabulary)
    return Case(name, representation, rhythm, vocabulary, model, tunes, data)


def notes_of(tune: Melody) -> list[dict[str, int]]:
    """A tune as JavaScript is given it."""
    return [
        {"pitch": pitch, "onset": onset, "duration": duration}
        for pitch, onset, duration in zip(tune.pitches, tune.onsets, tune.durations, strict=True)
    ]
