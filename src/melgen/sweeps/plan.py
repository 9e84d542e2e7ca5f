"""The plan of a sweep, from its command line and configuration, before any job starts."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.configuration.composition import check_composed
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.known_keys import plain
from melgen.configuration.own_files import file_of_option
from melgen.configuration.packaged import recipe_groups
from melgen.errors import message_of
from melgen.nested import flat, sweeps_in
from melgen.runs.budget import NO_LIMIT, total_updates
from melgen.runs.directory import SWEEP_VARIABLE, RunDirectory
from melgen.runs.identity import identity_of, is_identity
from melgen.runs.keys import keys_that, top_of
from melgen.runs.naming import typed_overrides
from melgen.runs.solved_keys import solved_keys, with_solved_keys
from melgen.runs.status import RunStatus, status_of

log = logging.getLogger(__name__)

CHANGES_DIRECTORY = keys_that("changes_directory")
"""Keys that are not part of a run's identity, but whose value also chooses its directory."""

_OTHER_TUNES = keys_that("is_identified_by_content")
"""Keys whose content, not their path, identifies the run; only the run itself reads it."""

_SEARCH_PATH = "hydra.searchpath="

_NOT_NEEDED = keys_that("is_for_watching")
_HYDRA_NOT_NEEDED = ("help", "hydra_help", "job_logging", "hydra_logging", "callbacks", "launcher", "sweeper")
_READ_ONCE = {
    "launcher": "hydra/launcher={} on the command line chooses it for all of them, hydra.launcher... sets its values",
    "sweeper": "hydra/sweeper={} on the command line chooses it, and key=value,value there sweeps over a key",
    "callbacks": "set it on the command line, or in a file that all jobs share",
}
"""Parts of Hydra's own configuration that jobs share, with what a user can do."""


KEEPS_THE_UPDATES = keys_that("keeps_updates")
"""Keys that change a job without changing how many updates it makes."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that a sweep is going to run: its overrides, and its configuration but for what watches it."""

    overrides: tuple[str, ...]
    config: DictConfig
    number: int = 0
    """Its place among all jobs that the sweeper makes, from 0, also those that repeat another."""

    @property
    def run(self) -> RunDirectory:
        """The directory of its run."""
        return RunDirectory(self.config.run_dir)

    @property
    def status(self) -> RunStatus:
        """The status of its run; failed also if it was refused, because its directory belongs to another run."""
        refused = self.run.refused
        return status_of(refused if refused.path.exists() else self.run)


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
        if len(axes[key]) > 1 and not is_identity(override.key_or_group) and key not in CHANGES_DIRECTORY:
            raise ValueError(
                f"{override.input_line}: {override.key_or_group} is not part of a run's identity, so that "
                "these jobs would all be one run in one directory"
            )
    return axes


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
    _refuse_hopeless_values(planned, axes)
    return planned


def check_sweep_is_followed(swept: Sequence[str], job: Sequence[str], hydra: DictConfig, config_name: str) -> None:
    """Refuse an option among several of a sweep that sets what Hydra reads only once, before all jobs.

    Args:
        swept: the overrides of the job that others of the sweep have with another value.
        job: all overrides of the job.
        hydra: Hydra's own part of the configuration of the sweep.
        config_name: of the configuration that the jobs are made of.

    Raises:
        ValueError: naming the option, its file and what to write instead.
    """
    groups = [override for override in swept if _may_set_hydra(override, hydra)]
    if not groups:
        return
    loader = GlobalHydra.instance().config_loader()
    config = loader.load_configuration(config_name, [*map(str, hydra.overrides.hydra), *job], RunMode.MULTIRUN)
    given = {override.partition("=")[0] for override in job}
    for part, instead in _READ_ONCE.items():
        if _without_given(config.hydra[part], given) == _without_given(hydra[part], given):
            continue
        option, file = next(
            (
                (each, file)
                for each in groups
                if (file := file_of_option(each, hydra)) and part in file.read_text("utf-8")
            ),
            (" ".join(groups), None),
        )
        named = f"{file}: " if file else ""
        raise ValueError(
            f"{named}hydra/{part} has no effect for {option}, one of several options of a sweep: Hydra reads it once, "
            f"before all jobs; {instead.format(config.hydra.runtime.choices.get(f'hydra/{part}'))}"
        )


def _may_set_hydra(override: str, hydra: DictConfig) -> bool:
    """Whether an override chooses an option that may set something of Hydra: among our own, only recipes do."""
    group = override.lstrip("+").partition("=")[0]
    if group not in hydra.runtime.choices:
        return False
    file = file_of_option(override, hydra)
    return group in recipe_groups() or file is None or Path(CONF_DIR) not in file.parents


def _without_given(part: DictConfig, given: Collection[str]) -> dict[str, Any]:
    """A part of Hydra's configuration as it was written, without what the command line sweeps over itself."""
    node = plain(part)
    if isinstance(params := node.get("params"), Mapping):
        node["params"] = {key: value for key, value in flat(params) if key not in given}
    return node | {"params": node.get("params") or None}


def check_one_of_many(config: DictConfig, command: str) -> None:
    """`check_composed` for one job among those that an optimiser may try: the first value of each key."""
    given = sweeps_in(config.hydra.sweeper.get("params") or {})
    overrides = OverridesParser.create().parse_overrides([*given, *map(str, config.hydra.overrides.task)])
    firsts = [_first_of(override) for override in overrides]
    loader = GlobalHydra.instance().config_loader()
    check_composed(loader.load_configuration(command, firsts, RunMode.MULTIRUN), command)
    for number, override in enumerate(overrides):
        value = override.value()
        if not override.is_sweep_override() or isinstance(value, RangeSweep | IntervalSweep):
            continue
        for option in override.sweep_string_iterator():
            swept = f"{override.get_key_element()}={option}"
            others = [*firsts[:number], swept, *firsts[number + 1 :]]
            check_sweep_is_followed([swept], others, config.hydra, command)


def _first_of(override: Override) -> str:
    if not override.is_sweep_override():
        return override.input_line or ""
    value = override.value()
    if isinstance(value, RangeSweep | IntervalSweep):
        return f"{override.get_key_element()}={value.start}"
    return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"


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


def _refuse_hopeless_values(planned: Sequence[PlannedJob], axes: Mapping[str, list[str]]) -> None:
    from melgen.training.checks import check, check_values

    _refuse_where(check_values, planned, axes)  # of all jobs, before torch and Lightning are imported
    _refuse_where(check, planned, axes)
    from melgen.training.build import check_parts

    known: dict[str, Exception | None] = {}
    _refuse_where(lambda config: check_parts(config, known), planned, axes)


def _refuse_where(
    judge: Callable[[DictConfig], None], planned: Sequence[PlannedJob], axes: Mapping[str, list[str]]
) -> None:
    """Refuse a value with which every job is refused; jobs that fail by themselves leave their error in their run."""
    errors: dict[int, Exception] = {}
    for job in planned:
        try:
            judge(job.config)
        except Exception as error:
            errors[job.number] = error
    if not errors:
        return
    if len(errors) == len(planned) and len({message_of(error) for error in errors.values()}) == 1:
        raise errors[planned[0].number]  # whatever is swept over
    for override in (override for overrides in axes.values() if len(overrides) > 1 for override in overrides):
        with_it = [job.number for job in planned if override in job.overrides]
        if with_it and all(number in errors for number in with_it):
            reason = message_of(errors[with_it[0]])
            raise ValueError(f"{reason}\nEvery job with {override} would be refused, so that no job was started")
    if len(errors) == len(planned):
        raise errors[planned[0].number]


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


def planned_updates(jobs: Sequence[PlannedJob]) -> int:
    """The updates that all jobs make together.

    Where epochs are counted it reads the corpora, which the jobs then find read; jobs that differ only in their
    network count alike.
    """
    alike: dict[tuple[str, ...], list[PlannedJob]] = {}
    for job in jobs:
        key = tuple(
            override for override in job.overrides if top_of(override.partition("=")[0]) not in KEEPS_THE_UPDATES
        )
        alike.setdefault(key, []).append(job)
    return sum(len(group) * updates_of(group[0].config) for group in alike.values())


def updates_of(config: DictConfig) -> int:
    """The updates that a job makes; where epochs are counted, its corpus is read."""
    if config.trainer.get("max_epochs") in NO_LIMIT:
        return int(config.trainer.max_steps)
    from melgen.data.from_config import build_data

    return total_updates(config, build_data(config, sweep=os.environ.get(SWEEP_VARIABLE)))
