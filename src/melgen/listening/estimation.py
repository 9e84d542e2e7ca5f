"""Abilities of all conditions with intervals, and the differences of each pair, from a set of judgements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from melgen.listening.bradley_terry import Fit, Judgements, fit, outcomes
from melgen.listening.intervals import (
    Clusters,
    Interval,
    against_reference,
    intervals,
    score_intervals,
    variances,
)
from melgen.listening.key import Key
from melgen.listening.planning import Parts


@dataclass(frozen=True)
class PairResult:
    """What listeners said of two conditions, and what the model makes of it.

    Attributes:
        first, second: the numbers of the conditions.
        preferred, ties, other_preferred: judgements for the first, for neither and for the second.
        difference: of their abilities.
        low, high: its interval; nan where there is none.
        fitted_score: the preference score of the first over the second that the model gives.
    """

    first: int
    second: int
    preferred: int
    ties: int
    other_preferred: int
    difference: float
    low: float
    high: float
    fitted_score: float

    @property
    def judgements(self) -> int:
        """Their number."""
        return self.preferred + self.ties + self.other_preferred

    @property
    def score(self) -> float:
        """The observed preference score of the first; nan without judgements."""
        return (self.preferred + self.ties / 2) / self.judgements if self.judgements else float("nan")


@dataclass(frozen=True)
class Estimate:
    """The model fitted to judgements.

    Attributes:
        judgements: that it was fitted to.
        fitted: the model.
        abilities, scores: intervals of the abilities, and of the preference scores over the reference; nan where there
            are none.
        pairs: the results of each pair of conditions.
        without_intervals: why there are none; empty if there are.
        parts: the variance of an ability as a function of the number of judgements, over all conditions; ``None``
            without intervals.
    """

    judgements: Judgements
    fitted: Fit
    abilities: Interval
    scores: Interval
    pairs: list[PairResult]
    without_intervals: str
    parts: Parts | None

    @property
    def ties(self) -> float:
        """The share of ties."""
        return float(self.judgements.is_tie.mean())

    def judgements_of(self, condition: int) -> int:
        """The number of judgements of a condition."""
        return int(((self.judgements.first == condition) | (self.judgements.second == condition)).sum())


def estimate(key: Key, judgements: Judgements, clusters: Clusters) -> Estimate:
    """Fit the model to judgements.

    Args:
        key: of the test.
        judgements: at least one.
        clusters: of these judgements.

    Raises:
        ValueError: if the judgements do not connect all conditions.
    """
    count = len(key.conditions)
    _check_connected(key, judgements)
    fitted = fit(judgements, count, key.reference)
    couples = list(combinations(range(count), 2))
    differences = np.array([fitted.abilities[one] - fitted.abilities[other] for one, other in couples])
    abilities = scores = Interval(*np.full((2, count), np.nan))
    of_pairs = Interval(*np.full((2, len(couples)), np.nan))
    parts, reason = None, ""
    try:
        found = variances(judgements, clusters, fitted, key.songs_of, against_reference(fitted))
        found_of_pairs = variances(judgements, clusters, fitted, key.songs_of, couples)
    except ValueError as error:
        reason = str(error)
    else:
        abilities = intervals(fitted.abilities, found, key.confidence)
        scores = score_intervals(fitted, abilities)
        of_pairs = intervals(differences, found_of_pairs, key.confidence)
        others = np.delete(np.arange(count), key.reference)
        of_chance = np.maximum(found.listeners, found.judgements)[others].mean()
        parts = Parts(float(of_chance * len(judgements)), float(found.songs[others].mean()))
    pairs = [
        PairResult(
            *couple,
            *_counts(judgements, *couple),
            float(differences[i]),
            float(of_pairs.low[i]),
            float(of_pairs.high[i]),
            float(outcomes(differences[i], fitted.log_ties).score),
        )
        for i, couple in enumerate(couples)
    ]
    return Estimate(judgements, fitted, abilities, scores, pairs, reason, parts)


def _counts(judgements: Judgements, one: int, other: int) -> tuple[int, int, int]:
    """How often the first of two conditions was preferred, neither, and the second."""
    straight = (judgements.first == one) & (judgements.second == other)
    turned = (judgements.first == other) & (judgements.second == one)
    scores = np.concatenate([judgements.score[straight], 1 - judgements.score[turned]])
    preferred, ties, other_preferred = (int(np.count_nonzero(scores == score)) for score in (1, 0.5, 0))
    return preferred, ties, other_preferred


def _check_connected(key: Key, judgements: Judgements) -> None:
    """Refuse judgements that leave the abilities of some conditions without a common scale."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(key.conditions)
    edges = coo_array((np.ones(len(judgements)), (judgements.first, judgements.second)), shape=(count, count))
    groups, group_of = connected_components(edges, directed=False)
    if groups > 1:
        named = " | ".join(
            ", ".join(key.conditions[i].name for i in np.flatnonzero(group_of == group)) for group in range(groups)
        )
        raise ValueError(
            f"the judgements compare no condition of one of these groups with the others: {named}; more listeners are "
            "needed"
        )
