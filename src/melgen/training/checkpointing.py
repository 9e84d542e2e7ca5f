"""Checkpoints: which are written when. A checkpoint is written completely or not at all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from melgen.checking import check_whole
from melgen.checkpoint import BEST, LAST, read_checkpoint
from melgen.checkpoint_files import SUFFIX
from melgen.evaluation.run_metrics import check_lower_is_better
from melgen.files import replacing
from melgen.numbered_names import numbered_in, numbered_name
from melgen.training.failures import contained


class Checkpoints(pl.callbacks.Checkpoint):
    """Keeps the last, the best and, if asked, some numbered checkpoints of a run.

    ``last.ckpt`` resumes the training exactly; ``best.ckpt`` has the lowest ``monitor`` of all validations
    and holds the weights without the optimiser.

    Args:
        directory: where they are written.
        every_n_steps: updates between two writings of ``last.ckpt``.
        keep_every_n_steps: also keep ``step-<updates>.ckpt`` (weights without optimiser) this often.
        keep: how many numbered checkpoints stay, the newest; ``None`` for all.
        monitor: the validation metric to minimise.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        every_n_steps: int = 500,
        keep_every_n_steps: int | None = None,
        keep: int | None = 10,
        monitor: str = "val/loss",
    ):
        check_whole("callbacks.checkpoint.every_n_steps", every_n_steps)
        check_whole("callbacks.checkpoint.keep_every_n_steps", keep_every_n_steps, null="for never")
        check_whole("callbacks.checkpoint.keep", keep, null="for all")
        check_lower_is_better("callbacks.checkpoint.monitor", monitor)
        self.directory, self.monitor = Path(directory), monitor
        self.every_n_steps, self.keep_every_n_steps, self.keep = every_n_steps, keep_every_n_steps, keep
        self.best_score = math.inf

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Read the best score: the best checkpoint may be later than the one that the training resumes from."""
        if (self.directory / BEST).exists():
            metrics = read_checkpoint(self.directory / BEST)["melgen"]["metrics"]
            self.best_score = min(self.best_score, metrics.get(self.monitor, math.inf))

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save the state after the previous update and its validation.

        A checkpoint written at the end of that update would lack the validation that may follow it.
        """
        step = trainer.global_step
        if step and step % self.every_n_steps == 0:
            self._save(trainer, LAST)
        if step and self.keep_every_n_steps and step % self.keep_every_n_steps == 0:
            self._save_numbered(trainer, step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the training, from which a larger budget goes on.

        ``last.ckpt`` is written after all others. If the training is killed in between, it resumes from the earlier
        ``last.ckpt`` and writes the others again; from this one it would have nothing left to do.
        """
        step = trainer.global_step
        if step and self.keep_every_n_steps and step % self.keep_every_n_steps == 0:
            self._save_numbered(trainer, step)
        self._save(trainer, LAST)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the weights if their validation is the best so far."""
        if trainer.sanity_checking:
            return
        score = trainer.callback_metrics.get(self.monitor)
        if score is None:
            raise ValueError(
                f"callbacks.checkpoint.monitor={self.monitor}: unknown metric; known are "
                f"{', '.join(sorted(trainer.callback_metrics))}"
            )
        # Lightning rounds to single precision; the best checkpoint, which a resumed training reads, does not.
        exact = getattr(pl_module, "latest", {}).get(self.monitor, float(score))
        if exact < self.best_score:
            self.best_score = exact
            self._save(trainer, BEST, weights_only=True)

    def state_dict(self) -> dict[str, Any]:
        """The best score so far, and what it is a score of."""
        return {"best_score": self.best_score, "monitor": self.monitor}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score so far.

        Raises:
            ValueError: if it is that of another metric; an earlier melgen did not record the metric.
        """
        if (before := state_dict.get("monitor", self.monitor)) != self.monitor:
            raise ValueError(
                f"callbacks.checkpoint.monitor={self.monitor}: must be {before}, by which this run has chosen its best "
                "weights so far; name=... puts a new run elsewhere, force=true deletes the old one"
            )
        self.best_score = state_dict["best_score"]

    def _save_numbered(self, trainer: pl.Trainer, step: int) -> None:
        self._save(trainer, numbered_name(step) + SUFFIX, weights_only=True)
        numbered = [path for _, path in numbered_in(self.directory, SUFFIX)]
        for path in numbered[: -self.keep] if self.keep else []:
            path.unlink()

    def _save(self, trainer: pl.Trainer, name: str, weights_only: bool = False) -> None:
        for logger in trainer.loggers:
            with contained(f"{type(logger).__name__}: writing"):
                logger.save()  # a run that resumes here needs the history up to here
        with replacing(self.directory / name) as temporary:
            trainer.save_checkpoint(temporary, weights_only=weights_only)
