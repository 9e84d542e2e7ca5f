"""Intervals of abilities over listeners and songs: standard errors clustered by both.

The judgements of one listener are alike, and so are those of one song; an interval that takes all judgements for
independent is too narrow. Here the covariance of the estimates is the sandwich ``C M C``, where ``C`` is the inverse of
the information, and ``M`` sums the products of the gradients of the log likelihood over all pairs of judgements that
share a listener or a song: the sum over pairs that share a listener, plus that over pairs that share a song, minus that
over pairs that share both (Cameron, Gelbach and Miller, 2011; for the two songs of a comparison, Aronow, Samii and
Assenova, 2015).

A bootstrap that draws listeners and songs at once, and multiplies their weights, would count the chance of a single
judgement seven times: each of the three weights has variance 1, and ``2³ - 1 = 7`` (Owen, 2007). Here most of the
variance is that of single judgements, so its intervals would be two to three times too wide. The sandwich counts it
once, needs no random numbers, and takes no time.

With few clusters ``M`` is too small, since the fit forces the sums of the gradients towards 0. Each part is multiplied
by ``G / (G - 1)`` for its ``G`` clusters, and the interval is that of Student's t. A variance is never taken to be
smaller than that of independent judgements.

A. C. Cameron, J. B. Gelbach and D. L. Miller, "Robust inference with multiway clustering", *Journal of Business &
Economic Statistics* 29 (2011), 238-249. P. M. Aronow, C. Samii and V. A. Assenova, "Cluster-robust variance estimation
for dyadic data", *Political Analysis* 23 (2015), 564-577. A. B. Owen, "The pigeonhole bootstrap", *Annals of Applied
Statistics* 1 (2007), 386-411.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from melgen.listening.bradley_terry import Fit, Indices, Judgements, Numbers, judgement_gradients, outcomes

Pair = tuple[int, int]
"""Two conditions."""


@dataclass(frozen=True)
class Clusters:
    """Who judged, and what was heard.

    Attributes:
        listener: the number of the listener.
        first_song, second_song: the number of either song.

    Shape:
        All ``[judgements]``.
    """

    listener: Indices
    first_song: Indices
    second_song: Indices


@dataclass(frozen=True)
class Variances:
    """Variances of differences of abilities, by their sources.

    Attributes:
        judgements: of independent judgements, from the model.
        listeners: of listeners, the chance of their single judgements included.
        songs: what songs add to it; 0 if they add nothing.
        total: of both, at least that of independent judgements.
        freedom: degrees of freedom of the interval.

    Shape:
        All ``[differences]``.
    """

    judgements: Numbers
    listeners: Numbers
    songs: Numbers
    total: Numbers
    freedom: Numbers


@dataclass(frozen=True)
class Interval:
    """Ends of intervals, both of one shape."""

    low: Numbers
    high: Numbers


def against_reference(fitted: Fit) -> list[Pair]:
    """The differences that abilities are: of each condition and the reference."""
    return [(condition, fitted.reference) for condition in range(len(fitted.abilities))]


def variances(
    judgements: Judgements, clusters: Clusters, fitted: Fit, songs_of: Sequence[Indices], pairs: Sequence[Pair]
) -> Variances:
    """Variances over listeners and songs of the differences of the abilities of pairs.

    Args:
        judgements: that the model was fitted to.
        clusters: of these judgements.
        fitted: the fit.
        songs_of: the numbers of the songs of each condition.
        pairs: the two conditions of each difference; that of a condition and itself has the variance 0.

    Raises:
        ValueError: if there are not two listeners, or a condition was heard in fewer than two songs: their variation
            is unknown.
    """
    listeners = len(np.unique(clusters.listener))
    if listeners < 2:
        raise ValueError("intervals over listeners need at least 2 of them")
    heard = np.union1d(clusters.first_song, clusters.second_song)
    songs = np.array([len(np.intersect1d(heard, each)) for each in songs_of])
    if songs.min() < 2:
        raise ValueError("intervals over songs need at least 2 that were heard of each condition")
    gradients = judgement_gradients(judgements, fitted)
    one, other, listener = clusters.first_song, clusters.second_song, clusters.listener
    couples = _numbered(np.sort(np.stack([one, other], axis=1), axis=1))
    most = int(max(one.max(), other.max())) + 1
    of_songs = _meat_of_either(gradients, one, other, couples)
    of_both = _meat_of_either(gradients, listener * most + one, listener * most + other, _numbered(listener, couples))
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    contrasts = np.zeros((len(first), gradients.shape[1]))
    contrasts[np.arange(len(first)), first] += 1
    contrasts[np.arange(len(first)), second] -= 1
    projected = contrasts @ fitted.covariance
    by_listener = _of_each(projected, _meat(gradients, listener)) * listeners / (listeners - 1)
    # The songs of the two conditions matter most; the fewer decide.
    fewest = np.minimum(songs[first], songs[second])
    added = _of_each(projected, of_songs) * fewest / (fewest - 1) - _of_each(projected, of_both)
    added = np.maximum(added, 0)
    independent = _of_each(contrasts, fitted.covariance)
    total = np.maximum(by_listener + added, independent)
    return Variances(independent, by_listener, added, total, _freedom(by_listener, added, listeners, fewest))


def intervals(values: Numbers, found: Variances, confidence: float) -> Interval:
    """Intervals of differences of abilities."""
    from scipy.stats import t

    margin = t.ppf((1 + confidence) / 2, found.freedom) * np.sqrt(found.total)
    return Interval(values - margin, values + margin)


def score_intervals(fitted: Fit, differences: Interval) -> Interval:
    """Intervals of preference scores, from those of the differences of abilities."""
    return Interval(*(outcomes(end, fitted.log_ties).score for end in (differences.low, differences.high)))


def _freedom(listeners: Numbers, songs: Numbers, listener_count: int, song_counts: NDArray[np.int64]) -> Numbers:
    """Degrees of freedom of a sum of two variances (Satterthwaite)."""
    spread = listeners**2 / (listener_count - 1) + songs**2 / (song_counts - 1)
    return np.divide(
        (listeners + songs) ** 2, spread, out=np.full(len(songs), float(listener_count - 1)), where=spread > 0
    )


def _of_each(vectors: Numbers, form: Numbers) -> Numbers:
    """A quadratic form of each vector: ``[vectors, n]`` and ``[n, n]`` to ``[vectors]``."""
    return np.einsum("vi,ij,vj->v", vectors, form, vectors)


def _meat(gradients: Numbers, cluster: Indices) -> Numbers:
    """The sum of ``g_n g_m`` over the pairs of judgements of one cluster."""
    sums = np.zeros((cluster.max() + 1, gradients.shape[1]))
    np.add.at(sums, cluster, gradients)
    return sums.T @ sums


def _meat_of_either(gradients: Numbers, one: Indices, other: Indices, pair: Indices) -> Numbers:
    """The same over the pairs of judgements that share a song, whichever of the two it is."""
    sums = np.zeros((max(one.max(), other.max()) + 1, gradients.shape[1]))
    np.add.at(sums, one, gradients)
    np.add.at(sums, other, gradients)
    return sums.T @ sums - _meat(gradients, pair)  # judgements that share both songs were counted twice


def _numbered(*columns: NDArray[np.int64]) -> Indices:
    """A number for each different row."""
    _, numbers = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
    return numbers.ravel()
