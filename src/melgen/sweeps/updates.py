"""How many updates planned jobs make."""

from __future__ import annotations

import os
from collections.abc import Sequence

from omegaconf import DictConfig

from melgen.runs.budget import NO_LIMIT, total_updates
from melgen.runs.directory import SWEEP_VARIABLE
from melgen.runs.keys import keys_that, top_of
from melgen.sweeps.planned_job import PlannedJob

KEEPS_THE_UPDATES = keys_that("keeps_updates")
"""Keys that change a job without changing how many updates it makes."""


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
