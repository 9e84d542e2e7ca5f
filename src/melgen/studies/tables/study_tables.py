"""The tables of a study. ``docs/reference.md`` describes their columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM
from melgen.evaluation.run_metrics import run_metric
from melgen.evaluation.summaries import over_seeds
from melgen.runs.network_size import SIZES, sizes_in
from melgen.studies.results import Model, Run, StudyResults
from melgen.studies.tables import learning_rates
from melgen.studies.tables.descriptors import descriptors_table, distances_table
from melgen.studies.tables.learning_rates import learning_rates_table
from melgen.studies.tables.likelihood import likelihood_table
from melgen.studies.tables.originality import nearest_tunes_table, originality_table
from melgen.studies.tables.paired_differences import (
    cells_over_settings_table,
    paired_differences_table,
    seed_and_tune_table,
)
from melgen.studies.tables.probes import PROBE_TABLES
from melgen.studies.tables.published import published_table
from melgen.studies.tables.rhythm import rhythm_distances_table, rhythm_table
from melgen.studies.tables.set_comparison import first_notes_sentence
from melgen.studies.tables.song_sets import corpus_sets, model_set, model_sets, references
from melgen.studies.tables.tonality import corrected_table, primers_table, tonality_table
from melgen.tables.columns import TONALITY, mean_column, summary_column
from melgen.tables.set_tables import left_out_rows, left_out_table, songs_table
from melgen.tables.table import Cell, Column, Kind, Row, Table, row

_SCORED = ("val/", "test/")
_SCORES = {"loss": ("loss (nats)", 3), "bits_per_note": ("bits/note", 3), "perplexity": ("perplexity", 2)}
_SCORES_WITH_RHYTHM = {
    key: (run_metric(f"val/{key}").header, 3) for key in (BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM)
}
"""Header and decimals of a score."""

_CHOSEN = {
    "nearest": (
        "Songs nearest to the openings",
        "Of each model the song whose three metrics are nearest to the means of the openings, the first notes of the "
        "test tunes: the smallest sum of the distances in standard deviations of the openings; of equals the first.",
    ),
    "representative": (
        "Most representative songs",
        "Of each model the song nearest to the mean point of the three metrics; of equals the first.",
    ),
    "smallest_sum": (
        "Songs with the smallest sum of the three metrics (the paper's best)",
        "Of each model the song with the smallest sum of the three metrics, which the paper calls the best; of equals "
        "the first.",
    ),
}
"""Title and caption of the table of each choice in `melgen.evaluation.results.CHOICES`."""


def build_tables(results: StudyResults) -> dict[str, Table]:
    """All tables by their path below ``tables/``, without ending: ``runs``, ``songs/control-lstm-2``.

    A table for which nothing was measured is left out.

    Raises:
        ValueError: if two runs share a path, or two sets of songs a name.
    """
    tables = {
        "runs": _runs(results),
        learning_rates.NAME: learning_rates_table(results),
        "tonality": tonality_table(results),
        "primers": primers_table(results),
        "tonality_corrected": corrected_table(results),
        "likelihood": likelihood_table(results),
        "paired_differences": paired_differences_table(results),
        "seed_and_tune": seed_and_tune_table(results),
        "cells_over_settings": cells_over_settings_table(results),
        "descriptors": descriptors_table(results),
        "distances": distances_table(results),
        "rhythm": rhythm_table(results),
        "rhythm_distances": rhythm_distances_table(results),
        "published": published_table(results),
        "originality": originality_table(results),
        "nearest_tunes": nearest_tunes_table(results),
        **{name: made(results) for name, made in PROBE_TABLES.items()},
        "seeds": _seeds(results),
    }
    compared = any(songs.nearest is not None for songs in results.songs.values())
    for choice, (title, caption) in _CHOSEN.items() if compared else list(_CHOSEN.items())[1:]:
        tables[choice] = _chosen_songs(results, choice, title, caption)
    for model in results.models:
        if model.name in results.songs:
            tables[f"songs/{model.name}"] = songs_table(
                model_set(results, model), first_notes_sentence(results) if model.writes_rhythm else ""
            )
    tables["left_out"] = _left_out(results)
    return {path: table for path, table in tables.items() if table is not None}


def _runs(results: StudyResults) -> Table:
    selected = {run.path for model in results.models for run in model.runs}
    varied = any(run.variant or run.variant_text for run in results.runs)
    scores = _scores_of(results.runs)
    columns = (
        Column("dataset", "dataset", "text"),
        Column("cell", "cell", "text"),
        *([Column("variant", "variant", "text")] if varied else []),
        Column("layers", "layers", "integer"),
        Column("seed", "seed", "integer"),
        *(Column(key, header, "integer") for key, header in SIZES.items()),
        Column("updates", "updates", "integer"),
        Column("best_updates", "best update", "integer"),
        *(Column(key.replace("/", "_"), *_header_of(key)) for key in scores),
        Column("seconds", "time (s)", decimals=1),
        Column("selected", "selected", "flag"),
    )
    measured = ("updates", "best_updates", *scores, "seconds")
    rows = [
        row(
            run.path.as_posix(),
            [
                run.dataset,
                run.cell,
                *([run.variant_text or run.variant] if varied else []),
                run.layers,
                run.seed,
                *(sizes_in(run.result) | {"parameters": run.parameters}).values(),
                *(_result_of(run, key) for key in measured),
                run.path in selected,
            ],
            (run.path.as_posix(),),
        )
        for run in results.runs
    ]
    caption = (
        "Every finished run of the sweep. Losses and perplexity are per token of the run's own representation; "
        "bits per note can be compared between representations. Values are those of the best update. Recurrent "
        "parameters are those of the cells; numbers remembered are those of the state of one melody; operations are "
        "the multiplications, each with an addition, in the matrix products for one note."
        f"{_about_rhythm(results.runs)}{_why_without_bits(results)}"
    )
    return Table("Runs", caption, columns, tuple(rows))


def _scores_of(runs: Sequence[Run]) -> list[str]:
    """The scores of networks on held-out tunes, in the order of the columns; those that a run adds come last."""
    found = [key.partition("/")[2] for run in runs for key in run.result if key.startswith(_SCORED)]
    of_all = [score for score in _SCORES if score != BITS or not all(run.writes_rhythm for run in runs)]
    return [split + score for score in dict.fromkeys([*of_all, *found]) for split in _SCORED]


def _header_of(key: str) -> tuple[str, Kind, int]:
    split, _, score = key.partition("/")
    words, decimals = (_SCORES | _SCORES_WITH_RHYTHM).get(score, (score.replace("_", " "), 3))
    return f"{split} {words}", "number", decimals


def _about_rhythm(runs: Sequence[Run]) -> str:
    """A sentence for captions, about bits per note, if networks write rhythm."""
    if not any(run.writes_rhythm for run in runs):
        return ""
    text = " Bits per note with rhythm are the sum of pitch bits and rhythm bits."
    if all(run.writes_rhythm for run in runs):
        return text
    return (
        f"{text} They are not comparable with those of networks of pitches, which are all pitch bits. Pitch bits here "
        "are over the tunes that each network can write; in the table of likelihood they are over the same tunes."
    )


def _result_of(run: Run, key: str) -> Any:
    """A number of a run's result; all bits of a network of pitches are pitch bits."""
    value = run.result.get(key)
    if value is None and not run.writes_rhythm and key.endswith(f"/{BITS_OF_PITCH}"):
        return run.result.get(key.replace(BITS_OF_PITCH, BITS))
    return value


def _why_without_bits(results: StudyResults) -> str:
    return f" There are no bits per note: {results.without_bits}." if results.without_bits else ""


def _seeds(results: StudyResults) -> Table | None:
    rows = [_seeds_row(results, model) for model in results.models if len({run.seed for run in model.runs}) > 1]
    columns = (
        Column("model", "model", "text"),
        Column("seeds", "seeds", "integer"),
        *map(summary_column, TONALITY),
        *(Column(key.replace("/", "_"), _header_of(key)[0], "summary", 3) for key in _bits_of(results)),
    )
    caption = (
        "Mean over seeds ± standard deviation over seeds [95% t interval of the mean over seeds]; of the tonality "
        "metrics each seed's mean over its own songs."
        f"{_about_rhythm([run for model in results.models for run in model.runs])}{_why_without_bits(results)}"
    )
    return Table("Seeds", caption, columns, tuple(rows)) if rows else None


def _bits_of(results: StudyResults) -> list[str]:
    """The keys of the bits per note that a model has: of pitches alone, and of networks with rhythm."""
    kinds = [] if results.models and all(model.writes_rhythm for model in results.models) else [BITS]
    kinds += _SCORES_WITH_RHYTHM if results.has_rhythm else ()
    return [split + kind for kind in kinds for split in _SCORED]


def _seeds_row(results: StudyResults, model: Model) -> Row:
    songs = model_set(results, model)
    by_seed = results.songs_by_seed.get(model.name, {})
    measured = [
        ([e.summaries[metric].mean for e in by_seed.values() if metric in e.summaries], songs.sources)
        for metric in TONALITY
    ]
    measured += [([_number(run, key) for run in model.runs], songs.run_sources) for key in _bits_of(results)]
    cells = []
    for values, sources in measured:
        known = any(not math.isnan(value) for value in values)
        cells.append(Cell(over_seeds(values) if known else None, sources))
    return row(model.name, [model.title, len({run.seed for run in model.runs}), *cells], songs.sources)


def _chosen_songs(results: StudyResults, choice: str, title: str, caption: str) -> Table | None:
    columns = (
        Column("model", "model", "text"),
        Column("song", "song", "text"),
        *map(mean_column, TONALITY),
        Column("sum", "sum"),
        Column("distance_to_mean", "distance to mean", decimals=3),
        Column("distance_to_openings", "distance to openings", decimals=3),
    )
    rows = []
    for songs in model_sets(results):
        index = songs.evaluation.chosen.get(choice) if songs.evaluation.songs else None
        if index is None:
            rows.append(row(songs.name, [songs.title, *[None] * (len(columns) - 1)], songs.sources))
            continue
        metrics = [songs.score(metric, index) for metric in TONALITY]
        distances = [songs.evaluation.distances_to_mean[index], songs.distance_to_openings(index)]
        values = [*metrics, songs.tonality_sum(index), *distances]
        rows.append(row(songs.name, [songs.title, songs.evaluation.songs[index], *values], songs.song_sources(index)))
    return Table(title, caption, columns, tuple(rows)) if rows else None


def _left_out(results: StudyResults) -> Table | None:
    sets = [*model_sets(results), *references(results), *corpus_sets(results)]
    return left_out_table([line for songs in sets for line in left_out_rows(songs)])


def _number(run: Run, key: str) -> float:
    value = _result_of(run, key)
    return math.nan if value is None else float(value)
