"""Show whether cross-entropy is a fair cost: whether songs get better as it falls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from melgen.evaluation.embedding_labels import add_labels
from melgen.studies.figures.style import (
    FONT_SIZE,
    GREY,
    PAGE_WIDTH_IN,
    empty_figure,
    label_of,
    new_figure,
    settle,
    styled,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_COLOUR = "#0072B2"
_EMPTY: Mapping[str, float] = MappingProxyType({})


@styled
def cost_validation(
    updates: ArrayLike,
    cross_entropy: ArrayLike,
    measures: Mapping[str, ArrayLike],
    correlations: Mapping[str, Sequence[float]] = MappingProxyType({}),
    references: Mapping[str, float] = _EMPTY,
    beyond_best: Sequence[bool] = (),
    trainings: Sequence[str] = (),
) -> Figure:
    """Each measure of the songs against the cross-entropy of the weights that wrote them, a panel a measure.

    The points are joined in the order of training and labelled with their updates. Those after the best checkpoint
    are hollow, and joined by a dotted line. The dashed line is what the openings have.

    Args:
        updates: of each checkpoint, ``[checkpoints]``.
        cross_entropy: validation loss in nats per token, ``[checkpoints]``.
        measures: by name: a tonality metric or a distance to the openings, ``[checkpoints]``.
        correlations: rank correlation of a measure with the cross-entropy: coefficient, low and high end of its
            interval; anything that follows is not shown.
        references: the openings' own value of a measure.
        beyond_best: which of them come after the best checkpoint of their training, ``[checkpoints]``; none by default.
        trainings: the run that each is of, ``[checkpoints]``: only those of one are joined; one run by default.
    """
    steps, costs = np.asarray(updates), np.asarray(cross_entropy, dtype=np.float64)
    late = np.asarray(beyond_best, dtype=bool) if len(beyond_best) else np.zeros(len(steps), bool)
    owners = list(trainings) or [""] * len(steps)
    columns = min(_COLUMNS, max(1, len(measures)))
    lines = max(1, math.ceil(len(measures) / _COLUMNS))
    size = PAGE_WIDTH_IN * (columns / _COLUMNS) ** 0.5, 2.3 * lines + 0.2
    if not measures:
        return empty_figure(*size, "nothing was measured")
    figure = new_figure(*size)
    panels = figure.subplots(lines, columns, sharex=True, squeeze=False).ravel()
    for axes, (name, measured) in zip(panels, measures.items(), strict=False):
        values = np.asarray(measured, dtype=np.float64)
        axes.grid()
        for run in dict.fromkeys(owners):
            own = np.flatnonzero(np.asarray(owners, dtype=object) == run)
            own = own[np.argsort(steps[own], kind="stable")]
            young = own[~late[own]]
            axes.plot(costs[young], values[young], color=GREY, linewidth=0.6)
            after = own[max(len(young) - 1, 0) :] if late[own].any() else own[:0]
            axes.plot(costs[after], values[after], color=GREY, linewidth=0.6, linestyle=":")
        axes.plot(costs[~late], values[~late], "o", color=_COLOUR, markersize=4)
        axes.plot(costs[late], values[late], "o", color=_COLOUR, markersize=4, markerfacecolor="white")
        if math.isfinite(references.get(name, math.nan)):
            axes.axhline(references[name], color=GREY, linestyle="--", linewidth=0.9)
        axes.set_ylabel(label_of(name))
        if name in correlations:
            axes.set_title(_in_words(correlations[name]))
        axes.margins(0.12)
    for axes in panels[len(measures) :]:
        axes.set_visible(False)
    figure.supxlabel("cross-entropy on validation tunes (nats per token)", fontsize=FONT_SIZE)
    if late.any():
        _add_legend(figure)
    settle(figure)  # labels are placed by the final positions of the points
    for axes, measured in zip(panels, measures.values(), strict=False):
        _label_points(axes, steps, costs, np.asarray(measured, dtype=np.float64))
    return figure


def _add_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"color": _COLOUR, "marker": "o", "markersize": 4}
    handles = [
        Line2D([], [], linestyle="", label="up to the lowest validation loss (correlations)", **look),
        Line2D([], [], linestyle="", markerfacecolor="white", label="after it: a phase of its own", **look),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)


def _label_points(axes: Axes, updates: ArrayLike, costs: ArrayLike, values: ArrayLike) -> None:
    points = np.stack([np.asarray(costs), np.asarray(values)], axis=1)
    shown = np.isfinite(points).all(axis=1)
    names = [f"{update:g}" if update < 10_000 else f"{update / 1000:.3g}k" for update in np.asarray(updates)[shown]]
    add_labels(axes, points[shown], names, font_size=6)


def _in_words(correlation: Sequence[float]) -> str:
    """Spearman's rho and its interval, with true minus signs."""
    coefficient, low, high = (f"{float(number):.2f}".replace("-", "\u2212") for number in correlation[:3])
    return f"\u03c1 = {coefficient} [{low}, {high}]"
