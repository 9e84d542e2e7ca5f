"""A job that a sweep is going to run."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from melgen.runs.directory import RunDirectory
from melgen.runs.status import RunStatus, status_of


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
        return status_of(self.run.latest)
