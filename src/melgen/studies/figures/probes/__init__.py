"""Figures of the probes: copying, states, similarity, validation bits against the budget, and memorization.

`panels` holds what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from melgen.evaluation.probes import BUDGET, COPYING, MEMORIZATION, SIMILARITY, STATES
from melgen.studies.figures.probes.budget import budget_figure
from melgen.studies.figures.probes.copying import copying_figure
from melgen.studies.figures.probes.memorization import memorization_figure
from melgen.studies.figures.probes.similarity import similarity_figure
from melgen.studies.figures.probes.states import states_figure
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBE_FIGURES: Mapping[str, Callable[[StudyResults], Figure]] = {
    COPYING: copying_figure,
    STATES: states_figure,
    SIMILARITY: similarity_figure,
    BUDGET: budget_figure,
    MEMORIZATION: memorization_figure,
}
"""The figure of each probe."""
