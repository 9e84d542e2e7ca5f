"""Comparisons of made-up trainings, for tests of tables, figures and pages: two settings, three cells against lstm."""

from __future__ import annotations

import numpy as np

from melgen.evaluation.comparing_cells.compare import Trainings, compare_all
from melgen.evaluation.comparing_cells.results import ComparisonOptions, Comparisons

EFFECTS = {"gru": -0.12, "mingru": 0.0, "rnn": 0.04}
"""The true difference of each cell from lstm, in bits per note."""


def trainings(cell: str, setting: str, effect: float, seeds: int, tunes: int = 60, spread: float = 0.02) -> Trainings:
    """Trainings of a cell: what a seed and a tune add is common to all cells of the setting."""
    common = np.random.default_rng(len(setting))
    notes = common.integers(20, 200, tunes).astype(float)
    level = 2.5 + 0.05 * common.normal(size=(seeds, 1)) + 0.3 * common.normal(size=tunes)
    own = np.random.default_rng([len(setting), *map(ord, cell)])
    rates = level + effect + spread * own.normal(size=(seeds, 1)) + spread * own.normal(size=(seeds, tunes))
    rates += 2 * spread * own.normal(size=tunes)
    bits = rates * notes
    name = f"{setting}-{cell}-2"
    return Trainings(
        name,
        name,
        cell,
        2,
        {seed: float(bits[seed].sum() / notes.sum()) for seed in range(seeds)},
        {seed: bits[seed] for seed in range(seeds)},
        notes,
        tuple(f"../{name}-seed{seed}" for seed in range(seeds)),
    )


def comparisons(seeds: int = 10, settings: tuple[str, ...] = ("control", "interval"), **options: float) -> Comparisons:
    """The comparisons of all cells in `EFFECTS` with lstm."""
    pairs = [
        (setting, trainings(cell, setting, effect, seeds), trainings("lstm", setting, 0.0, seeds))
        for setting in settings
        for cell, effect in EFFECTS.items()
    ]
    return compare_all(pairs, "lstm", ComparisonOptions(resamples=200, **options))
