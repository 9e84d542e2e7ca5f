"""The results of the probes of a study, as plain data; see `melgen.evaluation.probes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.probes.budget import BudgetOrder, CellCurves
from melgen.evaluation.probes.copied_bits import CopiedBits
from melgen.evaluation.probes.linear import ProbeResult
from melgen.evaluation.probes.memorization import Memorized


@dataclass(frozen=True)
class CopyingFound:
    """Copying by one network.

    Attributes:
        tunes: number of test tunes that were searched for repeats.
        parts: bits of the notes that are heard twice, of the tunes with repeats: ``all`` and, with rhythm, ``pitch``
            and ``rhythm``.
    """

    tunes: int
    parts: Mapping[str, CopiedBits]


@dataclass(frozen=True)
class StatesFound:
    """The accuracies of linear probes of the states of one network.

    Attributes:
        metre: whose bars are probed; empty if no tune has known bars.
        tunes, without_key: number of test tunes, and of those among them whose key is unknown.
        targets: by target and reader: ``trained``, ``untrained``, ``note``.
    """

    metre: str
    tunes: int
    without_key: int
    targets: Mapping[str, Mapping[str, ProbeResult]]


@dataclass(frozen=True)
class TunesFound:
    """Test tunes with their similarity to the nearest training tune, and their bits by one network.

    Shape:
        ``[tunes]`` each: share of the n-grams that the nearest training tune contains, bits, and notes by which these
        are divided. Only tunes with notes.
    """

    share: NDArray[np.float64]
    bits: NDArray[np.float64]
    notes: NDArray[np.float64]


@dataclass(frozen=True)
class BudgetFound:
    """The cells of one setting against their budget.

    Attributes:
        setting: in words.
        curves: validation bits of each cell.
        order: at several budgets.
    """

    setting: str
    curves: tuple[CellCurves, ...]
    order: BudgetOrder


@dataclass(frozen=True)
class MemorizationFound:
    """What the songs of one network, or of a baseline, have in common with tunes.

    Attributes:
        underway: of the songs written during the training, by the updates of the network; without those at updates
            at which every song was too short.
        selected: of the songs of the selected weights; None if all are too short.
        updates: of the selected weights.
        part_notes, training_notes: of each part of the tunes, 0 without held-out tunes, and of all training tunes.
        ngram: intervals of an n-gram.
    """

    underway: Mapping[int, Memorized]
    selected: Memorized | None
    updates: int
    part_notes: int
    training_notes: int
    ngram: int


@dataclass(frozen=True)
class ProbeResults:
    """The results of all probes of a study; empty where a probe was not wanted or has nothing to measure.

    Attributes:
        copying, states, similarity: by the name of the model and by seed.
        baselines: copying by baselines, by name.
        budget: a setting each.
        memorization: by the name of the model and by seed.
        memorizing_baselines: the same of baselines, by name.
    """

    copying: Mapping[str, Mapping[int, CopyingFound]] = field(default_factory=dict)
    baselines: Mapping[str, CopyingFound] = field(default_factory=dict)
    states: Mapping[str, Mapping[int, StatesFound]] = field(default_factory=dict)
    similarity: Mapping[str, Mapping[int, TunesFound]] = field(default_factory=dict)
    budget: tuple[BudgetFound, ...] = ()
    memorization: Mapping[str, Mapping[int, MemorizationFound]] = field(default_factory=dict)
    memorizing_baselines: Mapping[str, MemorizationFound] = field(default_factory=dict)
