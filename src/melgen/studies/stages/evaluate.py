"""The stage evaluate: measure the songs, the corpus and the baselines; likelihood and embedding of every network."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from melgen.checkpoint import TrainedModel, load_model
from melgen.data import MelodyDataModule, Split
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import (
    baseline_evaluations,
    corpus_evaluations,
    evaluate_openings,
    evaluate_songs,
)
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device
from melgen.generation.songs import pitches_by_song, write_songs
from melgen.music.melody import Melody
from melgen.studies.embedding_fits import write_fits
from melgen.studies.names import BASELINES, CORPUS, CORPUS_TASK
from melgen.studies.primers import StudyPrimer
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task
from melgen.training.likelihood import likelihood

log = logging.getLogger(__name__)

BASELINE_METADATA = {"selection": "sample", "checkpoint": None, "updates": 0}
_SCORED_IN_TRAINING = {"validation": "val", "test": "test"}
"""Splits that a training scores, and what their keys in its result begin with."""


def tasks(study: Study) -> Iterator[Task]:
    """Tasks for the corpus, for the baselines, and for the songs, likelihood and embedding of each network."""
    settings, names = study.settings, study.names
    common = {"corpus": study.corpus.inputs, "options": settings.options.to_dict()}
    length = settings.main_primer.notes + settings.sampling["notes"]
    yield Task(CORPUS_TASK, common | {"notes": length}, partial(_evaluate_corpus, study, length))
    writing = {key: settings.sampling[key] for key in ("songs", "notes", "seed")}
    for primer in settings.primers:
        inputs = common | writing | primer.inputs(lambda: study.corpus.inputs)
        yield Task(names.baselines_task(primer), inputs, partial(_evaluate_baselines, study, primer, writing))
    for primer in settings.primers[1:]:
        for model in study.runs.models:
            inputs = common | {"songs": _songs_digests(study, model, primer)}
            yield Task(names.evaluate_task(model, None, primer), inputs, partial(_evaluate_after, study, model, primer))
    for model in study.runs.models:
        songs = _songs_digests(study, model)
        if len(model.runs) > 1:
            for run, digest in zip(model.runs, songs, strict=True):
                inputs = common | {"songs": digest}
                yield Task(names.evaluate_task(model, run), inputs, partial(_evaluate_run, study, model, run))
        yield Task(names.evaluate_task(model), common | {"songs": songs}, partial(_evaluate_model, study, model))
        for run in model.runs:
            weights = {"weights": study.weights_digest(run), "corpus": study.corpus.inputs}
            inputs = weights | {"sampled_by": settings.options.seed}
            yield Task(names.likelihood_task(model, run), inputs, partial(_score_tunes, study, model, run))
            yield Task(names.embedding_task(model, run), weights, partial(_measure_embedding, study, model, run))


def _songs_digests(study: Study, model: Model, primer: StudyPrimer | None = None) -> list[str]:
    return [study.bench.outputs_digest(study.names.generate_task(model, run, primer)) for run in model.runs]


def _evaluate_corpus(study: Study, notes: int) -> Iterable[Path]:
    """Measure the whole tunes of each split, and openings of `notes` notes."""
    reference, options = study.corpus.reference, study.settings.options
    if reference is None:
        return []
    evaluations = dict(corpus_evaluations(reference, options))
    if reference.openings(Split.TEST, notes):
        evaluations[OPENINGS] = evaluate_openings(reference, notes, options)
    else:
        log.warning("no test tune has %d notes, so that there are no openings to compare songs with", notes)
    return [_write(study, evaluation, CORPUS, name) for name, evaluation in evaluations.items()]


def _evaluate_baselines(study: Study, primer: StudyPrimer, options: Mapping[str, int]) -> Iterable[Path]:
    made: list[Path] = []
    if study.corpus.reference is None:
        return made
    start = study.corpus.start_of_songs(primer)
    written = baseline_evaluations(study.corpus.reference, start, **options, options=study.settings.options)
    for kind, (songs, evaluation) in written.items():
        name = f"{kind}{primer.suffix()}"
        evaluation = dataclasses.replace(evaluation, name=name)
        folder = study.names.set_folder(name)
        metadata = BASELINE_METADATA | {"model": name, "primer": start, "seed": options["seed"]}
        write_songs(folder, [Melody.from_pitches(pitches) for pitches in songs.values()], metadata)
        made += [*folder.iterdir(), _write(study, evaluation, BASELINES, name)]
    return made


def _evaluate_after(study: Study, model: Model, primer: StudyPrimer) -> Iterable[Path]:
    """Measure a model's songs after a primer beside the main one."""
    name = study.names.song_set(model, primer)
    songs = _songs_of(study, model, model.runs, primer)
    return [_write(study, evaluate_songs(name, songs, study.corpus.reference, study.settings.options), name)]


def _evaluate_run(study: Study, model: Model, run: Run) -> Iterable[Path]:
    songs = pitches_by_song(study.names.songs_folder(model, run))
    name = f"{model.name}-seed{run.seed}"
    evaluation = evaluate_songs(name, songs, study.corpus.reference, study.settings.options)
    return [_write(study, evaluation, model.name, f"seed{run.seed}")]


def _evaluate_model(study: Study, model: Model) -> Iterable[Path]:
    songs = _songs_of(study, model, model.runs)
    evaluation = evaluate_songs(model.name, songs, study.corpus.reference, study.settings.options)
    made = [_write(study, evaluation, model.name)]
    for kind, index in evaluation.chosen.items():
        path = study.directory / "representative" / f"{model.name}-{kind}.mid"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(study.names.songs_folder(model) / f"{evaluation.songs[index]}.mid", path)
        made.append(path)
    return made


def _songs_of(
    study: Study, model: Model, runs: Iterable[Run], primer: StudyPrimer | None = None
) -> dict[str, tuple[int, ...]]:
    """Pitches by name: ``seed0/song_001``."""
    folders = [study.names.songs_folder(model, run, primer) for run in runs]
    return {f"{folder.name}/{name}": pitches for folder in folders for name, pitches in pitches_by_song(folder).items()}


def _score_tunes(study: Study, model: Model, run: Run) -> Iterable[Path]:
    """Bits per note of each split; of the training tunes a sample as large as the test split."""
    assert run.checkpoint is not None
    trained = on_device(load_model(run.checkpoint), study.settings.config.generate.device)
    data = study.corpus.data_of_runs
    if data.is_encoded:  # it holds no tunes; the training has scored the stream
        scores = {
            f"bits_per_note/{split}": run.result.get(f"{prefix}/bits_per_note")
            for split, prefix in _SCORED_IN_TRAINING.items()
        }
    else:
        tunes = {split.name.lower(): _scored_tunes(data, split, study.settings.options.seed) for split in Split}
        scores = {f"bits_per_note/{split}": _bits_per_note(trained, found) for split, found in tunes.items() if found}
    path = study.names.likelihood_file(model, run)
    write_json(path, scores)
    return [path]


def _scored_tunes(data: MelodyDataModule, split: Split, seed: int) -> list[Melody]:
    chosen = np.flatnonzero((data.splits == split) & data.comparable)
    if split == Split.TRAIN:
        count = int(np.count_nonzero((data.splits == Split.TEST) & data.comparable))
        shuffled = np.random.default_rng(seed).permutation(chosen)
        chosen = np.sort(shuffled[: max(count, 1)])
    return [data.melodies[int(tune)] for tune in chosen]


def _bits_per_note(trained: TrainedModel, tunes: Sequence[Melody]) -> float:
    return likelihood(trained, tunes, np.ones(len(tunes), bool))["bits_per_note"]


def _measure_embedding(study: Study, model: Model, run: Run) -> Iterable[Path]:
    assert run.checkpoint is not None
    path = study.names.embedding_file(model, run)
    write_fits(path, load_model(run.checkpoint), study.corpus.data_of_runs)
    return [path]


def _write(study: Study, evaluation: SongSetEvaluation, *parts: str) -> Path:
    path = study.names.evaluation_file(*parts)
    write_json(path, evaluation.to_dict())
    return path
