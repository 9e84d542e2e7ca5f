"""What the commands share: errors that say what to do, exit codes that say how it went."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from melgen.runs.directory import RunDirectory, message_of

log = logging.getLogger(__name__)

Result = TypeVar("Result")

INTERRUPTED_EXIT_CODE = 130
"""What shells report of a command that Ctrl-C ended."""


def run_command(verb: str, function: Callable[[DictConfig], Result], config: DictConfig) -> Result:
    """Run a command; turn what went wrong into a message and an exit code.

    A job of a sweep that fails leaves its traceback in its own directory and lets the others go on; it
    returns not-a-number, and the sweep's report makes the whole command fail.
    """
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    try:
        _refuse_lists_of_groups()
        return function(config)
    except KeyboardInterrupt:
        log.error("interrupted; the same command goes on where it stopped")
        raise SystemExit(INTERRUPTED_EXIT_CODE) from None
    except Exception as error:
        log.error("melgen.%s: error: %s", verb, message_of(error))
        if in_sweep:
            RunDirectory(HydraConfig.get().runtime.output_dir).record_failure(error)
            return math.nan  # type: ignore[return-value]
        if not _is_for_the_user(error) or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        _remove_if_empty(config)
        sys.exit(1)


def _is_for_the_user(error: BaseException) -> bool:
    """Whether the message says it all, so that a traceback would only be in the way."""
    from hydra.errors import HydraException, InstantiationException

    while isinstance(error, InstantiationException) and error.__cause__ is not None:
        error = error.__cause__
    from melgen.training.module import DivergenceError

    return isinstance(error, ValueError | OSError | HydraException | OmegaConfBaseException | DivergenceError)


def _refuse_lists_of_groups() -> None:
    """Hydra would merge ``cell=[lstm,gru]`` into something that is neither."""
    for group, choice in HydraConfig.get().runtime.choices.items():
        if "/" not in group and not isinstance(choice, str | type(None)):
            raise ValueError(
                f"{group}={list(choice)}: one option is needed, not a list; "
                + ("a stack of different cells is cell=mixed cell.stack=[...], " if group == "cell" else "")
                + f"and -m {group}={','.join(choice)} runs one after the other"
            )


def _remove_if_empty(config: DictConfig) -> None:
    """Hydra made the run's directory before we could refuse."""
    directory = HydraConfig.get().runtime.output_dir
    for path in (directory, os.path.dirname(directory)):
        try:
            os.rmdir(path)
        except OSError:
            return
