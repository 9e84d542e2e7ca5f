"""Songs that the network writes during the training and at its end."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl

from melgen.checking import check_whole
from melgen.checkpoint import run_title
from melgen.generation.composing import Composer
from melgen.generation.primers import read_primer_melody
from melgen.generation.sampling import check_room
from melgen.generation.selection import name_now
from melgen.generation.songs import write_songs
from melgen.music.melody import Melody
from melgen.numbered_names import numbered_name
from melgen.training.callbacks.schedule import Schedule
from melgen.training.callbacks.song_tonality import span_of
from melgen.training.failures import contained, of_the_end
from melgen.training.loggers.dashboards import log_songs
from melgen.training.module import MelodyModule

log = logging.getLogger(__name__)

FIRST_SAMPLES = (0, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
"""Updates after which a network writes songs: close together at the beginning, where it learns fast."""


@runtime_checkable
class SongListener(Protocol):
    """A callback that receives the sampled songs."""

    def on_songs(self, trainer: pl.Trainer, module: MelodyModule, songs: Sequence[Melody], final: bool) -> None:
        """Receive songs; ``final`` for those from the best weights, at the end."""
        ...


class SongSampling(pl.Callback):
    """Samples songs from the network, during the training and at the end of the test.

    During the training they go to ``samples/step-<updates>/``; at the end, when the trainer tests the best weights, to
    ``songs/``.

    Args:
        directory: the directory of the run.
        songs, songs_underway: numbers of songs at the end, and each time before.
        notes: number of notes after the primer; None for 30, or, with rhythm, until the network ends the song.
        primer: the notes with which every song starts, in a form that `melgen.generation.primers.read_primer_melody`
            reads; with rhythm there may be none.
        every_n_steps, every_n_epochs: how often during the training.
        at_steps: updates after which it samples too; 0 is before the first.
        selection, temperature, top_k, top_p, seed: see `melgen.generation.selection.select`.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        songs: int = 100,
        songs_underway: int = 5,
        notes: int | None = None,
        primer: Sequence[int] | Sequence[str] | str = (60, 62, 64, 62),
        every_n_steps: int | None = 1000,
        every_n_epochs: int | None = None,
        at_steps: Sequence[int] | None = FIRST_SAMPLES,
        selection: str = "sample",
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ):
        self.directory, self.schedule = Path(directory), Schedule(every_n_steps, every_n_epochs, at_steps)
        self.songs, self.songs_underway = songs, songs_underway
        self.primer = read_primer_melody(primer)
        self.options: dict[str, Any] = {
            "notes": notes,
            "selection": name_now(selection),
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "seed": seed,
        }

    def check(self, module: MelodyModule) -> None:
        """Raise a `ValueError` now for what would fail later: sample one note."""
        notes, of_notes = self.options["notes"], "callbacks.sampling.notes"
        check_whole(of_notes, notes, null="for 30, or until the end of a song with rhythm")
        for key, count in {"songs": self.songs, "songs_underway": self.songs_underway}.items():
            check_whole(f"callbacks.sampling.{key}", count)
            check_room(count, notes or 1, (f"callbacks.sampling.{key}", of_notes))
        composer = composer_of(module)
        try:
            composer.compose(self.primer, **(self.options | {"songs": 1, "notes": 1}))
        except ValueError as error:
            if "primer" not in str(error):
                raise
            raise ValueError(
                f"{error}; primer=[...] chooses another, callbacks.sampling=null trains without songs"
            ) from error
        if note := composer.note_of_header(self.primer):
            log.warning("%s", note)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sample if due: songs of a network that has not learnt anything yet.

        Sampling has a random generator of its own, so that the training is the same with and without it.
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
        """Sample the songs by which the run is judged."""
        self._sample(trainer, pl_module, self.songs, self.directory / "songs", final=True)

    def _sample_underway(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        folder = self.directory / "samples" / numbered_name(trainer.global_step)
        self._sample(trainer, module, self.songs_underway, folder, final=False)

    def _sample(self, trainer: pl.Trainer, module: pl.LightningModule, count: int, folder: Path, final: bool) -> None:
        assert isinstance(module, MelodyModule)
        # A run without its songs must not count as finished.
        with of_the_end("sampling the final songs") if final else contained("sampling songs"):
            songs, used = composer_of(module).compose(self.primer, songs=count, **self.options)
            metadata = {
                "model": run_title(self.directory),
                "updates": module.updates_of_weights if final else trainer.global_step,
            }
            folder.parent.mkdir(parents=True, exist_ok=True)
            write_songs(folder, songs, metadata | {key: value for key, value in used.items() if key != "songs"})
            log_songs(trainer, "songs" if final else "samples", songs, folder, span_of(trainer))
            for callback in trainer.callbacks:  # type: ignore[attr-defined]  # set by a connector
                if isinstance(callback, SongListener):
                    callback.on_songs(trainer, module, songs, final)


def composer_of(module: MelodyModule) -> Composer:
    """Writes songs with the network of a training."""
    return Composer(module.model, module.representation, module.vocabulary, module.rhythm)
