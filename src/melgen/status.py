"""``python -m melgen.status``: the status of the runs of a sweep, read from their files.

The recipe is `status`; `main` wraps it for the command line.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.plurals import counted

if TYPE_CHECKING:
    from melgen.runs.status import RunStatus

DEFAULT_DIR = "multirun"
"""The directory of all results, the value of ``output_dir`` in ``conf/training.yaml``."""


def status(config: DictConfig) -> None:
    """Print a line for each run below a directory, then the counts; exit with 1 if a run has failed.

    Args:
        config: as composed from ``conf/status.yaml``.

    Raises:
        ValueError: if there is no such directory, no run in it, or an unknown state is asked for.
    """
    from melgen.corpora.sources import check_readable
    from melgen.runs.search import statuses_below
    from melgen.runs.status import FAILED, STATES, states_named

    shown = states_named(config.show, "show")
    root = Path(DEFAULT_DIR if config.dir is None else config.dir).expanduser()
    if config.dir is not None and not root.is_dir():
        raise ValueError(f"dir={config.dir}: no such directory")
    if root.is_dir():
        check_readable(root, "dir")
    statuses = statuses_below(root) if root.is_dir() else []
    if config.dir is None:
        if not statuses:
            raise ValueError(
                f"there is no run in {DEFAULT_DIR}, where melgen looks for runs; dir=DIR names another directory, and "
                "python -m melgen.train makes a run"
            )
        print(f"The runs in {DEFAULT_DIR} (dir=DIR: of another directory)")
    if not statuses:
        raise ValueError(f"dir={config.dir}: contains neither a run nor a sweep that has begun")
    for run in statuses:
        if run.state in shown:
            print(line_of(run, root))
    counts = Counter(run.state for run in statuses)
    print(
        f"{counted(len(statuses), 'run')}: "
        + ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    )
    lefts = [run.seconds_left for run in statuses if run.seconds_left is not None]
    if lefts:
        from melgen.durations import in_words

        print(f"the longest of those that have begun needs about {in_words(max(lefts))} more")
    if counts[FAILED]:
        sys.exit(1)


def line_of(run: RunStatus, root: Path) -> str:
    """``finished    control-lstm-2-seed0  5,000 of 5,000 updates``."""
    from melgen.runs.status import WAITING

    name = run.path.relative_to(root) if run.path.is_relative_to(root) else run.path
    total = "" if run.total is None else f" of {run.total:,}"
    parts = [f"{run.state:<12}{name}"]
    if run.state != WAITING:
        parts.append(f"{run.updates:,}{total} updates")
    if run.seconds_left is not None:
        from melgen.durations import in_words

        parts.append(f"about {in_words(run.seconds_left)} left")
    if run.reason:
        parts.append(run.reason)
    return "  ".join(parts)


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="status")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("status", status, config)


def main() -> None:
    """Entry point of the command."""
    run_app("status", app)


if __name__ == "__main__":
    main()
