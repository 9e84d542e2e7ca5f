"""The analysis of a listening test: rules of exclusion, abilities with intervals, what more judgements would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from melgen.listening.answers import Received
from melgen.listening.bradley_terry import Fit, Judgements, fit, outcomes
from melgen.listening.exclusions import Kept, apply_rules
from melgen.listening.intervals import Interval, intervals, score_intervals, variances
from melgen.listening.key import Key
from melgen.listening.planning import Parts, judgements_for

FORMAT, FORMAT_VERSION = "melgen listening results", 1
RESULTS_FILE = "results.json"


class PairCount(NamedTuple):
    """The judgements of two conditions: how often either was preferred, and how often neither."""

    first: int
    second: int
    preferred: int
    ties: int
    other_preferred: int

    @property
    def judgements(self) -> int:
        """Their number."""
        return self.preferred + self.ties + self.other_preferred

    @property
    def score(self) -> float:
        """The observed preference score of the first."""
        return (self.preferred + self.ties / 2) / self.judgements


@dataclass(frozen=True)
class Analysis:
    """The results of a test.

    Attributes:
        key: of the test.
        received: all answers.
        kept: those that the rules keep.
        fitted: the model.
        abilities, scores: intervals of the abilities, and of the preference scores over the reference; nan where there
            are none.
        without_intervals: why there are none; empty if there are.
        parts: the variance of an ability as a function of the number of judgements, over all conditions; ``None``
            without intervals.
    """

    key: Key
    received: Received
    kept: Kept
    fitted: Fit
    abilities: Interval
    scores: Interval
    without_intervals: str
    parts: Parts | None

    @property
    def judgements(self) -> Judgements:
        """The judgements that the model was fitted to."""
        return self.kept.judgements

    @property
    def ties(self) -> float:
        """The share of ties."""
        return float(self.judgements.is_tie.mean())

    @property
    def first_preferred(self) -> float:
        """The share of tune A among the judgements that are no ties; nan if all are."""
        decided = self.judgements.score[~self.judgements.is_tie]
        return float(decided.mean()) if len(decided) else float("nan")

    @property
    def trainings(self) -> dict[str, int]:
        """The musical training of the listeners that are used."""
        return dict(Counter(one.training or "not stated" for one in self.kept.listeners))

    @property
    def pairs(self) -> list[PairCount]:
        """The judgements of each pair of conditions that was compared."""
        found = []
        for one, other in combinations(range(len(self.key.conditions)), 2):
            straight = (self.judgements.first == one) & (self.judgements.second == other)
            turned = (self.judgements.first == other) & (self.judgements.second == one)
            scores = np.concatenate([self.judgements.score[straight], 1 - self.judgements.score[turned]])
            wins, ties, losses = (int(np.count_nonzero(scores == score)) for score in (1, 0.5, 0))
            if len(scores):
                found.append(PairCount(one, other, wins, ties, losses))
        return found

    def judgements_needed(self, width: float) -> int | None:
        """How many judgements in all give intervals of preference scores of this width; ``None`` if none do."""
        assert self.parts is not None
        return judgements_for(width, self.parts, self.ties, self.key.confidence)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        at_odds = outcomes(self.fitted.abilities, self.fitted.log_ties)
        conditions = [
            {
                "name": one.name,
                "role": one.role,
                "ability": float(self.fitted.abilities[i]),
                "ability_low": float(self.abilities.low[i]),
                "ability_high": float(self.abilities.high[i]),
                "score": float(at_odds.score[i]),
                "score_low": float(self.scores.low[i]),
                "score_high": float(self.scores.high[i]),
                "preferred": float(at_odds.first[i]),
                "no_difference": float(at_odds.tie[i]),
            }
            for i, one in enumerate(self.key.conditions)
        ]
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "test": self.key.test,
            "question": self.key.question,
            "confidence": self.key.confidence,
            "rules": self.key.rules.in_words,
            "listeners": len(self.kept.listeners),
            "training": self.trainings,
            "excluded": self.kept.excluded,
            "repeated_files": self.received.repeated,
            "judgements": len(self.judgements),
            "judgements_of_known_tunes": self.kept.known,
            "ties": self.ties,
            "first_preferred": self.first_preferred,
            "log_ties": self.fitted.log_ties,
            "without_intervals": self.without_intervals,
            "conditions": conditions,
        }


def analyse(key: Key, received: Received) -> Analysis:
    """Apply the rules and fit the model.

    Raises:
        ValueError: if the rules leave no judgement, or the judgements do not connect all conditions.
    """
    kept = apply_rules(key, received.listeners)
    if not len(kept.judgements):
        reasons = "\n  ".join(f"{code}: {reason}" for code, reason in kept.excluded.items())
        raise ValueError(f"the rules of exclusion leave no judgement:\n  {reasons}")
    _check_connected(key, kept.judgements)
    fitted = fit(kept.judgements, len(key.conditions), key.reference)
    unknown = np.full(len(key.conditions), np.nan)
    abilities = scores = Interval(unknown, unknown)
    parts, reason = None, ""
    try:
        found = variances(kept.judgements, kept.clusters, fitted, key.songs_of)
    except ValueError as error:
        reason = str(error)
    else:
        abilities = intervals(fitted, found, key.confidence)
        scores = score_intervals(fitted, abilities)
        others = np.delete(np.arange(len(key.conditions)), key.reference)
        of_chance = np.maximum(found.listeners, found.judgements)[others].mean()
        parts = Parts(float(of_chance * len(kept.judgements)), float(found.songs[others].mean()))
    return Analysis(key, received, kept, fitted, abilities, scores, reason, parts)


def analyse_folder(answers: Path, test: Path) -> Analysis:
    """The analysis of the answer files in a folder.

    Args:
        answers: their folder.
        test: the directory of the test, which contains its key.

    Raises:
        ValueError: if the key or an answer file is not valid, and as `analyse`.
    """
    from melgen.listening.answers import read_answers

    key = Key.read(test)
    return analyse(key, read_answers(answers, key))


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
