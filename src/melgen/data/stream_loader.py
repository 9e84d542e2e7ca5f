"""Batches for training: windows of streams of joined tunes.

Letters: B batch, T time steps of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.checking import check_whole
from melgen.data.token_tunes import TokenTunes

WINDOWS_AT_ONCE = 64
"""Windows cut together: enough to spread the cost of each stream's search, few enough to hold in memory."""


class Window(NamedTuple):
    """The data of one training step.

    Shape:
        ``tokens``, ``targets``: ``[B, T]`` int64, or ``[B, T, 2]`` with two streams; the targets are the tokens one
        step later, or -100 where nothing is predicted.
    """

    tokens: Tensor
    targets: Tensor


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
