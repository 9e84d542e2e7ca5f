"""n-grams with interpolated modified Kneser-Ney smoothing (Chen and Goodman, 1999).

Letters as in `melgen.evaluation.counting.contexts`; S symbols of contexts, the tokens and the start of a tune.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from melgen.checking import check_whole
from melgen.evaluation.counting.contexts import Places, Tokens

Probabilities = NDArray[np.float64]


class KneserNey:
    """An n-gram model, fitted on training tunes.

    With h the n - 1 symbols before a token x, h' those without the first, c(h, x) the times that x followed h, and
    N1(h), N2(h), N3(h) the numbers of different x that followed once, twice and more often::

        p(x | h) = (max(c(h, x) - D(c(h, x)), 0) + (D1 N1(h) + D2 N2(h) + D3 N3(h)) p(x | h')) / c(h)

    Contexts shorter than n - 1 have, in place of c(h, x), the number of different symbols before (h, x), unless h
    begins with the start of a tune. The three discounts D follow from the numbers of counts of 1, 2, 3 and 4. Where
    these are 0 or give a discount that is not positive, as in a small corpus, the contexts of this length are smoothed
    after Witten and Bell (1991): ``(c(h, x) + T(h) p(x | h')) / (c(h) + T(h))`` with T(h) different x. The empty
    context is smoothed by adding one, ``(c(x) + 1) / (c() + V)``, so that a unigram is `UnigramBaseline`.

    Args:
        tunes: tokens from 0 up; those from `size` on are read, but not predicted.
        size: V.
        order: n.

    Raises:
        ValueError: if `order` is below 1.

    >>> model = KneserNey([np.array([0, 1, 0, 1, 0])], size=2, order=1)
    >>> model.at(Places(np.array([[0, 1]]), row=np.array([0]), column=np.array([2]))).round(3).tolist()
    [[0.571, 0.429]]
    """

    def __init__(self, tunes: Sequence[NDArray[np.integer]], size: int, order: int):
        check_whole("order", order)
        self.size, self.order = size, order
        self._start = max([size - 1, *(int(tune.max(initial=0)) for tune in tunes)]) + 1
        self._keys: list[Tokens] = []
        """Of each length but 0, the sorted numbers of contexts: S times the number of the context without its first
        symbol, plus this symbol."""
        tokens, numbers = self._numbered(tunes)
        contexts = [1, *map(len, self._keys)]
        raw = [_table(number, tokens, (count, size)) for number, count in zip(numbers, contexts, strict=True)]
        self._counts = [*(self._continued(raw, length) for length in range(order - 1)), raw[-1]]
        self._discounts = [_discounts(counts.data) for counts in self._counts]

    def at(self, places: Places) -> Probabilities:
        """Probability of each token at each place, given the tokens of its row before it: ``[Q, V]``."""
        chosen = np.arange(len(places.row))
        p = np.tile((self._counts[0].toarray()[0] + 1.0) / (self._counts[0].sum() + self.size), (len(chosen), 1))
        number = np.zeros(len(chosen), np.int64)
        for length, keys in enumerate(self._keys, start=1):
            before = places.token_before(chosen, length)
            key = number * (self._start + 1) + np.where(before < 0, self._start, before)
            place = np.searchsorted(keys, key)
            found = (np.append(keys, -1)[place] == key) & (before < self._start)
            chosen, number = chosen[found], place[found]
            p[chosen] = self._smoothed(length, self._counts[length][number].toarray(), p[chosen])
        return p

    def _smoothed(self, length: int, counts: Probabilities, shorter: Probabilities) -> Probabilities:
        discounts = self._discounts[length]
        if discounts is None:
            kinds = np.count_nonzero(counts, axis=1)[:, None]
            return (counts + kinds * shorter) / (counts.sum(axis=1, keepdims=True) + kinds)
        taken = discounts[np.minimum(counts, 3).astype(np.int64)]
        return (counts - taken + taken.sum(axis=1, keepdims=True) * shorter) / counts.sum(axis=1, keepdims=True)

    def _numbered(self, tunes: Sequence[NDArray[np.integer]]) -> tuple[Tokens, list[Tokens]]:
        """The tokens that are predicted, and for each length the numbers of their contexts; fills ``_keys``."""
        padding = np.full(self.order - 1, self._start)
        padded = np.concatenate([np.zeros(0, np.int64), *(part for tune in tunes for part in (padding, tune))])
        at = np.flatnonzero(padded < self.size)
        numbers = [np.zeros(len(at), np.int64)]
        for length in range(1, self.order):
            keys, number = np.unique(numbers[-1] * (self._start + 1) + padded[at - length], return_inverse=True)
            self._keys.append(keys)
            numbers.append(number)
        return padded[at], numbers

    def _continued(self, raw: Sequence[scipy.sparse.csr_array], length: int) -> scipy.sparse.csr_array:
        """The numbers of different symbols before each context and token."""
        longer = raw[length + 1].tocoo()
        shorter = self._keys[length] // (self._start + 1)
        continued = _table(shorter[longer.row], longer.col, raw[length].shape)
        if not length:
            return continued
        begins_tune = (self._keys[length - 1] % (self._start + 1) == self._start)[:, None]
        return scipy.sparse.csr_array(continued.multiply(~begins_tune) + raw[length].multiply(begins_tune))


def _table(rows: Tokens, columns: Tokens, shape: tuple[int, int]) -> scipy.sparse.csr_array:
    """How often each pair of a row and a column occurs."""
    table = scipy.sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape).tocsr()
    table.sum_duplicates()
    return table


def _discounts(counts: Probabilities) -> Probabilities | None:
    """What is taken from counts of 0, 1, 2 and more: ``[4]``; None where counts of counts do not give it."""
    found = np.bincount(np.minimum(counts, 5).astype(np.int64), minlength=6).astype(float)
    if not found[1:4].all():
        return None
    of_one = found[1] / (found[1] + 2 * found[2])
    size = np.arange(4)
    discounts = size - np.append(0, (size[1:] + 1) * of_one * found[2:5] / found[1:4])
    return discounts if (discounts[1:] > 0).all() else None
