"""Panels of the figures of probes, in two columns: who shares one, their lines, and the legend of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.studies.comparing.cell_pairs import models_by_setting
from melgen.studies.figures.style import FONT_SIZE, GREY, PAGE_WIDTH_IN, looks_of_variants, new_figure, wrapped
from melgen.studies.results import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_IN = 2.4
_LETTER_IN = 0.056
_LEGEND_LINE_IN = 0.17
_MOST_LINES = 6
"""Of one panel, if its networks can be shown by settings instead."""
DASHED = (0, (2, 1.5))


class Group(NamedTuple):
    """The models of one panel, by their names in the legend; the title is empty for a panel of all."""

    title: str
    models: Mapping[str, Model]


class Line(NamedTuple):
    """The line of a model: one row of values for each seed, ``[seeds, points]``, and perhaps its control's."""

    label: str
    values: NDArray[np.float64]
    control: NDArray[np.float64] | None = None


def figure_of_panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of panels in two columns."""
    columns = min(count, 2)
    rows = -(-count // 2)
    figure = new_figure(PAGE_WIDTH_IN * (0.62 if columns == 1 else 1), 0.5 + _PANEL_IN * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, list(axes[:count])


def grouped(models: Sequence[Model]) -> list[Group]:
    """The models of each panel: all in one, or, if those are too many to tell apart, the cells of each setting."""
    if len(models) > _MOST_LINES:
        settings = models_by_setting(models)
        groups = [Group(setting, {model.cell: model for model in group}) for setting, group in settings.items()]
        if sum(len(group.models) for group in groups) == len(models):
            return groups
    return [Group("", {model.title: model for model in models})] if models else []


def looks_of_groups(groups: Sequence[Group]) -> dict[str, tuple[Any, Any]]:
    """The colour and line style of each label; a cell looks the same in all panels."""
    return looks_of_variants([label for group in groups for label in group.models])


def draw_lines(axes: Axes, lines: Sequence[Line], names: Sequence[str], looks: Mapping[str, tuple[Any, Any]]) -> None:
    """The mean of each line over seeds, with the range over seeds; controls are dashed and pale."""
    places = np.arange(len(names))
    axes.grid(axis="y")
    axes.set_xticks(places, names)
    for line in lines:
        colour, _ = looks[line.label]
        # A place without a value interrupts the line and its band.
        values = line.values
        low, high = values.min(axis=0), values.max(axis=0)
        axes.plot(places, values.mean(axis=0), color=colour, linewidth=1.2, marker="o", markersize=3)
        axes.fill_between(places, low, high, where=~np.isnan(low), color=colour, alpha=0.2, linewidth=0)
        if line.control is not None:
            axes.plot(places, line.control.mean(axis=0), color=colour, linewidth=0.9, linestyle=DASHED, alpha=0.7)


def add_legend(figure: Figure, looks: Mapping[str, tuple[Any, Any]], control: str = "") -> None:
    """A legend above the panels; ``control`` explains the dashed lines, if there are any."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, linewidth=1.4, label=wrapped(name, 34)) for name, (colour, _) in looks.items()
    ]
    if control:
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle=DASHED, label=control))
    letters = max(len(part) for handle in handles for part in str(handle.get_label()).split("\n")) + 6
    width = figure.get_size_inches()[0]
    ncols = max(1, min(len(handles), int(width / (letters * _LETTER_IN))))
    # The panels keep their height however many lines the legend has.
    rows = -(-len(handles) // ncols)
    lines = sum(max(str(one.get_label()).count("\n") + 1 for one in handles[row::rows]) for row in range(rows))
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE_IN * (lines - 1))
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols, columnspacing=1.2, fontsize=FONT_SIZE - 1)
