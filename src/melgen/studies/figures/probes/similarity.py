"""Bits per note by the similarity of a tune to the training tunes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from melgen.evaluation.probes.similarity import bin_names, bits_by_bin, tunes_by_bin
from melgen.studies.figures.probes.panels import (
    Line,
    add_legend,
    draw_lines,
    figure_of_panels,
    grouped,
    looks_of_groups,
)
from melgen.studies.figures.style import FONT_SIZE, PAGE_WIDTH_IN, empty_figure, styled, wrapped
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def similarity_figure(results: StudyResults) -> Figure:
    """Bits per note of test tunes by their similarity to the nearest training tune, a line a model.

    Networks with rhythm have a panel of their own, since they predict more.
    """
    found = results.probes.similarity
    kinds = [
        grouped([model for model in results.models if model.name in found and model.writes_rhythm == with_rhythm])
        for with_rhythm in (False, True)
    ]
    groups = [group for kind in kinds for group in kind]
    if not groups:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no tune was scored")
    figure, axes = figure_of_panels(len(groups))
    for place, group in zip(axes, groups, strict=True):
        lines = [
            Line(
                label,
                np.stack([bits_by_bin(one.share, one.bits, one.notes) for one in found[model.name].values()]),
            )
            for label, model in group.models.items()
        ]
        first = next(iter(group.models.values()))
        tunes = tunes_by_bin(next(iter(found[first.name].values())).share).tolist()
        names = [
            f"{name.replace(' and above', '+')}\n({count})" for name, count in zip(bin_names(), tunes, strict=True)
        ]
        draw_lines(place, lines, names, looks_of_groups(groups))
        place.set_ylabel("bits per note" + (" (pitch and rhythm)" if first.writes_rhythm else ""))
        place.set_title(wrapped(group.title, 48), loc="left")
    figure.supxlabel("share of n-grams in the nearest training tune (tunes)", fontsize=FONT_SIZE)
    add_legend(figure, looks_of_groups(groups))
    return figure
