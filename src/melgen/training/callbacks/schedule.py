"""The schedule of a callback: every so many updates or epochs, and after chosen updates."""

from __future__ import annotations

from collections.abc import Sequence

import pytorch_lightning as pl

from melgen.checking import check_whole, is_whole, require


class Schedule:
    """Regular intervals in updates or epochs, and chosen updates.

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
            check_whole(key, value, null="for never")
        listed = () if at_steps is None else at_steps
        is_list = isinstance(listed, Sequence) and not isinstance(listed, str)
        holds = is_list and all(is_whole(step) and step >= 0 for step in listed)
        require(holds, "at_steps", at_steps, "a list of numbers of updates like [0,10,30], or null")
        self.every_n_steps, self.every_n_epochs, self.at_steps = every_n_steps, every_n_epochs, frozenset(listed)

    def due_at_start(self, trainer: pl.Trainer) -> bool:
        """Whether something is due before the first update; never in a resumed training."""
        return trainer.global_step == 0 and 0 in self.at_steps

    def due_after_update(self, trainer: pl.Trainer) -> bool:
        """Whether something is due after the last update."""
        regular = self.every_n_steps is not None and trainer.global_step % self.every_n_steps == 0
        return regular or trainer.global_step in self.at_steps

    def due_after_epoch(self, trainer: pl.Trainer) -> bool:
        """Whether something is due after the last epoch."""
        return self.every_n_epochs is not None and (trainer.current_epoch + 1) % self.every_n_epochs == 0
