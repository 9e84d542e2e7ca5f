"""The key ``learning_rates``: a file that sets ``optimizer.lr``, for each cell and setting that a study has tuned.

The stage *tune* of a study writes the file, whose content `melgen.runs.rate_trials` describes. A run's name and
identity contain the rate alone, so that the same rate, written by hand, is the same run.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from melgen.files import read_json
from melgen.runs.rate_trials import LearningRates, where_of

LEARNING_RATES, RATE = "learning_rates", "optimizer.lr"
"""The key, and the key that it sets."""


def tuned_rate(config: DictConfig) -> Mapping[str, float]:
    """The value of ``optimizer.lr`` for a training; empty if ``learning_rates`` is not given.

    Raises:
        ValueError: for a file that cannot be read, or that has no rate for this network.
    """
    path = config.get(LEARNING_RATES)
    if path is None:
        return {}
    rates = read_rates(Path(path).expanduser())
    if (found := rates.setting_of(config)) is not None:
        return {RATE: found.best.rate}
    where = where_of(config, list(rates.settings[0].where)) if rates.settings else {}
    own = ", ".join(_in_words(key, value) for key, value in where.items() if value is not None)
    raise ValueError(
        f"{LEARNING_RATES}={path}: has no rate for {own}; it was tuned for "
        f"{'; '.join(setting.name for setting in rates.settings) or 'nothing'}"
    )


def _in_words(key: str, value: Any) -> str:
    """A key and its value, with the name of a class in place of its path: ``cell=GRU``."""
    return f"{key.removesuffix('._target_')}={str(value).rpartition('.')[2] if key.endswith('_target_') else value}"


def read_rates(path: Path) -> LearningRates:
    """Read the file.

    Raises:
        ValueError: naming the file, if it does not exist or is damaged.
    """
    if not path.is_file():
        raise ValueError(f"{LEARNING_RATES}={path}: no such file; the stage tune of a study writes one")
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


def check_typed(config: DictConfig, typed: Mapping[str, Any]) -> None:
    """Refuse a rate on the command line that the file would replace.

    Args:
        config: of a training.
        typed: the overridden keys, with their values.

    Raises:
        ValueError: naming both keys.
    """
    if config.get(LEARNING_RATES) is not None and RATE in typed:
        raise ValueError(
            f"{LEARNING_RATES}={config[LEARNING_RATES]} with {RATE}={typed[RATE]}: only one of the two can set the rate"
        )


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> LearningRates:
    try:
        return LearningRates.from_dict(read_json(path))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{LEARNING_RATES}={path}: damaged, or not a file of learning rates ({error!s:.80})") from None
