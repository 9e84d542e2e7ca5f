"""``python -m melgen.study``: a whole study, from the sweep to the tables and figures of a paper.

The recipe is `study`; `main` wraps it for the command line.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import cast

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from melgen.checking import check_one_of, check_whole
from melgen.command_line import run_app, run_job
from melgen.configuration.arguments import without_multirun
from melgen.configuration.conf_dir import CONF_DIR
from melgen.studies.plan.planned_runs import names_stages, with_sweeps_as_parameters
from melgen.studies.stages import STAGES

log = logging.getLogger(__name__)


def study(config: DictConfig) -> Path:
    """Do the stages of a study, each as far as it is not done already; what only shows results again if it is named.

    Args:
        config: as composed from ``conf/study.yaml``, under a running Hydra application.

    Returns:
        The study's directory.

    Raises:
        ValueError: for settings that make no sense, runs that are missing, or a stage whose predecessor has not
            been done with these settings.
    """
    wanted, hydra_config = wanted_stages(config), cast(DictConfig, HydraConfig.get())
    from melgen.studies.stages import tune
    from melgen.studies.stages.order import do_stages, log_summary, stages_done
    from melgen.studies.study import Study
    from melgen.training.build import prepare_torch

    prepare_torch(config)
    this = Study(config, hydra_config)
    this.settings.check()
    this.runs.check_reference()
    if "tune" in wanted and this.rates is None:
        tune.announce(this)
    if "sweep" in wanted or config.dry_run:
        this.training.announce()
    if config.dry_run:
        log.info("dry_run=true: nothing was trained; without it the stages are %s", ", ".join(wanted))
        return this.directory
    with this.bench.claimed():
        do_stages(this, wanted, named=names_stages(hydra_config))
        if wanted == ["tune"]:  # there may be no run to describe
            log.info("The learning rates are in %s", this.settings.rates_file)
            return this.directory
        this.describe(stages_done=stages_done(this))
    log_summary(this)
    return this.directory


def wanted_stages(config: DictConfig) -> list[str]:
    """The stages asked for, in their order.

    Raises:
        ValueError: for one that does not exist, or an option of the study that makes no sense.
    """
    if config.force:  # each trial of a learning rate would be deleted again when the grid grows
        raise ValueError(
            "force=true: not for a study, which would delete all of its runs, finished ones too; delete the directory "
            "of a run that is to be trained again, or train the runs with python -m melgen.train -m ... force=true"
        )
    given = config.stages
    names = [given] if isinstance(given, str) else list(given)
    if not names or (unknown := [name for name in names if name not in STAGES]):
        raise ValueError(f"stages={given if not names else unknown[0]}: must be one or more of {', '.join(STAGES)}")
    choices = {"select.by": ("layers", "checkpoints"), "select.on_missing": ("error", "skip")}
    for key, allowed in choices.items():
        check_one_of(key, OmegaConf.select(config, key), allowed)
    check_whole("select.checkpoints", config.select.checkpoints)
    check_whole("select.later", config.select.later, 0)
    if "tune" in names and config.tune.rates is None:
        if names == ["tune"]:
            raise ValueError("stages=tune: needs tune.rates=[...], the learning rates to try")
        names.remove("tune")
    return [name for name in STAGES if name in names]


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="study")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("study", study, config)


def main() -> None:
    """Entry point of the command."""

    def with_its_own_sweep() -> None:
        # An experiment may ask for a sweep by hydra.mode; the study makes that sweep itself.
        sys.argv[1:] = [*with_sweeps_as_parameters(without_multirun(sys.argv[1:])), "hydra.mode=RUN"]
        app()

    run_app("study", with_its_own_sweep)


if __name__ == "__main__":
    main()
