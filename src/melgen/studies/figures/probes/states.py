"""What linear probes read from the states of networks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from melgen.evaluation.probes.labels import TARGETS
from melgen.studies.figures.probes.panels import grouped
from melgen.studies.figures.style import GREY, INK, PAGE_WIDTH_IN, empty_figure, new_figure, styled, wrapped
from melgen.studies.probes.results import StatesFound
from melgen.studies.results import Model, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_IN = 0.24
_LABEL_LETTERS = 34
"""In a line of the name of a row."""
_STATE_MARKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("shuffled", "^", {"color": GREY}),
    ("note", "x", {"color": GREY}),
    ("untrained", "o", {"markerfacecolor": "white", "markeredgecolor": "#D55E00"}),
    ("trained", "o", {"color": "#0072B2"}),
)
_STATE_WORDS = {
    "trained": "trained network",
    "untrained": "untrained network",
    "note": "note alone",
    "shuffled": "control: classes shuffled",
}


class _StateRow(NamedTuple):
    """A row of the figure of states, its height against that of a row of one line; a heading has no model."""

    label: str
    model: Model | None
    height: float


@styled
def states_figure(results: StudyResults) -> Figure:
    """The accuracies of linear probes of the states of each model: a panel for each target, a row for each model.

    More than a few models are in groups, the cells of one setting below its name.

    The dot is the mean over seeds, ticks are seeds. A ring is the untrained network, a cross the note alone, a triangle
    the control with shuffled classes, and the line is chance.
    """
    found = results.probes.states
    targets = [
        target for target in TARGETS
        if any(not math.isnan(_accuracies(one, target)["trained"][0]) for one in found.values())
    ]  # fmt: skip
    if not targets:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no tune has known bars or a key")
    rows = {
        target: _rows_of_states([
            model for model in results.models
            if model.name in found and not math.isnan(_accuracies(found[model.name], target)["trained"][0])
        ])
        for target in targets
    }  # fmt: skip
    heights = [0.35 + _ROW_IN * sum(row.height for row in of_target) for of_target in rows.values()]
    figure = new_figure(PAGE_WIDTH_IN * 0.75, sum(heights) + 0.75)
    axes = figure.subplots(len(targets), squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    for place, target in zip(axes, targets, strict=True):
        first = next(iter(found[next(row.model.name for row in rows[target] if row.model)].values()))
        place.set_title(f"{TARGETS[target]} ({first.metre})" if target == "bar" else TARGETS[target], loc="left")
        place.tick_params(axis="y", length=0)
        heights_above = np.cumsum([0.0, *(row.height for row in rows[target])])
        middles = [-(above + row.height / 2) for above, row in zip(heights_above, rows[target], strict=False)]
        drawn = [(y, row) for y, row in zip(middles, rows[target], strict=True) if row.model]
        place.set_yticks([y for y, _ in drawn], [row.label for _, row in drawn])
        place.set_ylim(-float(heights_above[-1]), 0)
        for y, row in zip(middles, rows[target], strict=True):
            if row.model is None:
                place.text(0.01, y, row.label, transform=place.get_yaxis_transform(), va="center", fontweight="bold")
            else:
                _draw_states(place, y, found[row.model.name], target)
    axes[-1].set_xlim(0, 1)
    axes[-1].set_xlabel("balanced accuracy on test tunes")
    _add_legend_of_states(figure)
    return figure


def _rows_of_states(models: Sequence[Model]) -> list[_StateRow]:
    """The rows from the top: where there are many networks, the cells of each setting below its name."""
    rows = []
    for group in grouped(models):
        if group.title:
            rows.append(_StateRow(group.title, None, 1.1))
        for label, model in group.models.items():
            text = wrapped(label, _LABEL_LETTERS)
            rows.append(_StateRow(text, model, max(1.0, 0.55 * len(text.split("\n")))))
    return rows


def _accuracies(runs: Mapping[int, StatesFound], target: str) -> dict[str, list[float]]:
    each = [run.targets[target] for run in runs.values() if target in run.targets]
    if not each:
        return {"trained": [math.nan]}
    readers = {reader: [one[reader].accuracy for one in each] for reader in each[0]}
    return readers | {"shuffled": [one["trained"].shuffled for one in each], "chance": [each[0]["trained"].chance]}


def _draw_states(axes: Axes, y: float, runs: Mapping[int, StatesFound], target: str) -> None:
    values = _accuracies(runs, target)
    axes.vlines(values["chance"], y - 0.4, y + 0.4, color=INK, linewidth=0.8)
    axes.plot(values["trained"], np.full(len(runs), y), "|", color="#0072B2", markersize=7)
    for reader, marker, look in _STATE_MARKS:
        axes.plot(np.mean(values[reader]), y, marker, markersize=4.5, **look)


def _add_legend_of_states(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker, markersize=4.5, label=_STATE_WORDS[reader], **look)
        for reader, marker, look in reversed(_STATE_MARKS)
    ]
    handles.append(Line2D([], [], color=INK, linewidth=0.8, label="chance"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.2)
