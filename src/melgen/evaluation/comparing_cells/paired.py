"""Differences between two sets of trainings, paired by seed: their t interval, equivalence, and the seeds needed.

All functions take plain numbers. A difference is that of the measured values of two trainings with the same seed, which
have the same order of tunes in common; what that order does to both cancels out.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from melgen.checking import check_number
from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import DEFAULT_CONFIDENCE, check_confidence, over_seeds

MOST_SEEDS = 1_000_000
"""A study that needs more seeds than this is out of reach."""


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
