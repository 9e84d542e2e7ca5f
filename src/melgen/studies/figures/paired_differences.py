"""How far each cell is from the reference cell, in bits per note, seeds paired."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from melgen.decimals import in_percent
from melgen.evaluation.comparing_cells.results import AHEAD, BEHIND, EQUAL, UNDECIDED, Comparison, Comparisons
from melgen.studies.figures.rows import ROW_HEIGHT_IN
from melgen.studies.figures.style import (
    BAND,
    GREY,
    INK,
    PAGE_WIDTH_IN,
    SMALL_FONT_SIZE,
    empty_figure,
    new_figure,
    styled,
    wrapped,
)
from melgen.studies.results import StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {AHEAD: "#0072B2", BEHIND: "#D55E00", EQUAL: "#009E73", UNDECIDED: GREY}
_MARKERS = {AHEAD: "<", BEHIND: ">", EQUAL: "D", UNDECIDED: "o"}
_ROW = 2.1  # of the rows of other figures: there are up to three intervals in each


@styled
def paired_differences(results: StudyResults) -> Figure:
    """The difference of each cell from the reference, a panel a setting and a row a cell.

    The thick bar is the interval that decides, over seeds and tunes; the thin lines below it are those over seeds and
    over tunes alone, and the ticks above it the differences of single seeds. A number with an arrow is that of a cell
    far from the others. The band is the region of practical equivalence. The finding is at the right, and the mark
    repeats it; p-values, which are over seeds alone, are in the table.

    Needs `comparisons`.
    """
    found = results.comparisons
    if found is None or not found.each:
        return empty_figure(PAGE_WIDTH_IN, 1.0, "no two cells have two seeds in common")
    settings = list(dict.fromkeys(each.setting for each in found.each))
    panels = [[each for each in found.each if each.setting == setting] for setting in settings]
    heights = [0.3 + _ROW * ROW_HEIGHT_IN * len(rows) for rows in panels]
    figure = new_figure(PAGE_WIDTH_IN, sum(heights) + 0.85)
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    low, high = found.drawn_range
    margin = 0.04 * (high - low)
    axes[0].set_xlim(low - margin, high + margin)
    for place, rows, setting in zip(axes, panels, settings, strict=True):
        _draw_panel(place, rows, found)
        place.set_title(setting, loc="left")
    axes[-1].set_xlabel(f"bits per note minus those of {found.reference} (below 0 is better)")
    _add_legend(figure, found)
    return figure


def _draw_panel(axes: Axes, rows: list[Comparison], found: Comparisons) -> None:
    region = found.options.region_bits
    axes.axvspan(-region, region, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=1)
    axes.set_yticks([-i for i in range(len(rows))], [_label(each) for each in rows])
    axes.set_ylim(0.5 - len(rows), 0.5)
    axes.tick_params(axis="y", length=0)
    for i, each in enumerate(rows):
        colour = _COLOURS[each.verdict]
        low, high = each.interval
        axes.hlines(-i, low, high, color=colour, linewidth=3, alpha=0.55)
        axes.plot(each.over_seeds.mean, -i, _MARKERS[each.verdict], color=colour, markersize=5, zorder=3)
        _point_to(axes, each.over_seeds.mean, -i, colour)
        axes.plot(each.differences, np.full(len(each.seeds), -i + 0.26), "|", color=GREY, markersize=4)
        if each.tunes:
            axes.hlines(-i - 0.22, each.over_seeds.low, each.over_seeds.high, color=colour, linewidth=0.8)
            axes.hlines(-i - 0.34, *each.over_tunes, color=colour, linewidth=0.8, linestyle=(0, (2, 1)))
        axes.text(1.01, -i, _finding(each, found), transform=axes.get_yaxis_transform(), va="center", color=colour,
                  fontsize=SMALL_FONT_SIZE)  # fmt: skip


def _point_to(axes: Axes, mean: float, y: float, colour: str) -> None:
    """Write a mean beyond an end of the axis there, with an arrow."""
    low, high = axes.get_xlim()
    if low <= mean <= high:
        return
    text, x, side = (
        (f"\N{LEFTWARDS ARROW} {mean:+.2f}", 0.01, "left") if mean < low
        else (f"{mean:+.2f} \N{RIGHTWARDS ARROW}", 0.99, "right")
    )  # fmt: skip
    axes.text(x, y, text, transform=axes.get_yaxis_transform(), ha=side, va="center", color=colour,
              fontsize=SMALL_FONT_SIZE)  # fmt: skip


def _label(each: Comparison) -> str:
    layers = f" {each.layers}"
    if each.layers != each.reference_layers:
        layers += f" (against {each.reference_layers})"
    return wrapped(f"{each.cell}{layers}")


def _finding(each: Comparison, found: Comparisons) -> str:
    words = {EQUAL: f"equal within {found.options.region_bits:g}", UNDECIDED: "not shown to differ"}
    return words.get(each.verdict, each.verdict)


def _add_legend(figure: Figure, found: Comparisons) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    with_tunes = any(each.tunes for each in found.each)
    over = "seeds and tunes" if with_tunes else "seeds"
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=INK, linewidth=3, alpha=0.55, label=f"{in_percent(found.options.confidence)} over {over}"),
        Line2D([], [], color=GREY, linestyle="", marker="|", markersize=4, label="single seeds"),
    ]
    if with_tunes:
        handles += [
            Line2D([], [], color=INK, linewidth=0.8, label="over seeds"),
            Line2D([], [], color=INK, linewidth=0.8, linestyle=(0, (2, 1)), label="over tunes"),
        ]
    handles.append(Patch(color=BAND, label=f"equal in practice (± {found.options.region_bits:g})"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), columnspacing=1.2)
