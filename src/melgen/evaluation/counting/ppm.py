"""Prediction by partial matching (PPM) of variable order, with a long-term and a short-term model.

The variant of music cognition: escape method C with interpolation (Pearce and Wiggins, 2004), and the two models
combined by their entropies (Conklin, 1990; Pearce, Conklin and Wiggins, 2004). No token is excluded and no count is
left out, so that all probabilities of a place add up to 1.

Letters as in `melgen.evaluation.counting.contexts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_number, check_one_of, check_whole
from melgen.evaluation.counting.contexts import AbstractCursor, Places, RecentContexts, SortedContexts

Probabilities = NDArray[np.float64]
Memory = Literal["ltm", "stm", "both"]
Combination = Literal["geometric", "arithmetic"]

ORDER_BOUND, RECENT_ORDER_BOUND, BIAS = 4, 12, 0.5
"""The defaults of `Ppm`, chosen on validation tunes of four corpora; docs/results.md has others beside them."""


class Ppm:
    """Prediction by partial matching, fitted on training tunes.

    With c(h, x) the times that x followed the context h, c(h) their sum over x, T(h) the number of different x that
    followed, and h' without the first token of h::

        p(x | h) = (c(h, x) + T(h) p(x | h')) / (c(h) + T(h))

    Below the empty context p is 1 / V. The *long-term model* counts in the training tunes, the *short-term model* in
    the tune so far; at its beginning it has no counts, and p is 1 / V. Both together: with H the entropy of each of the
    two distributions divided by the largest possible, log V, and weights w proportional to H ** -bias that add up to 1,
    the geometric mean is proportional to the product of p ** w, and the arithmetic mean is the sum of w p.

    Args:
        tunes: tokens from 0 up; those from `size` on are read, but not predicted.
        size: V.
        memory: ``ltm``, ``stm`` or ``both``.
        order_bound: the longest context of the long-term model; None for PPM* (Cleary and Teahan, 1997): the shortest
            context of at least one token that only one token has followed, or else the longest that has occurred.
        recent_order_bound: the same of the short-term model.
        combination: ``geometric`` or ``arithmetic``.
        bias: 0 weighs both models equally; the larger it is, the more the more certain model counts.

    Raises:
        ValueError: if an option is out of its range.

    >>> model = Ppm([np.array([0, 1, 0, 1, 0])], size=2, memory="ltm", order_bound=1)
    >>> places = Places(np.array([[0, 1]]), row=np.array([0, 0]), column=np.array([0, 2]))
    >>> model.at(places).round(3).tolist()  # p(x) is 4/7 and 3/7; 1 was followed by 0, twice
    [[0.571, 0.429], [0.857, 0.143]]
    """

    def __init__(
        self,
        tunes: Sequence[NDArray[np.integer]],
        size: int,
        memory: Memory = "both",
        order_bound: int | None = ORDER_BOUND,
        recent_order_bound: int | None = RECENT_ORDER_BOUND,
        combination: Combination = "arithmetic",
        bias: float = BIAS,
    ):
        check_one_of("memory", memory, get_args(Memory))
        check_whole("order_bound", order_bound, 0, null="for no bound")
        check_whole("recent_order_bound", recent_order_bound, 0, null="for no bound")
        check_one_of("combination", combination, get_args(Combination))
        check_number("bias", bias, least=0)
        self.size, self.combination, self.bias = size, combination, bias
        self._models: list[tuple[SortedContexts | RecentContexts, int | None]] = []
        if memory != "stm":
            self._models.append((SortedContexts(tunes, size), order_bound))
        if memory != "ltm":
            self._models.append((RecentContexts(size), recent_order_bound))

    def at(self, places: Places) -> Probabilities:
        """Probability of each token at each place, given the tokens of its row before it: ``[Q, V]``."""
        each = [interpolated(contexts.cursor(places), self.size, bound) for contexts, bound in self._models]
        return each[0] if len(each) == 1 else combined(each, self.combination, self.bias)


def interpolated(cursor: AbstractCursor, size: int, order_bound: int | None) -> Probabilities:
    """The interpolated probabilities of one model: ``[Q, V]``, see `Ppm`."""
    p = np.full((len(cursor.chosen), size), 1 / size)
    order = 0
    while len(cursor.chosen):
        counts = cursor.counts()
        kinds = np.count_nonzero(counts, axis=1)[:, None]
        has_counts = kinds[:, 0] > 0  # not if only tokens that are not predicted have followed
        total = counts.sum(axis=1, keepdims=True) + kinds
        mixed = counts + kinds * p[cursor.chosen]
        p[cursor.chosen[has_counts]] = mixed[has_counts] / total[has_counts]
        if order == order_bound:
            break
        goes_on = has_counts if order == 0 or order_bound is not None else has_counts & (kinds[:, 0] > 1)
        cursor.extend(goes_on)
        order += 1
    return p


def combined(each: Sequence[Probabilities], combination: Combination, bias: float) -> Probabilities:
    """Distributions combined by their entropies: ``[Q, V]``, see `Ppm`.

    >>> certain, unsure = np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]])
    >>> combined([certain, unsure], "arithmetic", bias=0).round(2).tolist()
    [[0.7, 0.3]]
    >>> combined([certain, unsure], "geometric", bias=0).round(2).tolist()
    [[0.75, 0.25]]
    """
    if each[0].shape[1] < 2:
        return each[0]
    logs = [np.log(p) for p in each]
    # The logarithm of H ** -bias; an interpolated distribution is never quite certain.
    weights = np.stack(
        [
            -bias * np.log(-(p * log).sum(axis=1, keepdims=True) / np.log(p.shape[1]))
            for p, log in zip(each, logs, strict=True)
        ]
    )
    weights = np.exp(weights - weights.max(axis=0))
    weights /= weights.sum(axis=0)
    if combination == "arithmetic":
        return np.sum(weights * np.stack(each), axis=0)
    product = np.sum(weights * np.stack(logs), axis=0)
    product = np.exp(product - product.max(axis=1, keepdims=True))
    return product / product.sum(axis=1, keepdims=True)
