"""The grid of learning rates: what each network reached with each rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from melgen.runs.rate_trials import TunedSetting
from melgen.studies.figures.style import (
    FONT_SIZE,
    GREY,
    PAGE_WIDTH_IN,
    empty_figure,
    looks_of_variants,
    markers_of_cells,
    new_figure,
    styled,
    wrapped,
)
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABREAST = 2
_PANEL_HEIGHT_IN = 2.2
_LEGEND_COLUMNS = 7


@styled
def learning_rates(results: StudyResults) -> Figure:
    """The criterion against the learning rate, a panel for each setting and a line for each cell.

    The chosen rate has a filled marker; an arrow marks one at an end of the grid, beyond which a better rate may be. A
    cross on the upper edge is a rate at which a training diverged.

    Needs `rates`.
    """
    from matplotlib.lines import Line2D

    found = results.rates
    if found is None or not found.settings:
        return empty_figure(PAGE_WIDTH_IN, 1.0, "no learning rates were tuned")
    titles = list(dict.fromkeys(map(_title, found.settings)))
    cells = list(dict.fromkeys(setting.cell for setting in found.settings))
    looks, markers = looks_of_variants(cells), markers_of_cells(cells)
    abreast = min(_ABREAST, len(titles))
    down = math.ceil(len(titles) / abreast)
    figure = new_figure(PAGE_WIDTH_IN * (0.55 if abreast == 1 else 1), down * _PANEL_HEIGHT_IN + 0.5)
    panels = figure.subplots(down, abreast, squeeze=False, sharex=True).ravel()
    for axes, title in zip(panels, titles, strict=False):
        for setting in found.settings:
            if _title(setting) == title:
                _draw_line(axes, setting, looks[setting.cell][0], markers[setting.cell])
        axes.set_title(wrapped(title, 54), loc="left")
        axes.set_xscale("log")
        axes.grid(axis="y")
    for axes in panels[len(titles) :]:
        axes.set_axis_off()
    rates = sorted({trial.rate for setting in found.settings for trial in setting.trials})
    panels[0].set_xticks(rates, [f"{rate:g}" for rate in rates], minor=False)
    panels[0].set_xticks([], minor=True)
    figure.supxlabel("learning rate", fontsize=FONT_SIZE)
    figure.supylabel(f"{found.criterion} after {found.updates:,} updates", fontsize=FONT_SIZE)
    handles = [Line2D([], [], color=looks[cell][0], marker=markers[cell], markersize=4) for cell in cells]
    figure.legend(handles, cells, loc="outside upper center", ncols=min(_LEGEND_COLUMNS, len(cells)))
    return figure


def _title(setting: TunedSetting) -> str:
    layers = "1 layer" if setting.layers == 1 else f"{setting.layers} layers"
    return ", ".join(filter(None, (setting.dataset, layers, setting.variant)))


def _draw_line(axes: Axes, setting: TunedSetting, colour: Any, marker: str) -> None:
    reached = [trial for trial in setting.trials if math.isfinite(trial.mean)]
    axes.plot(
        [trial.rate for trial in reached],
        [trial.mean for trial in reached],
        marker=marker,
        color=colour,
        markerfacecolor="white",
        markersize=4,
    )
    best = setting.best
    axes.plot(best.rate, best.mean, marker=marker, color=colour, markersize=6, zorder=3)
    if setting.edge:
        sign, side = ("\N{LEFTWARDS ARROW}", -9) if setting.edge == "lowest" else ("\N{RIGHTWARDS ARROW}", 9)
        place: dict[str, Any] = {"xytext": (side, 0), "textcoords": "offset points", "ha": "center", "va": "center"}
        axes.annotate(sign, (best.rate, best.mean), color=GREY, annotation_clip=False, **place)
    for trial in setting.trials:
        if trial.diverged:
            axes.plot(trial.rate, 0.98, "x", transform=axes.get_xaxis_transform(), color=colour, markersize=5)
