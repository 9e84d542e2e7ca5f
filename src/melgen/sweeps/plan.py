"""What a sweep is going to do, from its command line and configuration, before any job starts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from melgen.runs.identity import is_identity

NAMES_A_PLACE = frozenset({"name", "output_dir", "path", "init_from", "experiment"})
"""Keys that are no part of a run's identity and yet give it another directory."""

KEEPS_THE_UPDATES = frozenset(
    {"cell", "layers", "hidden_size", "model", "seed", "optimizer", "scheduler", "gradient_clip_norm"}
)
"""Keys that change a job without changing how many updates it makes."""


def planned_axes(hydra: DictConfig) -> dict[str, list[str]]:
    """What a sweep goes over: for each key its overrides, ``layers: [layers=1, layers=2]``.

    Args:
        hydra: Hydra's own part of the configuration.

    Raises:
        ValueError: for a sweep over a key that makes no other run, so that its jobs would all be one.
    """
    params = hydra.sweeper.get("params") or {}
    given = [f"{key}={value}" for key, value in _flat(params)] + list(hydra.overrides.task)
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


def planned_jobs(hydra: DictConfig) -> list[tuple[str, ...]]:
    """The overrides of each job that the basic sweeper makes of a command line; raises as `planned_axes`."""
    return list(product(*planned_axes(hydra).values()))


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """A key with dots is one level in a file, and several where the command line has set it."""
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def planned_updates(config: DictConfig, jobs: list[tuple[str, ...]]) -> int:
    """The updates that all jobs make together.

    Reads the corpora, which the jobs then find read; jobs that differ only in their network count alike.
    """
    from melgen.runs.budget import total_updates
    from melgen.training import assembly

    alike = Counter(
        tuple(override for override in job if override.split("=")[0].split(".")[0] not in KEEPS_THE_UPDATES)
        for job in jobs
    )
    loader = GlobalHydra.instance().config_loader()
    updates = 0
    for overrides, count in alike.items():
        job = loader.load_configuration(config.hydra.job.config_name, list(overrides), RunMode.RUN)
        updates += count * total_updates(job, assembly.build_data(job, None))
    return updates


def planned_directories(config: DictConfig, jobs: list[tuple[str, ...]]) -> list[str]:
    """Where each job will leave its run, relative to the sweep's directory; nothing of what cannot be composed."""
    loader = GlobalHydra.instance().config_loader()
    root = Path(config.hydra.sweep.dir)
    directories = []
    for overrides in jobs:
        with suppress(Exception):  # the job will say why
            job = loader.load_configuration(config.hydra.job.config_name, list(overrides), RunMode.RUN)
            directories.append(os.path.relpath(job.run_dir, root))
    return directories
