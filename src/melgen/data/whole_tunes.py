"""Whole tunes with rhythm, to be scored from the zero state.

Letters as in `melgen.data.scored_tunes`; V symbols that a network predicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.data.pitch_tunes import FIRST_COMPARED_NOTE
from melgen.data.scored_tunes import batches_of
from melgen.music.encoding import NOT_A_NOTE, Encoding
from melgen.music.tune_vocabulary import EncodedTune, TuneVocabulary


class WholeTune(NamedTuple):
    """An encoded tune, and whether it counts for the bits per note."""

    tune: EncodedTune
    is_comparable: bool


class ScoredRhythm(NamedTuple):
    """Whole tunes to be scored, padded at the end to the length of the longest.

    Shape:
        ``tokens``, ``targets``: ``[B, T]``, or ``[B, T, 2]`` with durations, int64. ``counted``: ``[B, T]`` bool, true
        where a target occurs in training. ``compared``: ``[B, T]`` bool, true where it counts for the bits of rhythm;
        ``compared_pitches``: likewise for the bits of pitch: notes from the third on. ``allowed``: ``[B, T, V]`` bool,
        the symbols that the canonical spelling of a tune allows there.
    """

    tokens: Tensor
    targets: Tensor
    counted: Tensor
    compared: Tensor
    compared_pitches: Tensor
    allowed: Tensor


class WholeTuneLoader:
    """Whole tunes with rhythm, in batches of similar length.

    Args:
        tunes: the encoded tunes.
        vocabulary: the tokens of their symbols.
        encoding: how they were encoded.
        max_tokens: the most padded positions in one batch.
    """

    def __init__(
        self, tunes: Sequence[WholeTune], vocabulary: TuneVocabulary, encoding: Encoding, max_tokens: int = 25_000
    ):
        self.tunes, self.vocabulary, self.encoding = tunes, vocabulary, encoding
        self.known = np.concatenate([vocabulary.known(tune) for tune, _ in tunes]) if tunes else np.zeros(0, np.bool_)
        self.tokens = [vocabulary.encode(tune) for tune, _ in tunes]
        self._grammar, self._groups = encoding.grammar(vocabulary), encoding.groups(vocabulary)
        lengths = np.array([len(tokens) - 1 for tokens in self.tokens], np.int64)
        # Longest first, so that a batch that does not fit into memory fails at once, not at the end of an epoch.
        order = np.argsort(-lengths, kind="stable")
        self.batches = list(batches_of(order, lengths, max_tokens))

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def arrays(self) -> list[NDArray]:
        """All arrays that it holds."""
        return [self.known, *self.tokens, *(tune.symbols for tune, _ in self.tunes)]

    def __iter__(self) -> Iterator[ScoredRhythm]:
        for batch in self.batches:
            yield self._pad(batch)

    def _pad(self, batch: Sequence[int]) -> ScoredRhythm:
        steps = max(len(self.tokens[i]) for i in batch) - 1
        streams = self.tokens[batch[0]].shape[1:]
        tokens, targets = np.zeros((2, len(batch), steps, *streams), np.int64)
        counted, compared, compared_pitches = np.zeros((3, len(batch), steps), bool)
        for row, i in enumerate(batch):
            own, (tune, is_comparable) = self.tokens[i], self.tunes[i]
            length, predicted = len(own) - 1, len(tune.symbols)
            tokens[row, :length], targets[row, :length] = own[:-1], own[1:]
            known = self.vocabulary.known(tune)
            counted[row, length - predicted : length] = known
            if is_comparable:
                compared[row, length - predicted : length] = True
                symbols = own[len(own) - predicted :] if own.ndim == 1 else own[len(own) - predicted :, 0]
                is_note = self._groups[symbols] != NOT_A_NOTE
                number = np.cumsum(is_note)
                compared_pitches[row, length - predicted : length] = is_note & (number >= FIRST_COMPARED_NOTE)
        first = targets if targets.ndim == 2 else targets[..., 0]
        allowed = self._allowed(first, [self.tunes[i].tune.first_pitch for i in batch], counted)
        # The second target of a symbol without duration is not predicted; its token is one beyond the durations.
        return ScoredRhythm(*map(torch.from_numpy, (tokens, targets, counted, compared, compared_pitches, allowed)))

    def _allowed(
        self, targets: NDArray[np.int64], first_pitches: Sequence[int], counted: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """The symbols that may follow at each step: ``[B, T, V]``."""
        reading = self._grammar.begin(first_pitches)
        allowed = np.empty((*targets.shape, len(self.vocabulary)), bool)
        for step in range(targets.shape[1]):
            allowed[:, step] = self._grammar.next_allowed(reading)
            reading = self._grammar.read(reading, targets[:, step])
        # After a value that training lacks, the nearest one has been read, and the true next one may seem forbidden.
        rows, columns = np.nonzero(counted)
        allowed[rows, columns, targets[rows, columns]] = True
        return allowed
