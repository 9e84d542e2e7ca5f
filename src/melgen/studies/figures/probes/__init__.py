"""Figures of the probes: copying, states, similarity, validation bits against the budget, and memorization.

`panels` holds what they share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from melgen.studies.figures.probes.budget import budget
from melgen.studies.figures.probes.copying import copying
from melgen.studies.figures.probes.memorization import memorization
from melgen.studies.figures.probes.similarity import similarity
from melgen.studies.figures.probes.states import states
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROBE_FIGURES: Mapping[str, Callable[[StudyResults], Figure]] = {
    "copying": copying,
    "states": states,
    "similarity": similarity,
    "budget": budget,
    "memorization": memorization,
}
"""The figure of each probe."""
