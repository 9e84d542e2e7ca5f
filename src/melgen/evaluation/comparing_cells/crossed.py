"""Intervals of a difference of bits per note over seeds and over tunes at once.

Two networks with the same seed differ on each tune; these differences form a table of seeds and tunes. Both are
samples: of all trainings, and of all tunes. An interval over seeds alone holds for these tunes, an interval over tunes
alone for these networks.

Bits per note are a ratio, bits of all tunes by notes of all tunes. Its deviations are linear to first order (Cochran,
*Sampling Techniques*, 3rd edition, 1977, section 6.4): a tune with bits d and notes n counts as
``m + (d - m n) / mean(n)``, where m is the ratio. The mean of these values over tunes is the ratio itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.comparing_cells.paired import t_margin
from melgen.evaluation.summaries import (
    DEFAULT_CONFIDENCE,
    DEFAULT_RESAMPLES,
    check_confidence,
    resampled_means,
)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class CrossedEffects:
    """A difference of bits per note, and how it varies over seeds and tunes.

    Attributes:
        mean: the difference: the bits of all tunes and seeds by their notes.
        low, high: interval over seeds and tunes.
        seed_deviation: standard deviation of the effects of seeds, which are common to all tunes.
        tune_deviation: that of the effects of tunes of average length, which are common to all seeds.
        rest_deviation: that of what is neither: a network's own luck with a tune.
        variance_of_seeds: the part of the variance of the mean that falls with more seeds.
        variance_of_tunes: the part that only more tunes reduce.

    All are in bits per note, variances in its square.
    """

    mean: float
    low: float
    high: float
    seed_deviation: float
    tune_deviation: float
    rest_deviation: float
    variance_of_seeds: float
    variance_of_tunes: float


def crossed_effects(differences: ArrayLike, notes: ArrayLike, confidence: float = DEFAULT_CONFIDENCE) -> CrossedEffects:
    """Random effects of seeds and tunes: a two-way table with one value in each cell.

    Effects are estimated from mean squares, by the method of analysis of variance (Searle, Casella and McCulloch,
    *Variance Components*, 1992, chapter 4): with S seeds, T tunes and mean squares ``ms``, the variance of seed effects
    is ``(ms_seeds - ms_rest) / T``, that of tune effects ``(ms_tunes - ms_rest) / S``; a negative estimate counts as 0.
    The variance of the mean is ``ms_seeds / (S T)`` plus ``(ms_tunes - ms_rest) / (S T)``, where again the second part
    is at least 0. The interval is that of `t_margin`: Student's t for a sum of two variances, never narrower than the
    interval over seeds alone.

    Args:
        differences: bits of each tune by one network minus those by another, ``[seeds, tunes]``.
        notes: by which bits are divided, ``[tunes]``.
        confidence: of the interval.

    Raises:
        ValueError: for fewer than two seeds or tunes, shapes that do not match, values that are not finite, a tune
            without notes, or a confidence that is not between 0 and 1.

    >>> found = crossed_effects([[1.0, 3.0], [3.0, 5.0]], [10, 10])
    >>> round(found.mean, 3), round(found.seed_deviation, 3), round(found.rest_deviation, 3)
    (0.3, 0.141, 0.0)
    """
    check_confidence(confidence)
    table, counts = _checked(differences, notes)
    seeds, tunes = table.shape
    if seeds < 2 or tunes < 2:
        raise ValueError(f"effects of seeds and tunes need at least 2 of each, got {seeds} and {tunes}")
    mean = float(table.sum() / (seeds * counts.sum()))
    values = mean + (table - mean * counts) / counts.mean()
    by_seed, by_tune = values.mean(axis=1), values.mean(axis=0)
    of_seeds = tunes * float(((by_seed - mean) ** 2).sum()) / (seeds - 1)
    of_tunes = seeds * float(((by_tune - mean) ** 2).sum()) / (tunes - 1)
    residuals = values - by_seed[:, None] - by_tune + mean
    of_rest = float((residuals**2).sum()) / ((seeds - 1) * (tunes - 1))
    part_of_seeds = of_seeds / (seeds * tunes)
    part_of_tunes = max(of_tunes - of_rest, 0.0) / (seeds * tunes)
    margin = t_margin(part_of_seeds, seeds - 1, confidence, part_of_tunes, tunes - 1)
    return CrossedEffects(
        mean,
        mean - margin,
        mean + margin,
        math.sqrt(max(of_seeds - of_rest, 0.0) / tunes),
        math.sqrt(max(of_tunes - of_rest, 0.0) / seeds),
        math.sqrt(of_rest),
        part_of_seeds,
        part_of_tunes,
    )


def tune_interval(
    differences: ArrayLike,
    notes: ArrayLike,
    *,
    confidence: float = DEFAULT_CONFIDENCE,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval over tunes of a difference of bits per note: it holds for these networks.

    Tunes are drawn with replacement, with all their bits and notes (Efron and Tibshirani, *An Introduction to the
    Bootstrap*, 1993, chapter 13).

    Args:
        differences: bits of each tune by one network minus those by another, ``[seeds, tunes]`` or ``[tunes]``;
            several seeds are averaged.
        notes: by which bits are divided, ``[tunes]``.

    Returns:
        Both ends; nan for fewer than two tunes.

    Raises:
        ValueError: for shapes that do not match, values that are not finite, or a tune without notes.

    >>> [round(end, 6) for end in tune_interval([1.0, 2.0, 3.0], [10, 20, 30])]
    [0.1, 0.1]
    """
    check_confidence(confidence)
    table, counts = _checked(np.atleast_2d(np.asarray(differences, np.float64)), notes)
    if len(counts) < 2:
        return math.nan, math.nan
    means = resampled_means(np.stack([table.mean(axis=0), counts], axis=1), resamples, seed)
    ratios = means[:, 0] / means[:, 1]
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _checked(differences: ArrayLike, notes: ArrayLike) -> tuple[Numbers, Numbers]:
    table, counts = np.asarray(differences, np.float64), np.asarray(notes, np.float64)
    if table.ndim != 2 or counts.ndim != 1 or table.shape[1] != len(counts):
        raise ValueError(
            "differences need the shape [seeds, tunes] and notes [tunes], "
            f"got {list(table.shape)} and {list(counts.shape)}"
        )
    if not np.isfinite(table).all() or not np.isfinite(counts).all():
        raise ValueError("bits and notes of tunes must be finite")
    if (counts <= 0).any():
        raise ValueError(f"tune {int(np.argmax(counts <= 0))} has no notes")
    return table, counts
