"""Is one cell ahead of another? Differences between two sets of trainings, paired by seed.

All functions take plain numbers. A difference is that of the measured values of two trainings with the same seed, which
have the same order of tunes in common; what that order does to both cancels out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from melgen.checking import check_number, check_whole
from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import DEFAULT_CONFIDENCE, check_confidence, over_seeds

LARGEST_EXACT = 20
"""Values up to which a sign-flip test counts all signs; 2**19 sums take a few milliseconds."""

SIGN_RESAMPLES = 100_000
"""Random signs beyond that."""

MOST_SEEDS = 1_000_000
"""A study that needs more seeds than this is out of reach."""

_SIGNS_PER_BLOCK = 1 << 20  # of random signs in memory at once
_ROUNDING = 1e-12  # sums that differ by less, in parts of the sum of all sizes, are equal


def paired_difference(first: ArrayLike, second: ArrayLike, confidence: float = DEFAULT_CONFIDENCE) -> Summary:
    """Summary of ``first - second`` over pairs, with Student's t interval of the mean.

    The interval is that of the paired t test (Student, "The probable error of a mean", *Biometrika* 6, 1908). Pairs
    with nan are left out; with fewer than two pairs the interval is nan.

    Args:
        first, second: ``[pairs]``.

    Raises:
        ValueError: if the lengths differ, or `confidence` is not between 0 and 1.

    >>> found = paired_difference([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])
    >>> found.mean, round(found.low, 3), round(found.high, 3)
    (2.0, -0.484, 4.484)
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"paired values need one length, got shapes {list(one.shape)} and {list(other.shape)}")
    return over_seeds(one - other, confidence)


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


def is_within(low: float, high: float, region: float) -> bool:
    """Whether a difference is shown to be practically 0: its interval lies within ``-region`` to ``region``.

    With an interval of confidence ``1 - a`` this rejects, by two one-sided tests at the level ``a / 2`` each, that the
    difference is beyond either end (Schuirmann, "A comparison of the two one-sided tests procedure and the power
    approach", *Journal of Pharmacokinetics and Biopharmaceutics* 15, 1987). Schuirmann's tests at level ``a`` would
    use the narrower interval of confidence ``1 - 2a``; the same interval as for differences is stricter. An end that is
    on the boundary or nan shows nothing.

    >>> is_within(-0.01, 0.02, 0.03), is_within(-0.01, 0.04, 0.03), is_within(math.nan, math.nan, 0.03)
    (True, False, False)
    """
    return -region < low and high < region


def t_margin(
    variance: float,
    freedom: float,
    confidence: float,
    other_variance: float = 0.0,
    other_freedom: float = math.inf,
) -> float:
    """Half the width of a t interval of a mean whose variance is a sum of one or two estimates.

    The degrees of freedom of a sum are those of Satterthwaite (*Biometrics Bulletin* 2, 1946). A second variance adds
    freedom too, so that the margin of the sum could be smaller than that of the first estimate alone; then the latter
    counts.

    Args:
        variance, freedom: of the mean, from the first source.
        confidence: of the interval.
        other_variance, other_freedom: from the second; infinite freedom is a variance that is known.

    >>> round(t_margin(1 / 3, 2, 0.95), 3), round(t_margin(1 / 3, 2, 0.95, other_variance=1 / 3), 3)
    (2.484, 2.484)
    """
    from scipy.stats import t

    tail = (1 + confidence) / 2
    alone = float(t.ppf(tail, freedom)) * math.sqrt(variance)
    if other_variance == 0:
        return alone
    total = variance + other_variance
    spread = variance**2 / freedom + other_variance**2 / other_freedom
    return max(alone, float(t.ppf(tail, total**2 / spread if spread > 0 else math.inf)) * math.sqrt(total))


def seeds_needed(
    standard_deviation: float, width: float, confidence: float = DEFAULT_CONFIDENCE, fixed_variance: float = 0.0
) -> int | None:
    """The smallest number of seeds whose t interval is at most ``mean ± width``, if they vary as those at hand.

    The deviation is itself an estimate, so this is a plan and no promise: that of three seeds is easily wrong by a
    factor of two.

    Args:
        standard_deviation: of the differences over seeds, over n - 1.
        width: half the width that is wished for, in the same unit.
        confidence: of the interval.
        fixed_variance: of the mean, for reasons that more seeds do not reduce, such as the choice of the tunes.

    Returns:
        The number, at least 2; None if no number up to `MOST_SEEDS` is enough, or the deviation is nan.

    Raises:
        ValueError: for a width that is not above 0, or a confidence that is not between 0 and 1.

    >>> seeds_needed(0.02, 0.03), seeds_needed(0.02, 0.01), seeds_needed(0.02, 0.01, fixed_variance=0.01)
    (5, 18, None)
    """
    check_number("width", width, above=0)
    check_confidence(confidence)
    if math.isnan(standard_deviation):
        return None

    def is_enough(seeds: int) -> bool:
        return t_margin(standard_deviation**2 / seeds, seeds - 1, confidence, fixed_variance) <= width

    if not is_enough(MOST_SEEDS):
        return None
    low, high = 1, 2
    while not is_enough(high):
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
