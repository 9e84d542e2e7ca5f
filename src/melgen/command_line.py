"""Shared by the commands: error messages and exit codes."""

from __future__ import annotations

import logging
import math
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from melgen.commands import SWEEPERS, SWEEPING, WRONG_USAGE, after_ctrl_c, asks_for_help
from melgen.configuration.arguments import asks_for_multirun, for_hydra, overridden, wrong_flag
from melgen.configuration.composition import CommandCheck, refuse_unknown_keys
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.explanations import explained
from melgen.configuration.help import print_help
from melgen.configuration.own_files import check_contents
from melgen.configuration.packaged import GROUPS_OF_MANY, primary_of
from melgen.errors import DivergenceError, MelgenError, OutOfTimeError, TakenError, message_of
from melgen.pasting import program, shell_line
from melgen.processes import end_with_parent, handle_signals, is_worker
from melgen.references import is_reference
from melgen.runs.directory import RunDirectory, noting_failed_runs
from melgen.runs.keys import keys_that
from melgen.terminal import prepare_standard_streams, print_error

log = logging.getLogger(__name__)

Result = TypeVar("Result")

INTERRUPTED_EXIT_CODE = 130
"""The exit code that shells report for a command that Ctrl-C ended."""

FULL_ERROR = "HYDRA_FULL_ERROR"
"""Hydra's environment variable that asks for tracebacks."""

WANTS_TRACEBACK = "MELGEN_TRACEBACK"
"""The user's value of that variable, while melgen sets it."""

_SECRET = re.compile(r"(api_?key|access_?key|token|secret|password)$", re.IGNORECASE)

_NO_RESULT: Any = math.nan
_DIVERGED: Any = math.inf
"""The result of jobs of a sweep that do not reach a loss; infinity is the worst loss for an optimiser."""

PLACES = (*keys_that("is_path"), "corpus.path", "corpus.root")
"""Keys of a training that name a place, from the directory in which the command was started."""


def run_app(verb: str, app: Callable[[], Any]) -> None:
    """Run a Hydra application; turn every error, also one outside its jobs, into a message and an exit code."""
    prepare_standard_streams()
    # Hydra would print its own shortened traceback and exit; this makes it hand over the error itself.
    before = os.environ.get(FULL_ERROR)
    os.environ[WANTS_TRACEBACK] = before or "0"
    os.environ[FULL_ERROR] = "1"
    try:
        refuse_secrets(sys.argv[1:])
        if asks_for_help(sys.argv[1:]):
            print_help(verb, sys.argv[1:])
            return
        if wrong := wrong_flag(sys.argv[1:]):
            print_error(f"melgen.{verb}", f"{wrong}; {shell_line(*program(verb))} --help lists the flags")
            sys.exit(WRONG_USAGE)
        for line in overridden(sys.argv[1:]):
            print(f"melgen.{verb}: warning: {line}", file=sys.stderr)
        sys.argv[1:] = for_hydra(sys.argv[1:], primary_of(verb))
        refuse_lists_of_options(sys.argv[1:])
        check_contents(sys.argv[1:])
        refuse_unknown_keys(sys.argv[1:], primary_of(verb))
        if verb not in SWEEPING and asks_for_multirun(sys.argv[1:]):
            raise ValueError(f"-m: melgen.{verb} does one thing at a time; sweeps are for {SWEEPERS}")
        app()
    except KeyboardInterrupt:
        print(after_ctrl_c(verb), file=sys.stderr)
        sys.exit(INTERRUPTED_EXIT_CODE)
    except Exception as error:
        _fail(verb, error)
    finally:
        os.environ.pop(WANTS_TRACEBACK)
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before


def run_job(verb: str, function: Callable[[DictConfig], Result], config: DictConfig) -> Result:
    """Run a command's recipe on a composed configuration.

    A job of a sweep that fails leaves its traceback in its own directory and lets the others go on; it
    returns not-a-number (infinity if it diverged), and the sweep's table makes the whole command fail. A job
    whose run is being trained by another process is skipped.
    """
    hydra = HydraConfig.get()
    if is_worker():
        prepare_standard_streams()
        end_with_parent()
    failed: list[Path] = []
    try:
        if hydra.job.chdir:
            _from_where_it_began(config, Path(hydra.runtime.cwd))
        with handle_signals(), noting_failed_runs() as failed:
            return function(config)
    except OutOfTimeError as error:  # recorded in the run's directory too, if the training had begun
        log.error("out of time: %s", error)
        if hydra.mode == RunMode.MULTIRUN:
            return _NO_RESULT
        raise
    except Exception as error:
        if hydra.mode == RunMode.MULTIRUN and isinstance(error, TakenError):
            log.warning("left alone: %s", error)
            return _NO_RESULT
        if hydra.mode == RunMode.MULTIRUN:
            log.error("failed: %s", message_of(error))
            if not failed:  # otherwise the run has recorded it
                RunDirectory(_place_of(verb, config)).record_failure(error)
            return _DIVERGED if isinstance(error, DivergenceError) else _NO_RESULT
        for folder in CommandCheck.missing:  # Hydra made them before we could refuse
            with suppress(OSError):
                folder.rmdir()
        # Not handed to Hydra, which would write a line of its own above the message.
        _fail(verb, error)


def _place_of(verb: str, config: DictConfig) -> str:
    """The directory of a job's results; Hydra's, which ``run_dir=...`` does not move, if the job's cannot be named."""
    with suppress(OmegaConfBaseException, ValueError):
        if verb == "train":
            return str(config.run_dir)
    return str(HydraConfig.get().runtime.output_dir)


def _from_where_it_began(config: DictConfig, start: Path) -> None:
    """Make the places of a job absolute that Hydra has moved into its own directory (``hydra.job.chdir=true``)."""
    with read_write(config), open_dict(config):
        for key in PLACES:
            if isinstance(place := OmegaConf.select(config, key), str) and not is_reference(place):
                OmegaConf.update(config, key, str(start / Path(place).expanduser()))


def _fail(verb: str, error: Exception) -> NoReturn:
    """Print the error and exit; with a traceback if it is a bug in melgen, or if the user has asked for one."""
    error = explained(error, primary_of(verb))
    of_the_launcher = type(error).__module__.startswith("submitit.")
    if os.environ.get(WANTS_TRACEBACK) == "1" or not (of_the_launcher or _is_for_users(error)):
        raise error
    message = message_of(error)
    if of_the_launcher and "has not produced any output" in message:
        # submitit appends the whole output of the dead job, and collects nothing more from the others.
        message = message.partition("\nError stream produced:")[0].replace("\n", " ")
        message += "\nOther jobs run on: melgen.status shows their progress, the same command goes on after them"
    print_error(f"melgen.{verb}", message)
    sys.exit(1)


def refuse_secrets(arguments: list[str]) -> None:
    """Refuse a key or password among the overrides: Hydra and W&B keep command lines in files that are shared.

    Raises:
        ValueError: naming the override, never its value.

    >>> refuse_secrets(["+hydra.job.env_set.WANDB_API_KEY=abc"])
    Traceback (most recent call last):
        ...
    ValueError: hydra.job.env_set.WANDB_API_KEY=...: a secret on the command line would be written into files; \
`wandb login` keeps a key for you, or export WANDB_API_KEY before the command
    """
    for argument in arguments:
        key = argument.partition("=")[0].lstrip("+~")
        if _SECRET.search(key) and "=" in argument:
            raise ValueError(
                f"{key}=...: a secret on the command line would be written into files; `wandb login` keeps a key for "
                f"you, or export {key.rpartition('.')[2]} before the command"
            )


def refuse_lists_of_options(arguments: list[str]) -> None:
    """Refuse ``cell=[lstm,gru]``: Hydra would merge the two into something that is neither.

    Raises:
        ValueError: naming the group and what to type instead.

    >>> refuse_lists_of_options(["cell=[lstm,gru]"])
    Traceback (most recent call last):
        ...
    ValueError: cell=[lstm,gru]: one option is needed, not a list; -m cell=lstm,gru runs one after the \
other, cell=mixed 'cell.stack=[lstm,gru]' stacks them
    """
    groups = {path.name for path in Path(CONF_DIR).iterdir() if path.is_dir()} - GROUPS_OF_MANY
    given = [argument for argument in arguments if "=" in argument and argument.partition("=")[0] in groups]
    for override in OverridesParser.create().parse_overrides(given):
        value = override.value()
        for option in value.list if isinstance(value, ChoiceSweep) else [value]:
            if isinstance(option, list):
                options = ",".join(map(str, option))
                raise ValueError(
                    f"{override.key_or_group}=[{options}]: one option is needed, not a list; "
                    f"-m {override.key_or_group}={options} runs one after the other"
                    + (f", cell=mixed 'cell.stack=[{options}]' stacks them" if override.key_or_group == "cell" else "")
                )


def _is_for_users(error: BaseException) -> bool:
    """Whether the message is meant for a user, so that a traceback would only be in the way."""
    meant = (MelgenError, ValueError, OSError, ImportError, HydraException, OmegaConfBaseException)
    of_lightning = type(error).__name__ == "MisconfigurationException"  # whose module need not be imported for it
    return isinstance(error, meant) or of_lightning
