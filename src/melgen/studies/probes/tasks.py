"""Probe the selected networks: tasks of the stage evaluate, see `melgen.evaluation.probes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel, load_model
from melgen.data import Split
from melgen.evaluation import baseline_table
from melgen.evaluation.probes import COPYING, MEMORIZATION, SIMILARITY, STATES
from melgen.evaluation.probes.copied_bits import POSITIONS
from melgen.evaluation.probes.copying import LEAST_NOTES
from melgen.evaluation.probes.labels import commonest_metre
from melgen.evaluation.probes.linear import LEAST_TUNES_OF_CLASS, SHRINKAGES, SHUFFLES
from melgen.evaluation.probes.similarity import NGRAM_INTERVALS, nearest_training_tunes
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device
from melgen.music.melody import Melody
from melgen.music.rhythms import PaperPairs
from melgen.scoring.likelihood import NOTES
from melgen.studies.comparing.bits_of_tunes import sum_of_bits
from melgen.studies.names import PROBED_BASELINES
from melgen.studies.probes import memorization_tasks
from melgen.studies.probes.measuring import MOST_NOTES, measure_copying, measure_states
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task

_DEFINITIONS: Mapping[str, dict[str, Any]] = {
    COPYING: {"least_notes": LEAST_NOTES, "positions": list(POSITIONS)},
    STATES: {
        "tunes": "the same for all networks",
        "most_notes": MOST_NOTES,
        "least_of_class": LEAST_TUNES_OF_CLASS,
        "shrinkages": list(SHRINKAGES),
        "shuffles": SHUFFLES,
    },
    SIMILARITY: {"ngram": NGRAM_INTERVALS},
}
"""The definitions on which a probe's numbers depend, besides weights and corpus: a changed one measures again."""


def tasks(study: Study, rhythm: dict[str, Any], songs_of_baselines: Mapping[str, Any]) -> Iterator[Task]:
    """A task for each probe and each run of each selected network, and for what is common to all.

    Args:
        rhythm: inputs of tasks where a network writes rhythm.
        songs_of_baselines: inputs of the task that writes the songs of the baselines.
    """
    names, probes = study.names, study.settings.probes
    corpus = {"corpus": study.corpus.inputs, "sampled_by": study.settings.options.seed} | rhythm
    if SIMILARITY in probes:
        inputs = corpus | _DEFINITIONS[SIMILARITY]
        yield Task(names.probe_task(SIMILARITY), inputs, partial(_find_nearest_tunes, study))
    if COPYING in probes and study.runs.write_pitches:
        inputs = corpus | _DEFINITIONS[COPYING] | {"baselines": list(PROBED_BASELINES)}
        yield Task(names.probe_task(COPYING), inputs, partial(_probe_baselines, study))
    makers = {COPYING: _probe_copying, STATES: _probe_states, SIMILARITY: _score_tunes}
    for probe, make in makers.items():
        if probe not in probes:
            continue
        for model, run in study.runs.of_models():
            inputs = corpus | _DEFINITIONS[probe] | {"weights": study.weights_digest(run)}
            if run.rhythm == PaperPairs.name:  # an earlier melgen attributed the intervals to the note before
                inputs["intervals"] = "of the note that they lead to"
            yield Task(names.probe_task(probe, model, run), inputs, partial(make, study, model, run))
    if MEMORIZATION in probes and study.settings.is_by_layers:  # other models are stages of one training
        yield from memorization_tasks.tasks(study, songs_of_baselines)


def _probe_copying(study: Study, model: Model, run: Run) -> Iterable[Path]:
    if study.corpus.data_of_runs.is_encoded:  # it holds no tunes
        return
    tunes = study.corpus.melodies(study.corpus.test_tunes(run.writes_rhythm))
    path = study.names.probe_file(COPYING, model, run)
    write_json(path, measure_copying(_trained(study, run), tunes, study.settings.options.seed))
    yield path


def _probe_baselines(study: Study) -> Iterable[Path]:
    """Copying by baselines: one that cannot copy, and one that can do nothing else."""
    reference = study.corpus.reference
    if reference is None:
        return
    training = list(reference.melodies_of(Split.TRAIN).values())
    tunes = study.corpus.melodies(study.corpus.test_tunes(with_rhythm=False))
    for baseline in baseline_table.counting_baselines(with_rhythm=False):
        if baseline.name in PROBED_BASELINES:
            path = study.names.probe_of_baseline_file(COPYING, baseline.name)
            write_json(path, measure_copying(baseline.fit(training), tunes, study.settings.options.seed))
            yield path


def _probe_states(study: Study, model: Model, run: Run) -> Iterable[Path]:
    data = study.corpus.data_of_runs
    if data.is_encoded:
        return
    # The same tunes and the same metre for all networks, so that their accuracies can be compared.
    chosen = study.corpus.counted_tunes(with_rhythm=study.runs.write_rhythm)
    parts = {split: _some_tunes(study, split, chosen) for split in Split}
    training = np.flatnonzero((data.splits == Split.TRAIN) & chosen)
    metre = commonest_metre(data.melodies[int(tune)] for tune in training)
    path = study.names.probe_file(STATES, model, run)
    write_json(path, measure_states(_trained(study, run), parts, metre, study.settings.options.seed))
    yield path


def _find_nearest_tunes(study: Study) -> Iterable[Path]:
    """The similarity of each test tune to its nearest training tune."""
    data = study.corpus.data_of_runs
    if data.is_encoded:
        return
    test, training = (np.flatnonzero(data.splits == split) for split in (Split.TEST, Split.TRAIN))
    pitches = [[data.melodies.pitches_of(int(tune)) for tune in tunes] for tunes in (test, training)]
    found = nearest_training_tunes(pitches[0], pitches[1])
    nearest = [data.melodies[int(training[tune])].source if tune >= 0 else None for tune in found.tune]
    shares = [None if np.isnan(share) else float(share) for share in found.share]
    path = study.names.nearest_tunes_file
    write_json(path, {"tunes": test.tolist(), "share": shares, "nearest": nearest})
    yield path


def _score_tunes(study: Study, model: Model, run: Run) -> Iterable[Path]:
    if study.corpus.data_of_runs.is_encoded:
        return
    numbers, found = study.corpus.test_tunes(run.writes_rhythm), study.tune_scores.of(run)
    path = study.names.probe_file(SIMILARITY, model, run)
    write_json(path, {"tunes": numbers.tolist(), "bits": sum_of_bits(found).tolist(), "notes": found[NOTES].tolist()})
    yield path


def _trained(study: Study, run: Run) -> TrainedModel:
    assert run.checkpoint is not None
    return on_device(load_model(run.checkpoint), study.settings.config.generate.device)


def _some_tunes(study: Study, split: Split, chosen: NDArray[np.bool_]) -> list[Melody]:
    """Tunes of a split in random order, up to about `MOST_NOTES` notes."""
    data = study.corpus.data_of_runs
    numbers = np.flatnonzero((data.splits == split) & chosen)
    numbers = np.random.default_rng(study.settings.options.seed).permutation(numbers)
    before = np.cumsum(data.melodies.lengths[numbers]) - data.melodies.lengths[numbers]
    return study.corpus.melodies(numbers[before < MOST_NOTES])
