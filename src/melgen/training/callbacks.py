"""What happens beside the training: songs, their tonality, a look at the embedding.

Each writes into the run's directory first and shows the same to every logger (`melgen.training.loggers.reporting`);
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

from melgen.checkpoint import run_title
from melgen.data import MelodyDataModule, Split
from melgen.evaluation.embeddings import embedding_figure, nearest_neighbours, write_projector
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import OPENINGS
from melgen.evaluation.song_sets import median_of
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES, TonalitySummary, summarize
from melgen.files import replacing, write_json, write_text
from melgen.generation.sampling import sample_melodies
from melgen.generation.songs import write_songs
from melgen.music.melody import Melody
from melgen.training.loggers.reporting import contained, report_embedding, report_figure, report_songs
from melgen.training.module import MelodyModule

log = logging.getLogger(__name__)

MIN_NOTES_FOR_TONALITY = 2


FIRST_SAMPLES = (0, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Updates after which a network writes songs: close together where it learns fast."""


class Schedule:
    """Every so many updates or epochs, and after chosen updates.

    Args:
        every_n_steps, every_n_epochs: ``None`` for never.
        at_steps: numbers of updates; 0 is before the first.

    Raises:
        ValueError: if an interval is below 1, or `at_steps` is not a list of whole numbers of at least 0.
    """

    def __init__(
        self, every_n_steps: int | None, every_n_epochs: int | None = None, at_steps: Sequence[int] | None = None
    ):
        for key, value in {"every_n_steps": every_n_steps, "every_n_epochs": every_n_epochs}.items():
            if value is not None and value < 1:
                raise ValueError(f"{key}={value}: must be at least 1, or null for never")
        listed = () if at_steps is None else at_steps
        if (
            not isinstance(listed, Sequence)
            or isinstance(listed, str)
            or not all(isinstance(step, int) and not isinstance(step, bool) and step >= 0 for step in listed)
        ):
            raise ValueError(f"at_steps={at_steps}: must be a list of numbers of updates like [0,10,30], or null")
        self.every_n_steps, self.every_n_epochs, self.at_steps = every_n_steps, every_n_epochs, frozenset(listed)

    def due_at_start(self, trainer: pl.Trainer) -> bool:
        """Whether something is due before the first update; a resumed training is beyond that."""
        return trainer.global_step == 0 and 0 in self.at_steps

    def due_after_update(self, trainer: pl.Trainer) -> bool:
        """Whether something is due after the update just made."""
        regular = self.every_n_steps is not None and trainer.global_step % self.every_n_steps == 0
        return regular or trainer.global_step in self.at_steps

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
        at_steps: updates after which it samples too; 0 is before the first.
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
        at_steps: Sequence[int] | None = FIRST_SAMPLES,
        selection: str = "roulette",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ):
        self.directory, self.schedule = Path(directory), Schedule(every_n_steps, every_n_epochs, at_steps)
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

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample if due: what the network writes before it has learnt anything.

        Sampling has a random generator of its own, so that the training goes the same way with and without it.
        """
        if self.schedule.due_at_start(trainer):
            self._sample_underway(trainer, pl_module)

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
    """Measures sampled songs: the paper's three numbers, mean and deviation, beside those of the openings.

    Openings are the first notes of the test tunes, as many as the median song has.

    Writes ``tonality.json`` for the songs of the end.

    Args:
        directory: the directory of the run.
        span_notes: length of the windows.
    """

    def __init__(self, directory: str | Path, *, span_notes: int = 12):
        self.directory, self.span_notes = Path(directory), span_notes

    def on_songs(self, trainer: pl.Trainer, module: MelodyModule, songs: Sequence[Melody], final: bool) -> None:
        """Measure songs just sampled."""
        with contained("measuring tonality"):
            measured = [song.pitches for song in songs if len(song) >= MIN_NOTES_FOR_TONALITY]
            summary = summarize(measured, self.span_notes)
            means = {f"tonality/{key}": value for key, value in summary.mean._asdict().items()}
            # Lightning takes values to be monitored between the first update and the test only.
            module.publish(means, monitored=not final and trainer.global_step > 0)
            if final:
                write_json(
                    self.directory / "tonality.json",
                    {
                        "span_notes": self.span_notes,
                        "songs": as_dict(summary),
                        "songs_too_short_to_measure": len(songs) - len(measured),
                        OPENINGS: self._openings(trainer, median_of(map(len, measured))),
                    },
                )

    def _openings(self, trainer: pl.Trainer, notes: int) -> dict[str, Any] | None:
        """The same numbers for the openings; ``None`` where no test tune is so long, or none has pitches."""
        data = getattr(trainer, "datamodule", None)
        if not isinstance(data, MelodyDataModule):
            return None
        try:
            openings = ReferenceCorpus.of(data).openings(Split.TEST, notes)
        except ValueError:  # a ready stream of intervals
            return None
        if not openings:
            return None
        return {**as_dict(summarize([*openings.values()], self.span_notes)), "notes": notes}


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
