"""What the networks of a model have memorized at several updates, and a sentence that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from melgen.evaluation.probes.memorization import Memorized, interval_over_tunes
from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import over_seeds
from melgen.plurals import listed
from melgen.studies.probes.results import MemorizationFound
from melgen.studies.results import StudyResults

MOST_POINTS = 12
"""Points of a model during the training."""

Runs = Mapping[int, MemorizationFound]


class MemorizedPoint(NamedTuple):
    """The networks of a model, one of each seed, after some updates.

    Attributes:
        updates: their mean.
        networks: only those that have written songs which are long enough.
    """

    updates: float
    networks: tuple[Memorized, ...]

    def mean(self, column: str) -> float:
        """The mean over networks of ``share`` or ``longest``."""
        return float(np.mean([getattr(each, column) for each in self.networks]))

    def mean_of(self, kind: str, row: int = 0) -> float:
        """The mean over networks of `Memorized.mean_of`."""
        return float(np.mean([each.mean_of(kind, row) for each in self.networks]))

    @property
    def excess(self) -> Summary:
        """The summary of the excess over networks; all of it nan without held-out tunes."""
        return over_seeds([each.excess for each in self.networks])

    @property
    def over_tunes(self) -> tuple[float, float]:
        """The interval of the mean excess over tunes."""
        return interval_over_tunes(self.networks)

    @property
    def is_memorizing(self) -> bool:
        """Whether the excess is above 0 by its interval over seeds and by that over tunes."""
        return bool(self.excess.low > 0 and self.over_tunes[0] > 0)  # nan shows nothing


def points_underway(runs: Runs, most: int = MOST_POINTS) -> list[MemorizedPoint]:
    """The networks of a model during the training, by rising updates.

    Trainings write few songs at a time. So where songs were written at more than `most` updates, these are divided into
    bands of equal ratio, and each network has its mean over a band.
    """
    updates = sorted({each for run in runs.values() for each in run.underway})
    points = []
    for band in _bands(updates, most):
        each = [[run.underway[at] for at in band if at in run.underway] for run in runs.values()]
        networks = tuple(Memorized.mean_of_sets(sets) for sets in each if sets)
        points.append(MemorizedPoint(float(np.mean(band)), networks))
    return points


def _bands(updates: Sequence[int], most: int) -> list[list[int]]:
    """Divide rising updates into at most so many bands.

    >>> _bands([0, 10, 100, 900, 1000], 4), _bands([0, 10], 4)
    ([[0], [10], [100], [900, 1000]], [[0], [10]])
    """
    if len(updates) <= most:
        return [[each] for each in updates]
    places = np.log1p(updates)
    edges = np.linspace(places[0], places[-1], most + 1)[1:-1]
    number = np.searchsorted(edges, places, side="right").tolist()
    return [[at for at, own in zip(updates, number, strict=True) if own == band] for band in sorted(set(number))]


def point_of_selected(runs: Runs) -> MemorizedPoint | None:
    """The selected networks of a model; None if all their songs are too short."""
    found = [run for run in runs.values() if run.selected is not None]
    if not found:
        return None
    networks = tuple(run.selected for run in found if run.selected is not None)
    return MemorizedPoint(float(np.mean([run.updates for run in found])), networks)


def memorization_finding(results: StudyResults) -> str:
    """Sentences about which models have memorized tunes: the best weights, and the last songs of the training."""
    found = results.probes.memorization
    titles = {model.name: model.title for model in results.models if model.name in found}
    if not any(run.part_notes for runs in found.values() for run in runs.values()):
        return "There are no held-out tunes, so that there is no control."
    selected = {title: point_of_selected(found[name]) for name, title in titles.items()}
    last = {title: next(iter(points_underway(found[name])[-1:]), None) for name, title in titles.items()}
    sentences = [_sentence("best weights", selected), _sentence("last songs of the training", last)]
    return " ".join(filter(None, sentences))


def _sentence(what: str, points: Mapping[str, MemorizedPoint | None]) -> str:
    known = {title: point for title, point in points.items() if point is not None}
    if not known:
        return ""
    if all(len(point.networks) < 2 for point in known.values()):
        return f"{_capital(what)}: one seed each is too few to tell memorization from chance."
    titles = [title for title, point in known.items() if point.is_memorizing]
    if not titles:
        return f"{_capital(what)}: no network shares more with training tunes than seeds and tunes explain."
    return f"{_capital(what)}: beyond what seeds and tunes explain, training tunes are memorized by {listed(titles)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
