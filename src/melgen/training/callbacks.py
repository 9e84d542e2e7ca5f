"""What happens beside the training: songs, their tonality, a look at the embedding.

Each writes into the run's directory first and shows the same to every logger (`melgen.training.reporting`);
none of them can stop a training.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl

from melgen.data import MelodyDataModule
from melgen.evaluation.embeddings import embedding_figure, nearest_neighbours, write_projector
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, TonalitySummary, summarize
from melgen.files import replacing, write_json, write_text
from melgen.generation.sampling import sample_melodies
from melgen.generation.songs import write_songs
from melgen.music.melody import Melody
from melgen.trained import run_title
from melgen.training.module import MelodyModule
from melgen.training.reporting import contained, report_embedding, report_figure, report_songs

log = logging.getLogger(__name__)

MIN_NOTES_FOR_TONALITY = 2


class Schedule:
    """Every so many updates or epochs.

    Raises:
        ValueError: if a number is below 1.
    """

    def __init__(self, every_n_steps: int | None, every_n_epochs: int | None = None):
        for key, value in {"every_n_steps": every_n_steps, "every_n_epochs": every_n_epochs}.items():
            if value is not None and value < 1:
                raise ValueError(f"{key}={value}: must be at least 1, or null for never")
        self.every_n_steps, self.every_n_epochs = every_n_steps, every_n_epochs

    def due_after_update(self, trainer: pl.Trainer) -> bool:
        """Whether something is due after the update just made."""
        return self.every_n_steps is not None and trainer.global_step % self.every_n_steps == 0

    def due_after_epoch(self, trainer: pl.Trainer) -> bool:
        """Whether something is due after the epoch just made."""
        return self.every_n_epochs is not None and (trainer.current_epoch + 1) % self.every_n_epochs == 0


@runtime_checkable
class SongListener(Protocol):
    """A callback that wants to know of sampled songs."""

    def on_songs(self, trainer: pl.Trainer, module: MelodyModule, songs: Sequence[Melody], final: bool) -> None:
        """Called with the songs just sampled; ``final`` for those from the best weights, at the end."""
        ...


class SongSampling(pl.Callback):
    """Lets the network write songs, now and then during training and at the end of the test.

    Underway they go to ``samples/step-<updates>/``; at the end, when the trainer tests the best weights, to
    ``songs/``.

    Args:
        directory: the directory of the run.
        songs, songs_underway: how many at the end, and each time before.
        notes: written after the primer.
        primer: pitches every song starts with.
        every_n_steps, every_n_epochs: how often underway.
        selection, temperature, top_k, top_p, seed: see `melgen.generation.sampling`.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        songs: int = 100,
        songs_underway: int = 5,
        notes: int = 30,
        primer: Sequence[int] = (60, 62, 64, 62),
        every_n_steps: int | None = 1000,
        every_n_epochs: int | None = None,
        selection: str = "roulette",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ):
        self.directory, self.schedule = Path(directory), Schedule(every_n_steps, every_n_epochs)
        if not isinstance(primer, Sequence) or isinstance(primer, str):
            raise ValueError(f"primer={primer}: must be a list of pitches like [60,62,64,62]")
        self.songs, self.songs_underway = songs, songs_underway
        self.primer = list(primer)
        self.options: dict[str, Any] = {
            "notes": notes,
            "selection": selection,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        }

    def check(self, module: MelodyModule) -> None:
        """Raise a `ValueError` now for what would fail later: sample one note."""
        for key, count in {"songs": self.songs, "songs_underway": self.songs_underway}.items():
            if count < 1:
                raise ValueError(f"callbacks.sampling.{key}={count}: must be at least 1")
        options = self.options | {"songs": 1, "notes": min(self.options["notes"], 1)}
        try:
            sample_melodies(module.model, module.representation, module.vocabulary, self.primer, **options)
        except ValueError as error:
            if "primer" not in str(error):
                raise
            raise ValueError(
                f"{error}; primer=[...] chooses another, callbacks.sampling=null trains without songs"
            ) from error

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Sample if due."""
        if self.schedule.due_after_update(trainer):
            self._sample_underway(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample if due."""
        if self.schedule.due_after_epoch(trainer):
            self._sample_underway(trainer, pl_module)

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample the songs that the run is judged by."""
        self._sample(trainer, pl_module, self.songs, self.directory / "songs", final=True)

    def _sample_underway(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        folder = self.directory / "samples" / f"step-{trainer.global_step:08d}"
        self._sample(trainer, module, self.songs_underway, folder, final=False)

    def _sample(self, trainer: pl.Trainer, module: pl.LightningModule, count: int, folder: Path, final: bool) -> None:
        assert isinstance(module, MelodyModule)
        with contained("sampling songs"):
            songs = sample_melodies(
                module.model,
                module.representation,
                module.vocabulary,
                self.primer,
                songs=count,
                **self.options,
            )
            metadata = {
                "model": run_title(self.directory),
                "updates": module.updates_of_weights if final else trainer.global_step,
                "primer": self.primer,
            }
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_songs(folder, songs, metadata | self.options)
            report_songs(trainer, "songs" if final else "samples", songs, folder, span_of(trainer))
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(callback, SongListener):
                    callback.on_songs(trainer, module, songs, final)


class SongTonality(pl.Callback):
    """Measures sampled songs: the paper's three numbers, mean and deviation, beside the corpus's own.

    Writes ``tonality.json`` for the songs of the end.

    Args:
        directory: the directory of the run.
        span_notes: length of the windows.
    """

    def __init__(self, directory: str | Path, *, span_notes: int = 12):
        self.directory, self.span_notes = Path(directory), span_notes
        self._corpus: TonalitySummary | None = None

    def on_songs(self, trainer: pl.Trainer, module: MelodyModule, songs: Sequence[Melody], final: bool) -> None:
        """Measure songs just sampled."""
        with contained("measuring tonality"):
            measured = [song.pitches for song in songs if len(song) >= MIN_NOTES_FOR_TONALITY]
            summary = summarize(measured, self.span_notes)
            means = {f"tonality/{key}": value for key, value in summary.mean._asdict().items()}
            module.publish(means, monitored=not final)
            if final:
                corpus = self.corpus_summary(trainer)
                write_json(
                    self.directory / "tonality.json",
                    {
                        "span_notes": self.span_notes,
                        "songs": as_dict(summary),
                        "songs_too_short_to_measure": len(songs) - len(measured),
                        "corpus": corpus and as_dict(corpus),
                    },
                )

    def corpus_summary(self, trainer: pl.Trainer) -> TonalitySummary | None:
        """The same numbers for the tunes of the corpus, measured once."""
        data = getattr(trainer, "datamodule", None)
        if self._corpus is None and isinstance(data, MelodyDataModule) and not data.is_encoded:
            tunes = (data.melodies.pitches_of(i) for i in range(len(data.melodies)))
            self._corpus = summarize([tune for tune in tunes if len(tune) >= MIN_NOTES_FOR_TONALITY], self.span_notes)
        return self._corpus


def span_of(trainer: pl.Trainer) -> int:
    """The length of windows that songs are measured with."""
    spans = (c.span_notes for c in trainer.callbacks if isinstance(c, SongTonality))  # type: ignore[attr-defined]
    return next(spans, DEFAULT_SPAN_NOTES)


def as_dict(summary: TonalitySummary) -> dict[str, Any]:
    """Plain data: mean and deviation of each metric, and the number of songs."""
    return {
        "mean": summary.mean._asdict(),
        "standard_deviation": summary.deviation._asdict(),
        "count": summary.songs,
    }


class EmbeddingProjection(pl.Callback):
    """Shows how the network has arranged the notes: projector files, a picture, nearest neighbours.

    Writes into ``embedding/``.

    Args:
        directory: the directory of the run.
        neighbours: how many to list for each note.
        every_n_steps: how often underway; ``None`` for the end only.
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
        """Project the best weights."""
        self._project(trainer, pl_module, self.directory / "embedding")

    def _project(self, trainer: pl.Trainer, module: pl.LightningModule, folder: Path) -> None:
        assert isinstance(module, MelodyModule)
        with contained("projecting the embedding"):
            weights = module.model.embedding.weight.detach().float().cpu().numpy()
            names = [module.representation.value_name(int(value)) for value in module.vocabulary.values]
            folder.mkdir(parents=True, exist_ok=True)
            write_projector(folder, weights, names)
            write_text(folder / "neighbours.csv", neighbour_table(weights, names, self.neighbours))
            figure = embedding_figure(weights, names)
            with replacing(folder / "embedding.png") as temporary:
                figure.savefig(temporary, format="png", dpi=150)
            report_figure(trainer, "embedding", figure)
            report_embedding(trainer, "embedding", weights, names, self.neighbours)


def neighbour_table(weights: Any, names: Sequence[str], neighbours: int) -> str:
    """CSV: each note's nearest neighbours by either distance, nearest first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["note", "metric", "rank", "neighbour", "distance"])
    count = min(neighbours, len(names) - 1)
    for metric in ("euclidean", "cosine") if count else ():
        found = nearest_neighbours(weights, count, metric)
        for note, (indices, distances) in enumerate(zip(found.indices, found.distances, strict=True)):
            for rank, (index, distance) in enumerate(zip(indices, distances, strict=True), 1):
                writer.writerow([names[note], metric, rank, names[index], f"{distance:.6g}"])
    return text.getvalue()
