"""Detect losses and gradients that are NaN or infinite."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from melgen.errors import DivergenceError

ADVICE = (
    "a smaller optimizer.lr or gradient_clip_norm usually helps; trainer.detect_anomaly=true names the operation "
    "that it comes from"
)


class NumberWatch:
    """Finds the first update with a number that is not finite.

    On the CPU such a number is an error at once, before the weights have changed. A GPU works ahead of Python, and
    looking at every number would wait for it. So the first such update is remembered on the GPU, and `check` reads it;
    call `check` before anything is saved or logged.
    """

    def __init__(self) -> None:
        self._first: dict[str, Tensor] = {}

    def see(self, what: str, value: Tensor, update: int) -> None:
        """Check a number of an update; updates count from 1.

        Raises:
            DivergenceError: on the CPU, if it is not finite.
        """
        if value.device.type == "cpu":
            if not math.isfinite(number := value.item()):
                raise DivergenceError(f"the {what} became {number} at update {update:,}")
            return
        self.remember(what, value, update)

    def remember(self, what: str, value: Tensor, update: int) -> None:
        """Remember the update, on the value's own device, if its value is the first that is not finite."""
        first = self._first.setdefault(what, torch.zeros((), dtype=torch.int64, device=value.device))
        is_first = ~torch.isfinite(value) & (first == 0)
        self._first[what] = torch.where(is_first, update, first)

    def check(self) -> None:
        """Raise for the first number that was not finite, if there was one.

        Raises:
            DivergenceError: naming what it was, and the update.
        """
        found = {what: int(update) for what, update in self._first.items()}
        if any(found.values()):
            update, what = min((update, what) for what, update in found.items() if update)
            raise DivergenceError(f"the {what} became infinite or nan at update {update:,}")
