"""The training budget: in updates, the same for every representation, in epochs or in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from math import inf
from operator import ge, gt
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from omegaconf import DictConfig

from melgen.errors import IdentityError
from melgen.files import read_json
from melgen.runs.config import read_config
from melgen.runs.directory import FINISHED, RunDirectory

NO_LIMIT = (None, -1)
"""Values of ``trainer.max_steps`` and ``trainer.max_epochs`` that mean no limit."""

BUDGET, STOPPED_BY = "budget", "stopped_by"
"""Keys of ``result.json``: the budget that was asked for, and what ended the training. Older runs lack them."""

_MOST, _LEAST = ("max_steps", "max_epochs", "max_time"), ("min_steps", "min_epochs")


class HasEpochs(Protocol):
    """A data module, or the numbers that a run has recorded about its data."""

    @property
    def updates_per_epoch(self) -> int:
        """Number of training windows in an epoch."""


class Limit(NamedTuple):
    """A limit of a training, and what a run has made of it.

    Attributes:
        key: ``trainer.max_steps`` or ``trainer.max_epochs``.
        value: of the key.
        unit: ``updates`` or ``epochs``.
        made: how many of them the run has made.
    """

    key: str
    value: int
    unit: str
    made: int


def is_finished(run: RunDirectory, config: DictConfig) -> bool:
    """Whether a run is finished, and a configuration asks for no larger budget than the run had.

    A callback or ``trainer.max_time`` may have ended the training before the budget was used. A run that was continued
    with a larger budget and interrupted is not finished for any budget: its result does not belong to its weights.

    Raises:
        IdentityError: if its result is damaged.
    """
    if read_json(run.path / "status.json").get("state") != FINISHED:
        return False
    result = run.result
    if result is None:
        return False
    try:
        return budget_is_spent(config, result) or (
            BUDGET in result and not _is_larger(asked_budget(config), result[BUDGET])
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise IdentityError(
            f"{run.path / 'result.json'}: damaged ({type(error).__name__}: {error}); force=true starts the run again"
        ) from error


def is_known_finished(run: RunDirectory, config: DictConfig) -> bool:
    """`is_finished` for a plan: a run with damaged files counts as unfinished, and its training reports them."""
    try:
        return is_finished(run, config)
    except IdentityError:
        return False


def asked_budget(config: DictConfig) -> dict[str, float | None]:
    """The budget of a configuration, as a result records it; ``None`` for no limit, ``max_time`` in seconds."""
    trainer = config.trainer
    asked = {key: trainer.get(key) for key in (*_MOST, *_LEAST)}
    return {key: None if value in NO_LIMIT else value for key, value in asked.items()} | {
        "max_time": _seconds(trainer.get("max_time"))
    }


def budget_of(run: Path) -> dict[str, float | None] | None:
    """The budget in the configuration of a run; ``None`` if that is missing or damaged."""
    try:
        return asked_budget(read_config(run))
    except Exception:  # OmegaConf may raise anything for a damaged file
        return None


def budget_is_spent(config: DictConfig, result: Mapping[str, Any]) -> bool:
    """Whether a finished run has made all updates or epochs of a configuration."""
    return reached_limit(config, result) is not None


def reached_limit(config: DictConfig, result: Mapping[str, Any]) -> str | None:
    """The key of the limit that a run has reached; ``None`` if it was stopped before, or goes on."""
    limit = _first_limit(config, result, ge)
    return None if limit is None else limit.key


def exceeded_limit(config: DictConfig, result: Mapping[str, Any]) -> Limit | None:
    """The limit that a run has exceeded, in updates or in whole epochs; ``None`` if it has exceeded none.

    A limit in time is not among them: how many updates it allows depends on the machine.
    """
    return _first_limit(config, result, gt)


def total_updates(config: DictConfig, data: HasEpochs) -> int:
    """The number of updates that the budget allows."""
    limits = []
    if config.trainer.get("max_steps") not in NO_LIMIT:
        limits.append(int(config.trainer.max_steps))
    if config.trainer.get("max_epochs") not in NO_LIMIT:
        limits.append(int(config.trainer.max_epochs) * data.updates_per_epoch)
    return min(limits)


def _first_limit(config: DictConfig, result: Mapping[str, Any], is_met: Callable[[Any, Any], bool]) -> Limit | None:
    for key, unit in (("max_steps", "updates"), ("max_epochs", "epochs")):
        limit = config.trainer.get(key)
        if limit not in NO_LIMIT and is_met(result[unit], limit):
            return Limit(f"trainer.{key}", limit, unit, result[unit])
    return None


def _is_larger(asked: Mapping[str, float | None], recorded: Mapping[str, float | None]) -> bool:
    """Whether any limit of a budget is larger than in another budget."""

    def of(budget: Mapping[str, float | None], key: str) -> float:
        limit = budget.get(key)
        return limit if limit is not None else inf if key in _MOST else 0

    return any(of(asked, key) > of(recorded, key) for key in (*_MOST, *_LEAST))


def _seconds(limit: Any) -> float | None:
    """``trainer.max_time`` in seconds: Lightning takes ``DD:HH:MM:SS`` and the arguments of a timedelta."""
    if limit is None:
        return None
    if isinstance(limit, Mapping):
        return timedelta(**{str(key): value for key, value in limit.items()}).total_seconds()
    days, hours, minutes, seconds = (int(part) for part in str(limit).split(":"))
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds()
