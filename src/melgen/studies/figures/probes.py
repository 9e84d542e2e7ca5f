"""Figures of the probes: copying, states, similarity, validation bits against the budget, and memorization."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.probes.copied_bits import COUNTED_FROM, POSITIONS, CopiedBits, range_names
from melgen.evaluation.probes.labels import TARGETS
from melgen.evaluation.probes.similarity import bin_names, bits_by_bin, tunes_by_bin
from melgen.studies.cell_pairs import models_by_setting
from melgen.studies.figures.style import (
    FONT_SIZE,
    GREY,
    INK,
    PAGE_WIDTH_IN,
    empty_figure,
    looks_of_variants,
    new_figure,
    styled,
    wrapped,
)
from melgen.studies.probes.memorized_points import MemorizedPoint, point_of_selected, points_underway
from melgen.studies.probes.results import BudgetFound, StatesFound
from melgen.studies.results import Model, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANEL_IN = 2.4
_ROW_IN = 0.24
_LETTER_IN = 0.056
_LABEL_LETTERS = 34
"""In a line of the name of a row."""
_LEGEND_LINE_IN = 0.17
_MOST_LINES = 6
"""Of one panel, if its networks can be shown by settings instead."""
_DASHED = (0, (2, 1.5))
_COUNTED_BIT_PARTS = {"pitch": "bits of pitch", "rhythm": "bits of rhythm"}


class _Group(NamedTuple):
    """The models of one panel, by their names in the legend; the title is empty for a panel of all."""

    title: str
    models: Mapping[str, Model]


class _StateRow(NamedTuple):
    """A row of the figure of states, its height against that of a row of one line; a heading has no model."""

    label: str
    model: Model | None
    height: float


class _Line(NamedTuple):
    """The line of a model: one row of values for each seed, ``[seeds, points]``, and perhaps its control's."""

    label: str
    values: NDArray[np.float64]
    control: NDArray[np.float64] | None = None


@styled
def copying(results: StudyResults) -> Figure:
    """The bits at the second hearing minus those at the first, by the place of the note in the repeat, a line a model.

    The dashed lines are the control, in which the first hearing is replaced by notes of another tune. Where networks
    write rhythm, a second panel has their bits of rhythm.
    """
    found = results.probes.copying
    groups = _groups([model for model in results.models if model.name in found])
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
    figure, axes = _panels(len(panels))
    for place, (title, lines) in zip(axes, panels, strict=True):
        place.axhline(0, color=INK, linewidth=0.8)
        _draw_lines(place, lines, range_names(), _looks(groups))
        place.axvline(POSITIONS.index(COUNTED_FROM) - 0.5, color=GREY, linewidth=0.6, linestyle=_DASHED)
        place.set_title(wrapped(title, 48), loc="left")
    figure.supxlabel("number of the note in the repeat", fontsize=FONT_SIZE)
    figure.supylabel("bits at the second hearing minus those at the first", fontsize=FONT_SIZE)
    _add_legend(figure, _looks(groups), "control: first hearing replaced")
    return figure


def _copying_line(label: str, runs: Mapping[int, Any], part: str) -> _Line:
    each = [run.parts[part] for run in runs.values()]
    return _Line(
        label,
        np.stack([_by_range(one, one.second - one.first) for one in each]),
        np.stack([_by_range(one, one.replaced - one.first) for one in each]),
    )


def _by_range(found: CopiedBits, bits: NDArray[np.float64]) -> NDArray[np.float64]:
    notes = found.notes.sum(axis=0)
    return np.divide(bits.sum(axis=0), notes, out=np.full(len(notes), np.nan), where=notes > 0)


@styled
def states(results: StudyResults) -> Figure:
    """The accuracies of linear probes of the states of each model: a panel for each target, a row for each model.

    More than a few models are in groups, the cells of one setting below its name.

    The dot is the mean over seeds, ticks are seeds. A ring is the untrained network, a cross the note alone, a triangle
    the control with shuffled classes, and the line is chance.
    """
    found = results.probes.states
    targets = [
        target for target in TARGETS
        if any(not math.isnan(_accuracies(one, target)["trained"][0]) for one in found.values())
    ]  # fmt: skip
    if not targets:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no tune has known bars or a key")
    rows = {
        target: _rows_of_states([
            model for model in results.models
            if model.name in found and not math.isnan(_accuracies(found[model.name], target)["trained"][0])
        ])
        for target in targets
    }  # fmt: skip
    heights = [0.35 + _ROW_IN * sum(row.height for row in of_target) for of_target in rows.values()]
    figure = new_figure(PAGE_WIDTH_IN * 0.75, sum(heights) + 0.75)
    axes = figure.subplots(len(targets), squeeze=False, height_ratios=heights, sharex=True)[:, 0]
    for place, target in zip(axes, targets, strict=True):
        first = next(iter(found[next(row.model.name for row in rows[target] if row.model)].values()))
        place.set_title(f"{TARGETS[target]} ({first.metre})" if target == "bar" else TARGETS[target], loc="left")
        place.tick_params(axis="y", length=0)
        heights_above = np.cumsum([0.0, *(row.height for row in rows[target])])
        middles = [-(above + row.height / 2) for above, row in zip(heights_above, rows[target], strict=False)]
        drawn = [(y, row) for y, row in zip(middles, rows[target], strict=True) if row.model]
        place.set_yticks([y for y, _ in drawn], [row.label for _, row in drawn])
        place.set_ylim(-float(heights_above[-1]), 0)
        for y, row in zip(middles, rows[target], strict=True):
            if row.model is None:
                place.text(0.01, y, row.label, transform=place.get_yaxis_transform(), va="center", fontweight="bold")
            else:
                _draw_states(place, y, found[row.model.name], target)
    axes[-1].set_xlim(0, 1)
    axes[-1].set_xlabel("balanced accuracy on test tunes")
    _add_legend_of_states(figure)
    return figure


def _rows_of_states(models: Sequence[Model]) -> list[_StateRow]:
    """The rows from the top: where there are many networks, the cells of each setting below its name."""
    rows = []
    for group in _groups(models):
        if group.title:
            rows.append(_StateRow(group.title, None, 1.1))
        for label, model in group.models.items():
            text = wrapped(label, _LABEL_LETTERS)
            rows.append(_StateRow(text, model, max(1.0, 0.55 * len(text.split("\n")))))
    return rows


def _accuracies(runs: Mapping[int, StatesFound], target: str) -> dict[str, list[float]]:
    each = [run.targets[target] for run in runs.values() if target in run.targets]
    if not each:
        return {"trained": [math.nan]}
    readers = {reader: [one[reader].accuracy for one in each] for reader in each[0]}
    return readers | {"shuffled": [one["trained"].shuffled for one in each], "chance": [each[0]["trained"].chance]}


def _draw_states(axes: Axes, y: float, runs: Mapping[int, StatesFound], target: str) -> None:
    values = _accuracies(runs, target)
    axes.vlines(values["chance"], y - 0.4, y + 0.4, color=INK, linewidth=0.8)
    axes.plot(values["trained"], np.full(len(runs), y), "|", color="#0072B2", markersize=7)
    for reader, marker, look in _STATE_MARKS:
        axes.plot(np.mean(values[reader]), y, marker, markersize=4.5, **look)


_STATE_MARKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("shuffled", "^", {"color": GREY}),
    ("note", "x", {"color": GREY}),
    ("untrained", "o", {"markerfacecolor": "white", "markeredgecolor": "#D55E00"}),
    ("trained", "o", {"color": "#0072B2"}),
)
_STATE_WORDS = {
    "trained": "trained network",
    "untrained": "untrained network",
    "note": "note alone",
    "shuffled": "control: classes shuffled",
}


def _add_legend_of_states(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker, markersize=4.5, label=_STATE_WORDS[reader], **look)
        for reader, marker, look in reversed(_STATE_MARKS)
    ]
    handles.append(Line2D([], [], color=INK, linewidth=0.8, label="chance"))
    figure.legend(handles=handles, loc="outside upper center", ncols=3, columnspacing=1.2)


@styled
def similarity(results: StudyResults) -> Figure:
    """Bits per note of test tunes by their similarity to the nearest training tune, a line a model.

    Networks with rhythm have a panel of their own, since they predict more.
    """
    found = results.probes.similarity
    kinds = [
        _groups([model for model in results.models if model.name in found and model.writes_rhythm == with_rhythm])
        for with_rhythm in (False, True)
    ]
    groups = [group for kind in kinds for group in kind]
    if not groups:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no tune was scored")
    figure, axes = _panels(len(groups))
    for place, group in zip(axes, groups, strict=True):
        lines = [
            _Line(
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
        _draw_lines(place, lines, names, _looks(groups))
        place.set_ylabel("bits per note" + (" (pitch and rhythm)" if first.writes_rhythm else ""))
        place.set_title(wrapped(group.title, 48), loc="left")
    figure.supxlabel("share of n-grams in the nearest training tune (tunes)", fontsize=FONT_SIZE)
    _add_legend(figure, _looks(groups))
    return figure


@styled
def budget(results: StudyResults) -> Figure:
    """Validation bits against updates, a panel a setting and a line a cell; the bands are the ranges over seeds.

    The dotted lines are the budgets of the table.
    """
    settings = results.probes.budget
    if not settings:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no setting has several cells")
    cells = list(dict.fromkeys(cell.name for each in settings for cell in each.curves))
    looks = looks_of_variants(cells)
    figure, axes = _panels(len(settings))
    for place, each in zip(axes, settings, strict=True):
        _draw_budget(place, each, looks)
        if len(settings) > 1:
            place.set_title(wrapped(each.setting, 40), loc="left")
    for row in range(0, len(axes), 2):
        axes[row].set_ylabel("validation bits per note")
    _add_legend(figure, looks)
    return figure


def _draw_budget(axes: Axes, found: BudgetFound, looks: Mapping[str, tuple[Any, Any]]) -> None:
    axes.grid(axis="y")
    for compared in found.order.budgets:
        axes.axvline(compared, color=GREY, linewidth=0.5, linestyle=":")
    late = []
    for cell in found.curves:
        colour, _ = looks[cell.name]
        updates, bits = _over_seeds([(np.asarray(one), np.asarray(other)) for one, other in cell.curves.values()])
        marker = "." if len(updates) == 1 else None
        axes.plot(updates, bits.mean(axis=0), color=colour, linewidth=1.2, marker=marker)
        axes.fill_between(updates, bits.min(axis=0), bits.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        late += bits[:, updates >= found.order.budgets[0]].ravel().tolist()
    if late:  # everything falls from the same height before
        margin = 0.08 * (max(late) - min(late) or 1.0)
        axes.set_ylim(min(late) - margin, max(late) + margin)
    axes.set_xlabel("updates")


def _over_seeds(
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The updates at which all seeds were validated, and the bits there: ``[seeds, updates]``."""
    shared = curves[0][0]
    for updates, _ in curves[1:]:
        shared = np.intersect1d(shared, updates)
    return shared, np.stack([bits[np.isin(updates, shared)] for updates, bits in curves])


@styled
def memorization(results: StudyResults) -> Figure:
    """The share of the n-grams of songs that a part of the training tunes contains, against updates, a line a model.

    The bands are ranges over seeds, and the dashed lines the control, an equally large part of held-out tunes. Diamonds
    are the best weights, hollow ones their control.
    """
    found = results.probes.memorization
    known = [
        model for model in results.models
        if model.name in found and (points_underway(found[model.name]) or point_of_selected(found[model.name]))
    ]  # fmt: skip
    groups = _groups(known)
    if not groups:
        return empty_figure(PAGE_WIDTH_IN / 2, 1.5, "no songs are long enough")
    has_control = any(run.part_notes for runs in found.values() for run in runs.values())
    looks = _looks(groups)
    figure, axes = _panels(len(groups))
    for place, group in zip(axes, groups, strict=True):
        place.grid(axis="y")
        for label, model in group.models.items():
            colour, _ = looks[label]
            _draw_memorized(place, points_underway(found[model.name]), colour, has_control)
            selected = point_of_selected(found[model.name])
            if selected is not None:
                _draw_selected(place, selected, colour, has_control)
        place.set_xscale("symlog", linthresh=10)
        place.set_xlim(left=0)
        place.set_ylim(bottom=0)
        place.set_title(wrapped(group.title, 48), loc="left")
    figure.supxlabel("updates", fontsize=FONT_SIZE)
    whole = "a part of the training tunes" if has_control else "training tunes"
    figure.supylabel(f"share in {whole}", fontsize=FONT_SIZE)
    _add_legend(figure, looks, "control: held-out tunes" if has_control else "")
    return figure


def _draw_memorized(axes: Axes, points: Sequence[MemorizedPoint], colour: str, has_control: bool) -> None:
    if not points:
        return
    updates = [point.updates for point in points]
    each = [
        [one.mean_of("training") if has_control else one.share for one in point.networks] for point in points
    ]  # fmt: skip
    axes.plot(updates, list(map(np.mean, each)), color=colour, linewidth=1.2, marker=".", markersize=4)
    axes.fill_between(updates, list(map(min, each)), list(map(max, each)), color=colour, alpha=0.15, linewidth=0)
    if has_control:
        control = [point.mean_of("held_out") for point in points]
        axes.plot(updates, control, color=colour, linewidth=0.9, linestyle=_DASHED, alpha=0.7)


def _draw_selected(axes: Axes, point: MemorizedPoint, colour: str, has_control: bool) -> None:
    if has_control:
        control = point.mean_of("held_out")
        axes.plot(point.updates, control, "D", markersize=4.5, markerfacecolor="white", markeredgecolor=colour)
    share = point.mean_of("training") if has_control else point.mean("share")
    axes.plot(point.updates, share, "D", markersize=4.5, color=colour)


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of panels in two columns."""
    columns = min(count, 2)
    rows = -(-count // 2)
    figure = new_figure(PAGE_WIDTH_IN * (0.62 if columns == 1 else 1), 0.5 + _PANEL_IN * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.set_axis_off()
    return figure, list(axes[:count])


def _groups(models: Sequence[Model]) -> list[_Group]:
    """The models of each panel: all in one, or, if those are too many to tell apart, the cells of each setting."""
    if len(models) > _MOST_LINES:
        settings = models_by_setting(models)
        groups = [_Group(setting, {model.cell: model for model in group}) for setting, group in settings.items()]
        if sum(len(group.models) for group in groups) == len(models):
            return groups
    return [_Group("", {model.title: model for model in models})] if models else []


def _looks(groups: Sequence[_Group]) -> dict[str, tuple[Any, Any]]:
    return looks_of_variants([label for group in groups for label in group.models])


def _draw_lines(axes: Axes, lines: Sequence[_Line], names: Sequence[str], looks: Mapping[str, tuple[Any, Any]]) -> None:
    """The mean of each line over seeds, with the range over seeds; controls are dashed and pale."""
    places = np.arange(len(names))
    axes.grid(axis="y")
    axes.set_xticks(places, names)
    for line in lines:
        colour, _ = looks[line.label]
        # A place without a value interrupts the line and its band.
        values = line.values
        low, high = values.min(axis=0), values.max(axis=0)
        axes.plot(places, values.mean(axis=0), color=colour, linewidth=1.2, marker="o", markersize=3)
        axes.fill_between(places, low, high, where=~np.isnan(low), color=colour, alpha=0.2, linewidth=0)
        if line.control is not None:
            axes.plot(places, line.control.mean(axis=0), color=colour, linewidth=0.9, linestyle=_DASHED, alpha=0.7)


def _add_legend(figure: Figure, looks: Mapping[str, tuple[Any, Any]], control: str = "") -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, linewidth=1.4, label=wrapped(name, 34)) for name, (colour, _) in looks.items()
    ]
    if control:
        handles.append(Line2D([], [], color=GREY, linewidth=0.9, linestyle=_DASHED, label=control))
    letters = max(len(part) for handle in handles for part in str(handle.get_label()).split("\n")) + 6
    width = figure.get_size_inches()[0]
    ncols = max(1, min(len(handles), int(width / (letters * _LETTER_IN))))
    # The panels keep their height however many lines the legend has.
    rows = -(-len(handles) // ncols)
    lines = sum(max(str(one.get_label()).count("\n") + 1 for one in handles[row::rows]) for row in range(rows))
    figure.set_figheight(figure.get_figheight() + _LEGEND_LINE_IN * (lines - 1))
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols, columnspacing=1.2, fontsize=FONT_SIZE - 1)


PROBE_FIGURES: Mapping[str, Callable[[StudyResults], Figure]] = {
    "copying": copying,
    "states": states,
    "similarity": similarity,
    "budget": budget,
    "memorization": memorization,
}
"""The figure of each probe."""
