"""The last stages of a study: its tables and figures, from what the earlier ones have found."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgen.checkpoint import load_model
from melgen.evaluation.embedding_geometry import GeometryFit
from melgen.evaluation.tonality import span_profile
from melgen.files import write_text
from melgen.pages.writing import write_report
from melgen.studies.cost_validation import CostValidation
from melgen.studies.figures.distributions import metric_distributions, originality
from melgen.studies.figures.embedding import EmbeddingMap, embedding_maps
from melgen.studies.figures.learning import learning_curves
from melgen.studies.figures.likelihood import likelihood
from melgen.studies.figures.primers import primers
from melgen.studies.figures.spans import span_profile as span_figure
from melgen.studies.figures.style import save
from melgen.studies.figures.tonality import tonality_by_model
from melgen.studies.figures.validation import cost_validation
from melgen.studies.results import Model
from melgen.studies.stages import songs_in
from melgen.studies.study import CHECKPOINTS, Study
from melgen.studies.tables.paper import paper_sources, paper_tables
from melgen.studies.tables.study_tables import build_tables
from melgen.studies.tasks import Task, digest_of
from melgen.tables.table import Column, Table, row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPANS = range(5, 30)
"""Of the original's span graph."""
COST_VALIDATION, EMBEDDING_GEOMETRY = "cost_validation", "embedding_geometry"


def tables(study: Study) -> Iterator[Task]:
    """Write every table as CSV, Markdown and LaTeX, and the LaTeX lines of the paper."""
    folder = study.directory / "tables"

    def make() -> Iterable[Path]:
        cells: dict[str, Any] = {}
        for name, table in _all_tables(study).items():
            for ending, text in (("csv", table.to_csv()), ("md", table.to_markdown()), ("tex", table.to_latex())):
                path = folder / f"{name}.{ending}"
                write_text(path, text)
                yield path
            cells[f"tables/{name}"] = table.sources()
        for name, text in paper_tables(study.results).items():
            write_text(folder / "paper" / name, text)
            yield folder / "paper" / name
        cells.update({f"tables/paper/{name}": sources for name, sources in paper_sources(study.results).items()})
        study.bench.describe(cells=cells)

    yield Task("tables", _shown(study) | {"embeddings": _embeddings_digest(study)}, make)


def figures(study: Study) -> Iterator[Task]:
    """Draw every figure, as PDF and PNG."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # tells how it shrinks the fonts of each PDF
    for name, (inputs, draw) in _figures(study):

        def make(name: str = name, draw: Callable[[], Figure] = draw) -> Iterable[Path]:
            return save(draw(), study.directory / "figures" / name)

        yield Task(f"figures/{name}", _shown(study) | inputs, make)


def report(study: Study) -> Iterator[Task]:
    """Make the page to look at and to play: of the selected networks, their songs, and all runs."""
    inputs = {
        "results": study.results_digest,
        "files": digest_of(study.bench.outputs_of_all(but="report")),
        "study": digest_of(study.description),
    }

    def make() -> Iterable[Path]:
        study.describe()  # the page says what was asked for, and from which runs it came
        return [write_report(study.directory, kind="study", cache_dir=study.config.cache_dir)]

    yield Task("report", inputs, make)


def _shown(study: Study) -> dict[str, Any]:
    """What every table and figure depends on."""
    return {
        "results": study.results_digest,
        "select": {key: study.config.select[key] for key in ("by", "criterion")},
        "options": study.options.to_dict(),
    }


def _all_tables(study: Study) -> dict[str, Table]:
    made = build_tables(study.results)
    made[EMBEDDING_GEOMETRY] = _geometry_table(study)
    if study.config.select.by == CHECKPOINTS:
        made[COST_VALIDATION] = _validation(study, made["tonality"]).table(study.results)
    return made


def _figures(study: Study) -> Iterator[tuple[str, tuple[dict[str, Any], Callable[[], Figure]]]]:
    """Name of each figure, what it depends on besides the results, and how to draw it."""
    yield "learning_curves", ({}, lambda: learning_curves(study.results))
    yield "tonality", ({}, lambda: tonality_by_model(study.results))
    if len(study.primers) > 1:
        yield "primers", ({}, lambda: primers(study.results))
    yield "distributions", ({}, lambda: metric_distributions(study.results))
    yield "likelihood", ({}, lambda: likelihood(study.results))
    if study.results.corpus:
        yield "originality", ({}, lambda: originality(study.results))
    song, pitches = _song_for_spans(study)
    span_notes = study.options.span_notes
    yield (
        "spans",
        (
            {"song": song, "pitches": pitches, "span_notes": span_notes},
            lambda: span_figure({song: span_profile(pitches, SPANS)}, SPANS, span_notes),
        ),
    )
    if study.config.select.by == CHECKPOINTS:
        yield COST_VALIDATION, ({}, lambda: _draw_validation(study))
    else:
        embedded = _models_with_maps(study)
        weights = {model.name: study.checkpoint_digest(model.runs[0]) for model in embedded}
        yield (
            "embedding_maps",
            (
                {"weights": weights, "fits": _embeddings_digest(study)},
                lambda: embedding_maps([_map(study, model) for model in embedded]),
            ),
        )


def _validation(study: Study, tonality: Table) -> CostValidation:
    return CostValidation.of(study.results, tonality, study.config.select.criterion, study.options)


def _draw_validation(study: Study) -> Figure:
    found = _validation(study, build_tables(study.results)["tonality"])
    correlations = {name: (one.coefficient, one.low, one.high) for name, one in found.correlations.items()}
    return cost_validation(
        found.updates,
        found.losses,
        found.measures,
        correlations,
        found.references,
        beyond_best=found.beyond_best,
        trainings=found.trainings,
    )


def _song_for_spans(study: Study) -> tuple[str, list[int]]:
    """The song of the span figure: the configured one, or the first model's nearest to the openings.

    Raises:
        ValueError: for a song that no selected network has written.
    """
    wanted = study.config.figures.span_song
    if wanted is None:
        model = study.models[0]
        found = study.results.songs[model.name]
        wanted = f"{model.name}/{found.songs[found.first]}"
    folder, _, name = str(wanted).rpartition("/")
    of_selected = {f"{model.name}/seed{run.seed}" for model, run in study.each_run()}
    songs = songs_in(study.directory / "songs" / folder) if folder in of_selected else {}
    if name not in songs:
        raise ValueError(
            f"figures.span_song={wanted}: no such song; {study.directory / 'songs'} holds those of the selected "
            f"networks, such as {min(of_selected)}/song_001"
        )
    return str(wanted), list(songs[name])


def _models_with_maps(study: Study) -> list[Model]:
    """The networks of one cell, a row of the figure each; those of the first cell, where the sweep lacks it."""
    cells = list(dict.fromkeys(model.cell for model in study.models))
    cell = study.config.figures.embedding_cell
    cell = cell if cell in cells else cells[0]
    return [model for model in study.models if model.cell == cell][:3]


def _map(study: Study, model: Model) -> EmbeddingMap:
    run = model.runs[0]
    assert run.checkpoint is not None
    trained = load_model(run.checkpoint)
    values = [int(value) for value in trained.vocabulary.values]
    return EmbeddingMap(
        model.title,
        trained.model.embedding.weight.detach().float().numpy(),
        [trained.representation.value_name(value) for value in values],
        values,
        _fits(study, model, run.seed),
    )


def _fits(study: Study, model: Model, seed: int) -> list[GeometryFit]:
    path = study.directory / "embedding" / model.name / f"seed{seed}.json"
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["fits"]
    return [_fit({key: math.nan if value is None else value for key, value in fit.items()}) for fit in found]


def _fit(parts: dict[str, Any]) -> GeometryFit:
    return GeometryFit(**parts)


def _embeddings_digest(study: Study) -> list[str]:
    return [study.bench.outputs_digest(f"embedding/{model.name}/seed{run.seed}") for model, run in study.each_run()]


def _geometry_table(study: Study) -> Table:
    columns = (
        Column("model", "model", "text"),
        Column("seed", "seed", "integer"),
        Column("metric", "distance between rows", "text"),
        Column("geometry", "musical distance", "text"),
        Column("correlation", "rank correlation"),
        Column("p_value", "p", decimals=4),
        Column("partial", "partial correlation"),
        Column("partial_p_value", "p of the partial", decimals=4),
        Column("count", "values", "integer"),
    )
    rows = []
    for model, run in study.each_run():
        for fit in _fits(study, model, run.seed):
            key = f"{model.name}/seed{run.seed}/{fit.metric}/{fit.geometry}"
            rows.append(row(key, [model.title, run.seed, *fit], (study.name_of(run),)))
    return Table(
        "Embeddings and musical distance",
        "Mantel test: rank correlation, over all pairs of values, of the distance between their rows in the embedding "
        "with their distance on the circle of fifths, and in semitones; the partial correlation holds the other "
        "musical distance fixed. Values that make up 99% of the training notes.",
        columns,
        tuple(rows),
    )
