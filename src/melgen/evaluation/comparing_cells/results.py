"""Comparisons of cells with one reference cell, as plain data.

`compare` makes them, and `findings` puts them into words.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checking import check_number
from melgen.evaluation.comparing_cells.aggregates import Estimate
from melgen.evaluation.comparing_cells.crossed import CrossedEffects
from melgen.evaluation.results import Summary
from melgen.evaluation.summaries import DEFAULT_CONFIDENCE, DEFAULT_RESAMPLES
from melgen.far_values import are_near

COMPARISONS_FILE = "comparisons.json"
"""The file of a study's comparisons, in its own directory."""
LEAST_SEEDS = 2
"""Seeds from which on a difference has an interval."""
LEAST_SEEDS_OF_TEST = 10
"""Seeds from which on a comparison has a p-value: of five, the smallest that is possible is 0.06."""
FINE_BITS = 0.01
"""A study reports how many seeds an interval of ± so many bits per note would need."""

AHEAD, BEHIND, EQUAL, UNDECIDED = "ahead", "behind", "equal", "undecided"
"""The verdicts of a comparison: fewer bits than the reference, more, practically as many, or undecided."""


@dataclass(frozen=True)
class ComparisonOptions:
    """The options of comparing cells.

    Attributes:
        region_bits: bits per note; a difference within ± this is practically none.
        confidence: of all intervals; the level of p-values is 1 minus it.
        resamples, seed: of the bootstraps.

    Raises:
        ValueError: if `region_bits` is not above 0.
    """

    region_bits: float = 0.03
    confidence: float = DEFAULT_CONFIDENCE
    resamples: int = DEFAULT_RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("compare.region_bits", self.region_bits, above=0)


@dataclass(frozen=True)
class Comparison:
    """A model against the model of the reference cell in the same setting; differences are model - reference.

    Attributes:
        model, reference: their names.
        title, reference_title: the same for readers.
        setting: representation, rhythm and variant, for readers.
        cell, layers, reference_layers: of both.
        seeds: that both have, in rising order.
        bits, reference_bits: bits per note of each seed, ``[seeds]``.
        over_seeds: of the differences, with the t interval over seeds.
        tunes: number of test tunes; 0 if they were not scored one by one.
        over_tunes: bootstrap interval over tunes; nan without tunes.
        crossed: the effects of seeds and tunes; None without tunes.
        middle: interquartile mean of the differences.
        improvement: probability that a training of the model needs fewer bits than one of the reference.
        p, adjusted_p: of the sign-flip test over seeds, by itself and adjusted for all comparisons (Holm); nan for
            fewer than `LEAST_SEEDS_OF_TEST` seeds.
        verdict: one of `AHEAD`, `BEHIND`, `EQUAL`, `UNDECIDED`.
        seeds_to_decide: seeds that would decide it if difference and deviation stayed as they are; None if it is
            decided, or no number of seeds would do.
        seeds_for_fine: seeds for an interval of ± `FINE_BITS`; None if no number would do.
        sources: paths of the runs of both.
    """

    model: str
    reference: str
    title: str
    reference_title: str
    setting: str
    cell: str
    layers: int
    reference_layers: int
    seeds: tuple[int, ...]
    bits: tuple[float, ...]
    reference_bits: tuple[float, ...]
    over_seeds: Summary
    tunes: int
    over_tunes: tuple[float, float]
    crossed: CrossedEffects | None
    middle: Estimate
    improvement: Estimate
    p: float = math.nan
    adjusted_p: float = math.nan
    verdict: str = UNDECIDED
    seeds_to_decide: int | None = None
    seeds_for_fine: int | None = None
    sources: tuple[str, ...] = ()

    @property
    def differences(self) -> NDArray[np.float64]:
        """Of each seed: ``[seeds]``."""
        return np.array(self.bits) - np.array(self.reference_bits)

    @property
    def interval(self) -> tuple[float, float]:
        """The interval that decides: over seeds and tunes; over seeds alone without the bits of single tunes."""
        whole = self.crossed or self.over_seeds
        return whole.low, whole.high


@dataclass(frozen=True)
class OverSettings:
    """A cell against the reference in all settings that both have.

    Attributes:
        cell: its name.
        settings: how many.
        pairs: of trainings, in all settings.
        middle, improvement: as in `Comparison`, over all settings.
        sources: paths of the runs.
    """

    cell: str
    settings: int
    pairs: int
    middle: Estimate
    improvement: Estimate
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparisons:
    """All comparisons of a study.

    Attributes:
        reference: the cell that the others are compared with.
        options: of the comparisons.
        each: a comparison for each other cell and setting.
        over_settings: a row for each cell that has several settings in common with the reference.
        not_compared: models without a partner, and why.
    """

    reference: str
    options: ComparisonOptions
    each: tuple[Comparison, ...]
    over_settings: tuple[OverSettings, ...] = ()
    not_compared: tuple[str, ...] = ()

    @property
    def drawn_range(self) -> tuple[float, float]:
        """Ends of an axis with room for the region and, of the cells whose difference is not far from the others', for
        the intervals that decide and all seeds.
        """
        region = 1.2 * self.options.region_bits
        ends = [-region, region]
        for each, is_near in zip(self.each, are_near([each.over_seeds.mean for each in self.each]), strict=True):
            if is_near:
                ends += [end for end in (*each.interval, *each.differences) if math.isfinite(end)]
        return min(ends), max(ends)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Comparisons:
        """The inverse of `to_dict`, also after the data was stored as JSON, which has no nan."""
        return cls(
            reference=data["reference"],
            options=ComparisonOptions(**data["options"]),
            each=tuple(_comparison(each) for each in data["each"]),
            over_settings=tuple(
                OverSettings(**{**each, **_estimates(each), "sources": tuple(each["sources"])})
                for each in data["over_settings"]
            ),
            not_compared=tuple(data["not_compared"]),
        )


def _comparison(data: Mapping[str, Any]) -> Comparison:
    crossed = data["crossed"]
    lists = ("seeds", "bits", "reference_bits", "sources")
    return Comparison(
        **{
            **data,
            **_estimates(data),
            **{key: tuple(data[key]) for key in lists},
            "over_seeds": Summary(**{key: _number(value) for key, value in data["over_seeds"].items()}),
            "over_tunes": tuple(map(_number, data["over_tunes"])),
            "crossed": None if crossed is None else CrossedEffects(**crossed),
            "p": _number(data["p"]),
            "adjusted_p": _number(data["adjusted_p"]),
        }
    )


def _estimates(data: Mapping[str, Any]) -> dict[str, Estimate]:
    return {key: Estimate(*map(_number, data[key])) for key in ("middle", "improvement")}


def _number(value: Any) -> Any:
    return math.nan if value is None else value
