"""``python -m melgen.train``: train a recurrent network that writes melodies.

The recipe is `train`; `main` wraps it for the command line. Heavy modules are imported where they are used, so that
``--help`` answers at once.
"""

from __future__ import annotations

import logging
import os
import time

import hydra
from omegaconf import DictConfig, read_write

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.runs.config import CONFIG_FILE
from melgen.runs.directory import SWEEP_VARIABLE, RunDirectory
from melgen.runs.naming import with_names

log = logging.getLogger(__name__)


def train(config: DictConfig) -> float:
    """Train one network, or go on where an earlier start of the same run left it.

    Args:
        config: as composed from ``conf/config.yaml``; everything is left in its ``run_dir``.

    Returns:
        The lowest validation loss, in nats per token.

    Raises:
        ValueError: for settings that make no sense, naming key, value and rule.
        DivergenceError: if the loss or its gradient stops being a number.
    """
    from melgen.training.checks import check

    config = with_names(config)
    check(config)  # before torch and Lightning are imported: a refusal is quick
    from melgen.runs.budget import BUDGET, STOPPED_BY, asked_budget, is_finished
    from melgen.runs.solved_keys import with_solved_keys
    from melgen.training import build, outcome, steps

    build.prepare_torch(config)
    run = RunDirectory(config.run_dir)
    with run.claimed():
        if config.force and run.is_begun_by_this_job:
            # SLURM starts a job that it queues again with the same overrides; the first start has deleted the old run.
            log.info("force=true is done already: an earlier start of this job has deleted the old run")
            with read_write(config):
                config.force = False
        start = build.starting_point(config, run)
        data = build.build_data(config, start)
        config = with_solved_keys(config, data.vocabulary.sizes)
        module = build.build_module(config, data, start)
        callbacks = build.build_callbacks(config, module, data)
        trainer = build.build_trainer(config, data, callbacks)
        steps.check_products(config, trainer.precision, trainer.strategy.root_device, None if config.force else run)
        is_done = not config.force and is_finished(run, config)
        identity = steps.identity(config, data, start)
        if not config.force and not is_done:
            run.check_identity(identity, is_unfinished=True)
            steps.check_splits(data, run)
            steps.check_budget(config, run)
        # Up to here nothing is written: what makes no sense has been refused by now.
        run.adopt(identity, steps.to_yaml(config), force=config.force, is_unfinished=not is_done)
        if is_done:
            outcome.finished_already(run, config)
            return _show(config, run)

        with run.reporting():
            steps.forget_repeated_updates(run)
            with build.open_loggers(config) as loggers:
                began = time.monotonic()
                trainer.loggers = loggers
                steps.announce(config, module, data, trainer)
                steps.record_data(data, run)
                products = steps.use_products(config, module, trainer, run)
                steps.record_provenance(module, run, products)
                earlier_seconds = steps.fit(trainer, module, data, run)
                result = steps.evaluate(trainer, module, data, run)
                result |= {BUDGET: asked_budget(config), STOPPED_BY: outcome.stopped_by(config, result, trainer)}
                outcome.record(run, result, earlier_seconds + time.monotonic() - began)
        with run.logging_to_file():
            return _show(config, run)


def _show(config: DictConfig, run: RunDirectory) -> float:
    """Make the page of a finished run and log its result; in a sweep one line of the result."""
    from melgen.training import outcome

    in_sweep = SWEEP_VARIABLE in os.environ
    if config.report and not in_sweep:
        _make_page(run)
    return outcome.show(run, brief=in_sweep)


def _make_page(run: RunDirectory) -> None:
    """Make the page, unless it is newer than result and label. The run is complete without one."""
    from melgen.pages.writing import REPORT, write_report

    page, shown = run.path / REPORT, (run.path / "result.json", run.path / CONFIG_FILE)
    if page.exists() and page.stat().st_mtime_ns >= max(file.stat().st_mtime_ns for file in shown):
        return
    try:
        write_report(run.path, kind="run")
    except Exception as error:  # a picture may raise any error, and the training has succeeded
        log.warning("no report page: %s: %s", type(error).__name__, error)
        log.debug("traceback of that failure", exc_info=True)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="config")
def app(config: DictConfig) -> float:
    """The Hydra application."""
    return run_job("train", train, config)


def main() -> None:
    """Entry point of the command."""
    run_app("train", app)


if __name__ == "__main__":
    main()
