"""The learning rates that a study has tried, with their scores, and the rate that is chosen for each network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

FORMAT, FORMAT_VERSION = "melgen learning rates", 1


@dataclass(frozen=True)
class RateTrial:
    """The short trainings with one learning rate.

    Attributes:
        rate: the learning rate.
        scores: the criterion of each seed whose training did not diverge, by the seed as text.
        diverged: the seeds whose loss or gradient became infinite or NaN.
    """

    rate: float
    scores: Mapping[str, float] = field(default_factory=dict)
    diverged: tuple[int, ...] = ()

    @property
    def mean(self) -> float:
        """The criterion averaged over the seeds; infinite if any of them diverged."""
        return math.inf if self.diverged or not self.scores else sum(self.scores.values()) / len(self.scores)


@dataclass(frozen=True)
class TunedSetting:
    """The learning rate chosen for one network in one setting.

    Attributes:
        dataset, cell, layers: of the network.
        variant: what else distinguishes it from others of the study, for readers; mostly empty.
        where: the values by which a run is recognised, by their keys.
        trials: one for each rate, from the lowest rate to the highest.
    """

    dataset: str
    cell: str
    layers: int
    variant: str
    where: Mapping[str, Any]
    trials: tuple[RateTrial, ...]

    @property
    def best(self) -> RateTrial:
        """The trial with the lowest mean, so none in which a seed diverged; of equals the one with the lowest rate."""
        return min(self.trials, key=lambda trial: trial.mean)

    @property
    def edge(self) -> str:
        """The end of the grid that the chosen rate is at, ``lowest`` or ``highest``; else an empty text."""
        rates = [trial.rate for trial in self.trials]
        return {rates[0]: "lowest", rates[-1]: "highest"}.get(self.best.rate, "") if len(rates) > 1 else ""

    @property
    def name(self) -> str:
        """The network and its setting, for readers."""
        return " ".join(filter(None, (f"{self.dataset}-{self.cell}-{self.layers}", self.variant)))


@dataclass(frozen=True)
class LearningRates:
    """The content of the file of the key ``learning_rates``.

    Attributes:
        criterion: the number of a run's result by which rates were compared; the lowest is the best.
        updates: of each trial, at most.
        seeds: of the trials.
        settings: one for each network and setting.
    """

    criterion: str
    updates: int
    seeds: tuple[int, ...]
    settings: tuple[TunedSetting, ...]

    def setting_of(self, config: DictConfig) -> TunedSetting | None:
        """The setting of a training; None if it was not tuned."""
        return next((each for each in self.settings if where_of(config, list(each.where)) == each.where), None)

    def to_dict(self) -> dict[str, Any]:
        """The content as plain data, with the chosen rate and its place in the grid for readers."""
        settings = [{"chosen": each.best.rate, "edge": each.edge or None, **asdict(each)} for each in self.settings]
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self), "settings": settings}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LearningRates:
        """The inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: for anything else.
        """
        if content.get("format") != FORMAT or content.get("format_version") != FORMAT_VERSION:
            raise ValueError(f"format {content.get('format')!r:.40}, version {content.get('format_version')!r:.40}")
        settings = tuple(
            TunedSetting(
                each["dataset"],
                each["cell"],
                int(each["layers"]),
                each["variant"],
                dict(each["where"]),
                tuple(map(_trial, each["trials"])),
            )
            for each in content["settings"]
        )
        if any(not setting.trials for setting in settings):
            raise ValueError("a setting without trials")
        return cls(content["criterion"], int(content["updates"]), tuple(content["seeds"]), settings)


def where_of(config: DictConfig, keys: Sequence[str]) -> dict[str, Any]:
    """The values by which the setting of a training is found."""
    return {key: _value(config, key) for key in keys}


def _trial(content: Mapping[str, Any]) -> RateTrial:
    scores = {str(seed): float(score) for seed, score in content["scores"].items()}
    return RateTrial(float(content["rate"]), scores, tuple(map(int, content["diverged"])))


def _value(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
