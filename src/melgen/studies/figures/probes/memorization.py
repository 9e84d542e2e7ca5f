"""How much of the training tunes songs repeat, against updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from melgen.studies.figures.probes.panels import DASHED, add_legend, figure_of_panels, grouped, looks_of_groups
from melgen.studies.figures.style import FONT_SIZE, PAGE_WIDTH_IN, empty_figure, styled, wrapped
from melgen.studies.probes.memorized_points import MemorizedPoint, point_of_selected, points_underway
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def memorization_figure(results: StudyResults) -> Figure:
    """The share of the n-grams of songs that a part of the training tunes contains, against updates, a line a model.

    The bands are ranges over seeds, and the dashed lines the control, an equally large part of held-out tunes. Diamonds
    are the best weights, hollow ones their control.
    """
    found = results.probes.memorization
    known = [
        model for model in results.models
        if model.name in found and (points_underway(found[model.name]) or point_of_selected(found[model.name]))
    ]  # fmt: skip
    groups = grouped(known)
    if not groups:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no songs are long enough")
    has_control = any(run.part_notes for runs in found.values() for run in runs.values())
    looks = looks_of_groups(groups)
    figure, axes = figure_of_panels(len(groups))
    for place, group in zip(axes, groups, strict=True):
        place.grid(axis="y")
        for label, model in group.models.items():
            colour, _ = looks[label]
            _draw_memorized(place, points_underway(found[model.name]), colour, has_control)
            selected = point_of_selected(found[model.name])
            if selected is not None:
                _draw_selected(place, selected, colour, has_control)
        place.set_xscale("symlog", linthresh=10)
        place.set_xlim(left=0)
        place.set_ylim(bottom=0)
        place.set_title(wrapped(group.title, 48), loc="left")
    figure.supxlabel("updates", fontsize=FONT_SIZE)
    whole = "a part of the training tunes" if has_control else "training tunes"
    figure.supylabel(f"share in {whole}", fontsize=FONT_SIZE)
    add_legend(figure, looks, "control: held-out tunes" if has_control else "")
    return figure


def _draw_memorized(axes: Axes, points: Sequence[MemorizedPoint], colour: str, has_control: bool) -> None:
    if not points:
        return
    updates = [point.updates for point in points]
    each = [
        [one.mean_of("training") if has_control else one.share for one in point.networks] for point in points
    ]  # fmt: skip
    axes.plot(updates, list(map(np.mean, each)), color=colour, linewidth=1.2, marker=".", markersize=4)
    axes.fill_between(updates, list(map(min, each)), list(map(max, each)), color=colour, alpha=0.15, linewidth=0)
    if has_control:
        control = [point.mean_of("held_out") for point in points]
        axes.plot(updates, control, color=colour, linewidth=0.9, linestyle=DASHED, alpha=0.7)


def _draw_selected(axes: Axes, point: MemorizedPoint, colour: str, has_control: bool) -> None:
    if has_control:
        control = point.mean_of("held_out")
        axes.plot(point.updates, control, "D", markersize=4.5, markerfacecolor="white", markeredgecolor=colour)
    share = point.mean_of("training") if has_control else point.mean("share")
    axes.plot(point.updates, share, "D", markersize=4.5, color=colour)
