"""Compare distances in an embedding with musical distances: on the circle of fifths, and in semitones.

A Mantel test (Mantel, *The detection of disease clustering and a generalized regression approach*, Cancer
Research 27, 1967) on ranks: Spearman's correlation, over all pairs of values, between the distance of their rows
and their musical distance. Pairs that share a value are not independent, so the p-value is computed by permuting
values, not pairs.

Two things could mislead. First, the two musical distances are correlated with each other, and both with the rarity
of values: the *partial* correlation (Smouse, Long and Sokal, *Multiple regression and correlation extensions of the
Mantel test*, Systematic Zoology 35, 1986) measures what each of the two explains beyond the other. Second, the row
of a value that is very rare in training is still near its random initial position; `frequent_values` leaves such
values out.

Both p-values test "no relation at all". That of the partial correlation can be too small where distances
vary smoothly (Guillot and Rousset, *Dismantling the Mantel tests*, Methods in Ecology and Evolution 4, 2013):
read the size of the correlation first.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.checking import check_number
from melgen.evaluation.embeddings import METRICS, Metric, pairwise_distances

Geometry = Literal["fifths", "semitones"]

FEWEST_VALUES = 4
_SEMITONES_PER_OCTAVE, _FIFTH = 12, 7
_PERMUTATIONS_AT_ONCE = 256
_TIE = 1e-9  # a permutation that changes nothing must count as equal, whatever the order of summation


class GeometryFit(NamedTuple):
    """The agreement of one distance between rows with one musical distance; nan where undefined.

    Attributes:
        metric: distance between rows of the embedding.
        geometry: musical distance.
        correlation: Spearman's, over all pairs of values.
        p_value: two-sided, of the correlation.
        partial: the correlation with the other musical distance held fixed.
        partial_p_value: two-sided, of the partial correlation.
        compared: number of values.
    """

    metric: Metric
    geometry: Geometry
    correlation: float
    p_value: float
    partial: float
    partial_p_value: float
    compared: int


def fifths_distances(values: ArrayLike) -> NDArray[np.float64]:
    """Steps on the circle of fifths between the pitch classes of any two values, ``[V, V]``, 0 to 6.

    Values are pitches, or intervals in semitones, whose interval classes are on the same circle.
    A fifth is 7 semitones, and 7 * 7 = 49 is 1 more than four octaves, so ``7 d mod 12`` fifths make ``d``
    semitones.

    >>> fifths_distances([60, 67, 62, 72, 66])[0].tolist()
    [0.0, 1.0, 2.0, 0.0, 6.0]
    """
    steps = _FIFTH * _differences(values) % _SEMITONES_PER_OCTAVE
    return np.minimum(steps, _SEMITONES_PER_OCTAVE - steps).astype(np.float64)


def semitone_distances(values: ArrayLike) -> NDArray[np.float64]:
    """``|p - q|`` of any two values, ``[V, V]``.

    >>> semitone_distances([60, 67, 62])[0].tolist()
    [0.0, 7.0, 2.0]
    """
    return np.abs(_differences(values)).astype(np.float64)


def frequent_values(counts: ArrayLike, coverage: float = 0.99) -> NDArray[np.bool_]:
    """The fewest values, the most common first, that make up a share `coverage` of all notes: ``[V]``.

    Of equally common values the lower index comes first.

    Raises:
        ValueError: if a count is negative, or `coverage` is not between 0 and 1.

    >>> frequent_values([1, 60, 39]).tolist()
    [False, True, True]
    """
    numbers = np.asarray(counts, dtype=np.int64)
    if (numbers < 0).any():
        raise ValueError(f"a value cannot occur {numbers.min()} times")
    check_number("coverage", coverage, least=0, most=1)
    order = np.argsort(-numbers, kind="stable")
    before = np.cumsum(numbers[order]) - numbers[order]
    frequent = np.zeros(len(numbers), dtype=np.bool_)
    frequent[order] = (before < coverage * numbers.sum()) & (numbers[order] > 0)
    return frequent


def embedding_geometry(
    weights: ArrayLike, values: ArrayLike, *, permutations: int = 9_999, seed: int = 0
) -> list[GeometryFit]:
    """Compare each distance between rows (Euclidean, cosine) with each musical distance (fifths, semitones).

    The p-value is ``(1 + permutations at least as extreme) / (1 + permutations)``.

    Args:
        weights: embedding ``[V, E]``.
        values: pitches, or intervals in semitones, ``[V]``, all different.
        permutations: number of permutations of the values; with 0 the p-values are nan.
        seed: of the permutations.

    Returns:
        Four fits, in the order above; all nan if V is below 4, or if all distances are equal.

    Raises:
        ValueError: unless every row has a value.

    >>> line = [[pitch, 1.0] for pitch in range(60, 72)]
    >>> fifths, semitones, *_ = embedding_geometry(line, range(60, 72), permutations=99)
    >>> round(semitones.correlation, 6), semitones.p_value, fifths.correlation < 0.3
    (1.0, 0.01, True)
    """
    numbers = np.asarray(values)
    if numbers.ndim != 1 or len(numbers) != len(np.asarray(weights)):
        raise ValueError(f"every row needs a value, got {numbers.size} for {len(np.asarray(weights))} rows")
    musical = np.stack([_ranked(fifths_distances(numbers)), _ranked(semitone_distances(numbers))])
    return [
        fit
        for metric in METRICS
        for fit in _compare(
            metric, _ranked(_without_noise(pairwise_distances(weights, metric))), musical, permutations, seed
        )
    ]


def _compare(
    metric: Metric, rows: NDArray[np.float64], musical: NDArray[np.float64], permutations: int, seed: int
) -> list[GeometryFit]:
    """Compare the ranks of both geometries, `musical` ``[2, V, V]``, with those of the embedding, `rows` ``[V, V]``."""
    count = len(rows)
    between = float((musical[0] * musical[1]).sum()) if count >= FEWEST_VALUES else math.nan
    found = _correlations(rows[None], musical, between)
    extreme = np.zeros(found.shape[1:])
    # The same permutations for every metric.
    generator = np.random.default_rng(seed)
    for start in range(0, permutations, _PERMUTATIONS_AT_ONCE):
        chunk = min(_PERMUTATIONS_AT_ONCE, permutations - start)
        order = generator.permuted(np.tile(np.arange(count), (chunk, 1)), axis=1)
        shuffled = rows[order[:, :, None], order[:, None, :]]
        extreme += (np.abs(_correlations(shuffled, musical, between)) >= np.abs(found) - _TIE).sum(axis=0)
    p_values = np.where(np.isnan(found[0]) | (permutations == 0), np.nan, (1 + extreme) / (1 + permutations))
    numbers = np.stack([found[0], p_values]).transpose(2, 1, 0).reshape(2, 4).tolist()
    return [
        GeometryFit(metric, geometry, plain, p_value, partial, partial_p_value, count)
        for geometry, (plain, p_value, partial, partial_p_value) in zip(get_args(Geometry), numbers, strict=True)
    ]


def _correlations(rows: NDArray[np.float64], musical: NDArray[np.float64], between: float) -> NDArray[np.float64]:
    """Plain and partial correlations, ``[N, 2, 2]``, of N embeddings ``[N, V, V]`` with both geometries."""
    plain = np.einsum("nij,gij->ng", rows, musical, optimize=True)
    if not rows.shape[1] >= FEWEST_VALUES:
        plain = np.full_like(plain, np.nan)
    plain = np.clip(plain, -1, 1)
    other = plain[:, ::-1]
    left_over = (1 - other**2) * (1 - between**2)
    partial = np.full_like(plain, np.nan)
    np.divide(plain - other * between, np.sqrt(left_over), out=partial, where=left_over > _TIE)
    return np.stack([plain, partial], axis=1)


def _ranked(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks of the pairs, ties having the mean rank, as a matrix ``[V, V]`` of mean 0 and norm 1; nan if all equal.

    So the correlation of two matrices is the sum of their products. The diagonal is 0 and has no effect.
    """
    from scipy.stats import rankdata

    first, second = np.triu_indices(len(distances), k=1)
    ranks = rankdata(distances[first, second])
    matrix = np.zeros_like(distances)
    if not ranks.size:
        return matrix
    ranks -= ranks.mean()
    length = math.sqrt(2 * float((ranks**2).sum()))  # every pair is in the matrix twice
    matrix[first, second] = matrix[second, first] = ranks / length if length > 0 else math.nan
    return matrix


def _without_noise(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make distances equal that differ only by rounding, which would change their ranks."""
    largest = float(distances.max(initial=0))
    return np.round(distances / largest, 12) if largest > 0 else distances


def _differences(values: ArrayLike) -> NDArray[np.int64]:
    numbers = np.asarray(values, dtype=np.int64)
    return numbers[:, None] - numbers
