"""Counts of the tokens that followed a context of any length, in training tunes and earlier in a tune itself.

A *context* of length k is the k tokens before a place. Two sources answer how often each token followed one: the
training tunes (`SortedContexts`) and the tune so far (`RecentContexts`). Both have a *cursor* over many places, which
makes their contexts longer, token by token.

Letters: Q places, V tokens that are predicted, B rows, L tokens of a row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.flat_notes import code_words
from melgen.evaluation.suffixes import search_ranges, suffix_order

Tokens = NDArray[np.int64]
Counts = NDArray[np.int64]

_WORD_BITS = 64
_BLOCK = 64
"""Tokens between two places of the sorted order at which counts are kept."""


class Places(NamedTuple):
    """Places in rows of tokens: what follows the first `column` tokens of a row is to be predicted.

    Shape:
        ``rows``: ``[B, L]``; ``row``, ``column``: ``[Q]``.
    """

    rows: Tokens
    row: Tokens
    column: Tokens

    def token_before(self, chosen: Tokens, distance: int) -> Tokens:
        """The token at a distance before each chosen place, 1 for the last; -1 where the row begins later."""
        column = self.column[chosen] - distance
        return np.where(column >= 0, self.rows[self.row[chosen], np.maximum(column, 0)], -1)


class AbstractCursor(ABC):
    """Contexts of many places, all of one length, at first 0.

    Attributes:
        chosen: the numbers of the places that are looked at, ascending.
    """

    chosen: Tokens

    @abstractmethod
    def counts(self) -> Counts:
        """How often each token followed the context of each chosen place: ``[chosen, V]``."""

    @abstractmethod
    def extend(self, kept: NDArray[np.bool_]) -> None:
        """Make the contexts of some chosen places one token longer.

        Places whose longer context has never occurred are dropped from the chosen ones.

        Args:
            kept: ``[chosen]``, which of the places to keep.
        """


class SortedContexts:
    """Training tunes, sorted by the context of each token, the last token of the context first.

    The places with the same context are neighbours in this order, whatever the length of the context. This is a suffix
    array of the tunes read backwards. Contexts do not extend from one tune into another.

    Args:
        tunes: tokens from 0 up; those from `size` on are part of contexts, but not predicted.
        size: V.

    >>> contexts = SortedContexts([np.array([0, 1, 0, 1, 2])], size=3)
    >>> cursor = contexts.cursor(Places(np.array([[2, 0, 1]]), np.array([0]), np.array([3])))
    >>> cursor.counts().tolist()
    [[2, 2, 1]]
    >>> cursor.extend(np.array([True]))  # after 1
    >>> cursor.counts().tolist()
    [[1, 0, 1]]
    """

    def __init__(self, tunes: Sequence[NDArray[np.integer]], size: int):
        self.size = size
        end = np.zeros(1, np.int64)
        # Each tune backwards, with codes from 1 on and a code of 0 after it. The first code predicts nothing.
        codes = np.concatenate([end, *chain.from_iterable((tune[::-1] + 1, end) for tune in tunes)]).astype(np.int64)
        per_word = next((n for n in (8, 4, 2) if int(codes.max()) < 1 << _WORD_BITS // n), 1)
        longest = max(map(len, tunes), default=0)
        order = suffix_order(code_words(codes.astype(np.uint64), per_word), longest, per_word)
        order = order[order > 0]
        following = codes[order - 1] - 1
        is_predicted = (following >= 0) & (following < size)
        self._order, self._codes = order[is_predicted], codes
        self._following = following[is_predicted]
        blocks = len(self._following) // _BLOCK + 1
        before = np.bincount(
            (np.arange(len(self._following)) // _BLOCK + 1) * size + self._following, minlength=(blocks + 1) * size
        )
        self._counts_before = before.reshape(-1, size)[:blocks].cumsum(0)

    def __len__(self) -> int:
        return len(self._order)

    def cursor(self, places: Places) -> _CursorInOrder:
        """A cursor over the contexts of places."""
        return _CursorInOrder(self, places)

    def extended(self, tokens: Tokens, length: int, low: Tokens, high: Tokens) -> tuple[Tokens, Tokens]:
        """The part of each range of the order whose contexts have a given token before them: ``[Q]``, ``[Q]``.

        Args:
            tokens: of each range, -1 for none.
            length: of the contexts without these tokens.
            low, high: the first place of each range and the one after its last.
        """

        def code_at(place: Tokens) -> Tokens:
            suffix = self._order[np.minimum(place, len(self._order) - 1)]
            return self._codes[np.minimum(suffix + length, len(self._codes) - 1)]

        # A code of 0 is the beginning of a tune, which no token equals.
        codes = np.where(tokens < 0, self._codes.max() + 1, tokens + 1)
        return (
            search_ranges(code_at, codes, low, high),
            search_ranges(code_at, codes, low, high, right=True),
        )

    def counts(self, low: Tokens, high: Tokens) -> Counts:
        """How often each token follows, among the contexts of each range of the order: ``[Q, V]``."""
        counts = np.zeros((len(low), self.size), np.int64)
        wide = high - low > _BLOCK
        counts[~wide] = self._counts_within(low[~wide], high[~wide])
        for place, sign in ((high[wide], 1), (low[wide], -1)):
            block = place // _BLOCK
            counts[wide] += sign * (self._counts_before[block] + self._counts_within(block * _BLOCK, place))
        return counts

    def _counts_within(self, low: Tokens, high: Tokens) -> Counts:
        """The counts of ranges of at most `_BLOCK`: ``[Q, V]``."""
        lengths = high - low
        number = np.repeat(np.arange(len(low)), lengths)
        place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - low, lengths)
        found = np.bincount(number * self.size + self._following[place], minlength=len(low) * self.size)
        return found.reshape(len(low), self.size)


class _CursorInOrder(AbstractCursor):
    def __init__(self, contexts: SortedContexts, places: Places):
        self._contexts, self._places = contexts, places
        self.chosen = np.arange(len(places.row))
        self._length = 0
        self._low = np.zeros(len(places.row), np.int64)
        self._high = np.full(len(places.row), len(contexts))

    def counts(self) -> Counts:
        return self._contexts.counts(self._low, self._high)

    def extend(self, kept: NDArray[np.bool_]) -> None:
        chosen = self.chosen[kept]
        tokens = self._places.token_before(chosen, self._length + 1)
        low, high = self._contexts.extended(tokens, self._length, self._low[kept], self._high[kept])
        found = low < high
        self.chosen, self._low, self._high = chosen[found], low[found], high[found]
        self._length += 1


class RecentContexts:
    """The contexts within each row itself, before the place that is predicted.

    Args:
        size: V.

    >>> cursor = RecentContexts(3).cursor(Places(np.array([[0, 1, 0, 2, 0]]), np.array([0]), np.array([5])))
    >>> cursor.counts().tolist()
    [[3, 1, 1]]
    >>> cursor.extend(np.array([True]))  # after 0
    >>> cursor.counts().tolist()
    [[0, 1, 1]]
    """

    def __init__(self, size: int):
        self.size = size

    def cursor(self, places: Places) -> _CursorInRows:
        """A cursor over the contexts of places."""
        return _CursorInRows(self.size, places)


class _CursorInRows(AbstractCursor):
    """For each place the earlier columns of its row that have the same context."""

    def __init__(self, size: int, places: Places):
        self._size, self._places = size, places
        self.chosen = np.arange(len(places.row))
        self._length = 0
        # Pairs of a place, by its number among the chosen, and an earlier column with the same context.
        self._number = np.repeat(self.chosen, places.column)
        first = np.cumsum(places.column) - places.column
        self._earlier = np.arange(len(self._number)) - np.repeat(first, places.column)

    def counts(self) -> Counts:
        following = self._places.rows[self._places.row[self.chosen][self._number], self._earlier]
        is_predicted = following < self._size
        cells = self._number[is_predicted] * self._size + following[is_predicted]
        return np.bincount(cells, minlength=len(self.chosen) * self._size).reshape(-1, self._size)

    def extend(self, kept: NDArray[np.bool_]) -> None:
        self._length += 1
        number, earlier = self._number[kept[self._number]], self._earlier[kept[self._number]]
        column = earlier - self._length
        tokens = self._places.token_before(self.chosen, self._length)[number]
        rows = self._places.row[self.chosen][number]
        same = (column >= 0) & (self._places.rows[rows, np.maximum(column, 0)] == tokens)
        number, earlier = number[same], earlier[same]
        is_found = np.zeros(len(self.chosen), bool)
        is_found[number] = True
        self._number, self._earlier = (np.cumsum(is_found) - 1)[number], earlier
        self.chosen = self.chosen[is_found]
