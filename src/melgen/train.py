"""``python -m melgen.train``: train a recurrent network that writes melodies.

The recipe is `train`; `main` wraps it for the command line. Heavy imports are made where they are used, so
that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from melgen.command_line import command, refuse_lists
from melgen.conf_dir import CONF_DIR
from melgen.runs.directory import FINISHED, INTERRUPTED, RUNNING, RunDirectory

if TYPE_CHECKING:
    from melgen.data import MelodyDataModule

log = logging.getLogger(__name__)


def train(config: DictConfig, directory: str | Path) -> float:
    """Train one network, or go on where an earlier start left it.

    Args:
        config: as composed from ``conf/config.yaml``.
        directory: the run's own, for all that it leaves behind.

    Returns:
        The lowest validation loss, in nats per token.

    Raises:
        ValueError: for settings that make no sense (each subclass names key, value and rule).
        DivergenceError: if the loss stops being a number.
    """
    from melgen.runs.identity import identity_of
    from melgen.training import assembly

    assembly.check(config)
    assembly.prepare_torch(config)
    run = RunDirectory(directory)
    with run.claimed(), run.logging_to_file():
        start = assembly.starting_weights(config, run)
        data = assembly.build_data(config, start)
        identity = identity_of(config, data.fingerprint, start and start.digest)
        run.adopt(identity, OmegaConf.to_yaml(config, resolve=True), force=config.force)
        if (result := run.result) and assembly.budget_reached(config, result):
            run.set_status(FINISHED)
            say_result(run, result, already=True)
            return float(result["val/loss"])
        with reporting_status(run):
            return fit(config, run, data, start)


def fit(config: DictConfig, run: RunDirectory, data: MelodyDataModule, start: Any) -> float:
    """The training itself: network, callbacks, loggers, trainer; fit, test, result."""
    from melgen.training import assembly

    began = time.monotonic()
    module = assembly.build_module(config, data, start)
    loggers = assembly.build_loggers(config, run)
    failed = True
    try:
        trainer = assembly.build_trainer(config, run, data, loggers)
        assembly.describe(module, data, trainer, run)
        assembly.fit(trainer, module, data, run)
        result = assembly.evaluate(trainer, module, data, run)
        result["seconds"] = time.monotonic() - began + (run.status.get("seconds_before") or 0.0)
        assembly.write_result(run, result)
        failed = False
    finally:
        assembly.close(loggers, failed)
    say_result(run, result)
    return float(result["val/loss"])


def say_result(run: RunDirectory, result: dict[str, Any], already: bool = False) -> None:
    """What came out, where it lies, what to type next."""
