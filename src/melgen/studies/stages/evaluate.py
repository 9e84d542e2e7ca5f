"""The stage evaluate: measure the songs, the corpus and the baselines; likelihood and embedding of every network."""

from __future__ import annotations

import dataclasses
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel, load_model
from melgen.data import Split
from melgen.evaluation import baseline_table
from melgen.evaluation.baseline_sets import baseline_evaluations, rhythm_baseline_evaluations
from melgen.evaluation.results import OPENINGS, SongSetEvaluation
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, evaluate_songs
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device
from melgen.generation.selection import selection_named
from melgen.generation.songs import melodies_by_song, write_songs
from melgen.music.melody import Melody
from melgen.scoring.likelihood import likelihood
from melgen.studies.comparing.tasks import tasks as comparison_tasks
from melgen.studies.embedding_fits import write_fits
from melgen.studies.names import (
    BASELINE_LIKELIHOOD_TASK,
    BASELINES,
    CORPUS,
    CORPUS_TASK,
    RHYTHM_BASELINES_TASK,
)
from melgen.studies.primers import StudyPrimer
from melgen.studies.probes.tasks import tasks as probe_tasks
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task

log = logging.getLogger(__name__)

BASELINE_METADATA = {"checkpoint": None, "updates": 0}
_SCORED_IN_TRAINING = {"validation": "val", "test": "test"}
"""Splits that a training scores, and what their keys in its result begin with."""


def tasks(study: Study) -> Iterator[Task]:
    """Tasks for the corpus, for the baselines, and for the songs, likelihood and embedding of each network."""
    settings, names = study.settings, study.names
    common = {"corpus": study.corpus.inputs, "options": settings.options.to_dict()}
    # Only where a network writes rhythm, so that what an older study has measured counts as done.
    rhythm: dict[str, Any] = {"rhythm": True} if study.runs.write_rhythm else {}
    notes = {"notes": settings.compared_notes}
    yield Task(CORPUS_TASK, common | notes | rhythm, partial(_evaluate_corpus, study))
    scored = [baseline.name for baseline in baseline_table.counting_baselines(with_rhythm=bool(rhythm))]
    sample = {"corpus": study.corpus.inputs, "sampled_by": settings.options.seed}
    yield Task(BASELINE_LIKELIHOOD_TASK, sample | {"baselines": scored} | rhythm, partial(_score_with_baselines, study))
    drawing = _drawing(study)
    writing = {"songs": settings.sampling["songs"], "notes": settings.notes, "seed": settings.sampling["seed"]}
    if rhythm:
        baselines = _names_of(baseline_table.RHYTHM_BASELINES)
        inputs = common | notes | {key: writing[key] for key in ("songs", "seed")} | drawing | baselines
        yield Task(RHYTHM_BASELINES_TASK, inputs, partial(_evaluate_rhythm_baselines, study))
    songs_of_baselines: dict[str, Any] = {}
    for primer in settings.primers:
        start = primer.inputs(lambda: study.corpus.inputs)
        written = writing | start | rhythm | drawing | _names_of(baseline_table.BASELINES)
        inputs = common | written
        yield Task(names.baselines_task(primer), inputs, partial(_evaluate_baselines, study, primer, writing))
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
            yield Task(names.likelihood_task(model, run), inputs, partial(_score_tunes, study, model, run))
            yield Task(names.embedding_task(model, run), weights, partial(_measure_embedding, study, model, run))
    yield from probe_tasks(study, rhythm, songs_of_baselines)
    yield from comparison_tasks(study, rhythm)


def _drawing(study: Study) -> dict[str, Any]:
    """How songs are drawn, by baselines as by networks."""
    drawing = {key: study.settings.sampling[key] for key in ("selection", "temperature", "top_k", "top_p")}
    return drawing | {"selection": selection_named(drawing["selection"])}


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
    return [_write(study, evaluation, CORPUS, name) for name, evaluation in evaluations.items()]


def _evaluate_baselines(study: Study, primer: StudyPrimer, options: Mapping[str, int]) -> Iterable[Path]:
    made: list[Path] = []
    if study.corpus.reference is None:
        return made
    start = study.corpus.start_of_songs(primer)
    written = baseline_evaluations(
        study.corpus.reference,
        start,
        songs=options["songs"],
        notes=options["notes"],
        seed=options["seed"],
        options=study.settings.options,
        common_tunes=_common_tunes(study, *Split) if study.runs.write_rhythm else None,
        sampling=_drawing(study),
    )
    for kind, (songs, evaluation) in written.items():
        named = dataclasses.replace(evaluation, name=f"{kind}{primer.suffix()}")
        melodies = [Melody.from_pitches(pitches) for pitches in songs.values()]
        made += _write_baseline(study, named, melodies, start, options["seed"])
    return made


def _evaluate_rhythm_baselines(study: Study) -> Iterable[Path]:
    """Measure songs of baselines that write rhythm; these begin without a primer."""
    assert study.corpus.reference is not None  # an encoded stream has no rhythm
    settings, seed = study.settings, study.settings.sampling["seed"]
    written = rhythm_baseline_evaluations(
        study.corpus.reference,
        settings.sampling["songs"],
        seed,
        settings.options,
        first_notes=settings.compared_notes,
        common_tunes=_common_tunes(study, Split.VALIDATION, Split.TEST),
        sampling=_drawing(study),
    )
    made: list[Path] = []
    for songs, evaluation in written.values():
        made += _write_baseline(study, evaluation, list(songs.values()), [], seed)
    return made


def _common_tunes(study: Study, *splits: Split) -> dict[Split, list[Melody]]:
    return {split: study.corpus.sample_of(split, study.corpus.common_tunes) for split in splits}


def _write_baseline(
    study: Study, evaluation: SongSetEvaluation, songs: Sequence[Melody], primer: Sequence[Any], seed: int
) -> Iterable[Path]:
    folder = study.names.set_folder(evaluation.name)
    made_by = {"model": evaluation.name, "primer": primer, "seed": seed}
    write_songs(folder, songs, BASELINE_METADATA | _drawing(study) | made_by)
    return [*folder.iterdir(), _write(study, evaluation, BASELINES, evaluation.name)]


def _evaluate_after(study: Study, model: Model, primer: StudyPrimer) -> Iterable[Path]:
    """Measure a model's songs after a primer other than the main one."""
    name = study.names.song_set(model, primer)
    return [_write(study, _evaluated(study, model, name, _songs_of(study, model, primer)), name)]


def _evaluate_run(study: Study, model: Model, run: Run) -> Iterable[Path]:
    folder = study.names.songs_folder(model, run)
    evaluation = _evaluated(study, model, f"{model.name}-seed{run.seed}", melodies_by_song(folder))
    return [_write(study, evaluation, model.name, f"seed{run.seed}")]


def _evaluate_model(study: Study, model: Model) -> Iterable[Path]:
    evaluation = _evaluated(study, model, model.name, _songs_of(study, model))
    made = [_write(study, evaluation, model.name)]
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


def _score_tunes(study: Study, model: Model, run: Run) -> Iterable[Path]:
    """Bits per note of each split; of the training tunes a sample as large as the test split."""
    assert run.checkpoint is not None
    trained = on_device(load_model(run.checkpoint), study.settings.config.generate.device)
    scores: dict[str, Any] = {}
    if study.corpus.data_of_runs.is_encoded:  # it holds no tunes; the training has scored the stream
        for split, prefix in _SCORED_IN_TRAINING.items():
            scores[f"bits_per_note/{split}"] = run.result.get(f"{prefix}/bits_per_note")
    path = study.names.likelihood_file(model, run)
    write_json(path, scores | _bits_by_split(study, trained))
    return [path]


def _score_with_baselines(study: Study) -> Iterable[Path]:
    """The same for the baselines that count tokens."""
    if study.corpus.reference is None:
        return
    tunes = list(study.corpus.reference.melodies_of(Split.TRAIN).values())
    for baseline in baseline_table.counting_baselines(with_rhythm=study.runs.write_rhythm):
        path = study.names.baseline_likelihood_file(baseline.name)
        write_json(path, _bits_by_split(study, baseline.fit(tunes)))
        yield path


def _bits_by_split(study: Study, trained: TrainedModel) -> dict[str, float]:
    """Bits per note of each split by a network or a baseline; none of an encoded stream."""
    scores: dict[str, float] = {}
    if not study.corpus.data_of_runs.is_encoded and not trained.has_rhythm:
        found = _scores_by_split(study, trained, study.corpus.data_of_runs.comparable)
        scores |= {f"bits_per_note/{split}": each["bits_per_note"] for split, each in found.items()}
    if study.runs.write_rhythm:
        for split, each in _scores_by_split(study, trained, study.corpus.common_tunes).items():
            if trained.has_rhythm:
                scores[f"pitch_bits_per_note/{split}"] = each["pitch_bits_per_note"]
                scores[f"rhythm_bits_per_note/{split}"] = each["rhythm_bits_per_note"]
                scores[f"bits_per_note_with_rhythm/{split}"] = each["bits_per_note_with_rhythm"]
            else:
                scores[f"pitch_bits_per_note/{split}"] = each["bits_per_note"]
    return scores


def _scores_by_split(study: Study, trained: TrainedModel, chosen: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """The scores of the chosen tunes of each split that has any."""
    tunes = {split.name.lower(): study.corpus.sample_of(split, chosen) for split in Split}
    return {split: likelihood(trained, each, np.ones(len(each), bool)) for split, each in tunes.items() if each}


def _measure_embedding(study: Study, model: Model, run: Run) -> Iterable[Path]:
    assert run.checkpoint is not None
    path = study.names.embedding_file(model, run)
    write_fits(path, load_model(run.checkpoint), study.corpus.data_of_runs)
    return [path]


def _write(study: Study, evaluation: SongSetEvaluation, *parts: str) -> Path:
    path = study.names.evaluation_file(*parts)
    write_json(path, evaluation.to_dict())
    return path
