"""Summaries of many values (mean, spread, confidence interval), and choosing a song from many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_number, check_whole
from melgen.evaluation.results import Summary

# With more songs the mean is practically normal, and resampling would only cost time.
LARGEST_BOOTSTRAP_SONGS = 5000
DEFAULT_CONFIDENCE = 0.95
DEFAULT_RESAMPLES = 10_000

_COUNTS_PER_BLOCK = 1 << 20  # resample counts in memory at once, eight bytes each


def summarize_scores(
    scores: Mapping[str, ArrayLike],
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> dict[str, Summary]:
    """Summary of each metric over the songs of a set; songs where it is nan are left out.

    The interval is the percentile bootstrap of the mean (Efron & Tibshirani, *An Introduction to the
    Bootstrap*, 1993, chapter 13): songs are drawn with replacement, the same draws for all metrics. Draws
    without any song that has the metric are left out. Above `LARGEST_BOOTSTRAP_SONGS` songs it is the normal
    interval: ``mean - z * standard_deviation / sqrt(n)`` to ``mean + ...``. A single value has no interval.

    Args:
        scores: a value per song for each metric, ``[songs]`` each.

    Raises:
        ValueError: if metrics differ in length, `confidence` is not between 0 and 1 or `resamples` below 1.

    >>> summary = summarize_scores({"motion": [1.0, 2.0, 3.0], "alone": [math.nan, 5.0, math.nan]})
    >>> summary["motion"].mean, summary["motion"].variance, summary["alone"].mean, summary["alone"].variance
    (2.0, 1.0, 5.0, nan)
    """
    check_confidence(confidence)
    check_whole("resamples", resamples)
    columns = [np.asarray(values, np.float64) for values in scores.values()]
    if not columns:
        return {}
    if len({column.shape for column in columns}) > 1 or columns[0].ndim != 1:
        shapes = {name: list(column.shape) for name, column in zip(scores, columns, strict=True)}
        raise ValueError(f"every metric needs one value per song, got {shapes}")
    songs = len(columns[0])
    bootstraps = 0 < songs <= LARGEST_BOOTSTRAP_SONGS
    means = resampled_means(np.stack(columns, axis=1), resamples, seed) if bootstraps else None
    summaries = {}
    for index, (name, column) in enumerate(zip(scores, columns, strict=True)):
        values = column[~np.isnan(column)]
        if len(values) < 2:
            low = high = math.nan
        elif means is None:
            low, high = _interval(values, NormalDist().inv_cdf((1 + confidence) / 2))
        else:
            drawn = means[:, index]
            drawn = drawn[~np.isnan(drawn)]  # a draw may consist of songs that lack the metric
            tails = [(1 - confidence) / 2, (1 + confidence) / 2]
            low, high = np.quantile(drawn, tails).tolist() if len(drawn) else (math.nan, math.nan)
        summaries[name] = _summary(values, low, high)
    return summaries


def over_seeds(values: ArrayLike, confidence: float = DEFAULT_CONFIDENCE) -> Summary:
    """Summary of one number over several seeds; nan is left out.

    The interval is Student's: ``mean ± t * standard_deviation / sqrt(n)`` with n - 1 degrees of freedom. Three
    seeds are too few to resample.

    Raises:
        ValueError: if `confidence` is not between 0 and 1.

    >>> summary = over_seeds([1.0, 2.0, 3.0])
    >>> round(summary.low, 3), round(summary.high, 3)
    (-0.484, 4.484)
    """
    from scipy.stats import t

    check_confidence(confidence)
    column = np.asarray(values, np.float64)
    column = column[~np.isnan(column)]
    if len(column) < 2:
        return _summary(column, math.nan, math.nan)
    return _summary(column, *_interval(column, float(t.ppf((1 + confidence) / 2, len(column) - 1))))


def distances_to_mean(table: ArrayLike) -> NDArray[np.float64]:
    """Euclidean distance of each song to the mean point of all.

    Shape:
        ``[songs, metrics]`` to ``[songs]``.

    Raises:
        ValueError: if there is no song, or a value is not finite.

    >>> distances_to_mean([[0, 0, 0], [6, 8, 0]]).tolist()
    [5.0, 5.0]
    """
    # Each column separately, as in the original: the order of summation changes the last bit.
    squares = [(column - column.mean()) ** 2 for column in _columns_of(table)]
    return np.sqrt(sum(squares[1:], start=squares[0]))


def standardized_distances(table: ArrayLike, reference: Iterable[Summary]) -> NDArray[np.float64]:
    """Distance of each row to the means of a reference set: ``sum(|value - mean| / standard deviation)``.

    nan if the reference does not vary in one of the metrics, which then has no scale.

    Args:
        table: a row for each song, or for the means of a set of songs.
        reference: the summary of each metric over the reference set, in the order of the columns.

    Shape:
        ``[songs, metrics]`` to ``[songs]``.

    >>> openings = [Summary(2.0, 4.0, 2.0, 1.0, 3.0, 9), Summary(0.5, 0.25, 0.5, 0.4, 0.6, 9)]
    >>> standardized_distances([[2.0, 0.5], [6.0, 0.0]], openings).tolist()
    [0.0, 3.0]
    """
    matrix, summaries = np.asarray(table, np.float64), list(reference)
    total = np.zeros(len(matrix))
    for column, summary in zip(matrix.T, summaries, strict=True):
        deviation = summary.standard_deviation
        total += np.abs(column - summary.mean) / (deviation if deviation > 0 else math.nan)
    return total


def nearest_song(distances: ArrayLike) -> int | None:
    """Index of the smallest distance, the first of equals; ``None`` if all are nan or there are none.

    >>> nearest_song([2.0, 1.0, 1.0]), nearest_song([math.nan]), nearest_song([])
    (1, None, None)
    """
    values = np.asarray(distances, np.float64)
    return None if np.isnan(values).all() else int(np.nanargmin(values))


def best_song(table: ArrayLike) -> int:
    """Index of the song with the smallest sum of the metrics, which the paper calls the best; the first of equals.

    Raises:
        ValueError: if there is no song, or a value is not finite.

    >>> best_song([[3, 1, 1], [1, 2, 1], [2, 1, 1]])
    1
    """
    columns = _columns_of(table)
    return int(np.argmin(sum(columns[1:], start=columns[0])))


def representative_song(table: ArrayLike) -> int:
    """Index of the song nearest to the mean point; the first of equals.

    Raises:
        ValueError: if there is no song, or a value is not finite.

    >>> representative_song([[0, 0, 0], [5, 5, 5], [4, 4, 4]])
    2
    """
    return int(np.argmin(distances_to_mean(table)))


def _columns_of(table: ArrayLike) -> Sequence[NDArray[np.float64]]:
    matrix = np.asarray(table, np.float64)
    if matrix.ndim != 2 or not matrix.size:
        raise ValueError(f"choosing a song needs a table [songs, metrics], got shape {list(matrix.shape)}")
    if not np.isfinite(matrix).all():
        song = int(np.argmin(np.isfinite(matrix).all(axis=1)))
        raise ValueError(f"choosing a song needs finite metrics, song {song + 1} has {matrix[song].tolist()}")
    return [np.ascontiguousarray(column) for column in matrix.T]


def _summary(values: NDArray[np.float64], low: float, high: float) -> Summary:
    count = len(values)
    variance = float(values.var(ddof=1)) if count > 1 else math.nan
    mean = float(values.mean()) if count else math.nan
    return Summary(mean, variance, math.sqrt(variance), low, high, count)


def _interval(values: NDArray[np.float64], quantile: float) -> tuple[float, float]:
    margin = quantile * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return mean - margin, mean + margin


def resampled_means(table: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Mean of each metric in each resample: ``[songs, metrics]`` to ``[resamples, metrics]``, nan if undefined."""
    songs, metrics = table.shape
    known = ~np.isnan(table)
    # The first value of each metric is subtracted before and added after, so that equal values have an interval of
    # width 0, which rounding would otherwise widen.
    offset = table[np.argmax(known, axis=0), np.arange(metrics)]
    weights = np.concatenate([np.where(known, table - offset, 0), known], axis=1)
    generator = np.random.default_rng(seed)
    means = np.full((resamples, metrics), math.nan)
    rows = max(1, _COUNTS_PER_BLOCK // songs)
    for first in range(0, resamples, rows):
        block = min(rows, resamples - first)
        drawn = generator.integers(songs, size=(block, songs)) + np.arange(block)[:, None] * songs
        times_drawn = np.bincount(drawn.ravel(), minlength=block * songs).reshape(block, songs)
        sums, counts = np.hsplit(times_drawn.astype(np.float64) @ weights, 2)
        np.divide(sums, counts, out=means[first : first + block], where=counts > 0)
    return means + offset


def check_confidence(confidence: float) -> None:
    """Refuse what is not the confidence of an interval.

    Raises:
        ValueError: naming key, value and rule.
    """
    check_number("confidence", confidence, above=0, below=1)
