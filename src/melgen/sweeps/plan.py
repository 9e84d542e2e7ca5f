"""The plan of a sweep, from its command line and configuration, before any job starts."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.configuration.composition import check_composed
from melgen.nested import sweeps_in
from melgen.runs.identity import identity_of, is_identity
from melgen.runs.keys import keys_that
from melgen.runs.naming import typed_overrides
from melgen.runs.solved_keys import solved_keys, with_solved_keys
from melgen.sweeps.hopeless_values import refuse_hopeless_values
from melgen.sweeps.planned_job import PlannedJob
from melgen.sweeps.read_once import check_sweep_is_followed

log = logging.getLogger(__name__)

CHANGES_DIRECTORY = keys_that("changes_directory")
"""Keys that are not part of a run's identity, but whose value also chooses its directory."""

_OTHER_TUNES = keys_that("is_identified_by_content")
"""Keys whose content, not their path, identifies the run; only the run itself reads it."""

_SEARCH_PATH = "hydra.searchpath="

_NOT_NEEDED = keys_that("is_for_watching")
_HYDRA_NOT_NEEDED = ("help", "hydra_help", "job_logging", "hydra_logging", "callbacks", "launcher", "sweeper")


def planned_axes(hydra: DictConfig) -> dict[str, list[str]]:
    """What a sweep goes over: for each key its overrides, ``layers: [layers=1, layers=2]``.

    Args:
        hydra: Hydra's own part of the configuration.

    Raises:
        ValueError: for a sweep over a key that makes no other run, so that its jobs would all be one.
    """
    params = hydra.sweeper.get("params") or {}
    given = sweeps_in(params) + typed_overrides(hydra)
    axes: dict[str, list[str]] = {}  # the command line comes last and wins, as in Hydra
    running = GlobalHydra.instance()  # its loader knows the options of glob(*)
    parser = OverridesParser.create(config_loader=running.config_loader() if running.is_initialized() else None)
    for override in parser.parse_overrides(given):
        key = override.get_key_element()
        if not override.is_sweep_override():
            axes[key] = [override.input_line or ""]
            continue
        axes[key] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        if len(axes[key]) > 1:
            refuse_one_run(override)
    return axes


def refuse_one_run(override: Override) -> None:
    """Refuse a sweep over a key that makes no other run.

    Raises:
        ValueError: naming the override.
    """
    if not is_identity(override.key_or_group) and override.get_key_element() not in CHANGES_DIRECTORY:
        raise ValueError(
            f"{override.input_line}: {override.key_or_group} is not part of a run's identity, so that "
            "these jobs would all be one run in one directory"
        )


def planned_jobs(hydra: DictConfig, config_name: str) -> list[PlannedJob]:
    """The jobs that the basic sweeper makes of a command line, each with its configuration.

    Composing takes a tenth of a second; jobs that differ in plain values only are variations of one composition.

    Args:
        hydra: Hydra's own part of the configuration.
        config_name: of the configuration that the jobs are made of.

    Raises:
        ValueError: as `planned_axes` and `compose_jobs`.
        HydraException: for what cannot be composed.
    """
    return compose_jobs(planned_axes(hydra), hydra, config_name)


def compose_jobs(axes: Mapping[str, list[str]], hydra: DictConfig, config_name: str) -> list[PlannedJob]:
    """The jobs of a sweep over ``axes``, in the basic sweeper's order; of several that are one run, the first.

    Raises:
        ValueError: for a key that nobody reads, a value with which no job could run, or two runs in one directory.
    """
    loader = GlobalHydra.instance().config_loader()
    plain_keys = {key for key, overrides in axes.items() if _are_plain_values(key, overrides, hydra)}
    composed: dict[tuple[str, ...], DictConfig] = {}
    for_all = [override for override in hydra.overrides.hydra if override.lstrip("+").startswith(_SEARCH_PATH)]
    planned = []
    for number, job in enumerate(product(*axes.values())):
        choices = tuple(override for key, override in zip(axes, job, strict=True) if key not in plain_keys)
        if choices not in composed:
            composed[choices] = loader.load_configuration(config_name, [*for_all, *job], RunMode.MULTIRUN)
            check_composed(composed[choices], config_name)
            swept = [override for key, override in zip(axes, job, strict=True) if len(axes[key]) > 1]
            if config_name == hydra.job.config_name:  # and not the trainings of a study, which cannot sweep over files
                check_sweep_is_followed(swept, job, hydra, config_name)
            _keep_what_jobs_need(composed[choices])
        planned.append(PlannedJob(job, _variation(composed[choices], job, plain_keys), number))
    planned = _without_repetitions(planned, axes)
    refuse_hopeless_values(planned, axes)
    return planned


def _without_repetitions(planned: Sequence[PlannedJob], axes: Mapping[str, list[str]]) -> list[PlannedJob]:
    """One job for each run, with a warning if there were more; the values of a sweep may be written in many ways."""
    if len(planned) < 2:
        return list(planned)
    first: dict[Any, PlannedJob] = {}
    owner: dict[str, PlannedJob] = {}
    repeated: list[PlannedJob] = []
    for job in planned:
        place = str(job.run.path.absolute())
        what = _frozen(identity_of(job.config, fingerprint="") | {key: job.config.get(key) for key in _OTHER_TUNES})
        if first.setdefault((job.run.path.absolute().parent, what), job) is not job:
            repeated.append(job)
        elif owner.setdefault(place, job) is not job:
            differ = sorted(set(job.overrides) - set(owner[place].overrides))
            raise ValueError(
                f"{', '.join(differ)}: would have the same directory as another job, {place}; -m needs other names: "
                "sweep over name=... too, or run them one by one with name=..."
            )
    if repeated:
        swept = [f"{key}=..." for key, overrides in axes.items() if len(overrides) > 1]
        log.warning(
            "%s: %d of %d jobs repeat another one, and are left out", ", ".join(swept), len(repeated), len(planned)
        )
    return list(first.values())


def _frozen(value: Any) -> Any:
    """Something hashable; numbers that are equal are the same, booleans are not numbers."""
    if isinstance(value, Mapping):
        return tuple(
            sorted((str(key), _frozen(item)) for key, item in value.items()),
        )
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    return (isinstance(value, bool), value)


def _are_plain_values(key: str, overrides: Sequence[str], hydra: DictConfig) -> bool:
    """Whether an axis sets a key at the top of the configuration that chooses no group."""
    if not key.isidentifier() or key in hydra.runtime.choices:
        return False
    values = [override.value() for override in OverridesParser.create().parse_overrides(list(overrides))]
    return all(value is None or isinstance(value, str | int | float) for value in values)


def _keep_what_jobs_need(config: DictConfig) -> None:
    """Take out large parts that no job is judged by, since every job gets a copy of the configuration."""
    with read_write(config), open_dict(config):
        for key in _NOT_NEEDED - {"hydra"}:
            config.pop(key, None)
        with read_write(config.hydra), open_dict(config.hydra):
            for key in _HYDRA_NOT_NEEDED:
                config.hydra.pop(key, None)


def _variation(composed: DictConfig, job: Sequence[str], plain_keys: set[str]) -> DictConfig:
    config = copy.deepcopy(composed)
    with read_write(config), open_dict(config):
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.overrides.task = list(job)
        for override in OverridesParser.create().parse_overrides(list(job)):
            if override.key_or_group in plain_keys:
                OmegaConf.update(config, override.key_or_group, override.value())
        try:
            solved_keys(config)
        except ValueError as error:  # which an interpolation would wrap, without the job
            raise ValueError(f"{' '.join(job)}: {error}") from None
        path = str(config.run_dir)
        config.name, config.run_dir = str(config.name), path
        config.pop("hydra")  # it was needed for the name of the run
    return with_solved_keys(config)
