"""The analysis of a listening test: rules of exclusion, preferences of all listeners and by their musical training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melgen.listening.answers import TRAININGS, Received, read_answers
from melgen.listening.bradley_terry import Judgements, outcomes
from melgen.listening.estimation import Estimate, estimate
from melgen.listening.exclusions import Kept, apply_rules
from melgen.listening.intervals import Clusters
from melgen.listening.key import Key
from melgen.listening.planning import judgements_for

FORMAT, FORMAT_VERSION = "melgen listening results", 1
NOT_STATED = "not stated"


@dataclass(frozen=True)
class Analysis:
    """The results of a test.

    Attributes:
        key: of the test.
        received: all answers.
        kept: those that the rules keep.
        all_listeners: the model fitted to the judgements of all.
        by_training: the same by musical training, for each that has at least two listeners whose judgements connect all
            conditions; empty unless there are several.
    """

    key: Key
    received: Received
    kept: Kept
    all_listeners: Estimate
    by_training: dict[str, Estimate]

    @property
    def first_preferred(self) -> float:
        """The share of tune A among the judgements that are no ties; nan if all are."""
        judgements = self.kept.judgements
        decided = judgements.score[~judgements.is_tie]
        return float(decided.mean()) if len(decided) else float("nan")

    @property
    def trainings(self) -> dict[str, int]:
        """The number of listeners that are used, by musical training."""
        stated = [one.training for one in self.kept.listeners]
        return {training or NOT_STATED: stated.count(training) for training in TRAININGS if training in stated}

    def judgements_needed(self, width: float) -> int | None:
        """How many judgements in all give intervals of preference scores of this width; ``None`` if none do."""
        found = self.all_listeners
        assert found.parts is not None
        return judgements_for(width, found.parts, found.ties, self.key.confidence)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
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
            "judgements": len(self.kept.judgements),
            "judgements_of_known_tunes": self.kept.known,
            "first_preferred": self.first_preferred,
            **_plain(self.key, self.all_listeners),
            "by_training": {name: _plain(self.key, each) for name, each in self.by_training.items()},
        }


def analyse(key: Key, received: Received) -> Analysis:
    """Apply the rules and fit the model.

    Raises:
        ValueError: if the rules leave no judgement, or the judgements do not connect all conditions.
    """
    kept = apply_rules(key, received.listeners)
    if not len(kept.judgements):
        reasons = "".join(f"\n  {code}: {reason}" for code, reason in kept.excluded.items())
        known = f"\n  {kept.known} of known tunes" if kept.known else ""
        raise ValueError(f"the rules of exclusion leave no judgement:{reasons}{known}")
    return Analysis(
        key, received, kept, estimate(key, kept.judgements, kept.clusters), _estimates_by_training(key, kept)
    )


def analyse_folder(answers: Path, test: Path) -> Analysis:
    """The analysis of the answer files in a folder.

    Args:
        answers: their folder.
        test: the directory of the test, which contains its key.

    Raises:
        ValueError: if the key or an answer file is not valid, and as `analyse`.
    """
    key = Key.read(test)
    return analyse(key, read_answers(answers, key))


def _estimates_by_training(key: Key, kept: Kept) -> dict[str, Estimate]:
    stated = np.array([TRAININGS.index(one.training) for one in kept.listeners])
    found: dict[str, Estimate] = {}
    if len(np.unique(stated)) < 2:
        return found
    of_judgement = stated[kept.clusters.listener]
    for number, training in enumerate(TRAININGS):
        chosen = of_judgement == number
        if np.count_nonzero(stated == number) < 2 or not chosen.any():
            continue
        judgements, clusters = kept.judgements, kept.clusters
        part = Judgements(judgements.first[chosen], judgements.second[chosen], judgements.score[chosen])
        who = Clusters(clusters.listener[chosen], clusters.first_song[chosen], clusters.second_song[chosen])
        try:
            found[training or NOT_STATED] = estimate(key, part, who)
        except ValueError:
            continue  # too few judgements of these listeners to connect all conditions
    return found


def _plain(key: Key, found: Estimate) -> dict[str, Any]:
    """An estimate as plain JSON."""
    at_odds = outcomes(found.fitted.abilities, found.fitted.log_ties)
    return {
        "ties": found.ties,
        "log_ties": found.fitted.log_ties,
        "without_intervals": found.without_intervals,
        "conditions": [
            {
                "name": one.name,
                "role": one.role,
                "judgements": found.judgements_of(i),
                "ability": float(found.fitted.abilities[i]),
                "ability_low": float(found.abilities.low[i]),
                "ability_high": float(found.abilities.high[i]),
                "score": float(at_odds.score[i]),
                "score_low": float(found.scores.low[i]),
                "score_high": float(found.scores.high[i]),
                "preferred": float(at_odds.first[i]),
                "no_difference": float(at_odds.tie[i]),
            }
            for i, one in enumerate(key.conditions)
        ],
    }
