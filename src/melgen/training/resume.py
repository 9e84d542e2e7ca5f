"""Exact resuming in the middle of an epoch.

Lightning restores its loops from counters. Their meaning depends on the hook in which a checkpoint was written, so that
a batch, a validation or an epoch's end may be skipped or repeated. We record our own position instead, always between
two updates and after the validation that was due, and rewrite Lightning's counters to that position.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from typing import Any

import pytorch_lightning as pl
import torch

from melgen.data import MelodyDataModule
from melgen.internals.lightning import check_loops, rewrite_loops
from melgen.plurals import counted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Position:
    """The progress of a training: ``windows`` updates into ``epoch``, after ``updates`` in all."""

    epoch: int = 0
    windows: int = 0
    updates: int = 0

    def after(self, batch_idx: int, updates: int, windows_per_epoch: int) -> Position:
        """The position once window ``batch_idx`` of this position's epoch is done."""
        if batch_idx + 1 >= windows_per_epoch:
            return Position(self.epoch + 1, 0, updates)
        return Position(self.epoch, batch_idx + 1, updates)


class ExactResume(pl.Callback):
    """Saves the position and the random generators in every checkpoint, and restores both.

    Lightning calls it before it restores its own loops from the same dictionary, so that the loops read what is
    rewritten here.
    """

    def __init__(self) -> None:
        self.position = Position()
        self._random_state: dict[str, Any] | None = None
        self._is_resumed = False
        self._seconds, self._began = 0.0, time.monotonic()

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance."""
        self.position = self.position.after(batch_idx, trainer.global_step, int(trainer.num_training_batches))

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the position, the time it took, and the state of torch's generators.

        Lightning's counters are rewritten here too: they depend on where a training was interrupted, and equal states
        should give equal checkpoints.
        """
        if "loops" in checkpoint:
            rewrite_loops(checkpoint["loops"]["fit_loop"], **asdict(self.position))
        checkpoint["position"] = asdict(self.position)
        checkpoint["seconds"] = self._seconds + time.monotonic() - self._began
        checkpoint["random_state"] = {
            "cpu": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        }

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read position, time and generators, and rewrite Lightning's counters."""
        self.position = Position(**checkpoint["position"])
        self._seconds = checkpoint["seconds"]
        self._random_state = checkpoint["random_state"]
        if "loops" in checkpoint:
            rewrite_loops(checkpoint["loops"]["fit_loop"], **asdict(self.position))
            self._is_resumed = True
        if isinstance(datamodule := getattr(trainer, "datamodule", None), MelodyDataModule):
            datamodule.train_dataloader().start_at(self.position.epoch, self.position.windows)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restore the generators last, after all else at the start that draws from them."""
        if self._is_resumed:
            check_loops(trainer, **asdict(self.position))
            self._is_resumed = False
        if self._random_state is not None:
            torch.set_rng_state(self._random_state["cpu"])
            saved, there = self._random_state["cuda"], torch.cuda.device_count()
            if len(saved) == there > 0:
                torch.cuda.set_rng_state_all(saved)
            elif saved:
                log.warning(
                    "the random generators of %s cannot be restored, since this machine has %s: numbers drawn on a GPU "
                    "will differ from those of an uninterrupted run",
                    counted(len(saved), "GPU"),
                    counted(there, "GPU"),
                )
            self._random_state = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Point the loader at the epoch that starts (not called when resuming within one)."""
        if isinstance(datamodule := getattr(trainer, "datamodule", None), MelodyDataModule):
            datamodule.train_dataloader().start_at(trainer.current_epoch)
