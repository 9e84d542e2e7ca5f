"""Keys that other keys set: sizes by ``parameters`` or ``remembered``, the learning rate by ``learning_rates``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.runs import learning_rates, size_keys
from melgen.runs.learning_rates import tuned_rate
from melgen.runs.size_keys import solved_sizes


def solved_keys(config: DictConfig, vocabulary: Mapping[str, int] | None = None) -> Mapping[str, float]:
    """The keys of a training that others set, with their values; empty for most trainings.

    Args:
        config: of a training.
        vocabulary: its sizes, as for `melgen.runs.size_keys.solved_sizes`.

    Raises:
        ValueError: for values that contradict each other, or for which there is no solution.
    """
    return {**solved_sizes(config, vocabulary), **tuned_rate(config)}


def with_solved_keys(config: DictConfig, vocabulary: Mapping[str, int] | None = None) -> DictConfig:
    """The configuration with its `solved_keys`, and with the directory of its run as a plain value.

    It is the same object if there are none.
    """
    if not (solved := solved_keys(config, vocabulary)):
        return config
    run_dir = str(config.run_dir)  # it is named by what the command gave
    config = config.copy()
    with read_write(config), open_dict(config):
        config.run_dir = run_dir
        for key, value in solved.items():
            OmegaConf.update(config, key, value)
    return config


def check_typed(config: DictConfig, typed: Mapping[str, Any]) -> None:
    """Refuse a key on the command line that another key would replace.

    Args:
        config: of a training.
        typed: the overridden keys, with their values.

    Raises:
        ValueError: naming both keys.
    """
    size_keys.check_typed(config, typed)
    learning_rates.check_typed(config, typed)
