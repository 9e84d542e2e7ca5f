"""The figure of a listening test: abilities and preferences with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from melgen.listening.analysis import Analysis
from melgen.studies.figures.style import EMPHASIS, GREY, INK, PAGE_WIDTH_IN, new_figure, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from melgen.listening.bradley_terry import Numbers
    from melgen.listening.intervals import Interval

ROW_HEIGHT_IN = 0.24
_MARKERS = {"network": "o", "reference": "*", "anchor": "x"}
_COLOURS = {"network": "#0072B2", "reference": INK, "anchor": GREY}


@styled
def preferences(analysis: Analysis) -> Figure:
    """Ability and preference over the reference of each condition, the best on top, with intervals.

    The reference has ability 0 by definition, and so no interval; a line marks it.
    """
    found = analysis.all_listeners
    order = np.argsort(found.fitted.abilities)
    figure = new_figure(PAGE_WIDTH_IN, 0.85 + ROW_HEIGHT_IN * len(order))
    left, right = figure.subplots(1, 2, sharey=True)
    names = [wrapped(analysis.key.conditions[i].name) for i in order]
    left.set_yticks(range(len(order)), names)
    left.set_ylim(-0.6, len(order) - 0.4)
    _draw(left, analysis, order, found.fitted.abilities, found.abilities, 0.0)
    left.set_xlabel("ability (log odds against the held-out tunes)")
    _draw(right, analysis, order, found.fitted.scores, found.scores, 0.5)
    right.set_xlabel("preferred to the held-out tunes (ties count half)")
    right.set_xlim(0, 1)
    return figure


def _draw(axes: Axes, analysis: Analysis, order: np.ndarray, values: Numbers, ends: Interval, even: float) -> None:
    axes.axvline(even, color=EMPHASIS, linewidth=0.8, zorder=1)
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
    for y, i in enumerate(order):
        role = analysis.key.conditions[i].role
        if role != "reference":
            axes.hlines(y, ends.low[i], ends.high[i], color=_COLOURS[role], linewidth=1.4)
        axes.plot(values[i], y, _MARKERS[role], color=_COLOURS[role], markersize=5, zorder=3)
