"""Spearman's rank correlation of two columns of numbers, with a confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_whole
from melgen.evaluation.summaries import check_confidence

_FEWEST_POINTS = 3
_RANKS_PER_BLOCK = 1 << 18


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's coefficient, its bootstrap interval and p-value; all nan if undefined.

    Attributes:
        coefficient: -1 to 1.
        low, high: its confidence interval.
        p_value: two-sided, for the hypothesis of no monotonic relation.
        count: number of points.
    """

    coefficient: float
    low: float
    high: float
    p_value: float
    count: int


def rank_correlation(
    x: ArrayLike, y: ArrayLike, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> RankCorrelation:
    """Spearman's rank correlation of two columns: Pearson's correlation of their ranks; ties get the mean rank.

    Points where either is nan are left out. The p-value is that of `scipy.stats.spearmanr`, from Student's t
    with n - 2 degrees of freedom: rough below about ten points. The interval is the percentile bootstrap: points
    are drawn with replacement and ranked again; draws in which either column is constant have no coefficient and
    are left out. Fewer than three points, or a constant column, give nan.

    Shape:
        ``[points]`` twice.

    Raises:
        ValueError: if the columns differ in length, `confidence` is not between 0 and 1, or `resamples` below 1.

    >>> found = rank_correlation([1, 2, 3, 4, 5], [1, 4, 9, 25, 16])
    >>> round(found.coefficient, 3), found.count
    (0.9, 5)
    """
    check_confidence(confidence)
    check_whole("resamples", resamples)
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"a correlation needs two columns of equal length, got {first.shape} and {second.shape}")
    known = ~(np.isnan(first) | np.isnan(second))
    points = np.stack([first[known], second[known]])
    count = points.shape[1]
    if count < _FEWEST_POINTS or (points == points[:, :1]).all(axis=1).any():
        return RankCorrelation(math.nan, math.nan, math.nan, math.nan, count)

    from scipy.stats import spearmanr

    found = spearmanr(points[0], points[1])
    coefficients = _resampled_coefficients(points, resamples, seed)
    coefficients = coefficients[~np.isnan(coefficients)]
    low = high = math.nan
    if len(coefficients):
        low, high = np.quantile(coefficients, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    return RankCorrelation(float(found.statistic), low, high, float(found.pvalue), count)


def _resampled_coefficients(points: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Coefficients of resampled points ``[2, points]``: ``[resamples]``, nan for constant ranks."""
    from scipy.stats import rankdata

    count = points.shape[1]
    generator = np.random.default_rng(seed)
    coefficients = np.full(resamples, math.nan)
    rows = max(1, _RANKS_PER_BLOCK // count)
    for first in range(0, resamples, rows):
        drawn = generator.integers(count, size=(min(rows, resamples - first), count))
        # Twice the distance from the mean rank is an integer, so constant ranks give exactly 0 and perfect
        # agreement gives exactly 1.
        x, y = (2 * rankdata(column[drawn], axis=1) - (count + 1) for column in points)
        spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
        block = coefficients[first : first + len(drawn)]
        np.divide((x * y).sum(axis=1), spread, out=block, where=spread > 0)
    return coefficients
