"""Tunes as token ids, packed, and the pairs of note and next note in them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

MAPPED_FROM_TOKENS = 25_000_000
"""Fewer tokens than this, a hundred megabytes, are held in memory; more are mapped from a file."""
_WRITTEN_AT_ONCE = 10_000


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
