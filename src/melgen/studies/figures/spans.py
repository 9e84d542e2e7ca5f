"""The tonality of one song against the span of the windows it is measured in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, Tonality
from melgen.studies.figures.style import COLUMN_WIDTH_IN, FONT_SIZE, GREY, INK, label_of, new_figure, styled, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = (("#0072B2", "-"), ("#E69F00", "--"), ("#009E73", ":"), ("#CC79A7", "-."))
_LEAST_HEIGHT = 0.1


@styled
def span_profile(
    profiles: Mapping[str, ArrayLike], spans: Sequence[int], span_notes: int = DEFAULT_SPAN_NOTES
) -> Figure:
    """The three metrics of a song for each span of the windows, one above the other.

    The first does not depend on the span. The upright line is the span that all tables use.

    Args:
        profiles: name of each song and its metrics, ``[spans, 3]``, as
            `melgen.evaluation.tonality.span_profile` finds them; one song, or a few to compare.
        spans: notes in a window, for each row of a profile.
        span_notes: the span to mark.

    Raises:
        ValueError: if a profile does not have the shape ``[spans, 3]``.
    """
    tables = {name: np.asarray(profile, dtype=np.float64) for name, profile in profiles.items()}
    for name, table in tables.items():
        if table.shape != (len(spans), len(Tonality._fields)):
            raise ValueError(
                f"a profile has the shape [{len(spans)}, {len(Tonality._fields)}], one row a span; "
                f"got {list(table.shape)} for {name!r}"
            )
    figure = new_figure(COLUMN_WIDTH_IN, 4.0)
    panels = figure.subplots(len(Tonality._fields), 1, sharex=True)
    for column, (axes, metric) in enumerate(zip(panels, Tonality._fields, strict=True)):
        axes.grid()
        axes.axvline(span_notes, color=GREY, linewidth=0.8, zorder=1)
        for i, (name, table) in enumerate(tables.items()):
            colour, dashes = _LINES[i % len(_LINES)]
            axes.plot(spans, table[:, column], color=colour, linestyle=dashes, marker=".", markersize=3,
                      label=wrapped(name, 40))  # fmt: skip
        axes.set_title(label_of(metric).replace("\n", " "), loc="left", color=INK)
        axes.margins(y=0.12)
        axes.ticklabel_format(axis="y", useOffset=False)
        low, high = axes.get_ylim()
        if high - low < _LEAST_HEIGHT:  # a constant, but for rounding
            axes.set_ylim((low + high - _LEAST_HEIGHT) / 2, (low + high + _LEAST_HEIGHT) / 2)
    panels[-1].set_xlabel("span of a window (notes)", fontsize=FONT_SIZE)
    if tables:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=min(2, len(tables)))
    return figure
