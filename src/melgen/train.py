"""``python -m melgen.train``: train a recurrent network that writes melodies.

The recipe is `train`; `main` wraps it for the command line. What is heavy is imported where it is used, so
that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import time

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.runs.directory import RunDirectory

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

    check(config)  # before torch and Lightning are imported: a refusal is quick
    from melgen.runs.budget import budget_is_spent
    from melgen.training import assembly, outcome

    assembly.prepare_torch(config)
    run = RunDirectory(config.run_dir)
    with run.claimed():
        start = assembly.starting_point(config, run)
        data = assembly.build_data(config, start)
        module = assembly.build_module(config, data, start)
        callbacks = assembly.build_callbacks(config, module, data)
        trainer = assembly.build_trainer(config, data, callbacks)
        # Up to here nothing is written: what makes no sense has been refused by now.
        is_done = not config.force and run.result is not None and budget_is_spent(config, run.result)
        run.adopt(
            assembly.identity(config, data, start), assembly.to_yaml(config), force=config.force, goes_on=not is_done
        )
        if is_done:
            outcome.finished_already(run)
            return outcome.show(run, page=config.report)

        with run.reporting(), assembly.open_loggers(config) as loggers:
            began = time.monotonic()
            trainer.loggers = loggers
            assembly.announce(config, module, data, trainer)
            assembly.record_data(data, run)
            assembly.record_provenance(module, run)
            earlier_seconds = assembly.fit(trainer, module, data, run)
            result = assembly.evaluate(trainer, module, data, run)
            outcome.record(run, result, earlier_seconds + time.monotonic() - began)
        with run.logging_to_file():
            return outcome.show(run, page=config.report)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="config")
def app(config: DictConfig) -> float:
    """The Hydra application."""
    return run_job("train", train, config)


def main() -> None:
    """Entry point of the command."""
    run_app("train", app)


if __name__ == "__main__":
    main()
