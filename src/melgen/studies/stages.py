"""The stages of a study up to its numbers: sweep, select, generate, evaluate.

The first does its work; the others list their tasks, which the study's workbench does as far as they are not done
with the same inputs. Tables and figures, the last two stages, are in `melgen.studies.showing`.
"""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from melgen.checkpoint import load_model
from melgen.data import Split
from melgen.evaluation.embedding_geometry import embedding_geometry, frequent_values
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import (
    baseline_evaluations,
    corpus_evaluations,
    evaluate_openings,
    evaluate_songs,
)
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device, write_songs_by
from melgen.generation.songs import read_songs, write_songs
from melgen.music.melody import Melody
from melgen.runs.directory import RunDirectory
from melgen.studies.planning import training_arguments
from melgen.studies.primers import StudyPrimer
from melgen.studies.results import Model, Run
from melgen.studies.runs import check_same_corpus
from melgen.studies.selection import mean_criterion
from melgen.studies.study import CHECKPOINTS, CORPUS_TASK, LAYERS, WRITERS_TASK, Study
from melgen.studies.tasks import Task
from melgen.studies.trainings import train_all
from melgen.training.likelihood import likelihood

log = logging.getLogger(__name__)

WRITER_METADATA = {"selection": "roulette", "checkpoint": None, "updates": 0}


def sweep(study: Study) -> None:
    """Train what is not trained yet.

    Raises:
        ValueError: if a run's directory belongs to another run, or one is missing or has failed, unless
            ``select.on_missing=skip``.
    """
    if study.planned:
        open_ = study.open_runs
        log.info("  %d of %d runs finished in %s", len(study.planned) - len(open_), len(study.planned), study.home)
        study.warn_of_primers()
        if open_:
            train_all(study.planned, training_arguments(study.hydra), study.directory, *study.expected_seconds)
    else:
        log.info("  the runs in %s", study.home)
    study.check_complete()


def select(study: Study) -> Iterator[Task]:
    """Choose the networks that stand for the sweep."""
    study.check_complete()
    criterion = study.config.select.criterion
    check_same_corpus(study.runs)
    inputs = {
        "select": {key: value for key, value in study.config.select.items() if key != "on_missing"},
        "runs": {
            study.name_of(run): {"result": run.result, "best": study.checkpoint_digest(run)} for run in study.runs
        },
        "variants": {study.name_of(run): [run.variant, run.variant_text] for run in study.runs if run.variant_text},
    }
    path = study.directory / "selection.json"

    def make() -> Iterable[Path]:
        models = {model.name: _described(study, model, criterion) for model in study.models}
        write_json(path, {"criterion": criterion, "models": models})
        return [path]

    yield Task("select", inputs, make)


def generate(study: Study) -> Iterator[Task]:
    """Let every selected network write songs, after the same primer, or several, and of the same length."""
    for primer in study.primers:
        for model, run in study.each_run():
            options = study.sampling | {"seed": study.sampling["seed"] + run.seed}
            inputs = {"weights": study.checkpoint_digest(run), **_primer_inputs(study, primer), "options": options}
            make = partial(_generate, study, model, run, primer, options)
            yield Task(study.generate_task(model, run, primer), inputs, make)


def evaluate(study: Study) -> Iterator[Task]:
    """Measure the songs, the corpus, the trivial writers; likelihood and embedding of every selected network."""
    common = {"corpus": study.corpus_inputs, "options": study.options.to_dict()}
    length = study.main_primer.notes + study.sampling["notes"]
    yield Task(CORPUS_TASK, common | {"notes": length}, partial(_evaluate_corpus, study, length))
    writing = {key: study.sampling[key] for key in ("songs", "notes", "seed")}
    for primer in study.primers:
        inputs = common | writing | _primer_inputs(study, primer)
        task = f"{WRITERS_TASK}{primer.suffix()}"
        yield Task(task, inputs, partial(_evaluate_writers, study, primer, writing))
    for primer in study.primers[1:]:
        for model in study.models:
            songs = [study.bench.outputs_digest(study.generate_task(model, run, primer)) for run in model.runs]
            task = study.evaluate_task(model, None, primer)
            yield Task(task, common | {"songs": songs}, partial(_evaluate_after, study, model, primer))
    for model in study.models:
        songs = [study.bench.outputs_digest(study.generate_task(model, run)) for run in model.runs]
        if len(model.runs) > 1:
            for run, digest in zip(model.runs, songs, strict=True):
                inputs = common | {"songs": digest}
                yield Task(study.evaluate_task(model, run), inputs, partial(_evaluate_run, study, model, run))
        inputs = common | {"songs": songs}
        yield Task(study.evaluate_task(model), inputs, partial(_evaluate_model, study, model))
        for run in model.runs:
            weights = {"weights": study.checkpoint_digest(run), "corpus": study.corpus_inputs}
            name = (model.name, f"seed{run.seed}")
            inputs = weights | {"sampled_by": study.options.seed}
            yield Task("/".join(("likelihood", *name)), inputs, partial(_score_tunes, study, name, run))
            yield Task("/".join(("embedding", *name)), weights, partial(_measure_embedding, study, name, run))


def _primer_inputs(study: Study, primer: StudyPrimer) -> dict[str, Any]:
    """What the songs after a primer depend on; of openings the corpus that they are taken from, read or not."""
    if primer.pitches is not None:
        return {"primer": primer.plain}
    return {"primer": primer.plain, "primer_notes": primer.notes, "corpus": study.corpus_inputs}


def _generate(study: Study, model: Model, run: Run, primer: StudyPrimer, options: Mapping[str, Any]) -> Iterable[Path]:
    assert run.checkpoint is not None
    folder = study.songs_folder(model, run, primer)
    pitches = study.openings(primer)
    reader = RunDirectory(run.path).recorded_reader
    write_songs_by(load_model(run.checkpoint), folder, pitches, options, study.config.generate.device, reader)
    return folder.iterdir()


def _evaluate_after(study: Study, model: Model, primer: StudyPrimer) -> Iterable[Path]:
    """Measure a model's songs after a primer beside the main one."""
    name = study.set_name(model, primer)
    songs = _songs_of(study, model, model.runs, primer)
    return [_write(study, evaluate_songs(name, songs, study.reference, study.options), name)]


def _evaluate_corpus(study: Study, notes: int) -> Iterable[Path]:
    if study.reference is None:
        return []
    evaluations = dict(corpus_evaluations(study.reference, study.options))
    if study.reference.openings(Split.TEST, notes):
        evaluations[OPENINGS] = evaluate_openings(study.reference, notes, study.options)
    else:
        log.warning("no test tune has %d notes, so that there are no openings to compare songs with", notes)
    return [_write(study, evaluation, "corpus", name) for name, evaluation in evaluations.items()]


def _evaluate_writers(study: Study, primer: StudyPrimer, options: Mapping[str, int]) -> Iterable[Path]:
    made: list[Path] = []
    if study.reference is None:
        return made
    start = study.openings(primer)
    written = baseline_evaluations(study.reference, start, **options, options=study.options)
    for kind, (songs, evaluation) in written.items():
        name = f"{kind}{primer.suffix()}"
        evaluation = dataclasses.replace(evaluation, name=name)
        folder = study.directory / "songs" / name
        metadata = WRITER_METADATA | {"model": name, "primer": start, "seed": options["seed"]}
        write_songs(folder, [Melody.from_pitches(pitches) for pitches in songs.values()], metadata)
        made += [*folder.iterdir(), _write(study, evaluation, "writers", name)]
    return made


def _evaluate_run(study: Study, model: Model, run: Run) -> Iterable[Path]:
    songs = _songs_of(study, model, [run])
    own = {name.partition("/")[2]: pitches for name, pitches in songs.items()}
    evaluation = evaluate_songs(f"{model.name}-seed{run.seed}", own, study.reference, study.options)
    return [_write(study, evaluation, model.name, f"seed{run.seed}")]


def _evaluate_model(study: Study, model: Model) -> Iterable[Path]:
    evaluation = evaluate_songs(model.name, _songs_of(study, model, model.runs), study.reference, study.options)
    made = [_write(study, evaluation, model.name)]
    for kind, index in evaluation.chosen.items():
        path = study.directory / "representative" / f"{model.name}-{kind}.mid"
        path.parent.mkdir(exist_ok=True)
        shutil.copyfile(study.songs_folder(model) / f"{evaluation.songs[index]}.mid", path)
        made.append(path)
    return made


def _songs_of(
    study: Study, model: Model, runs: Iterable[Run], primer: StudyPrimer | None = None
) -> dict[str, tuple[int, ...]]:
    """Pitches by name: ``seed0/song_001``."""
    folders = [study.songs_folder(model, run, primer) for run in runs]
    return {f"{folder.name}/{name}": pitches for folder in folders for name, pitches in songs_in(folder).items()}


def songs_in(folder: Path) -> dict[str, tuple[int, ...]]:
    """Pitches of the songs that a network has written, by the names of their files; whatever else lies there."""
    melodies = read_songs(folder).melodies
    width = max(3, len(str(len(melodies))))
    return {f"song_{number:0{width}d}": melody.pitches for number, melody in enumerate(melodies, 1)}


def _score_tunes(study: Study, name: tuple[str, str], run: Run) -> Iterable[Path]:
    """Bits per note of each split; of the training tunes a sample as large as the test split."""
    assert run.checkpoint is not None
    trained = on_device(load_model(run.checkpoint), study.config.generate.device)
    if study.data_of_runs.is_encoded:  # scored in training, and nothing else knows what the values mean
        scores = {f"bits_per_note/{key}": run.result.get(f"{s}/bits_per_note") for key, s in _SCORED.items()}
    else:
        scores = {}
        for split in Split:
            chosen = np.flatnonzero((study.data_of_runs.splits == split) & study.data_of_runs.comparable)
            if split == Split.TRAIN:
                count = int(np.count_nonzero((study.data_of_runs.splits == Split.TEST) & study.data_of_runs.comparable))
                shuffled = np.random.default_rng(study.options.seed).permutation(chosen)
                chosen = np.sort(shuffled[: max(count, 1)])
            tunes = [study.data_of_runs.melodies.pitches_of(int(tune)) for tune in chosen]
            if tunes:
                bits = likelihood(trained, tunes, np.ones(len(tunes), bool))["bits_per_note"]
                scores[f"bits_per_note/{split.name.lower()}"] = bits
    path = study.directory / "likelihood" / name[0] / f"{name[1]}.json"
    write_json(path, scores)
    return [path]


_SCORED = {"validation": "val", "test": "test"}


def _measure_embedding(study: Study, name: tuple[str, str], run: Run) -> Iterable[Path]:
    """How the distances between frequent values follow musical ones."""
    assert run.checkpoint is not None
    trained = load_model(run.checkpoint)
    values = trained.vocabulary.values
    frequent = np.ones(len(values), bool)
    if not study.data_of_runs.is_encoded:
        counts = np.zeros(len(values), np.int64)
        for tune in study.data_of_runs.tunes_of(Split.TRAIN):
            for version in trained.representation.training_versions(tune):
                counts += np.bincount(trained.vocabulary.encode(version), minlength=len(values))
        frequent = frequent_values(counts)
    weights = trained.model.embedding.weight.detach().float().numpy()
    fits = embedding_geometry(weights[frequent], values[frequent])
    path = study.directory / "embedding" / name[0] / f"{name[1]}.json"
    write_json(path, {"values": values[frequent].tolist(), "fits": [fit._asdict() for fit in fits]})
    return [path]


def _write(study: Study, evaluation: SongSetEvaluation, *parts: str) -> Path:
    path = study.evaluation_file(*parts)
    write_json(path, evaluation.to_dict())
    return path


def _described(study: Study, model: Model, criterion: str) -> dict[str, Any]:
    candidates = [run for run in study.runs if run.pair == model.runs[0].pair]
    described: dict[str, Any] = {
        "layers": model.layers,
        "runs": [study.name_of(run) for run in model.runs],
        "checkpoints": [run.checkpoint.name for run in model.runs if run.checkpoint],
        criterion: mean_criterion(model.runs, criterion),
        "variant": model.variant_text,
    }
    if study.config.select.by == CHECKPOINTS:
        described["beyond_best"] = model.runs[0].beyond_best
    if study.config.select.by == LAYERS:
        described["candidates"] = {
            str(layers): {
                criterion: mean_criterion([run for run in candidates if run.layers == layers], criterion),
                "seeds": [run.seed for run in candidates if run.layers == layers],
            }
            for layers in sorted({run.layers for run in candidates})
        }
    return described
