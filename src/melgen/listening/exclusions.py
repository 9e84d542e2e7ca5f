"""Applying the rules of exclusion to listeners and their judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from melgen.listening.answers import Answer, Listener
from melgen.listening.bradley_terry import Judgements
from melgen.listening.intervals import Clusters
from melgen.listening.key import Key
from melgen.listening.rules import FEWEST_ON_ONE_SIDE

SCORES = {"first": 1.0, "same": 0.5, "second": 0.0}


@dataclass(frozen=True)
class Kept:
    """What the analysis uses.

    Attributes:
        judgements: of the listeners that were not left out.
        clusters: of these judgements; listeners are numbered in the order of `listeners`.
        listeners: the listeners that are used.
        excluded: why the others were left out, by their codes.
        known: judgements left out because the listener knew a tune.
    """

    judgements: Judgements
    clusters: Clusters
    listeners: list[Listener]
    excluded: dict[str, str]
    known: int


def apply_rules(key: Key, listeners: Sequence[Listener]) -> Kept:
    """Leave out listeners and judgements by the rules of the key."""
    excluded = {one.code: reason for one in listeners if (reason := why_excluded(key, one))}
    used = [one for one in listeners if one.code not in excluded]
    known = 0
    rows: list[tuple[int, int, int, float]] = []
    for number, one in enumerate(used):
        for answer in _judged(key, one):
            if key.rules.known and answer.known:
                known += 1
                continue
            asked = key.sheets[one.sheet][answer.trial]
            rows.append((number, asked.first, asked.second, SCORES[answer.choice]))
    table = np.array(rows, np.float64).reshape(-1, 4)
    listener, first, second = table[:, :3].astype(np.int64).T
    of_song = np.array([-1 if song.condition is None else song.condition for song in key.songs])
    judgements = Judgements(of_song[first], of_song[second], table[:, 3])
    return Kept(judgements, Clusters(listener, first, second), used, excluded, known)


def why_excluded(key: Key, listener: Listener) -> str:
    """The rule by which a listener is left out; empty for one who is not."""
    rules, sheet = key.rules, key.sheets[listener.sheet]
    judged = _judged(key, listener)
    comparisons = sum(not each.is_check for each in sheet)
    if len(judged) < rules.answered * comparisons or not judged:
        return f"answered {len(judged)} of {comparisons} comparisons"
    checks = [each for each in listener.answers if sheet[each.trial].is_check]
    failed = sum(not key.is_right(sheet[each.trial], each.choice) for each in checks)
    if failed > rules.failed_checks:
        return f"failed {failed} of {len(checks)} attention checks"
    pace = median(each.seconds for each in judged) / (2 * key.seconds)
    if pace < rules.pace:
        return f"median judgement after {pace:.2f} times the length of both tunes"
    sides = {each.choice for each in judged}
    if rules.one_side and len(judged) >= FEWEST_ON_ONE_SIDE and sides in ({"first"}, {"second"}):
        return f"answered {'A' if sides == {'first'} else 'B'} in all of {len(judged)} judgements"
    return ""


def _judged(key: Key, listener: Listener) -> list[Answer]:
    """The answers of a listener without attention checks."""
    sheet = key.sheets[listener.sheet]
    return [each for each in listener.answers if not sheet[each.trial].is_check]
