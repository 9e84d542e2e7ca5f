"""How much a network saves at the second hearing of a repeat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.probes.copied_bits import COUNTED_FROM, POSITIONS, CopiedBits, range_names
from melgen.studies.figures.probes.panels import (
    DASHED,
    Line,
    add_legend,
    draw_lines,
    figure_of_panels,
    grouped,
    looks_of_groups,
)
from melgen.studies.figures.style import FONT_SIZE, GREY, INK, PAGE_WIDTH_IN, empty_figure, styled, wrapped
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COUNTED_BIT_PARTS = {"pitch": "bits of pitch", "rhythm": "bits of rhythm"}


@styled
def copying_figure(results: StudyResults) -> Figure:
    """The bits at the second hearing minus those at the first, by the place of the note in the repeat, a line a model.

    The dashed lines are the control, in which the first hearing is replaced by notes of another tune. Where networks
    write rhythm, a second panel has their bits of rhythm.
    """
    found = results.probes.copying
    groups = grouped([model for model in results.models if model.name in found])
    parts = [part for part in _COUNTED_BIT_PARTS if part == "pitch" or results.has_rhythm]
    panels = []
    for group in groups:
        for part in parts:
            chosen = {label: model for label, model in group.models.items() if part == "pitch" or model.writes_rhythm}
            lines = [
                _copying_line(label, found[model.name], part if model.writes_rhythm else "all")
                for label, model in chosen.items()
            ]
            words = [group.title, _COUNTED_BIT_PARTS[part] if len(parts) > 1 else ""]
            if lines:
                panels.append((": ".join(filter(None, words)), lines))
    if not panels:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no tune has a repeat")
    figure, axes = figure_of_panels(len(panels))
    for place, (title, lines) in zip(axes, panels, strict=True):
        place.axhline(0, color=INK, linewidth=0.8)
        draw_lines(place, lines, range_names(), looks_of_groups(groups))
        place.axvline(POSITIONS.index(COUNTED_FROM) - 0.5, color=GREY, linewidth=0.6, linestyle=DASHED)
        place.set_title(wrapped(title, 48), loc="left")
    figure.supxlabel("number of the note in the repeat", fontsize=FONT_SIZE)
    figure.supylabel("bits at the second hearing minus those at the first", fontsize=FONT_SIZE)
    add_legend(figure, looks_of_groups(groups), "control: first hearing replaced")
    return figure


def _copying_line(label: str, runs: Mapping[int, Any], part: str) -> Line:
    each = [run.parts[part] for run in runs.values()]
    return Line(
        label,
        np.stack([_by_range(one, one.second - one.first) for one in each]),
        np.stack([_by_range(one, one.replaced - one.first) for one in each]),
    )


def _by_range(found: CopiedBits, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    notes = found.notes.sum(axis=0)
    return np.divide(bits.sum(axis=0), notes, out=np.full(len(notes), np.nan), where=notes > 0)
