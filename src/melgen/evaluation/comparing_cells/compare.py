"""Compare the trainings of cells with those of one reference cell.

`melgen.evaluation.comparing_cells.paired`, `p_values`, `crossed` and `aggregates` define the numbers.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.comparing_cells.aggregates import interquartile_mean, probability_of_improvement
from melgen.evaluation.comparing_cells.crossed import crossed_effects, tune_interval
from melgen.evaluation.comparing_cells.p_values import holm, sign_flip_p
from melgen.evaluation.comparing_cells.paired import is_within, paired_difference, seeds_needed
from melgen.evaluation.comparing_cells.results import (
    AHEAD,
    BEHIND,
    EQUAL,
    FINE_BITS,
    LEAST_SEEDS,
    LEAST_SEEDS_OF_TEST,
    UNDECIDED,
    Comparison,
    ComparisonOptions,
    Comparisons,
    OverSettings,
)


@dataclass(frozen=True)
class Trainings:
    """The trainings of one cell in one setting.

    Attributes:
        name: of the model, ``control-lstm-2``.
        title: the same for readers.
        cell, layers: its own.
        bits: bits per note of the test tunes, by seed.
        tune_bits: bits of each test tune, ``[tunes]``, by seed; empty if the tunes were not scored one by one.
        notes: by which they are divided, ``[tunes]``.
        sources: paths of the runs.
    """

    name: str
    title: str
    cell: str
    layers: int
    bits: Mapping[int, float]
    tune_bits: Mapping[int, NDArray[np.float64]] = field(default_factory=dict)
    notes: NDArray[np.float64] | None = None
    sources: tuple[str, ...] = ()


def compare_all(
    pairs: Sequence[tuple[str, Trainings, Trainings]],
    reference: str,
    options: ComparisonOptions,
    not_compared: Sequence[str] = (),
) -> Comparisons:
    """Compare models with the reference cell's in their settings.

    The family of the p-values is all comparisons. A pair with fewer than `LEAST_SEEDS` common seeds with finite bits
    is not compared, which `Comparisons.not_compared` then states.

    Args:
        pairs: setting, model, and the reference's model there.
        reference: the cell.
        options: of the comparisons.
        not_compared: models without a partner, and why.
    """
    compared, left_out = [], list(not_compared)
    for setting, model, other in pairs:
        seeds = _common_seeds(model, other)
        if len(seeds) < LEAST_SEEDS:
            left_out.append(f"{model.title}: {_too_few(model, other, seeds)}")
            continue
        compared.append(_compare(setting, model, other, seeds, options))
    adjusted = holm([each.p for each in compared])
    compared = [
        _with_verdict(dataclasses.replace(each, adjusted_p=p), options)
        for each, p in zip(compared, adjusted, strict=True)
    ]
    return Comparisons(reference, options, tuple(compared), _over_settings(compared, options), tuple(left_out))


def _common_seeds(model: Trainings, other: Trainings) -> tuple[int, ...]:
    shared = sorted(model.bits.keys() & other.bits.keys())
    return tuple(seed for seed in shared if math.isfinite(model.bits[seed]) and math.isfinite(other.bits[seed]))


def _too_few(model: Trainings, other: Trainings, seeds: Sequence[int]) -> str:
    has_numbers = any(map(math.isfinite, model.bits.values())) and any(map(math.isfinite, other.bits.values()))
    if not has_numbers:
        return "no bits per note"
    count = {0: "no seed", 1: "one seed"}[len(seeds)]
    return f"{count} in common with {other.title}; a difference needs at least {LEAST_SEEDS}"


def _compare(
    setting: str, model: Trainings, other: Trainings, seeds: tuple[int, ...], options: ComparisonOptions
) -> Comparison:
    bits, reference_bits = (tuple(each.bits[seed] for seed in seeds) for each in (model, other))
    differences = np.array(bits) - np.array(reference_bits)
    drawing = _drawing(options)
    tunes, over_tunes, crossed = 0, (math.nan, math.nan), None
    table = _tune_differences(model, other, seeds)
    if table is not None:
        notes = np.asarray(model.notes, np.float64)
        tunes = len(notes)
        over_tunes = tune_interval(table, notes, **drawing)
        crossed = crossed_effects(table, notes, options.confidence)
    return Comparison(
        model=model.name,
        reference=other.name,
        title=model.title,
        reference_title=other.title,
        setting=setting,
        cell=model.cell,
        layers=model.layers,
        reference_layers=other.layers,
        seeds=seeds,
        bits=bits,
        reference_bits=reference_bits,
        over_seeds=paired_difference(bits, reference_bits, options.confidence),
        tunes=tunes,
        over_tunes=over_tunes,
        crossed=crossed,
        middle=interquartile_mean([differences], **drawing),
        improvement=probability_of_improvement([(bits, reference_bits)], **drawing),
        p=sign_flip_p(differences, seed=options.seed) if len(seeds) >= LEAST_SEEDS_OF_TEST else math.nan,
        sources=tuple(dict.fromkeys(model.sources + other.sources)),
    )


def _tune_differences(model: Trainings, other: Trainings, seeds: Sequence[int]) -> NDArray[np.float64] | None:
    """The differences of the bits of each tune, ``[seeds, tunes]``; None unless both have scored the same tunes."""
    if model.notes is None or other.notes is None or not np.array_equal(model.notes, other.notes):
        return None
    if len(model.notes) < 2 or any(seed not in each.tune_bits for each in (model, other) for seed in seeds):
        return None
    table = np.stack([model.tune_bits[seed] - other.tune_bits[seed] for seed in seeds])
    return table if np.isfinite(table).all() else None


def _with_verdict(found: Comparison, options: ComparisonOptions) -> Comparison:
    """The comparison with what it shows, which needs the adjusted p-value if there is one."""
    low, high = found.interval
    verdict = UNDECIDED
    if is_within(low, high, options.region_bits):
        verdict = EQUAL
    elif (low > 0 or high < 0) and not found.adjusted_p >= 1 - options.confidence:
        verdict = AHEAD if high < 0 else BEHIND
    fixed = found.crossed.variance_of_tunes if found.crossed else 0.0
    deviation, size = found.over_seeds.standard_deviation, abs(found.over_seeds.mean)
    to_decide = None
    # An interval that does not contain 0, or one that is within the region: the wider of the two is enough.
    if verdict == UNDECIDED and not (low > 0 or high < 0):
        width = max(size, options.region_bits - size)
        to_decide = seeds_needed(deviation, width, options.confidence, fixed)
        if to_decide is not None:
            to_decide = max(to_decide, len(found.seeds) + 1)
    fine = seeds_needed(deviation, FINE_BITS, options.confidence, fixed)
    return dataclasses.replace(found, verdict=verdict, seeds_to_decide=to_decide, seeds_for_fine=fine)


def _over_settings(compared: Sequence[Comparison], options: ComparisonOptions) -> tuple[OverSettings, ...]:
    drawing = _drawing(options)
    rows = []
    for cell in dict.fromkeys(each.cell for each in compared):
        own = [each for each in compared if each.cell == cell]
        if len(own) < 2:
            continue
        rows.append(
            OverSettings(
                cell,
                len(own),
                sum(len(each.seeds) for each in own),
                interquartile_mean([each.differences for each in own], **drawing),
                probability_of_improvement([(each.bits, each.reference_bits) for each in own], **drawing),
                tuple(dict.fromkeys(source for each in own for source in each.sources)),
            )
        )
    return tuple(rows)


def _drawing(options: ComparisonOptions) -> dict[str, Any]:
    """The options of a bootstrap."""
    return {"confidence": options.confidence, "resamples": options.resamples, "seed": options.seed}
