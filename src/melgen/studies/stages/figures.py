"""The stage figures: a task for each row of `FIGURES`, drawn as PDF and PNG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melgen.checkpoint import load_model
from melgen.evaluation.note_embedding import note_embedding
from melgen.evaluation.tonality import span_profile
from melgen.generation.songs import pitches_by_song
from melgen.studies import cost_validation
from melgen.studies.cost_validation import CostValidation
from melgen.studies.embedding_fits import fits_digest, read_fits
from melgen.studies.figures.distributions import metric_distributions, originality
from melgen.studies.figures.embedding import EmbeddingMap, embedding_maps
from melgen.studies.figures.learning import learning_curves
from melgen.studies.figures.learning_rates import learning_rates
from melgen.studies.figures.likelihood import likelihood
from melgen.studies.figures.paired_differences import paired_differences
from melgen.studies.figures.primers import primers
from melgen.studies.figures.probes import PROBE_FIGURES
from melgen.studies.figures.spans import span_profile as draw_span_profile
from melgen.studies.figures.style import save
from melgen.studies.figures.tonality import tonality_by_model
from melgen.studies.figures.validation import cost_validation as draw_cost_validation
from melgen.studies.results import Model, StudyResults
from melgen.studies.study import Study
from melgen.studies.tables.study_tables import build_tables
from melgen.studies.tasks import Task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPANS = range(5, 30)
"""The spans of the original's graph, in notes."""


def _nothing_else(study: Study) -> dict[str, Any]:
    return {}


def _always(study: Study) -> bool:
    return True


@dataclass(frozen=True)
class StudyFigure:
    """A figure of a study.

    Attributes:
        name: of its files below ``figures/``.
        draw: makes it of a study whose earlier stages are done.
        inputs: what it depends on in addition to the results, as plain data; if that changes, it is drawn again.
        applies: whether a study has it.
    """

    name: str
    draw: Callable[[Study], Figure]
    inputs: Callable[[Study], dict[str, Any]] = _nothing_else
    applies: Callable[[Study], bool] = _always


def tasks(study: Study) -> Iterator[Task]:
    """A task for each figure that applies to the study."""
    for figure in FIGURES:
        if not figure.applies(study):
            continue

        def make(figure: StudyFigure = figure) -> Iterable[Path]:
            return save(figure.draw(study), study.directory / "figures" / figure.name)

        yield Task(f"figures/{figure.name}", study.inputs_of_results | figure.inputs(study), make)


# --- the song against the span


def _draw_spans(study: Study) -> Figure:
    song, pitches = _song_for_spans(study)
    return draw_span_profile({song: span_profile(pitches, SPANS)}, SPANS, study.settings.options.span_notes)


def _inputs_of_spans(study: Study) -> dict[str, Any]:
    song, pitches = _song_for_spans(study)
    return {"song": song, "pitches": pitches, "span_notes": study.settings.options.span_notes}


def _song_for_spans(study: Study) -> tuple[str, list[int]]:
    """The configured song, or the first model's nearest to the openings: its name and pitches.

    Raises:
        ValueError: for a song that is not one of a selected network.
    """
    wanted = study.settings.config.figures.span_song
    if wanted is None:
        model = study.runs.models[0]
        found = study.results.songs[model.name]
        wanted = f"{model.name}/{found.songs[found.first]}"
    folder, _, name = str(wanted).rpartition("/")
    folders = {f"{model.name}/seed{run.seed}": (model, run) for model, run in study.runs.of_models()}
    songs = pitches_by_song(study.names.songs_folder(*folders[folder])) if folder in folders else {}
    if name not in songs:
        raise ValueError(
            f"figures.span_song={wanted}: no such song; {study.directory / 'songs'} holds those of the selected "
            f"networks, such as {min(folders)}/song_001"
        )
    return str(wanted), list(songs[name])


# --- cross-entropy as a cost


def _draw_cost_validation(study: Study) -> Figure:
    tonality = build_tables(study.results)["tonality"]
    found = CostValidation.of(study.results, tonality, study.settings.criterion, study.settings.options)
    # A panel has room for the correlation of one training; those of several are in the table.
    of_one = {} if found.has_several else next(iter(found.correlations.values()))
    correlations = {name: (one.coefficient, one.low, one.high) for name, one in of_one.items()}
    return draw_cost_validation(
        found.updates,
        found.losses,
        found.measures,
        correlations,
        found.references,
        beyond_best=found.beyond_best,
        trainings=found.trainings,
    )


# --- embeddings


def _draw_embedding_maps(study: Study) -> Figure:
    return embedding_maps([_map_of(study, model) for model in _models_with_maps(study)])


def _inputs_of_embedding_maps(study: Study) -> dict[str, Any]:
    return {
        "weights": {model.name: study.weights_digest(model.runs[0]) for model in _models_with_maps(study)},
        "fits": fits_digest(study.names, study.bench, study.runs.of_models()),
    }


def _models_with_maps(study: Study) -> list[Model]:
    """The networks of one cell, a row of the figure each: of the configured cell, or the first if there is none."""
    cells = list(dict.fromkeys(model.cell for model in study.runs.models))
    cell = study.settings.config.figures.embedding_cell
    cell = cell if cell in cells else cells[0]
    return [model for model in study.runs.models if model.cell == cell][:3]


def _map_of(study: Study, model: Model) -> EmbeddingMap:
    run = model.runs[0]
    assert run.checkpoint is not None
    trained = load_model(run.checkpoint)
    numbers, weights = note_embedding(trained.model, trained.representation, trained.vocabulary, trained.rhythm)
    values = [int(value) for value in numbers]
    return EmbeddingMap(
        model.title,
        weights,
        [trained.representation.value_name(value) for value in values],
        values,
        read_fits(study.names.embedding_file(model, run)),
    )


def _figure_of_probe(name: str, draw: Callable[[StudyResults], Figure]) -> StudyFigure:
    """The figure of a probe, in a study that has probed something."""
    return StudyFigure(
        name, lambda study: draw(study.results), applies=lambda study: bool(getattr(study.results.probes, name))
    )


FIGURES = [
    StudyFigure("learning_curves", lambda study: learning_curves(study.results)),
    StudyFigure(
        "learning_rates", lambda study: learning_rates(study.results), applies=lambda study: study.rates is not None
    ),
    StudyFigure("tonality", lambda study: tonality_by_model(study.results)),
    StudyFigure("primers", lambda study: primers(study.results), applies=lambda study: len(study.settings.primers) > 1),
    StudyFigure("distributions", lambda study: metric_distributions(study.results)),
    StudyFigure("likelihood", lambda study: likelihood(study.results)),
    StudyFigure(
        "paired_differences",
        lambda study: paired_differences(study.results),
        applies=lambda study: study.runs.compared is not None,
    ),
    *(_figure_of_probe(name, draw) for name, draw in PROBE_FIGURES.items()),
    StudyFigure(
        "originality", lambda study: originality(study.results), applies=lambda study: bool(study.results.corpus)
    ),
    StudyFigure("spans", _draw_spans, _inputs_of_spans),
    StudyFigure(cost_validation.NAME, _draw_cost_validation, applies=lambda study: study.settings.is_by_checkpoints),
    StudyFigure(
        "embedding_maps",
        _draw_embedding_maps,
        _inputs_of_embedding_maps,
        applies=lambda study: not study.settings.is_by_checkpoints,
    ),
]
"""All figures, in the order in which they are drawn. A figure of one's own is a row more, added by a module that
``imports=[...]`` names."""
