"""Bits per note: does a network predict held-out tunes better than counting what followed does?"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from melgen.bit_names import BITS, BITS_OF_PITCH
from melgen.studies.figures.rows import Row, label_rows, panel_height, rows_of
from melgen.studies.figures.style import (
    BAND,
    GREY,
    INK,
    PAGE_WIDTH_IN,
    SMALL_FONT_SIZE,
    new_figure,
    note_absence,
    styled,
)
from melgen.studies.results import Model, Run, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DASHED = (0, (4, 2))
_PARTS = {"pitch": "bits of pitch per note (less is better)", "rhythm": "bits of rhythm per note (less is better)"}
_WIDTH_IN = PAGE_WIDTH_IN * 0.75
_AXES_IN = _WIDTH_IN * 0.7  # about the width of the panel without its labels
_LETTER_IN, _LABEL_LINE_IN = 0.052, 0.12  # width of a letter, height of a line


@styled
def likelihood(results: StudyResults) -> Figure:
    """Bits per note of each model on training and test tunes, against the baselines.

    Every baseline is a vertical line. To the right of the best n-gram, which is shaded, a network has learnt no more
    than what follows a few notes. Prediction by partial matching, which also counts in the tune so far, is dashed. The
    line between the two marks of a model is its train-test gap; small grey marks are single seeds, on the test split.
    Where networks write rhythm, all are compared by their bits of pitch, and those with rhythm, in a second panel, by
    their bits of rhythm.

    Needs ``bits_per_note/test`` and, for the gap, ``bits_per_note/train`` in `set_scores` of `songs`, `songs_by_seed`
    and `baselines`; where a model has no such score, the mean of ``test/bits_per_note`` over its runs. Likewise
    ``pitch_bits_per_note`` and ``rhythm_bits_per_note``.
    """
    parts = _PARTS if results.has_rhythm else {"": "bits per note (less is better)"}
    rows = {part: rows_of(results, False, False, only_with_rhythm=part == "rhythm") for part in parts}
    heights = [panel_height(of_panel) for of_panel in rows.values()]
    figure = new_figure(_WIDTH_IN, sum(heights) + 0.35)
    if not results.models:
        note_absence(figure.add_subplot(), "no model")
        return figure
    panels = figure.subplots(len(parts), squeeze=False, height_ratios=heights)[:, 0]
    labels = [
        _draw_panel(axes, results, rows[part], part, title)
        for axes, (part, title) in zip(panels, parts.items(), strict=True)
    ]
    heights = [max(height, each.beside) for height, each in zip(heights, labels, strict=True)]
    panels[0].get_gridspec().set_height_ratios(heights)
    figure.set_size_inches(_WIDTH_IN, sum(heights) + 0.35 + sum(each.above for each in labels))
    if any(each.has_values for each in labels):
        _add_legend(figure, [*results.baselines], several_seeds=any(len(model.runs) > 1 for model in results.models))
    return figure


class _Labels(NamedTuple):
    """The labels of the baselines of a panel.

    Attributes:
        has_values: whether the panel shows anything.
        above: height of the lines of labels above the panel, in inches.
        beside: height of the list beside the panel, in inches.
    """

    has_values: bool
    above: float = 0.0
    beside: float = 0.0


def _draw_panel(axes: Axes, results: StudyResults, rows: list[Row], part: str, title: str) -> _Labels:
    """Draw all models, and the baselines."""
    key = f"{part}_bits_per_note" if part else "bits_per_note"
    label_rows(axes, rows)
    axes.set_xlabel(title)
    values = [value for row in rows for value in _draw_row(axes, results, row, key)]
    if not values:
        note_absence(axes, textwrap.fill(f"no bits per note: {results.without_bits or 'not counted'}", 60))
        return _Labels(has_values=False)
    baselines = {name: songs.set_scores.get(f"{key}/test", math.nan) for name, songs in results.baselines.items()}
    return _draw_baselines(axes, {name: bits for name, bits in baselines.items() if math.isfinite(bits)}, values)


def _draw_row(axes: Axes, results: StudyResults, row: Row, key: str) -> list[float]:
    """Draw one model; return all values that it shows."""
    assert row.model is not None
    of_seeds = [_bits_of(results, row.model, run, key) for run in row.model.runs]
    seeds = [bits for bits in of_seeds if math.isfinite(bits)]
    scores = row.songs.set_scores if row.songs else {}
    train, test = (scores.get(f"{key}/{split}", math.nan) for split in ("train", "test"))
    if not math.isfinite(test) and seeds:
        test = float(np.mean(seeds))
    if len(seeds) > 1:
        axes.plot(seeds, [row.y - 0.3] * len(seeds), "|", color=GREY, markersize=4, markeredgewidth=0.8)
    axes.hlines(row.y, train, test, color=row.colour, linewidth=1)
    axes.plot(train, row.y, row.marker, markerfacecolor="white", markeredgecolor=row.colour, markersize=4.5, zorder=3)
    axes.plot(test, row.y, row.marker, color=row.colour, markersize=4.5, zorder=3)
    return [bits for bits in (train, test, *seeds) if math.isfinite(bits)]


def _bits_of(results: StudyResults, model: Model, run: Run, key: str) -> float:
    """Those of one seed on test tunes: on the tunes that all networks are scored on, else as the run recorded them."""
    by_seed = results.songs_by_seed.get(model.name, {})
    bits: Any = by_seed[run.seed].set_scores.get(f"{key}/test") if run.seed in by_seed else None
    if bits is None:
        bits = run.result.get(f"test/{key}")
    if bits is None and not run.writes_rhythm and key == BITS_OF_PITCH:  # all its bits are bits of pitch
        bits = run.result.get(f"test/{BITS}")
    return math.nan if bits is None else float(bits)  # null where no tune could be scored


def _draw_baselines(axes: Axes, baselines: dict[str, float], models: list[float]) -> _Labels:
    """Lines for the baselines; a list beside the panel has those far off, but never the best one or the best n-gram."""
    ngrams = [bits for name, bits in baselines.items() if not _is_ppm(name)]
    shown = [*models, *([min(baselines.values())] if baselines else []), *([min(ngrams)] if ngrams else [])]
    low, high = min(shown), max(shown)
    margin = 0.08 * (high - low) or 0.5
    axes.set_xlim(low - margin, high + margin)
    if not baselines:
        return _Labels(has_values=True)
    from matplotlib.transforms import ScaledTranslation

    if ngrams:
        axes.axvspan(min(ngrams), high + margin, color=BAND, linewidth=0, zorder=0)
    above = axes.get_xaxis_transform()
    near = {name: bits for name, bits in baselines.items() if bits <= high + margin}
    labels = {name: f"{name} {bits:.2f}" for name, bits in near.items()}
    per_bit = _AXES_IN / (high - low + 2 * margin)
    tiers = _tiers({labels[name]: bits for name, bits in near.items()}, per_bit)
    for (name, bits), tier in zip(near.items(), tiers, strict=True):
        axes.axvline(bits, color=INK, linewidth=0.9, zorder=1, linestyle=_DASHED if _is_ppm(name) else "solid")
        place = above
        if tier:
            place = above + ScaledTranslation(0, tier * _LABEL_LINE_IN, axes.figure.dpi_scale_trans)
        axes.text(bits, 1.01, labels[name], transform=place, ha="center", va="bottom", fontsize=SMALL_FONT_SIZE)
    far = [
        f"{name} {bits:.2f}"
        for name, bits in sorted(baselines.items(), key=lambda item: item[1])
        if bits > high + margin
    ]
    if not far:
        return _Labels(True, max(tiers, default=0) * _LABEL_LINE_IN)
    lines = ["beyond:", *far]
    axes.text(1.01, 0.5, "\n".join(lines), transform=axes.transAxes, va="center", fontsize=SMALL_FONT_SIZE)
    return _Labels(True, max(tiers, default=0) * _LABEL_LINE_IN, len(lines) * _LABEL_LINE_IN)


def _tiers(labels: Mapping[str, float], per_bit: float) -> list[int]:
    """The line above the panel on which to write each label, so that labels do not overlap.

    Args:
        labels: the bits where each is centred.
        per_bit: inches.
    """
    lines: list[list[tuple[float, float]]] = []
    tiers = []
    for label, bits in labels.items():
        half = len(label) * _LETTER_IN / 2
        left, right = bits * per_bit - half, bits * per_bit + half
        free = (i for i, taken in enumerate(lines) if all(right < start or end < left for start, end in taken))
        tier = next(free, len(lines))
        if tier == len(lines):
            lines.append([])
        lines[tier].append((left, right))
        tiers.append(tier)
    return tiers


def _add_legend(figure: Figure, baselines: Sequence[str], several_seeds: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = [
        Line2D(
            [], [], color=INK, linestyle="", marker="o", markersize=4.5, markerfacecolor="white", label="training tunes"
        ),
        Line2D([], [], color=INK, linestyle="", marker="o", markersize=4.5, label="test tunes"),
    ]
    if any(not _is_ppm(name) for name in baselines):
        handles += [
            Patch(color=BAND, label="no better than the best n-gram"),
            Line2D([], [], color=INK, linewidth=0.9, label="n-grams"),
        ]
    if any(map(_is_ppm, baselines)):
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=_DASHED, label="ppm"))
    if several_seeds:
        handles.insert(
            2, Line2D([], [], color=GREY, linestyle="", marker="|", markersize=4, label="single seeds, test")
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.2)


def _is_ppm(name: str) -> bool:
    # The baselines load torch, which a listening test's figures in this package do not need.
    from melgen.evaluation.baseline_table import is_ppm

    return is_ppm(name)
