"""The stage evaluate: measure the songs, the corpus and the baselines; likelihood and embedding of every network."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from melgen.checkpoint import load_model
from melgen.data import Split
from melgen.evaluation import baseline_table
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, evaluate_songs
from melgen.generation.songs import melodies_by_song
from melgen.music.melody import Melody
from melgen.studies.baseline_songs import drawing_of, evaluate_baselines, evaluate_rhythm_baselines
from melgen.studies.comparing.tasks import tasks as comparison_tasks
from melgen.studies.embedding_fits import write_fits
from melgen.studies.likelihoods import score_tunes, score_with_baselines
from melgen.studies.names import BASELINE_LIKELIHOOD_TASK, CORPUS, CORPUS_TASK, RHYTHM_BASELINES_TASK
from melgen.studies.primers import StudyPrimer
from melgen.studies.probes.tasks import tasks as probe_tasks
from melgen.studies.result_files import write_evaluation
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task

log = logging.getLogger(__name__)


def tasks(study: Study) -> Iterator[Task]:
    """Tasks for the corpus, for the baselines, and for the songs, likelihood and embedding of each network."""
    settings, names = study.settings, study.names
    common = {"corpus": study.corpus.inputs, "options": settings.options.to_dict()}
    # Only where a network writes rhythm, so that what an older study has measured counts as done.
    rhythm: dict[str, Any] = {"rhythm": True} if study.runs.write_rhythm else {}
    encodings: dict[str, Any] = {}
    if rhythm and (unusual := study.corpus.unusual_encodings):  # they decide which tunes are scored
        encodings = {"encodings": [encoding.describe() for encoding in unusual]}
        rhythm |= encodings
    notes = {"notes": settings.compared_notes}
    yield Task(CORPUS_TASK, common | notes | rhythm, partial(_evaluate_corpus, study))
    scored = [baseline.name for baseline in baseline_table.counting_baselines(with_rhythm=bool(rhythm))]
    sample = {"corpus": study.corpus.inputs, "sampled_by": settings.options.seed}
    yield Task(BASELINE_LIKELIHOOD_TASK, sample | {"baselines": scored} | rhythm, partial(score_with_baselines, study))
    drawing = drawing_of(study)
    writing = {"songs": settings.sampling["songs"], "notes": settings.notes, "seed": settings.sampling["seed"]}
    if rhythm:
        baselines = _names_of(baseline_table.RHYTHM_BASELINES)
        inputs = common | notes | {key: writing[key] for key in ("songs", "seed")} | drawing | baselines | encodings
        yield Task(RHYTHM_BASELINES_TASK, inputs, partial(evaluate_rhythm_baselines, study))
    songs_of_baselines: dict[str, Any] = {}
    for primer in settings.primers:
        start = primer.inputs(lambda: study.corpus.inputs)
        written = writing | start | rhythm | drawing | _names_of(baseline_table.BASELINES)
        inputs = common | written
        yield Task(names.baselines_task(primer), inputs, partial(evaluate_baselines, study, primer, writing))
        songs_of_baselines = songs_of_baselines or written  # those after the main primer
    for primer in settings.primers[1:]:
        for model in study.runs.models:
            inputs = common | {"songs": _songs_digests(study, model, primer)} | (notes if model.writes_rhythm else {})
            yield Task(names.evaluate_task(model, None, primer), inputs, partial(_evaluate_after, study, model, primer))
    for model in study.runs.models:
        songs = _songs_digests(study, model)
        measured = common | (notes if model.writes_rhythm else {})
        if len(model.runs) > 1:
            for run, digest in zip(model.runs, songs, strict=True):
                inputs = measured | {"songs": digest}
                yield Task(names.evaluate_task(model, run), inputs, partial(_evaluate_run, study, model, run))
        yield Task(names.evaluate_task(model), measured | {"songs": songs}, partial(_evaluate_model, study, model))
        for run in model.runs:
            weights = {"weights": study.weights_digest(run), "corpus": study.corpus.inputs}
            inputs = weights | {"sampled_by": settings.options.seed} | rhythm
            yield Task(names.likelihood_task(model, run), inputs, partial(score_tunes, study, model, run))
            yield Task(names.embedding_task(model, run), weights, partial(_measure_embedding, study, model, run))
    yield from probe_tasks(study, rhythm, songs_of_baselines)
    yield from comparison_tasks(study, rhythm)


def _names_of(baselines: Iterable[Any]) -> dict[str, list[str]]:
    """The baselines that write songs, as an input of a task."""
    return {"baselines": [baseline.name for baseline in baselines if baseline.writes_songs]}


def _songs_digests(study: Study, model: Model, primer: StudyPrimer | None = None) -> list[str]:
    return [study.bench.outputs_digest(study.names.generate_task(model, run, primer)) for run in model.runs]


def _evaluate_corpus(study: Study) -> Iterable[Path]:
    """Measure the whole tunes of each split, and openings that are as long as the songs."""
    reference, options, notes = study.corpus.reference, study.settings.options, study.settings.compared_notes
    if reference is None:
        return []
    with_rhythm = study.runs.write_rhythm
    evaluations = dict(corpus_evaluations(reference, options, with_rhythm=with_rhythm))
    if reference.openings(Split.TEST, notes):
        evaluations[OPENINGS] = evaluate_openings(reference, notes, options, with_rhythm=with_rhythm)
    else:
        log.warning("no test tune has %d notes, so that there are no openings to compare songs with", notes)
    return [write_evaluation(study.names, evaluation, CORPUS, name) for name, evaluation in evaluations.items()]


def _evaluate_after(study: Study, model: Model, primer: StudyPrimer) -> Iterable[Path]:
    """Measure a model's songs after a primer other than the main one."""
    name = study.names.song_set(model, primer)
    return [write_evaluation(study.names, _evaluated(study, model, name, _songs_of(study, model, primer)), name)]


def _evaluate_run(study: Study, model: Model, run: Run) -> Iterable[Path]:
    folder = study.names.songs_folder(model, run)
    evaluation = _evaluated(study, model, f"{model.name}-seed{run.seed}", melodies_by_song(folder))
    return [write_evaluation(study.names, evaluation, model.name, f"seed{run.seed}")]


def _evaluate_model(study: Study, model: Model) -> Iterable[Path]:
    evaluation = _evaluated(study, model, model.name, _songs_of(study, model))
    made = [write_evaluation(study.names, evaluation, model.name)]
    for kind, index in evaluation.chosen.items():
        path = study.directory / "representative" / f"{model.name}-{kind}.mid"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(study.names.songs_folder(model) / f"{evaluation.songs[index]}.mid", path)
        made.append(path)
    return made


def _evaluated(study: Study, model: Model, name: str, songs: Mapping[str, Melody]) -> SongSetEvaluation:
    first_notes = study.settings.compared_notes if model.writes_rhythm else None
    return evaluate_songs(name, songs, study.corpus.reference, study.settings.options, first_notes=first_notes)


def _songs_of(study: Study, model: Model, primer: StudyPrimer | None = None) -> dict[str, Melody]:
    """The songs of all its seeds by name: ``seed0/song_001``."""
    folders = [study.names.songs_folder(model, run, primer) for run in model.runs]
    return {f"{folder.name}/{name}": song for folder in folders for name, song in melodies_by_song(folder).items()}


def _measure_embedding(study: Study, model: Model, run: Run) -> Iterable[Path]:
    assert run.checkpoint is not None
    path = study.names.embedding_file(model, run)
    write_fits(path, load_model(run.checkpoint), study.corpus.data_of_runs)
    return [path]
