"""The three tonality metrics of every model, with those of the openings, the corpus and the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from melgen.evaluation.results import SongSetEvaluation, Summary
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
from melgen.studies.figures.style import BAND, INK, PAGE_WIDTH_IN, empty_figure, new_figure, styled
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def tonality_by_model(results: StudyResults, reference: SongSetEvaluation | None = None) -> Figure:
    """Mean of each tonality metric for each model, a panel a metric, over the band of the openings.

    Thick bars are the confidence intervals of the means, thin lines the deviations of the songs. The band is mean ±
    standard deviation of `reference`: of the openings (first notes of the test tunes, as many as the songs have)
    unless another is given. A baseline far off is marked at the edge with its value.

    Needs `models` and `songs`; `corpus`, `openings` and `baselines` where there are any.
    """
    rows = rows_of(results)
    band = reference or reference_of(results)
    size = PAGE_WIDTH_IN, panel_height(rows) + 0.2
    if not rows:
        return empty_figure(*size, "no songs")
    figure = new_figure(*size)
    panels = figure.subplots(1, len(Tonality._fields), sharey=True)
    label_rows(panels[0], rows)
    for axes, metric in zip(panels, Tonality._fields, strict=True):
        _draw_metric(axes, metric, rows, band.summaries.get(metric) if band else None)
    _add_legend(figure, band.name if band else None)
    return figure


def _draw_metric(axes: Axes, metric: str, rows: list[Row], band: Summary | None) -> None:
    prepare_panel(axes, metric)
    draw_band(axes, band)
    found = [(row, row.songs.summaries[metric]) for row in rows if row.songs and metric in row.songs.summaries]
    found = [(row, summary) for row, summary in found if np.isfinite(summary.mean)]
    deviations = [float(np.nan_to_num(summary.standard_deviation)) for _, summary in found]
    reaches = [(row, one.mean - sd, one.mean + sd) for (row, one), sd in zip(found, deviations, strict=True)]
    low, high = limits_without_far_baselines(reaches)
    axes.set_xlim(low, high)
    for (row, summary), deviation in zip(found, deviations, strict=True):
        if not low <= summary.mean <= high:
            mark_outside(axes, row, summary.mean)
            continue
        axes.hlines(row.y, summary.mean - deviation, summary.mean + deviation, color=row.colour, linewidth=0.7)
        axes.hlines(row.y, summary.low, summary.high, color=row.colour, linewidth=3, alpha=0.55)
        axes.plot(summary.mean, row.y, row.marker, color=row.colour, markersize=4.5, zorder=3)


def _add_legend(figure: Figure, whose: str | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=INK, linestyle="", marker="o", markersize=4.5, label="mean"),
        Line2D([], [], color=INK, linewidth=3, alpha=0.55, label="confidence interval of the mean"),
        Line2D([], [], color=INK, linewidth=0.7, label="± standard deviation of the songs"),
    ]
    if whose is not None:
        handles.append(Patch(color=BAND, label=f"{whose}: mean ± standard deviation"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4, columnspacing=1.2)
