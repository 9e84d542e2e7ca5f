"""Compare the cells of a study: tasks of the stage evaluate, for studies with several seeds of several cells."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from melgen.bit_names import BITS, BITS_WITH_RHYTHM
from melgen.data import Split
from melgen.evaluation.comparing_cells.compare import Trainings, compare_all
from melgen.files import write_json
from melgen.studies.comparing.bits_of_tunes import read_tune_bits, write_tune_bits
from melgen.studies.comparing.cell_pairs import CellPairs
from melgen.studies.names import COMPARISONS_TASK
from melgen.studies.results import Model, Run
from melgen.studies.study import Study
from melgen.studies.tasks import Task


def tasks(study: Study, rhythm: dict[str, Any]) -> Iterator[Task]:
    """Score each test tune with every network that is compared, then compare them.

    Nothing if no two cells have enough seeds in common; so what an older study of one seed has measured is all done.

    Args:
        rhythm: inputs of tasks where a network writes rhythm.
    """
    compared = study.runs.compared
    if compared is None:
        return
    weights: dict[str, str] = {}
    for model in compared.models:
        for run in model.runs:
            weights[study.runs.name_of(run)] = study.weights_digest(run)
            inputs = {"weights": study.weights_digest(run), "corpus": study.corpus.inputs} | rhythm
            yield Task(study.names.tune_bits_task(model, run), inputs, partial(_score_each_tune, study, model, run))
    options = study.settings.comparing
    inputs = {
        "weights": weights,
        "corpus": study.corpus.inputs,
        "reference": compared.reference,
        "region_bits": options.region_bits,
        "drawing": [options.confidence, options.resamples, options.seed],
        "pairs": [[pair.setting, pair.model.title, pair.reference.title] for pair in compared.pairs],
    } | rhythm  # fmt: skip
    yield Task(COMPARISONS_TASK, inputs, partial(_compare, study, compared))


def _score_each_tune(study: Study, model: Model, run: Run) -> Iterable[Path]:
    """The bits of each test tune: the same tunes as those of the run's bits per note."""
    corpus = study.corpus
    if corpus.data_of_runs.is_encoded:  # it holds no tunes
        return []
    path = study.names.tune_bits_file(model, run)
    write_tune_bits(path, corpus.melodies(corpus.test_tunes(run.writes_rhythm)), study.tune_scores.of(run))
    return [path]


def _compare(study: Study, compared: CellPairs) -> Iterable[Path]:
    trainings = {model.name: _trainings(study, model) for model in compared.models}
    found = compare_all(
        [(pair.setting, trainings[pair.model.name], trainings[pair.reference.name]) for pair in compared.pairs],
        compared.reference,
        study.settings.comparing,
        compared.left_out,
    )
    path = study.names.comparisons_file
    write_json(path, found.to_dict())
    return [path]


def _trainings(study: Study, model: Model) -> Trainings:
    """What was measured of a model's runs: bits per note of the test tunes, and bits of each of them."""
    key = f"{BITS_WITH_RHYTHM if model.writes_rhythm else BITS}/{Split.TEST.name.lower()}"
    bits, tune_bits, notes = {}, {}, None
    for run in model.runs:
        scores = json.loads(study.names.likelihood_file(model, run).read_text(encoding="utf-8"))
        value = scores.get(key)
        bits[run.seed] = math.nan if value is None else float(value)
        if found := read_tune_bits(study.names.tune_bits_file(model, run)):
            tune_bits[run.seed], notes = found
    sources = tuple(study.runs.name_of(run) for run in model.runs)
    return Trainings(model.name, model.title, model.cell, model.layers, bits, tune_bits, notes, sources)
