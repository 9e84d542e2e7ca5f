"""Learning curves: how the layer count of each pair was chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgen.studies.figures.style import (
    EMPHASIS,
    FONT_SIZE,
    GREY,
    PAGE_WIDTH_IN,
    colours_of_layers,
    new_figure,
    note_absence,
    styled,
)
from melgen.studies.results import Run, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "train/loss", "val/loss"
_WARM_UP = 0.2  # share of the updates that the vertical axis need not show: everything falls there


@styled
def learning_curves(results: StudyResults) -> Figure:
    """Validation loss against updates, a panel for each dataset (row) and cell (column), a line a layer count.

    The chosen layer count is drawn bold and named in its panel. Of several seeds the line is the mean and the
    band reaches from the lowest to the highest. Training loss is dashed and pale. Panels of a row share their
    vertical axis, whose upper end leaves out the steep fall of the first fifth of the updates.

    Needs `runs` with their `history`, and `models`.
    """
    runs = [run for run in results.runs if run.history]
    rows = list(dict.fromkeys(run.dataset for run in runs))
    columns = list(dict.fromkeys((run.cell, run.variant) for run in runs))
    height = max(1, len(rows)) * 1.6 + 0.6
    figure = new_figure(PAGE_WIDTH_IN if len(columns) > 1 else PAGE_WIDTH_IN / 2, height)
    if not runs:
        note_absence(figure.add_subplot(), "no run has a history")
        return figure
    colours = colours_of_layers([run.layers for run in runs])
    chosen = {(model.dataset, model.cell, model.variant): model.layers for model in results.models}
    panels = figure.subplots(len(rows), len(columns), sharex=True, sharey="row", squeeze=False)
    for i, dataset in enumerate(rows):
        of_row = [run for run in runs if run.dataset == dataset]
        for j, (cell, variant) in enumerate(columns):
            axes = panels[i, j]
            group = [run for run in of_row if (run.cell, run.variant) == (cell, variant)]
            if i == 0:
                axes.set_title(f"{cell} {variant}".strip())
            if not group:
                axes.tick_params(bottom=False)
                axes.text(0.5, 0.5, "no run", transform=axes.transAxes, ha="center", va="center", color=GREY)
                continue
            _draw_pair(axes, group, colours, chosen.get((dataset, cell, variant)))
        panels[i, 0].set_ylabel(f"{dataset}\nloss (nats per token)")
        panels[i, 0].set_ylim(*_limits(of_row))
    figure.supxlabel("updates", fontsize=FONT_SIZE)
    _add_legend(figure, colours, several_seeds=len({run.seed for run in runs}) > 1)
    return figure


def _draw_pair(axes: Axes, runs: Sequence[Run], colours: dict[int, Any], chosen: int | None) -> None:
    axes.grid()
    for layers in sorted({run.layers for run in runs}):
        of_count = [run for run in runs if run.layers == layers]
        bold = layers == chosen
        look = {"color": colours[layers], "zorder": 4 if bold else 3}
        steps, losses = _over_seeds(of_count, TRAINING)
        if steps.size:
            axes.plot(steps, losses.mean(axis=0), linestyle=(0, (3, 1.5)), linewidth=0.7, alpha=0.45, **look)
        steps, losses = _over_seeds(of_count, VALIDATION)
        if not steps.size:
            continue
        mean = losses.mean(axis=0)
        axes.plot(steps, mean, linewidth=2.2 if bold else 0.9, **look)
        if len(losses) > 1:
            axes.fill_between(
                steps, losses.min(axis=0), losses.max(axis=0), color=look["color"], alpha=0.2, linewidth=0
            )
        if bold:
            best = int(mean.argmin())
            axes.plot(steps[best], mean[best], "o", markersize=4.5, markerfacecolor="white", markeredgecolor=EMPHASIS,
                      markeredgewidth=1.3, zorder=5, clip_on=False)  # fmt: skip
    if chosen is not None:
        axes.text(0.97, 0.95, f"{chosen} layer{'s' * (chosen != 1)}", transform=axes.transAxes, ha="right", va="top",
                  color=EMPHASIS, weight="bold")  # fmt: skip


def _history(run: Run, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Updates and values, both ``[rows]``, where the metric was logged and is finite."""
    rows = [(row["step"], row[metric]) for row in run.history if math.isfinite(row.get(metric, math.nan))]
    steps, values = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return steps, values


def _over_seeds(runs: Sequence[Run], metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Updates ``[steps]`` that all seeds have passed, and the metric there, ``[seeds, steps]``."""
    curves = [curve for run in runs if (curve := _history(run, metric))[0].size]
    if not curves:
        return np.zeros(0), np.zeros((0, 0))
    first, last = max(steps[0] for steps, _ in curves), min(steps[-1] for steps, _ in curves)
    shared = np.unique(np.concatenate([steps for steps, _ in curves]))
    shared = shared[(shared >= first) & (shared <= last)]
    # Seeds of one sweep are measured at the same updates, so that nothing is really interpolated.
    return shared, np.stack([np.interp(shared, steps, values) for steps, values in curves])


def _limits(runs: Sequence[Run]) -> tuple[float, float]:
    lowest, highest = [], []
    for run in runs:
        for metric in (TRAINING, VALIDATION):
            steps, losses = _history(run, metric)
            if steps.size:
                lowest.append(losses.min())
                highest.append(losses[steps >= _WARM_UP * steps[-1]].max())
    if not lowest:
        return 0.0, 1.0
    bottom, top = min(lowest), max(highest)
    height = (top - bottom) or 1.0
    return bottom - 0.05 * height, top + 0.25 * height  # room for the name of the chosen layer count


def _add_legend(figure: Figure, colours: dict[int, Any], several_seeds: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=colour, label=f"{layers} layer{'s' * (layers != 1)}") for layers, colour in colours.items()
    ]
    handles.append(Line2D([], [], color=GREY, linestyle=(0, (3, 1.5)), linewidth=0.7, alpha=0.7, label="training"))
    handles.append(Line2D([], [], color=GREY, linewidth=2.2, marker="o", markersize=4.5, markerfacecolor="white",
                          markeredgecolor=EMPHASIS, markeredgewidth=1.3, label="chosen, lowest point"))  # fmt: skip
    if several_seeds:
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="range over seeds"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 8), columnspacing=1.2)
