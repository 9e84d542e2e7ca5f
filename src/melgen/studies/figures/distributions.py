"""The distribution of a metric over the songs of every model, and over tunes of the corpus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.tonality import Tonality
from melgen.studies.figures.rows import (
    Row,
    label_rows,
    limits_without_far_baselines,
    mark_outside,
    panel_height,
    prepare_panel,
    reference_of,
    rows_of,
)
from melgen.studies.figures.style import BAND, GREY, INK, PAGE_WIDTH_IN, empty_figure, new_figure, styled
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARED_WITH_TRAINING = ("longest_shared_intervals", "shared_8gram_share")
_COLUMNS = 3
_PERCENTILES = (5, 25, 50, 75, 95)


@styled
def metric_distributions(
    results: StudyResults, metrics: Sequence[str] = Tonality._fields, reference: SongSetEvaluation | None = None
) -> Figure:
    """The distribution of each metric over the songs of each set, a panel a metric and a row a set.

    The box holds the middle half of the songs and a line at the median; the whiskers reach from the 5th to the
    95th percentile; the mark is the mean. A baseline far off is marked at the edge with its median.
    The band is the middle half of `reference`: the openings (first notes of the test tunes, as many as the songs
    have), or else the whole tunes. Three panels are side by side; more than six
    fill more than a page.

    Needs `models` and `songs`; `corpus`, `openings` and `baselines` where there are any.
    """
    rows = rows_of(results)
    band = reference or reference_of(results)
    columns = min(_COLUMNS, len(metrics))
    lines = math.ceil(len(metrics) / _COLUMNS)
    size = PAGE_WIDTH_IN, panel_height(rows) * max(lines, 1) + 0.2
    if not rows or not metrics:
        return empty_figure(*size, "no songs" if metrics else "no metric")
    figure = new_figure(*size)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).ravel()
    label_rows(panels[0], rows)
    for axes, metric in zip(panels, metrics, strict=False):
        _draw_metric(axes, metric, rows, band)
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    _add_legend(figure, band.name if band else None)
    return figure


def originality(results: StudyResults) -> Figure:
    """The share of the songs that is also in the training tunes, compared with what openings share by chance.

    A model that copies is to the right of the band. Needs the two metrics of `SHARED_WITH_TRAINING` in `scores`, of
    `openings` too for a fair band: longer tunes share longer passages.
    """
    return metric_distributions(results, SHARED_WITH_TRAINING)


def _draw_metric(axes: Axes, metric: str, rows: list[Row], band: SongSetEvaluation | None) -> None:
    prepare_panel(axes, metric)
    reference = np.asarray(band.scores.get(metric, ()) if band else (), dtype=np.float64)
    reference = reference[np.isfinite(reference)]
    if reference.size:
        low, middle, high = np.percentile(reference, [25, 50, 75])
        axes.axvspan(low, high, color=BAND, linewidth=0, zorder=0)
        axes.axvline(middle, color=GREY, linewidth=0.8, zorder=1)
    found = [(row, values) for row in rows if (values := row.values(metric)).size]
    spreads = [np.percentile(values, _PERCENTILES) for _, values in found]
    left, right = limits_without_far_baselines(
        [(row, float(spread[0]), float(spread[-1])) for (row, _), spread in zip(found, spreads, strict=True)]
    )
    axes.set_xlim(left, right)
    for (row, values), (least, low, middle, high, most) in zip(found, spreads, strict=True):
        if not left <= middle <= right:
            mark_outside(axes, row, float(middle))
            continue
        axes.hlines(row.y, least, most, color=row.colour, linewidth=0.8, zorder=2)
        axes.barh(row.y, high - low, left=low, height=0.62, facecolor="white", edgecolor=row.colour, linewidth=0.8,
                  zorder=3)  # fmt: skip
        axes.vlines(middle, row.y - 0.31, row.y + 0.31, color=row.colour, linewidth=2, zorder=4)
        axes.plot(values.mean(), row.y, row.marker, color=row.colour, markersize=3.5, zorder=5)


def _add_legend(figure: Figure, whose: str | None) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Line2D([], [], color=INK, linewidth=0.8, label="5% to 95% of the songs"),
        Patch(facecolor="white", edgecolor=INK, linewidth=0.8, label="middle half of the songs"),
        Line2D([], [], color=INK, linestyle="", marker="|", markersize=6, markeredgewidth=2, label="median"),
        Line2D([], [], color=INK, linestyle="", marker="o", markersize=3.5, label="mean"),
    ]
    if whose is not None:
        handles.append(Patch(color=BAND, label=f"{whose}: middle half"))
    figure.legend(handles=handles, loc="outside upper center", ncols=5, columnspacing=1.2)
