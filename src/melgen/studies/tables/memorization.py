"""The table of memorization."""

from __future__ import annotations

from melgen.studies.probes.memorized_points import (
    MOST_POINTS,
    MemorizedPoint,
    memorization_finding,
    point_of_selected,
    points_underway,
)
from melgen.studies.results import StudyResults
from melgen.tables.table import Column, Row, Table, Value, row

UNDERWAY, BEST = "during training", "best"
"""The two kinds of weights of a row."""


def memorization_table(results: StudyResults) -> Table | None:
    """What songs share with training tunes and with held-out tunes, a row for each model and number of updates."""
    found = results.probes.memorization
    if not found:
        return None
    rows: list[Row] = []
    for model in results.models:
        runs = found.get(model.name, {})
        points = [(UNDERWAY, point) for point in points_underway(runs)]
        selected = point_of_selected(runs)
        points += [] if selected is None else [(BEST, selected)]
        sources = tuple(run.path.as_posix() for run in model.runs)
        for number, (weights, point) in enumerate(points):
            key = f"{model.name}/{weights if weights == BEST else round(point.updates)}"
            values = [model.title, weights, round(point.updates), len(point.networks), *_shares(point)]
            rows.append(row(key, values, sources, rule=bool(rows and not number)))
    for number, (name, one) in enumerate(results.probes.memorizing_baselines.items()):
        if one.selected is not None:
            values = [name, None, None, None, *_shares(MemorizedPoint(0, (one.selected,)))]
            rows.append(row(name, values, rule=not number))
    if not rows:
        return None
    columns = (
        Column("model", "model", "text"),
        Column("weights", "weights", "text"),
        Column("updates", "updates", "integer"),
        Column("seeds", "seeds", "integer"),
        Column("songs", "songs", "integer"),
        Column("share", "in all training tunes", decimals=3),
        Column("training", "in a part of them", decimals=4),
        Column("held_out", "control: in held-out tunes", decimals=4),
        Column("difference", "part - control", "summary", 4),
        Column("difference_tunes_low", "over tunes, low", decimals=4),
        Column("difference_tunes_high", "over tunes, high", decimals=4),
        Column("longest", "longest passage"),
        Column("longest_training", "in a part"),
        Column("longest_held_out", "control"),
    )
    return Table("Memorization over training", _caption(results), columns, tuple(rows))


def _shares(point: MemorizedPoint) -> list[Value]:
    excess = point.excess
    return [
        sum(each.songs for each in point.networks),
        point.mean("share"),
        point.mean_of("training"),
        point.mean_of("held_out"),
        None if excess.mean != excess.mean else excess,
        *point.over_tunes,
        point.mean("longest"),
        point.mean_of("training", 1),
        point.mean_of("held_out", 1),
    ]


def _caption(results: StudyResults) -> str:
    runs = [run for each in results.probes.memorization.values() for run in each.values()]
    one = runs[0]
    without = sum(not run.underway for run in runs)
    size = (
        f"A part has {one.part_notes:,} notes, 1/{one.training_notes / one.part_notes:.1f} of the training tunes, so "
        "that songs copied from all of them would share only about so much more than the control. "
        if one.part_notes
        else ""
    )
    missing = (
        f"{without} of {len(runs)} trainings have written no songs (callbacks.sampling): only their best weights "
        "are shown. "
        if without
        else ""
    )
    return (
        f"Share of the distinct {one.ngram}-grams of intervals of songs that tunes contain, in any key, mean over "
        "seeds: of all training tunes, of a part of them, and, as the control, of an equally large part of tunes that "
        f"no network was trained on. {size}Above the control songs share more with training tunes than their style "
        "explains. Over seeds: mean ± standard deviation [t interval]; over tunes: t interval over the parts. "
        "Longest passage: intervals, mean over songs. Weights during training: songs that the training wrote, "
        f"few at a time, means over up to {MOST_POINTS} bands of updates; best: songs of this study. "
        f"{missing}{memorization_finding(results)}"
    )
