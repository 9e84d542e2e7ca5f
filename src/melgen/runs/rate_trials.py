"""The learning rates that a study has tried, with their scores, and the rate that is chosen for each network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf

FORMAT, FORMAT_VERSION = "melgen learning rates", 1

EXPLODED = 10
"""A validation loss above as many times the logarithm of the vocabulary's size counts as divergence. A guess among all
tokens costs that logarithm, and so does a network before its training; weights that stay in range cost a few times as
much at the worst."""


@dataclass(frozen=True)
class RateTrial:
    """The short trainings with one learning rate.

    Attributes:
        rate: the learning rate.
        scores: the criterion of each seed whose training did not diverge, by the seed as text.
        diverged: the seeds whose loss or gradient became infinite or NaN, or whose loss is far above that of a guess.
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
        size: of the network, by the keys that give it; empty in a file of an earlier melgen.
    """

    dataset: str
    cell: str
    layers: int
    variant: str
    where: Mapping[str, Any]
    trials: tuple[RateTrial, ...]
    size: Mapping[str, int] = field(default_factory=dict)

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
class Purpose:
    """The trainings for which rates were tuned.

    Attributes:
        corpus: its configuration, as plain data.
        updates: the values of ``trainer.max_steps`` of the trainings, not of the trials.
    """

    corpus: Mapping[str, Any]
    updates: tuple[int, ...]


@dataclass(frozen=True)
class LearningRates:
    """The content of the file of the key ``learning_rates``.

    Attributes:
        criterion: the number of a run's result by which rates were compared; the lowest is the best.
        updates: of each trial, at most.
        seeds: of the trials.
        settings: one for each network and setting.
        purpose: the trainings for which the rates were tuned; None in a file of an earlier melgen.
    """

    criterion: str
    updates: int
    seeds: tuple[int, ...]
    settings: tuple[TunedSetting, ...]
    purpose: Purpose | None = None

    def setting_of(self, config: DictConfig) -> TunedSetting | None:
        """The setting of a training; None if it was not tuned."""
        return next((each for each in self.settings if where_of(config, list(each.where)) == each.where), None)

    def to_dict(self) -> dict[str, Any]:
        """The content as plain data, with the chosen rate and its place in the grid for readers."""
        settings = [
            {"chosen": each.best.rate, "edge": each.edge or None, **_without_nothing(asdict(each), "size")}
            for each in self.settings
        ]
        content = _without_nothing(asdict(self), "purpose")
        return {"format": FORMAT, "format_version": FORMAT_VERSION, **content, "settings": settings}

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
                {str(key): int(value) for key, value in each.get("size", {}).items()},
            )
            for each in content["settings"]
        )
        if any(not setting.trials for setting in settings):
            raise ValueError("a setting without trials")
        purpose = None
        if (known := content.get("purpose")) is not None:
            purpose = Purpose(dict(known["corpus"]), tuple(map(int, known["updates"])))
        return cls(content["criterion"], int(content["updates"]), tuple(content["seeds"]), settings, purpose)


def where_of(config: DictConfig, keys: Sequence[str]) -> dict[str, Any]:
    """The values by which the setting of a training is found."""
    return {key: _value(config, key) for key in keys}


def _without_nothing(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Without an empty value of a key that files of an earlier melgen lack, so that those stay as they are."""
    return content if content[key] else {name: value for name, value in content.items() if name != key}


def _trial(content: Mapping[str, Any]) -> RateTrial:
    scores = {str(seed): float(score) for seed, score in content["scores"].items()}
    return RateTrial(float(content["rate"]), scores, tuple(map(int, content["diverged"])))


def _value(config: DictConfig, key: str) -> Any:
    value = OmegaConf.select(config, key)
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
