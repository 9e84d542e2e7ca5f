"""What a sweep is going to do, from its command line and configuration, before any job starts."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.runs.budget import NO_LIMIT, total_updates
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import is_identity
from melgen.runs.naming import typed_overrides
from melgen.runs.standing import Standing, standing_of

NAMES_A_PLACE = frozenset({"name", "output_dir", "path", "init_from", "experiment"})
"""Keys that are no part of a run's identity and yet give it another directory."""

_NOT_NEEDED = ("hydra", "callbacks", "logger")

KEEPS_THE_UPDATES = frozenset(
    {"cell", "layers", "hidden_size", "model", "seed", "optimizer", "scheduler", "gradient_clip_norm"}
)
"""Keys that change a job without changing how many updates it makes."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that a sweep is going to run: its overrides, and its configuration but for what watches it."""

    overrides: tuple[str, ...]
    config: DictConfig

    @property
    def run(self) -> RunDirectory:
        """Where it will leave what comes out."""
        return RunDirectory(self.config.run_dir)

    @property
    def standing(self) -> Standing:
        """How its run stands; as failed also where it was refused, because another's run lies there."""
        refused = self.run.refused
        return standing_of(refused if refused.path.exists() else self.run)


def planned_axes(hydra: DictConfig) -> dict[str, list[str]]:
    """What a sweep goes over: for each key its overrides, ``layers: [layers=1, layers=2]``.

    Args:
        hydra: Hydra's own part of the configuration.

    Raises:
        ValueError: for a sweep over a key that makes no other run, so that its jobs would all be one.
    """
    params = hydra.sweeper.get("params") or {}
    given = [f"{key}={value}" for key, value in _flat(params)] + typed_overrides(hydra)
    axes: dict[str, list[str]] = {}  # the command line comes last and wins, as in Hydra
    running = GlobalHydra.instance()  # its loader knows what glob(*) stands for
    parser = OverridesParser.create(config_loader=running.config_loader() if running.is_initialized() else None)
    for override in parser.parse_overrides(given):
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [override.input_line or ""]
            continue
        axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        if len(axes[key]) > 1 and not is_identity(override.key_or_group) and key not in NAMES_A_PLACE:
            raise ValueError(
                f"{override.input_line}: {override.key_or_group} is no part of a run's identity, so that "
                "these jobs would all be one run in one directory"
            )
    return axes


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A key with dots is one level in a file, and several where the command line has set it."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def planned_jobs(hydra: DictConfig, config_name: str) -> list[PlannedJob]:
    """The jobs that the basic sweeper makes of a command line, each with its configuration.

    Composing takes a tenth of a second; jobs that differ in plain values only are variations of one composition.

    Args:
        hydra: Hydra's own part of the configuration.
        config_name: of the configuration that the jobs are made of.

    Raises:
        ValueError: as `planned_axes`.
        HydraException: for what cannot be composed.
    """
    return compose_jobs(planned_axes(hydra), hydra, config_name)


def compose_jobs(axes: Mapping[str, list[str]], hydra: DictConfig, config_name: str) -> list[PlannedJob]:
    """The jobs of a sweep over ``axes``, in the basic sweeper's order; see `planned_jobs`."""
    loader = GlobalHydra.instance().config_loader()
    plain = {key for key, overrides in axes.items() if _are_plain_values(key, overrides, hydra)}
    composed: dict[tuple[str, ...], DictConfig] = {}
    planned = []
    for job in product(*axes.values()):
        choices = tuple(override for key, override in zip(axes, job, strict=True) if key not in plain)
        if choices not in composed:
            composed[choices] = loader.load_configuration(config_name, list(job), RunMode.MULTIRUN)
        planned.append(PlannedJob(job, _variation(composed[choices], job, plain)))
    return planned


def _are_plain_values(key: str, overrides: Sequence[str], hydra: DictConfig) -> bool:
    """Whether an axis sets a key at the top of the configuration that chooses no group."""
    if not key.isidentifier() or key in hydra.runtime.choices:
        return False
    values = [override.value() for override in OverridesParser.create().parse_overrides(list(overrides))]
    return all(value is None or isinstance(value, str | int | float) for value in values)


def _variation(composed: DictConfig, job: Sequence[str], plain: set[str]) -> DictConfig:
    config = copy.deepcopy(composed)
    with read_write(config), open_dict(config):
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.overrides.task = list(job)
        for override in OverridesParser.create().parse_overrides(list(job)):
            if override.key_or_group in plain:
                OmegaConf.update(config, override.key_or_group, override.value())
        path = str(config.run_dir)
        config.name, config.run_dir = str(config.name), path
        for key in _NOT_NEEDED:
            config.pop(key, None)
    return config


def planned_updates(jobs: Sequence[PlannedJob]) -> int:
    """The updates that all jobs make together.

    Where epochs are counted it reads the corpora, which the jobs then find read; jobs that differ only in their
    network count alike.
    """
    alike: dict[tuple[str, ...], list[PlannedJob]] = {}
    for job in jobs:
        key = tuple(
            override for override in job.overrides if override.split("=")[0].split(".")[0] not in KEEPS_THE_UPDATES
        )
        alike.setdefault(key, []).append(job)
    return sum(len(group) * updates_of(group[0].config) for group in alike.values())


def updates_of(config: DictConfig) -> int:
    """The updates that a job makes; where epochs are counted, its corpus is read."""
    if config.trainer.get("max_epochs") in NO_LIMIT:
        return int(config.trainer.max_steps)
    from melgen.training import assembly

    return total_updates(config, assembly.build_data(config, None))
