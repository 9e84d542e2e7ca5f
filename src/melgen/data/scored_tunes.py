"""Batches for scoring: whole tunes without rhythm, from the zero state.

Letters: B batch, T time steps of the longest tune.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.data.token_tunes import TokenTunes


class ScoredTunes(NamedTuple):
    """Whole tunes to be scored from the zero state, padded at the end to the length of the longest.

    Shape:
        ``tokens``, ``targets``: ``[B, T]`` int64; ``counted``: ``[B, T]`` bool, true where a target is a
        note whose value occurs in training; ``compared``: ``[B, T]`` bool, true where it counts for the bits
        per note that are compared across representations.
    """

    tokens: Tensor
    targets: Tensor
    counted: Tensor
    compared: Tensor


class TuneLoader:
    """Whole tunes to score, tune by tune from the zero state, in batches of similar length.

    Args:
        tunes: token ids per tune; an unseen value is replaced by the nearest known one.
        known: ``[tokens]`` bool, false where the true value does not occur in training: such a target cannot be
            scored.
        comparable: ``[tunes]`` bool, which tunes count for the bits per note.
        skipped_targets: how many first targets of each tune the bits per note leave out.
        max_tokens: the most padded positions in one batch.
    """

    def __init__(
        self,
        tunes: TokenTunes,
        known: NDArray[np.bool_],
        comparable: NDArray[np.bool_],
        skipped_targets: int,
        max_tokens: int = 25_000,
    ):
        self.tunes, self.known, self.comparable, self.skipped_targets = (
            tunes,
            known,
            comparable,
            skipped_targets,
        )
        lengths = np.diff(tunes.starts) - 1
        # Longest first, so that a batch that does not fit into memory fails at once, not at the end of an epoch.
        order = np.argsort(-lengths, kind="stable")
        self.batches = list(batches_of(order[lengths[order] > 0], lengths, max_tokens))

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def arrays(self) -> list[NDArray]:
        """All arrays that it holds."""
        return [*self.tunes.arrays, self.known, self.comparable]

    def __iter__(self) -> Iterator[ScoredTunes]:
        for batch in self.batches:
            yield self._pad(batch)

    def _pad(self, batch: Sequence[int]) -> ScoredTunes:
        starts = self.tunes.starts
        steps = max(int(starts[i + 1] - starts[i]) for i in batch) - 1
        tokens, targets = np.zeros((2, len(batch), steps), np.int64)
        counted, compared = np.zeros((2, len(batch), steps), bool)
        for row, tune in enumerate(batch):
            first, last = int(starts[tune]), int(starts[tune + 1]) - 1
            length = last - first
            tokens[row, :length] = self.tunes.tokens[first:last]
            targets[row, :length] = self.tunes.tokens[first + 1 : last + 1]
            counted[row, :length] = self.known[first + 1 : last + 1]
            if self.comparable[tune]:
                compared[row, self.skipped_targets : length] = True
        return ScoredTunes(*(torch.from_numpy(array) for array in (tokens, targets, counted, compared)))


def batches_of(order: Iterable[int], lengths: NDArray[np.int64], max_tokens: int) -> Iterator[list[int]]:
    """Cut an order of tunes, longest first, into batches of at most so many padded positions."""
    batch: list[int] = []
    for tune in order:
        if batch and int(lengths[batch[0]]) * (len(batch) + 1) > max_tokens:
            yield batch
            batch = []
        batch.append(int(tune))
    if batch:
        yield batch
