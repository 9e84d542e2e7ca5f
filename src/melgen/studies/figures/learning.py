"""Learning curves: how the layer count of each pair was chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.studies.figures.style import (
    EMPHASIS,
    FONT_SIZE,
    GREY,
    PAGE_WIDTH_IN,
    colours_of_layers,
    empty_figure,
    looks_of_variants,
    new_figure,
    styled,
    wrapped,
)
from melgen.studies.results import Run, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "train/loss", "val/loss"
_TRAINING_DASH = (0, (3, 1.5))
_LEGEND_WIDTH = 34  # letters
_LETTER_IN, _LEGEND_LINE_IN = 0.052, 0.15  # width of a letter and height of a line of the legend
_WARM_UP = 0.2  # share of the updates that the vertical axis need not show: everything falls there


@styled
def learning_curves(results: StudyResults) -> Figure:
    """Validation loss against updates, a panel for each dataset (row) and cell (column), a line a layer count.

    Rhythms have rows of their own, since their tokens are not the same.

    The chosen layer count is drawn bold and named in its panel. Of several seeds the line is the mean and the
    band reaches from the lowest to the highest. Training loss is dashed and pale. Panels of a row share their
    vertical axis, whose upper end leaves out the steep fall of the first fifth of the updates. Of runs that differ
    in something else too each variant has its own colour and dash. A run that was validated once has a marker.

    Needs `runs` with their `history`, and `models`.
    """
    runs = [run for run in results.runs if run.history]
    rows = list(dict.fromkeys((run.dataset, run.rhythm) for run in runs))
    columns = list(dict.fromkeys(run.cell for run in runs))
    if not runs:
        return empty_figure(PAGE_WIDTH_IN / 2, 2.2, "no run has a history")
    lines = _lines_of(runs, {model.runs[0].pair: model.layers for model in results.models})
    handles = _legend_of(lines, several_seeds=len({run.seed for run in runs}) > 1)
    width = PAGE_WIDTH_IN * (1 if len(columns) > 1 else 0.7 if lines[0].is_variant else 0.5)
    abreast = _abreast(handles, width)
    height = len(rows) * 1.6 + 0.3 + _LEGEND_LINE_IN * sum(_lines_in(handle) for handle in handles) / abreast
    figure = new_figure(width, height + 0.15)
    panels = figure.subplots(len(rows), len(columns), sharex=True, sharey="row", squeeze=False)
    for i, kind in enumerate(rows):
        of_row = [run for run in runs if (run.dataset, run.rhythm) == kind]
        for j, cell in enumerate(columns):
            axes = panels[i, j]
            own = [line for line in lines if line.runs[0] in of_row and line.runs[0].cell == cell]
            if i == 0:
                axes.set_title(wrapped(cell))
            if not own:
                axes.tick_params(bottom=False)
                axes.text(0.5, 0.5, "no run", transform=axes.transAxes, ha="center", va="center", color=GREY)
                continue
            _draw_panel(axes, own)
        dataset, rhythm = kind
        title = f"{dataset}, rhythm {rhythm}" if len({rhythm for _, rhythm in rows}) > 1 else dataset
        panels[i, 0].set_ylabel(f"{title}\nloss (nats per token)")
        panels[i, 0].set_ylim(*_limits(of_row))
    figure.supxlabel("updates", fontsize=FONT_SIZE)
    figure.legend(handles=handles, loc="outside upper center", ncols=abreast, columnspacing=1.2,
                  handlelength=2.4 if lines[0].is_variant else None)  # fmt: skip
    return figure


class _Line(NamedTuple):
    """The runs of one variant and layer count, a seed each, and how they are drawn."""

    label: str
    runs: list[Run]
    colour: Any
    dash: Any
    is_chosen: bool
    is_variant: bool


def _lines_of(runs: Sequence[Run], chosen: Mapping[tuple[str, str, str], int]) -> list[_Line]:
    """All lines of the figure. Colours are layer counts or, where there are several, variants."""
    texts = {run.variant: run.variant_text or run.variant for run in runs}
    looks = looks_of_variants(list(texts.values()))
    layers = colours_of_layers([run.layers for run in runs])
    lines = []
    for pair, count in sorted({(run.pair, run.layers) for run in runs}, key=lambda found: found[1]):
        of_line = [run for run in runs if run.pair == pair and run.layers == count]
        text = texts[pair[2]]
        if len(texts) > 1:
            label, (colour, dash) = text or "others", looks[text]
        else:
            label, colour, dash = f"{count} layer{'s' * (count != 1)}", layers[count], "solid"
        lines.append(_Line(label, of_line, colour, dash, count == chosen.get(pair), len(texts) > 1))
    order = list(texts)
    return sorted(lines, key=lambda line: order.index(line.runs[0].variant))


def _draw_panel(axes: Axes, lines: Sequence[_Line]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.grid()
    axes.xaxis.set_major_locator(
        MaxNLocator("auto", integer=True, steps=[1, 2, 2.5, 5, 10])
    )  # there are no halves of an update
    for line in lines:
        look = {"color": line.colour, "zorder": 4 if line.is_chosen else 3}
        steps, losses = _over_seeds(line.runs, TRAINING)
        if steps.size:
            dash = "solid" if line.is_variant else _TRAINING_DASH
            axes.plot(steps, losses.mean(axis=0), linestyle=dash, linewidth=0.7, alpha=0.45,
                      marker="." if steps.size == 1 else None, **look)  # fmt: skip
        steps, losses = _over_seeds(line.runs, VALIDATION)
        if not steps.size:
            continue
        mean = losses.mean(axis=0)
        marker = "s" if steps.size == 1 and not line.is_chosen else None  # a line of one point would not be seen
        axes.plot(steps, mean, linewidth=2.2 if line.is_chosen else 0.9, linestyle=line.dash, marker=marker,
                  markersize=2.5, clip_on=marker is None, **look)  # fmt: skip
        if len(losses) > 1:
            if steps.size == 1:
                axes.vlines(steps, losses.min(axis=0), losses.max(axis=0), color=line.colour, linewidth=0.9)
            axes.fill_between(steps, losses.min(axis=0), losses.max(axis=0), color=line.colour, alpha=0.2, linewidth=0)
        if line.is_chosen:
            best = int(mean.argmin())
            edge = line.colour if line.is_variant else EMPHASIS
            axes.plot(steps[best], mean[best], "o", markersize=4.5, markerfacecolor="white", markeredgecolor=edge,
                      markeredgewidth=1.3, zorder=5, clip_on=False)  # fmt: skip
    chosen = [line for line in lines if line.is_chosen]
    if lines[0].is_variant and len({line.runs[0].layers for line in chosen}) == 1:
        chosen = chosen[:1]  # one depth for all need not be labelled with its variant
    for number, line in enumerate(chosen):
        count = line.runs[0].layers
        colour = line.colour if len(chosen) > 1 else EMPHASIS
        axes.text(0.97, 0.95 - 0.11 * number, f"{count} layer{'s' * (count != 1)}", transform=axes.transAxes,
                  ha="right", va="top", color=colour, weight="bold")  # fmt: skip


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


def _legend_of(lines: Sequence[_Line], several_seeds: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks = {line.label: line for line in lines}
    variants = lines[0].is_variant
    handles: list[Any] = [
        Line2D([], [], color=line.colour, linestyle=line.dash, linewidth=1.6 if variants else 1.0,
               label=wrapped(label, _LEGEND_WIDTH))
        for label, line in looks.items()
    ]  # fmt: skip
    handles.append(Line2D([], [], color=GREY, linestyle="solid" if variants else _TRAINING_DASH, linewidth=0.7,
                          alpha=0.7, label="training"))  # fmt: skip
    edge = GREY if variants else EMPHASIS
    handles.append(Line2D([], [], color=GREY, linewidth=2.2, marker="o", markersize=4.5, markerfacecolor="white",
                          markeredgecolor=edge, markeredgewidth=1.3, label="chosen, lowest point"))  # fmt: skip
    if several_seeds:
        handles.append(Patch(color=GREY, alpha=0.25, linewidth=0, label="range over seeds"))
    return handles


def _abreast(handles: Sequence[Any], width: float) -> int:
    """The number of entries of the legend that fit side by side in a width in inches."""
    letters = max(len(part) for handle in handles for part in str(handle.get_label()).split("\n"))
    return max(1, min(len(handles), 8, int(width / ((letters + 6) * _LETTER_IN))))


def _lines_in(handle: Any) -> int:
    return str(handle.get_label()).count("\n") + 1
