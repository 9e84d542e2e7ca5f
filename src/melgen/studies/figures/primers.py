"""The three tonality metrics of every model after each of several primers, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.tonality import Tonality
from melgen.studies.figures.rows import (
    Row,
    draw_band,
    label_rows,
    limits_without_far_baselines,
    mark_outside,
    panel_height,
    prepare_panel,
    reference_of,
    rows_of,
)
from melgen.studies.figures.style import (
    BAND,
    PAGE_WIDTH_IN,
    empty_figure,
    looks_of_variants,
    new_figure,
    styled,
    wrapped,
)
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_APART = 0.42  # of a row's height, between two primers of a model


@styled
def primers(results: StudyResults) -> Figure:
    """Mean of each tonality metric, a panel a metric and a row a model, with a mark for each primer.

    Bars are the confidence intervals of the means. The band is the openings of test tunes, as long as the songs, or
    the whole tunes: mean ± standard deviation. Where the marks of a row are apart, the primer and not the network
    decides the metric.

    Needs `by_primer` and `models`; `openings`, `baselines` and `baselines_by_primer` where there are any.
    """
    names = list(results.by_primer)
    rows = rows_of(results, corpus=False, room=_APART * len(names) + 0.6)
    size = PAGE_WIDTH_IN, panel_height(rows) + 0.2
    if not rows or not names:
        return empty_figure(*size, "no songs")
    figure = new_figure(*size)
    looks = looks_of_variants(names)
    panels = figure.subplots(1, len(Tonality._fields), sharey=True)
    label_rows(panels[0], rows)
    band = reference_of(results)
    for axes, metric in zip(panels, Tonality._fields, strict=True):
        prepare_panel(axes, metric)
        draw_band(axes, band.summaries.get(metric) if band else None)
        _draw_metric(axes, metric, rows, results, {name: looks[name][0] for name in names})
    _add_legend(figure, {name: looks[name][0] for name in names}, band)
    return figure


def _songs_after(results: StudyResults, row: Row, primer: str) -> SongSetEvaluation | None:
    if row.model is not None:
        return results.by_primer[primer].get(row.model.name)
    return results.baselines_by_primer.get(primer, {}).get(row.label)


def _draw_metric(axes: Axes, metric: str, rows: list[Row], results: StudyResults, colours: dict[str, Any]) -> None:
    places = [_APART * ((len(colours) - 1) / 2 - number) for number in range(len(colours))]
    found = [
        (row, row.y + place, number, songs.summaries[metric])
        for row in rows
        for number, (primer, place) in enumerate(zip(colours, places, strict=True))
        if (songs := _songs_after(results, row, primer)) and np.isfinite(songs.summaries[metric].mean)
    ]
    ends = [(row, float(np.nan_to_num(one.low, nan=one.mean)), float(np.nan_to_num(one.high, nan=one.mean)))
            for row, _, _, one in found]  # fmt: skip
    low, high = limits_without_far_baselines(ends)
    axes.set_xlim(low, high)
    for (row, y, number, one), (_, left, right) in zip(found, ends, strict=True):
        colour = list(colours.values())[number]
        if not low <= one.mean <= high:
            if not number:  # the baselines are far off after every primer
                mark_outside(axes, row, one.mean)
            continue
        axes.hlines(y, left, right, color=colour, linewidth=1.4, alpha=0.6)
        axes.plot(one.mean, y, _MARKERS[number % len(_MARKERS)], color=colour, markersize=3.5, zorder=3)


def _add_legend(figure: Figure, colours: dict[str, Any], band: SongSetEvaluation | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=colour, marker=_MARKERS[number % len(_MARKERS)], markersize=3.5, linewidth=1.4,
               label=wrapped(name))
        for number, (name, colour) in enumerate(colours.items())
    ]  # fmt: skip
    if band is not None:
        handles.append(Patch(color=BAND, label=f"{band.name}: mean ± standard deviation"))
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)), columnspacing=1.2)
