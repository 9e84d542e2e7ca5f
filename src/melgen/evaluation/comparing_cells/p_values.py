"""P-values of differences between cells: the sign-flip test over seeds, and Holm's correction for many tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from melgen.checking import check_whole

LARGEST_EXACT = 20
"""Values up to which a sign-flip test counts all signs; 2**19 sums take a few milliseconds."""

SIGN_RESAMPLES = 100_000
"""Random signs beyond that."""

_SIGNS_PER_BLOCK = 1 << 20  # of random signs in memory at once
_ROUNDING = 1e-12  # sums that differ by less, in parts of the sum of all sizes, are equal


def sign_flip_p(differences: ArrayLike, *, resamples: int = SIGN_RESAMPLES, seed: int = 0) -> float:
    """Two-sided p-value of the sign-flip test: how often random signs give a mean at least as far from 0.

    Under the hypothesis that it does not matter which of the two is called the first, each difference is as probable
    with the other sign (Fisher, *The Design of Experiments*, 1935, section 21). Up to `LARGEST_EXACT` values, all signs
    are counted. Beyond that, random ones are, and the p-value is ``(1 + hits) / (1 + resamples)`` (Phipson and Smyth,
    2010), which is never 0. With n values no p-value is below ``2 ** (1 - n)``.

    Args:
        differences: ``[pairs]``; nan is left out.
        resamples: random signs where not all are counted.
        seed: of these signs.

    Returns:
        The p-value; nan without any value, 1 if all values are 0.

    >>> sign_flip_p([1.0, 2.0, 3.0]), sign_flip_p([1.0, -1.0]), sign_flip_p([])
    (0.25, 1.0, nan)
    """
    check_whole("resamples", resamples)
    values = np.asarray(differences, np.float64).ravel()
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    far = abs(float(values.sum())) - _ROUNDING * float(np.abs(values).sum())
    if len(values) <= LARGEST_EXACT:
        # Of two opposite choices of signs one is enough: that with the first value as it is.
        sums = values[:1]
        for value in values[1:]:
            sums = np.concatenate([sums + value, sums - value])
        return float(np.mean(np.abs(sums) >= far))
    generator = np.random.default_rng(seed)
    rows = max(1, _SIGNS_PER_BLOCK // len(values))
    hits = 0
    for first in range(0, resamples, rows):
        signs = generator.integers(0, 2, (min(rows, resamples - first), len(values))) * 2 - 1
        hits += int(np.count_nonzero(np.abs(signs @ values) >= far))
    return (1 + hits) / (1 + resamples)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number, so that the chance of any false finding among all is bounded.

    The p-values are multiplied by the number of those that are at least as large, and an adjusted one is not below
    that of a smaller p-value (Holm, "A simple sequentially rejective multiple test procedure", *Scandinavian Journal
    of Statistics* 6, 1979). It holds whatever the dependence between the tests. nan stays nan and is not counted.

    Raises:
        ValueError: for what is not a probability.

    >>> holm([0.01, 0.04, 0.03, 0.005])
    [0.03, 0.06, 0.06, 0.02]
    """
    values = np.asarray(p_values, np.float64)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(f"p-values must be from 0 to 1, got {list(p_values)}")
    adjusted = np.full(len(values), math.nan)
    order = np.argsort(values, kind="stable")  # nan comes last
    order = order[~np.isnan(values[order])]
    steps = values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(each) for each in adjusted]
