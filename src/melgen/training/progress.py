"""The progress of a training: a bar on a terminal, elsewhere a line for each validation."""

from __future__ import annotations

import logging
import math
import sys
import time
from typing import Any

import pytorch_lightning as pl
from tqdm import tqdm

from melgen.durations import in_words
from melgen.evaluation.run_metrics import bits_metric

log = logging.getLogger(__name__)

REFRESH_EVERY_UPDATES = 10


class UpdateProgress(pl.Callback):
    """Shows the number of updates, in which a budget is counted.

    Args:
        total: the updates that the training will have made at its end.
        bar: draw a bar; otherwise log a line after each validation.
    """

    def __init__(self, total: int | None, bar: bool | None = None):
        self.total = total
        self.shows_bar = sys.stderr.isatty() if bar is None else bar
        self._bar: tqdm | None = None
        self._began = (0.0, 0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start counting, at the update from which the training resumes."""
        self._began = (time.monotonic(), trainer.global_step)
        if self.shows_bar:
            self._bar = tqdm(
                total=self.total,
                initial=trainer.global_step,
                unit=" updates",
                dynamic_ncols=True,
                desc="Training",
            )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance the bar."""
        if self._bar is not None and trainer.global_step % REFRESH_EVERY_UPDATES == 0:
            self._show(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show the losses."""
        if self._bar is not None:
            self._show(trainer)
        elif trainer.state.fn == "fit":
            log.info("%s", self._line(trainer))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._show(trainer)
            self._bar.close()
            self._bar = None

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Close the bar, so that the next message starts on a line of its own."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, trainer: pl.Trainer) -> None:
        assert self._bar is not None
        latest = _latest(trainer)
        bits = bits_metric(latest, "val")
        metrics = {
            name: f"{latest[key]:.3f}"
            for name, key in (("loss", "train/loss"), ("val", "val/loss"), (bits.header, bits.key))
            if key in latest
        }
        self._bar.set_postfix(metrics, refresh=False)
        self._bar.update(trainer.global_step - self._bar.n)

    def _line(self, trainer: pl.Trainer) -> str:
        def metric(key: str) -> str:
            value = _latest(trainer).get(key)
            return "-" if value is None or math.isnan(value) else f"{value:.3f}"

        bits = bits_metric(_latest(trainer), "val")
        of_total = f"/{self.total:,}" if self.total else ""
        # It is measured every trainer.log_every_n_steps updates, so first validations may have none.
        train = f"train loss {metric('train/loss')}, " if "train/loss" in _latest(trainer) else ""
        line = (
            f"update {trainer.global_step:,}{of_total}, epoch {trainer.current_epoch + 1}: "
            f"{train}val loss {metric('val/loss')}, {metric(bits.key)} {bits.header}"
        )
        began, first = self._began
        done = trainer.global_step - first
        if self.total and done and trainer.global_step < self.total:
            seconds = (time.monotonic() - began) / done * (self.total - trainer.global_step)
            line += f", about {in_words(seconds)} left"
        return line


def _latest(trainer: pl.Trainer) -> dict[str, float]:
    return getattr(trainer.lightning_module, "latest", {})
