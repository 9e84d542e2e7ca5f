"""The embedding of the notes: projector files, a picture, the nearest neighbours of each note."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from melgen.evaluation.embeddings import embedding_figure, neighbours_by_metric, write_projector
from melgen.evaluation.note_embedding import note_embedding
from melgen.files import replacing, write_text
from melgen.training.callbacks.schedule import Schedule
from melgen.training.failures import contained
from melgen.training.loggers.dashboards import log_embedding, log_figure
from melgen.training.module import MelodyModule


class EmbeddingProjection(pl.Callback):
    """Shows the embedding of the notes: projector files, a picture, nearest neighbours.

    Writes into ``embedding/``.

    Args:
        directory: the directory of the run.
        neighbours: number of neighbours listed for each note.
        every_n_steps: how often during the training; ``None`` for the end only.
    """

    def __init__(self, directory: str | Path, *, neighbours: int = 5, every_n_steps: int | None = None):
        self.directory, self.neighbours = Path(directory), neighbours
        self.schedule = Schedule(every_n_steps)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Project if due."""
        if self.schedule.due_after_update(trainer):
            self._project(trainer, pl_module, self.directory / "samples" / f"embedding-{trainer.global_step:08d}")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Project the embedding of the best weights."""
        self._project(trainer, pl_module, self.directory / "embedding")

    def _project(self, trainer: pl.Trainer, module: pl.LightningModule, folder: Path) -> None:
        assert isinstance(module, MelodyModule)
        with contained("projecting the embedding"):
            values, weights = note_embedding(module.model, module.representation, module.vocabulary, module.rhythm)
            names = [module.representation.value_name(int(value)) for value in values]
            folder.mkdir(parents=True, exist_ok=True)
            write_projector(folder, weights, names)
            write_text(folder / "neighbours.csv", neighbour_table(weights, names, self.neighbours))
            figure = embedding_figure(weights, names)
            with replacing(folder / "embedding.png") as temporary:
                figure.savefig(temporary, format="png", dpi=150)
            log_figure(trainer, "embedding", figure)
            log_embedding(trainer, "embedding", weights, names, self.neighbours)


def neighbour_table(weights: Any, names: Sequence[str], neighbours: int) -> str:
    """CSV: each note's nearest neighbours by either distance, nearest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["note", "metric", "rank", "neighbour", "distance"])
    for metric, found in neighbours_by_metric(weights, neighbours).items():
        for note, (indices, distances) in enumerate(zip(found.indices, found.distances, strict=True)):
            for rank, (index, distance) in enumerate(zip(indices, distances, strict=True), 1):
                writer.writerow([names[note], metric, rank, names[index], f"{distance:.6g}"])
    return text.getvalue()
