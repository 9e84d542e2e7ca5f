"""Models that count in the place of a network: the same code scores them and lets them write songs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from melgen.checkpoint import TrainedModel
from melgen.evaluation.counting.contexts import Places, Tokens
from melgen.music.encoding import Encoding, RhythmError
from melgen.music.melody import Melody
from melgen.music.representations import AbstractRepresentation, Control
from melgen.music.rhythms import AbstractRhythm, NoRhythm
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel

_AT_ONCE = 2_000_000
"""Tokens that the places of one call look back on, and probabilities that it returns; limits memory to about 100 MB."""


class Counted(Protocol):
    """A model that was fitted on tokens."""

    size: int

    def at(self, places: Places) -> NDArray[np.float64]:
        """Probability of each token at each place: ``[Q, V]``."""


Fit = Callable[[Sequence[Tokens], int], Counted]
"""Fits a model on tunes, given as tokens, and the number of tokens that are predicted."""


class CountingNetwork(nn.Module):
    """A model that counts, with the interface of `melgen.networks.MelodyModel`; its state is what it has read.

    Shape:
        tokens ``[B, T]`` to logarithms of probabilities ``[B, T, V]``, double precision.
    """

    def __init__(self, counted: Counted):
        super().__init__()
        self.counted = counted
        # Scoring and sampling ask the parameters of a network for its device.
        self.on_cpu = nn.Parameter(torch.zeros(0), requires_grad=False)

    def forward(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logarithms of the probabilities after each token, and the state after the last."""
        return self.read(tokens, state)

    def read(self, tokens: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same as calling it.

        Raises:
            ValueError: for a state that is not the tokens read before.
        """
        if state is not None and not (
            isinstance(state, Tensor) and state.dtype == tokens.dtype and [state.ndim, len(state)] == [2, len(tokens)]
        ):
            given = list(state.shape) if isinstance(state, Tensor) else type(state).__name__
            raise ValueError(f"the state must be the tokens that each of {len(tokens)} rows has read, got {given}")
        state = tokens if state is None else torch.cat([state, tokens], dim=1)
        rows, steps = state.numpy(), tokens.shape[1]
        column = np.tile(np.arange(rows.shape[1] - steps, rows.shape[1]) + 1, len(rows))
        row = np.repeat(np.arange(len(rows)), steps)
        found = [self.counted.at(Places(rows, row[part], column[part])) for part in self._parts(column)]
        with np.errstate(divide="ignore"):
            logs = np.log(np.concatenate(found))
        return torch.from_numpy(logs).view(len(rows), steps, self.counted.size), state

    def first(self, rows: int) -> Tensor:
        """Logarithms of the probabilities of the first token: ``[rows, V]``."""
        number = np.arange(rows)
        return torch.from_numpy(np.log(self.counted.at(Places(np.zeros((rows, 1), np.int64), number, 0 * number))))

    def logits(self, output: Tensor) -> Tensor:
        """What `read` has returned."""
        return output

    def _parts(self, column: Tokens) -> Iterator[slice]:
        """Slices of the places, each small enough to bound the memory of one computation."""
        work = np.cumsum(column + self.counted.size)
        limits = np.searchsorted(work, np.arange(_AT_ONCE, work[-1], _AT_ONCE), side="right")
        edges = np.unique([0, *limits.tolist(), len(column)]).tolist()
        return (slice(*edge) for edge in pairwise(edges))


@dataclass(frozen=True)
class CountingBaseline:
    """A baseline that counts tokens, as the tables of a study name it.

    Attributes:
        name: its name in tables.
        fit_tokens: fits it on tokens.
        representation: how it reads pitches.
        rhythm: how it reads time; it must have one stream of symbols.
        writes_songs: whether its songs are measured, too, or only the likelihood of tunes.
    """

    name: str
    fit_tokens: Fit
    representation: AbstractRepresentation = field(default_factory=Control)
    rhythm: AbstractRhythm = field(default_factory=NoRhythm)
    writes_songs: bool = False

    @property
    def writes_rhythm(self) -> bool:
        """Whether it predicts time."""
        return not isinstance(self.rhythm, NoRhythm)

    def fit(self, tunes: Sequence[Melody]) -> TrainedModel:
        """Fit it on training tunes; those that its rhythm cannot write are left out.

        Raises:
            ValueError: if there are no tunes.
        """
        if isinstance(self.rhythm, NoRhythm):
            values = [self.representation.encode(np.array(tune.pitches, np.int16)) for tune in tunes]
            vocabulary = Vocabulary.from_values(values)
            return self._trained([vocabulary.encode(each) for each in values], vocabulary)
        encoding = Encoding(self.representation, self.rhythm)
        encoded = []
        for tune in tunes:
            with suppress(RhythmError):
                encoded.append(encoding.encode(tune))
        of_tunes = encoding.vocabulary_of(encoded)
        return self._trained([of_tunes.encode(tune) for tune in encoded], of_tunes)

    def _trained(self, tokens: Sequence[Tokens], vocabulary: Any) -> TrainedModel:
        network = cast(MelodyModel, CountingNetwork(self.fit_tokens(tokens, len(vocabulary))))
        return TrainedModel(network, self.representation, vocabulary, {}, {}, 0, Path(self.name), rhythm=self.rhythm)
