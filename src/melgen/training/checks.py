"""Numbers that make no sense, refused before anything is read or written."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.training.budget import NO_LIMIT

BYTES_PER_PARAMETER = 16
"""Weight, gradient and Adam's two moments, four bytes each."""


def check(config: DictConfig) -> None:
    """Refuse numbers that make no sense before anything is read or written.

    Raises:
        ValueError: naming key, value and rule.
    """
    for key in ("layers", "hidden_size", "batch_size", "seq_length"):
        _require(
            config, key, lambda value: isinstance(value, int) and value >= 1, "a whole number of at least 1"
        )
    for key in ("seed", "split_seed"):
        _require(
            config, key, lambda value: isinstance(value, int) and value >= 0, "a whole number, 0 or more"
        )
    positive_or_null = "a positive number, or null for no limit"
    _require(config, "gradient_clip_norm", lambda value: value is None or value > 0, positive_or_null)
    budget = "a whole number of at least 1, or -1 for no limit"
    for key in ("trainer.max_steps", "trainer.max_epochs"):
        _require(
            config, key, lambda value: value in NO_LIMIT or (isinstance(value, int) and value >= 1), budget
        )
    if all(config.trainer.get(key) in NO_LIMIT for key in ("max_steps", "max_epochs")):
        raise ValueError(
            "trainer.max_steps=-1 with trainer.max_epochs=-1: one of the two must limit the training"
        )


def _require(config: DictConfig, key: str, holds: Callable[[Any], bool], rule: str) -> None:
    value = OmegaConf.select(config, key)
    try:
        good = holds(value) and not isinstance(value, bool)
    except TypeError:
        good = False
    if not good:
        raise ValueError(f"{key}={value}: must be {rule}")


def check_memory(parameters: int, config: DictConfig) -> None:
    """Refuse a network that this machine could not hold.

    Raises:
        ValueError: saying what it needs and what there is.
    """
    if not hasattr(os, "sysconf"):  # Windows
        return
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if parameters * BYTES_PER_PARAMETER > available:
        raise ValueError(
            f"hidden_size={config.hidden_size} with layers={config.layers}: {parameters:,} parameters "
            f"need {parameters * BYTES_PER_PARAMETER / 2**30:,.0f} GiB to train, and this machine has "
            f"{available / 2**30:,.0f} GiB of memory"
        )
