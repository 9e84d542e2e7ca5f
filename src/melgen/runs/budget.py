"""The training budget: in updates, the same for every representation, or in epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from omegaconf import DictConfig

NO_LIMIT = (None, -1)
"""Values of ``trainer.max_steps`` and ``trainer.max_epochs`` that mean no limit."""


class HasEpochs(Protocol):
    """A data module, or the numbers that a run has recorded about its data."""

    @property
    def updates_per_epoch(self) -> int:
        """Number of training windows in an epoch."""


def budget_is_spent(config: DictConfig, result: Mapping[str, Any]) -> bool:
    """Whether a finished run has already used the budget of a configuration."""
    steps, epochs = config.trainer.get("max_steps"), config.trainer.get("max_epochs")
    return (steps not in NO_LIMIT and result["updates"] >= steps) or (
        epochs not in NO_LIMIT and result["epochs"] >= epochs
    )


def total_updates(config: DictConfig, data: HasEpochs) -> int:
    """The number of updates that the budget allows."""
    limits = []
    if config.trainer.get("max_steps") not in NO_LIMIT:
        limits.append(int(config.trainer.max_steps))
    if config.trainer.get("max_epochs") not in NO_LIMIT:
        limits.append(int(config.trainer.max_epochs) * data.updates_per_epoch)
    return min(limits)
