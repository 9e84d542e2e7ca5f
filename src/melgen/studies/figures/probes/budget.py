"""Validation bits of the cells against the budget of updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgen.studies.figures.probes.panels import add_legend, figure_of_panels
from melgen.studies.figures.style import GREY, PAGE_WIDTH_IN, empty_figure, looks_of_variants, styled, wrapped
from melgen.studies.probes.results import BudgetFound
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def budget_figure(results: StudyResults) -> Figure:
    """Validation bits against updates, a panel a setting and a line a cell; the bands are the ranges over seeds.

    The dotted lines are the budgets of the table.
    """
    settings = results.probes.budget
    if not settings:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no setting has several cells")
    cells = list(dict.fromkeys(cell.name for each in settings for cell in each.curves))
    looks = looks_of_variants(cells)
    figure, axes = figure_of_panels(len(settings))
    for place, each in zip(axes, settings, strict=True):
        _draw_budget(place, each, looks)
        if len(settings) > 1:
            place.set_title(wrapped(each.setting, 40), loc="left")
    for row in range(0, len(axes), 2):
        axes[row].set_ylabel("validation bits per note")
    add_legend(figure, looks)
    return figure


def _draw_budget(axes: Axes, found: BudgetFound, looks: Mapping[str, tuple[Any, Any]]) -> None:
    axes.grid(axis="y")
    for compared in found.order.budgets:
        axes.axvline(compared, color=GREY, linewidth=0.5, linestyle=":")
    late = []
    for cell in found.curves:
        colour, _ = looks[cell.name]
        updates, bits = _over_seeds([(np.asarray(one), np.asarray(other)) for one, other in cell.curves.values()])
        marker = "." if len(updates) == 1 else None
        axes.plot(updates, bits.mean(axis=0), color=colour, linewidth=1.2, marker=marker)
        axes.fill_between(updates, bits.min(axis=0), bits.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        late += bits[:, updates >= found.order.budgets[0]].ravel().tolist()
    if late:  # everything falls from the same height before
        margin = 0.08 * (max(late) - min(late) or 1.0)
        axes.set_ylim(min(late) - margin, max(late) + margin)
    axes.set_xlabel("updates")


def _over_seeds(
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The updates at which all seeds were validated, and the bits there: ``[seeds, updates]``."""
    shared = curves[0][0]
    for updates, _ in curves[1:]:
        shared = np.intersect1d(shared, updates)
    return shared, np.stack([bits[np.isin(updates, shared)] for updates, bits in curves])
