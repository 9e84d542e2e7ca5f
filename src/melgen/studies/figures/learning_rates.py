"""The grid of learning rates: what each network reached with each rate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from melgen.far_values import highest_near
from melgen.runs.rate_trials import TunedSetting
from melgen.studies.figures.style import (
    FONT_SIZE,
    GREY,
    PAGE_WIDTH_IN,
    SMALL_FONT_SIZE,
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
    from matplotlib.transforms import Transform

_ABREAST = 2
_PANEL_HEIGHT_IN = 2.2
_MOST_ABOVE = 7
"""The most cells named above the panels; more are named beside them."""
_MOST_ABOVE_ONE = 4
"""The most in a line above a single panel, which is narrower."""


_CROSSES_IN_ROW = 3
_CROSS_POINTS = 8.0
"""From one cross, or one number at the upper edge, to the next."""


@styled
def learning_rates(results: StudyResults) -> Figure:
    """The criterion against the learning rate, a panel for each setting and a line for each cell.

    The chosen rate has a filled marker; an arrow marks one at an end of the grid, beyond which a better rate may be. A
    cross below the upper edge is a rate at which a training diverged; those of several cells are next to each other. An
    upward arrow there, with its number, is a value that is far above the others.

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
    beside = len(cells) > _MOST_ABOVE
    width = PAGE_WIDTH_IN * (0.55 if abreast == 1 and not beside else 1)
    height = down * _PANEL_HEIGHT_IN + 0.5
    figure = new_figure(width, max(height, 0.2 * len(cells)) if beside else height)
    panels = figure.subplots(down, abreast, squeeze=False, sharex=True).ravel()
    for axes, title in zip(panels, titles, strict=False):
        shown = [setting for setting in found.settings if _title(setting) == title]
        colours = {cell: look for cell, (look, _) in looks.items()}
        for setting in shown:
            _draw_line(axes, setting, colours[setting.cell], markers[setting.cell])
        rows = _draw_crosses(axes, shown, colours)
        _cut(axes, shown, colours, rows)
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
    labels = list(cells)
    if any(trial.diverged for setting in found.settings for trial in setting.trials):
        handles.append(Line2D([], [], color=GREY, marker="x", markersize=5, linestyle="none"))
        labels.append("diverged")
    if beside:
        figure.legend(handles, labels, loc="outside right upper")
    else:
        columns = min(len(labels), _MOST_ABOVE if abreast > 1 else _MOST_ABOVE_ONE)
        figure.legend(handles, labels, loc="outside upper center", ncols=columns)
    return figure


def _title(setting: TunedSetting) -> str:
    layers = "1 layer" if setting.layers == 1 else f"{setting.layers} layers"
    return ", ".join(filter(None, (setting.dataset, layers, setting.variant)))


def _draw_crosses(axes: Axes, settings: Sequence[TunedSetting], colours: Mapping[str, Any]) -> Counter[float]:
    """A cross for each cell that diverged at a rate, in rows below the upper edge; returns the rows of each rate."""
    cells: dict[float, list[str]] = {}
    for setting in settings:
        for trial in setting.trials:
            if trial.diverged:
                cells.setdefault(trial.rate, []).append(setting.cell)
    for rate, lost in cells.items():
        for number, cell in enumerate(lost):
            in_row = lost[number // _CROSSES_IN_ROW * _CROSSES_IN_ROW :][:_CROSSES_IN_ROW]
            right = (number % _CROSSES_IN_ROW - (len(in_row) - 1) / 2) * _CROSS_POINTS
            down = -(number // _CROSSES_IN_ROW + 0.5) * _CROSS_POINTS
            place = axes.get_xaxis_transform() + moved_by_points(axes, right, down)
            axes.plot(rate, 1.0, "x", transform=place, color=colours[cell], markersize=5, clip_on=False)
    return Counter({rate: math.ceil(len(lost) / _CROSSES_IN_ROW) for rate, lost in cells.items()})


def moved_by_points(axes: Axes, right: float, up: float) -> Transform:
    """A translation in the figure."""
    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure()
    assert figure is not None
    return ScaledTranslation(right / 72, up / 72, figure.dpi_scale_trans)


def _cut(axes: Axes, settings: Sequence[TunedSetting], colours: Mapping[str, Any], rows: Counter[float]) -> None:
    """End the axis where values that are far above the others begin, but show every chosen one.

    The numbers of a rate begin below its rows of crosses.
    """
    values = [trial.mean for setting in settings for trial in setting.trials if math.isfinite(trial.mean)]
    top = highest_near(values, [setting.best.mean for setting in settings])
    if max(values) <= top:
        return
    axes.set_ylim(min(values) - 0.05 * (top - min(values)), top)
    for setting in settings:
        for trial in setting.trials:
            if math.isfinite(trial.mean) and trial.mean > top:
                rows[trial.rate] += 1
                axes.annotate(
                    f"{trial.mean:.1f} \N{UPWARDS ARROW}",
                    (trial.rate, 1.0),
                    xycoords=axes.get_xaxis_transform(),
                    xytext=(0, -2 - (rows[trial.rate] - 1) * _CROSS_POINTS),
                    textcoords="offset points",
                    ha="right",
                    va="top",
                    color=colours[setting.cell],
                    fontsize=SMALL_FONT_SIZE,
                )


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
