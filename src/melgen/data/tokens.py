"""Encoded tunes, and the two kinds of batches made of them: streams for training, whole tunes for scoring.

Letters: B batch, T time steps of a window, S length of a stream.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.checking import check_whole

MAPPED_FROM_TOKENS = 25_000_000
"""Fewer tokens than this, a hundred megabytes, are held in memory; more are mapped from a file."""
WINDOWS_AT_ONCE = 64
"""Windows cut together: enough to spread the cost of each stream's search, few enough to hold in memory."""
_WRITTEN_AT_ONCE = 10_000


class Window(NamedTuple):
    """The data of one training step.

    Shape:
        ``tokens``, ``targets``: ``[B, T]`` int64, or ``[B, T, 2]`` with two streams; the targets are the tokens one
        step later, or -100 where nothing is predicted.
    """

    tokens: Tensor
    targets: Tensor


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


@dataclass(frozen=True)
class TokenTunes:
    """Tunes as token ids, packed.

    Shape:
        ``tokens``: ``[tokens]``, or ``[tokens, 2]`` with two streams; ``starts``: ``[tunes + 1]``; ``targets``: the
        shape of the tokens, what is predicted where each of them comes next; None for the tokens themselves.
    """

    tokens: NDArray[np.int32]
    starts: NDArray[np.int64]
    targets: NDArray[np.int32] | None = None

    @classmethod
    def from_arrays(cls, arrays: Sequence[NDArray]) -> TokenTunes:
        """Pack one array of token ids per tune."""
        starts = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(array) for array in arrays], out=starts[1:])
        tokens = np.concatenate(arrays).astype(np.int32) if arrays else np.zeros(0, np.int32)
        return cls(tokens, starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def arrays(self) -> list[NDArray]:
        """All arrays that it holds."""
        return [self.tokens, self.starts, *([] if self.targets is None else [self.targets])]

    @property
    def pairs(self) -> int:
        """Number of (note, next note) pairs; both notes of a pair are in the same tune."""
        return int(np.maximum(np.diff(self.starts) - 1, 0).sum())

    @classmethod
    def from_stream(cls, arrays: Iterable[NDArray]) -> TokenTunes:
        """Pack arrays as they come; from ``MAPPED_FROM_TOKENS`` tokens on, they are mapped from a file.

        So a corpus may be larger than memory. The file has no name and ends with the process.
        """
        lengths: list[int] = []
        with tempfile.TemporaryFile(prefix="melgen-tokens-") as file:
            waiting = iter(arrays)
            while some := list(islice(waiting, _WRITTEN_AT_ONCE)):
                lengths += map(len, some)
                tokens = np.concatenate(some).astype(np.int32)
                if len(some) == len(lengths) < _WRITTEN_AT_ONCE:  # all arrays fit into one batch
                    break
                file.write(tokens.data)
            else:
                file.flush()
                size = sum(lengths)
                if size:
                    tokens = np.memmap(file, np.int32, "r").reshape(size, *tokens.shape[1:])
                else:
                    tokens = np.zeros(0, np.int32)
                tokens = tokens if size >= MAPPED_FROM_TOKENS else np.array(tokens)
        starts = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=starts[1:])
        return cls(tokens, starts)

    def paired(self, order: NDArray[np.int64]) -> Pairs:
        """The pairs of note and next note, one tune after another in ``order``."""
        return Pairs(self, order)


class Pairs:
    """All pairs of note and next note of tunes in a given order, computed on request.

    >>> tunes = TokenTunes.from_arrays([np.array([0, 1, 2]), np.array([5]), np.array([3, 4])])
    >>> [side.tolist() for side in tunes.paired(np.array([2, 1, 0])).between(np.array([0]), np.array([3]))]
    [[3, 0, 1], [4, 1, 2]]
    """

    def __init__(self, tunes: TokenTunes, order: NDArray[np.int64]):
        self.tokens, self.targets = tunes.tokens, tunes.tokens if tunes.targets is None else tunes.targets
        counts = np.maximum(tunes.starts[order + 1] - tunes.starts[order] - 1, 0)
        self._ends = np.cumsum(counts)
        # The position of pair i is i + the shift of its tune.
        self._shifts = tunes.starts[order] - (self._ends - counts)

    def between(
        self, firsts: NDArray[np.int64], lasts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The pairs of several ranges, one range after another: inputs and targets."""
        pairs = np.concatenate([np.arange(first, last) for first, last in zip(firsts, lasts, strict=True)])
        positions = pairs + self._shifts[self._tunes_of(pairs, firsts, lasts)]
        return self.tokens[positions].astype(np.int64), self.targets[positions + 1].astype(np.int64)

    def _tunes_of(
        self, pairs: NDArray[np.int64], firsts: NDArray[np.int64], lasts: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The index, in the order, of each pair's tune."""
        # Searching only the few tunes of each range is faster than searching all.
        bounds = np.searchsorted(self._ends, np.stack([firsts, lasts]), "right")
        sizes = lasts - firsts
        offsets = np.cumsum(sizes) - sizes
        tunes = np.empty(len(pairs), np.int64)
        for low, high, start, size in zip(*bounds, offsets, sizes, strict=True):
            part = slice(start, start + size)
            tunes[part] = low + np.searchsorted(self._ends[low : high + 1], pairs[part], "right")
        return tunes


class StreamLoader:
    """Training windows: all pairs joined, cut into ``batch_size`` parallel streams, read side by side.

    Window ``k + 1`` continues the tunes of window ``k`` row by row, so that the hidden state can be carried
    from one to the next. The order of the tunes depends on ``seed`` and the epoch only.

    Args:
        tunes: the training tunes.
        batch_size: number of streams B.
        seq_length: window length T.
        seed: decides, with the epoch, the order of the tunes.
        shuffle: whether to shuffle the tunes in each epoch; otherwise they keep the corpus order.
        drop_tail: whether to leave out the pairs that do not fill a whole window, as the paper did. Otherwise the
            last window is shorter, and fewer than ``batch_size`` pairs are left out.

    Raises:
        ValueError: if the data does not fill one window; the message names sizes that would fit.
    """

    def __init__(
        self,
        tunes: TokenTunes,
        batch_size: int,
        seq_length: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        drop_tail: bool = False,
    ):
        check_window(tunes.pairs, batch_size, seq_length)
        self.tunes, self.batch_size, self.seq_length = tunes, batch_size, seq_length
        self.seed, self.shuffle = seed, shuffle
        full_windows = tunes.pairs // (batch_size * seq_length)
        self.stream_length = full_windows * seq_length if drop_tail else tunes.pairs // batch_size
        self.epoch, self.first_window = 0, 0

    def __len__(self) -> int:
        return -(-self.stream_length // self.seq_length)

    @property
    def tokens_per_epoch(self) -> int:
        """Number of targets that one epoch trains on."""
        return self.stream_length * self.batch_size

    def start_at(self, epoch: int, first_window: int = 0) -> None:
        """Set the epoch of the next iteration, and its first window when resuming within an epoch."""
        self.epoch, self.first_window = epoch, first_window

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of the tunes in an epoch: ``[tunes]``."""
        if not self.shuffle:
            return np.arange(len(self.tunes))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.tunes))

    def __iter__(self) -> Iterator[Window]:
        # A generator: `epoch` and `first_window` are read at the first `next`, after `start_at`.
        pairs = self.tunes.paired(self.order(self.epoch))
        beginnings = np.arange(self.batch_size, dtype=np.int64) * self.stream_length
        first_step = self.first_window * self.seq_length
        self.first_window = 0
        for start in range(first_step, self.stream_length, self.seq_length * WINDOWS_AT_ONCE):
            end = min(start + self.seq_length * WINDOWS_AT_ONCE, self.stream_length)
            sides = pairs.between(beginnings + start, beginnings + end)
            streams = [torch.from_numpy(side.reshape(self.batch_size, end - start, *side.shape[1:])) for side in sides]
            for column in range(0, end - start, self.seq_length):
                yield Window(*(side[:, column : column + self.seq_length].contiguous() for side in streams))


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


def check_window(pairs: int, batch_size: int, seq_length: int) -> None:
    """Raise a `ValueError` unless ``pairs`` pairs of notes fill one window of ``batch_size`` streams.

    >>> check_window(600, 50, 50)
    Traceback (most recent call last):
        ...
    ValueError: batch_size=50 with seq_length=50: too little training data: 600 pairs of notes do not fill one window \
of 2,500; batch_size=12 would fit, and so would seq_length=12 with batch_size=50
    """
    for key, value in (("batch_size", batch_size), ("seq_length", seq_length)):
        check_whole(key, value)
    if pairs >= batch_size * seq_length:
        return
    fits = []
    if pairs >= seq_length:
        fits.append(f"batch_size={pairs // seq_length} would fit")
    if pairs >= batch_size:
        fits.append(f"seq_length={pairs // batch_size} with batch_size={batch_size}")
    advice = ", and so would ".join(fits) if len(fits) == 2 else (fits[0] if fits else "")
    if not fits:
        side = int(pairs**0.5)
        advice = f"batch_size={side} with seq_length={side} would fit" if side else "no batch_size would fit"
    elif not advice.endswith("would fit") and len(fits) == 1:
        advice += " would fit"
    raise ValueError(
        f"batch_size={batch_size} with seq_length={seq_length}: too little training data: {pairs:,} pairs of notes do "
        f"not fill one window of {batch_size * seq_length:,}; {advice}"
    )
