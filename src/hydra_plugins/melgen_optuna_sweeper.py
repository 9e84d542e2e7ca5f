"""Optuna as a sweeper of Hydra. Hydra imports this file at every start; what is heavy is imported where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """Trials that Optuna chooses by the results of those before; see `melgen.sweeps.optuna_search.Search`.

    Args:
        sampler: the configuration of a sampler, with its ``_target_``.
        n_trials, n_jobs, direction, storage, study_name: as of `melgen.sweeps.optuna_search.Search`.
        params: sweeps by key, in Hydra's grammar; the command line adds to them and wins.
    """

    def __init__(
        self,
        sampler: Mapping[str, Any],
        n_trials: int,
        n_jobs: int = 1,
        direction: str = "minimize",
        storage: str | None = None,
        study_name: str | None = None,
        params: Mapping[str, Any] | None = None,
    ):
        self.sampler, self.params = sampler, params or {}
        self.n_trials, self.n_jobs, self.direction = n_trials, n_jobs, direction
        self.storage, self.study_name = storage, study_name
        self.config: DictConfig | None = None
        self.launcher = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the launcher that runs the trials."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the trials, and write the best of them to ``optimization_results.yaml``."""
        from functools import partial

        from melgen.internals.hydra import LauncherLines
        from melgen.nested import sweeps_in
        from melgen.sweeps.optuna_search import Search, sampler_of, search_space

        assert self.config is not None
        assert self.launcher is not None
        assert self.hydra_context is not None
        given = sweeps_in(self.params)
        search = Search(
            *search_space([*given, *arguments], self.hydra_context.config_loader),
            folder=self.config.hydra.sweep.dir,
            sampler=partial(sampler_of, self.sampler),
            n_trials=self.n_trials,
            n_jobs=self.n_jobs,
            direction=self.direction,
            storage=self.storage,
            study_name=self.study_name,
        )
        LauncherLines(()).install()
        search.run(self.launcher.launch)
