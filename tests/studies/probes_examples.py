"""What probes and the stage tune of a small study have found, for tests of tables, figures and pages."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from melgen.evaluation.probes.budget import CellCurves, order_at_budgets
from melgen.evaluation.probes.copied_bits import POSITIONS, CopiedBits
from melgen.evaluation.probes.linear import ProbeResult
from melgen.evaluation.probes.memorization import Memorized
from melgen.runs.rate_trials import LearningRates, RateTrial, TunedSetting
from melgen.studies.probes.results import (
    BudgetFound,
    CopyingFound,
    MemorizationFound,
    ProbeResults,
    StatesFound,
    TunesFound,
)
from melgen.studies.results import StudyResults

RANGES = len(POSITIONS)


def copied(gain: float, tunes: int = 6) -> CopyingFound:
    """Bits of tunes; every second tune has repeats, which need `gain` bits fewer at the second hearing."""
    notes = np.zeros((tunes, RANGES))
    notes[::2] = 4
    return CopyingFound(tunes, {"all": CopiedBits(notes, 3 * notes, (3 - gain) * notes, 3 * notes)})


def states(accuracy: float) -> StatesFound:
    found = ProbeResult(accuracy, 0.125, 8, 900)
    readers = {"trained": found, "untrained": found._replace(accuracy=0.3), "note": found._replace(accuracy=0.2)}
    unknown = dict.fromkeys(readers, ProbeResult(math.nan, math.nan, 0, 0))
    return StatesFound("4/4", 10, 2, {"bar": readers, "tonic": unknown})


def tunes(level: float) -> TunesFound:
    share = np.array([0.1, 0.15, 0.3, 0.5, 0.9, math.nan])
    return TunesFound(share, (level - np.nan_to_num(share)) * 40, np.full(6, 40.0))


def curves(name: str, *bits: float) -> CellCurves:
    return CellCurves(name, {seed: ([25, 50, 75, 100], np.array(bits) + 0.001 * seed) for seed in range(3)})


def shared(training: float, held_out: float) -> Memorized:
    """Five songs with these shares with each part: four parts of training tunes, two of held-out tunes."""
    parts = [np.array([[share] * count, [10 * share] * count]) for share, count in ((training, 4), (held_out, 2))]
    return Memorized(5, min(1.0, 2 * training), 20 * training, *parts)


def memorized(selected: Memorized | None, underway: dict[int, Memorized], updates: int = 1000) -> MemorizationFound:
    return MemorizationFound(underway, selected, updates, part_notes=1000, training_notes=4500, ngram=8)


def probed(base: StudyResults) -> StudyResults:
    """A study with what probes have found in its first two models: two seeds of one, one of the other."""
    one, other = base.models[:2]
    cells = (curves("lstm", 3, 2.6, 2.4, 2.3), curves("nas", 2.8, 2.5, 2.45, 2.44))
    return dataclasses.replace(
        base,
        probes=ProbeResults(
            copying={one.name: {0: copied(0.5), 1: copied(0.7)}, other.name: {0: copied(0.0)}},
            baselines={"kn-bigram": copied(0.0), "ppm-stm": copied(40.0)},
            states={one.name: {0: states(0.5), 1: states(0.6)}, other.name: {0: states(0.4)}},
            similarity={one.name: {0: tunes(3.0)}, other.name: {0: tunes(4.0)}},
            budget=(BudgetFound("control", cells, order_at_budgets(cells)),),
            memorization={
                one.name: {
                    0: memorized(shared(0.4, 0.1), {0: shared(0, 0), 1000: shared(0.1, 0.1)}),
                    1: memorized(shared(0.4, 0.1), {0: shared(0, 0), 1000: shared(0.2, 0.1)}, 2000),
                },
                other.name: {0: memorized(shared(0.1, 0.1), {0: shared(0, 0), 2000: shared(0.05, 0.05)})},
            },
            memorizing_baselines={"bigram": memorized(shared(0.01, 0.01), {})},
        ),
    )


def tuned(base: StudyResults) -> StudyResults:
    """A study with two cells in one setting: the best rate of one is inside the grid, that of the other at its end."""
    inside = RateTrial(0.001, {"7": 2.0}), RateTrial(0.004, {"7": 1.5}), RateTrial(0.016, {}, (7,))
    at_end = RateTrial(0.001, {"7": 1.8}), RateTrial(0.004, {"7": 1.7}), RateTrial(0.016, {"7": 1.25})
    settings = (
        TunedSetting("control", "lstm", 1, "", {}, inside),
        TunedSetting("control", "gru", 1, "", {}, at_end),
    )
    return dataclasses.replace(base, rates=LearningRates("val/loss", 100, (7,), settings))
