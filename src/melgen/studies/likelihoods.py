"""Measure and store the likelihood of the corpus's tunes by each network and by the baselines that count tokens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.checkpoint import TrainedModel, load_model
from melgen.data import Split
from melgen.evaluation import baseline_table
from melgen.files import write_json
from melgen.generation.from_checkpoint import on_device
from melgen.scoring.likelihood import likelihood
from melgen.studies.results import Model, Run
from melgen.studies.study import Study

_SCORED_IN_TRAINING = {"validation": "val", "test": "test"}
"""Splits that a training scores, and what their keys in its result begin with."""


def score_tunes(study: Study, model: Model, run: Run) -> Iterable[Path]:
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


def score_with_baselines(study: Study) -> Iterable[Path]:
    """Bits per note of each split by the baselines that count tokens."""
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
