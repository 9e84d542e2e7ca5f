"""What a training logs of its updates: loss, accuracy, learning rate, norm of the gradient and speed."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from melgen.scoring.scores import perplexity


class UpdateLog:
    """Sums over the updates since the last log, and numbers of the last update.

    Attributes:
        accuracy: of the last update; set before `metrics` are asked for.
        learning_rate: of the last update.
        gradient_norm: of the last update, before clipping.
    """

    accuracy: Tensor

    def __init__(self) -> None:
        self.learning_rate = math.nan
        self.gradient_norm: Tensor | float = math.nan
        self._loss = torch.zeros(())
        self._tokens: int | Tensor = 0  # a tensor with rhythm, since counting would wait for a GPU
        self._began = time.perf_counter()

    def start_clock(self) -> None:
        """Measure the speed from here."""
        self._began = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Measure the speed without so many seconds, which something else took."""
        self._began += seconds

    def add(self, loss: Tensor, tokens: int | Tensor) -> None:
        """Add an update, of so many tokens with this mean loss."""
        # A checkpoint keeps the sum in double precision; here it has that of an uninterrupted training.
        precision = torch.promote_types(torch.float32, loss.dtype)
        self._loss = self._loss.to(loss.device, precision) + loss * tokens
        self._tokens = self._tokens + tokens

    def metrics(self) -> dict[str, float]:
        """The metrics since the last log, by name."""
        seconds = time.perf_counter() - self._began
        tokens = int(self._tokens)
        loss = self._loss.item() / max(tokens, 1)
        return {
            "train/loss": loss,
            "train/perplexity": perplexity(loss),
            "train/accuracy": float(self.accuracy),
            "train/learning_rate": self.learning_rate,
            "train/gradient_norm": float(self.gradient_norm),
            "train/tokens_per_second": tokens / seconds if seconds else math.nan,
        }

    def restart(self) -> None:
        """Begin the sums again, after a log."""
        self._loss = torch.zeros_like(self._loss)
        self._tokens = 0
        self.start_clock()

    def sums(self) -> dict[str, float | int]:
        """The sums since the last log, for a checkpoint."""
        return {"loss_since_log": self._loss.item(), "tokens_since_log": int(self._tokens)}

    def go_on_from(self, loss_since_log: float, tokens_since_log: int) -> None:
        """Continue `sums` of a checkpoint."""
        self._loss = torch.tensor(loss_since_log, dtype=torch.float64)
        self._tokens = tokens_since_log
