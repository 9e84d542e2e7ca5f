"""The sweeper of melgen. Hydra finds its plugins in this namespace, which must hold no ``__init__.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import Override

from melgen.internals.hydra import LauncherLines, basic_sweeper

if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
else:
    BasicSweeper = basic_sweeper()


class PlannedSweeper(BasicSweeper):
    """Hydra's basic sweeper, told which jobs to run.

    `melgen.sweeps.callback` has composed all jobs before the sweep starts, and chosen those that are wanted.

    Args:
        max_batch_size, params: as of the basic sweeper.
        jobs: the numbers of the jobs to run among all that the command line makes, from 0; ``None``: all, and none
            has been composed yet.
    """

    def __init__(
        self,
        max_batch_size: int | None,
        params: dict[str, str] | None = None,
        jobs: Sequence[int] | None = None,
    ):
        super().__init__(max_batch_size, params)
        self.jobs = jobs

    def split_arguments(self, overrides: list[Override], max_batch_size: int | None) -> list[list[list[str]]]:  # type: ignore[override]  # static there
        """The jobs, in portions that are launched one after the other."""
        (made,) = super().split_arguments(overrides, None)
        jobs = made if self.jobs is None else [made[number] for number in self.jobs]
        LauncherLines(jobs).install()
        return [list(batch) for batch in self.split_overrides_to_chunks(jobs, max_batch_size)] if jobs else []

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose each job, unless that has been done: it takes a tenth of a second for each."""
        if self.jobs is None:
            super().validate_batch_is_legal(batch)
