"""The best of several models, and whether their seeds are enough to decide it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NAMED = 3


@dataclass(frozen=True)
class Contest:
    """The model with the lowest mean over its seeds, and the models that are not distinguishable from it.

    Attributes:
        lowest: its name.
        mean: its mean.
        rivals: models whose difference from it may be 0, the nearest first.
        others: number of models it was compared with.
        seeds: the fewest and the most seeds of a model.
    """

    lowest: str
    mean: float
    rivals: tuple[str, ...]
    others: int
    seeds: tuple[int, int]

    @property
    def is_decided(self) -> bool:
        """Whether it is lower than every other model, according to the intervals over seeds."""
        return self.others > 0 and not self.rivals

    def in_words(self) -> str:
        """The conclusion that the seeds support, without the name of the model."""
        fewest, most = self.seeds
        seeds = f"{fewest} seeds each" if fewest == most else f"{fewest} to {most} seeds"
        if not self.others:
            return "the only model"
        if self.is_decided:
            whom = "the other model" if self.others == 1 else f"each of the {self.others} other models"
            return f"distinguishable from {whom} ({seeds}, 95% intervals of the differences)"
        named = ", ".join(self.rivals[:_NAMED])
        if len(self.rivals) > _NAMED:
            named += f" and {len(self.rivals) - _NAMED} more"
        return f"not distinguishable from {named} ({'one seed cannot decide' if fewest == 1 else seeds})"


def lowest_of(
    values: Mapping[str, Sequence[float]],
    confidence: float = 0.95,
    compared: Mapping[frozenset[str], bool] | None = None,
) -> Contest | None:
    """The model with the lowest mean, and whether this is more than chance; ``None`` without any number.

    Two models are distinguishable if Welch's interval of the difference of their means over seeds does not include 0:
    ``d ± t * sqrt(s1² / n1 + s2² / n2)``, with the degrees of freedom of Welch and Satterthwaite. A model with a
    single seed has no spread, so it is not distinguishable from any other. The intervals are not widened for the
    number of models: a winner must differ from every one of them.

    Args:
        values: a number for each seed, by model; nan is left out, and so is a model without any number.
        confidence: of the intervals.
        compared: pairs of models that were compared in another way, and whether these are distinguishable; it counts
            more than the intervals.

    >>> lowest_of({"a": [2.0, 2.1, 2.2], "b": [3.0, 3.1, 3.2]}).in_words()
    'distinguishable from the other model (3 seeds each, 95% intervals of the differences)'
    >>> lowest_of({"a": [2.0], "b": [3.0]}).in_words()
    'not distinguishable from b (one seed cannot decide)'
    """
    columns = {name: np.asarray(found, np.float64) for name, found in values.items()}
    columns = {name: column[~np.isnan(column)] for name, column in columns.items()}
    columns = {name: column for name, column in columns.items() if len(column)}
    if not columns:
        return None
    order = sorted(columns, key=lambda name: float(columns[name].mean()))
    lowest, *others = order
    known = compared or {}
    rivals = tuple(
        name
        for name in others
        if not known.get(frozenset((lowest, name)), _differ(columns[lowest], columns[name], confidence))
    )
    counts = [len(column) for column in columns.values()]
    return Contest(lowest, float(columns[lowest].mean()), rivals, len(others), (min(counts), max(counts)))


def _differ(first: NDArray[np.float64], second: NDArray[np.float64], confidence: float) -> bool:
    if min(len(first), len(second)) < 2:
        return False
    difference = abs(float(first.mean() - second.mean()))
    parts = [float(column.var(ddof=1)) / len(column) for column in (first, second)]
    variance = sum(parts)
    if variance == 0:
        return difference > 0

    from scipy.stats import t

    spreads = zip(parts, (first, second), strict=True)
    freedom = variance**2 / sum(part**2 / (len(column) - 1) for part, column in spreads)
    return difference > float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(variance)
