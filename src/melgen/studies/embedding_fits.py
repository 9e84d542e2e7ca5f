"""Measure, store and show how closely the embedding of each selected network follows musical distances."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from melgen.checkpoint import TrainedModel
from melgen.data import MelodyDataModule, Split
from melgen.evaluation.embedding_geometry import GeometryFit, embedding_geometry, frequent_values
from melgen.evaluation.note_embedding import note_embedding
from melgen.files import write_json
from melgen.music.vocabulary import Vocabulary
from melgen.studies.names import StudyNames
from melgen.studies.results import Model, Run
from melgen.studies.runs.study_runs import StudyRuns
from melgen.studies.tasks import Workbench
from melgen.tables.table import Column, Table, row

EMBEDDING_GEOMETRY = "embedding_geometry"
"""The name of the table."""

_COLUMNS = (
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
_CAPTION = (
    "Mantel test: rank correlation, over all pairs of values, of the distance between their rows in the embedding "
    "with their distance on the circle of fifths, and in semitones; the partial correlation holds the other "
    "musical distance fixed. Values that make up 99% of the training notes."
)


def write_fits(path: Path, trained: TrainedModel, data: MelodyDataModule) -> None:
    """Measure how the distances between frequent values follow musical ones, and write that as JSON.

    Args:
        path: the file to write.
        trained: the network.
        data: the corpus, set up; values are counted in its training tunes. Of an encoded stream all values count.
    """
    values, weights = note_embedding(trained.model, trained.representation, trained.vocabulary, trained.rhythm)
    frequent = np.ones(len(values), bool)
    if not data.is_encoded:
        vocabulary = Vocabulary(values)
        counts = np.zeros(len(values), np.int64)
        for tune in data.tunes_of(Split.TRAIN):
            for version in trained.representation.augmentations(tune):
                counts += np.bincount(vocabulary.encode(version), minlength=len(values))
        frequent = frequent_values(counts)
    fits = embedding_geometry(weights[frequent], values[frequent])
    write_json(path, {"values": values[frequent].tolist(), "fits": [fit._asdict() for fit in fits]})


def read_fits(path: Path) -> list[GeometryFit]:
    """The fits that `write_fits` has written."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["fits"]
    return [_fit({key: math.nan if value is None else value for key, value in fit.items()}) for fit in found]


def _fit(parts: dict[str, Any]) -> GeometryFit:
    return GeometryFit(**parts)


def fits_digest(names: StudyNames, bench: Workbench, runs: Iterable[tuple[Model, Run]]) -> list[str]:
    """Hashes of the fits of all runs: an input of the tasks that show them.

    Raises:
        ValueError: if a run's embedding has not been measured.
    """
    return [bench.outputs_digest(names.embedding_task(model, run)) for model, run in runs]


def fits_table(names: StudyNames, runs: StudyRuns) -> Table:
    """A row for each fit of each run of each selected network."""
    rows = []
    for model, run in runs.of_models():
        for fit in read_fits(names.embedding_file(model, run)):
            key = f"{model.name}/seed{run.seed}/{fit.metric}/{fit.geometry}"
            rows.append(row(key, [model.title, run.seed, *fit], (runs.name_of(run),)))
    return Table("Embeddings and musical distance", _CAPTION, _COLUMNS, tuple(rows))
