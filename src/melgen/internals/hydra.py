"""Internals of Hydra."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from melgen.internals import UnknownInternalsError

try:
    # The parser knows Hydra's flags. Users may put flags between overrides, which Hydra's own parser refuses.
    # Looked for: `hydra.main` parses the command line itself and gives out neither the parser nor the flags.
    from hydra._internal.utils import get_args_parser
except ImportError as error:
    raise UnknownInternalsError("hydra-core", str(error)) from error


def basic_sweeper() -> Any:
    """Hydra's basic sweeper, a class that makes jobs of a command line with commas.

    melgen's sweeper chooses among those jobs, and so is one. Looked for: the public `hydra.plugins.sweeper.Sweeper` is
    an interface without an implementation.

    It is a function because Hydra executes the modules of its own plugins again whenever it looks for plugins: a class
    that was imported before is another than theirs from then on.

    Raises:
        UnknownInternalsError: this Hydra has none, or one without the methods that melgen's sweeper replaces.
    """
    try:
        found = import_module("hydra._internal.core_plugins.basic_sweeper").BasicSweeper
    except (ImportError, AttributeError) as error:
        raise UnknownInternalsError("hydra-core", str(error)) from error
    for name in ("split_arguments", "validate_batch_is_legal", "split_overrides_to_chunks"):
        if not callable(getattr(found, name, None)):
            raise UnknownInternalsError("hydra-core", f"BasicSweeper has no {name}")
    return found


_LAUNCHERS = (
    "hydra._internal.core_plugins.basic_launcher",
    "hydra_plugins.hydra_joblib_launcher._core",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher",
)
"""The loggers of Hydra's launchers."""
_LAUNCHED_JOB = re.compile(r"\t(#\d+) : (.*)", re.DOTALL)
"""A launcher's line for a job: its number and all of its overrides."""


class LauncherLines(logging.Filter):
    """Shortens the lines of Hydra's launchers: for each job only the overrides in which jobs differ.

    Their other lines repeat, in terms of their libraries, what melgen has logged: how many jobs there are, and where.
    Looked for: launchers have no option for what they log.

    Args:
        jobs: the overrides of each job.
    """

    def __init__(self, jobs: Sequence[Sequence[str]]):
        super().__init__()
        self.shared = frozenset(jobs[0]).intersection(*jobs) if jobs else frozenset()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is shown; that of a job is shortened."""
        if record.levelno > logging.INFO:
            return True
        job = _LAUNCHED_JOB.fullmatch(record.getMessage())
        if job is None:
            return False
        swept = f" {job[2]} "
        for override in self.shared:
            swept = swept.replace(f" {override} ", " ")
        record.msg, record.args = f"  {job[1]}: {swept.strip()}", ()
        return bool(swept.strip())

    def install(self) -> None:
        """Filter the launchers' lines, in place of an earlier filter of this class."""
        for name in _LAUNCHERS:
            launcher = logging.getLogger(name)
            for earlier in [each for each in launcher.filters if isinstance(each, LauncherLines)]:
                launcher.removeFilter(earlier)
            launcher.addFilter(self)


def flag_error(arguments: Sequence[str]) -> str | None:
    """The error of Hydra's parser about the flags of a command line, in one line; None if it has none.

    Args:
        arguments: the flags, then the overrides.

    >>> flag_error(["--verbose", "layers=2"]), flag_error(["--config-dir"])
    ('--verbose: unknown flag', '--config-dir/-cd: expected one argument')
    """
    parser = get_args_parser()
    parser.exit_on_error = False  # argparse would print its usage, eight lines, before the error
    try:
        _, rest = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError as error:
        return str(error).removeprefix("argument ")
    unknown = [argument for argument in rest if argument.startswith("-")]
    return f"{unknown[0]}: unknown flag" if unknown else None


def flags() -> dict[str, argparse.Action]:
    """Hydra's flags as they are typed, each with what argparse knows of it.

    `argparse` has no public list of a parser's actions.

    >>> "--multirun" in flags(), flags()["-m"].dest
    (True, 'multirun')
    """
    found = {text: action for action in get_args_parser()._actions for text in action.option_strings}
    if not {"--multirun", "--config-dir"} <= found.keys():
        raise UnknownInternalsError("hydra-core", f"its flags are {', '.join(sorted(found))}")
    return found
