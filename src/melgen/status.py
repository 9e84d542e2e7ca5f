"""``python -m melgen.status``: how the runs of a sweep stand, from their files alone.

The recipe is `status`; `main` wraps it for the command line.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.plurals import counted


def status(config: DictConfig) -> None:
    """Print a line for each run below a directory, then the counts; exit with 1 if a run has failed.

    Args:
        config: as composed from ``conf/status.yaml``.

    Raises:
        ValueError: if there is no such directory, no run in it, or an unknown state is asked for.
    """
    from melgen.runs.status import FAILED, STATES, states_named
    from melgen.sweeps.report import standings_below

    root = Path(config.dir).expanduser()
    if not root.is_dir():
        raise ValueError(f"dir={config.dir}: there is no such directory")
    shown = states_named(config.show, "show")
    standings = standings_below(root)
    if not standings:
        raise ValueError(f"dir={config.dir}: holds no run, and no sweep that has begun")
    for standing in standings:
        if standing.state in shown:
            print(line_of(standing, root))
    counts = Counter(standing.state for standing in standings)
    print(
        f"{counted(len(standings), 'run')}: "
        + ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    )
    lefts = [standing.seconds_left for standing in standings if standing.seconds_left is not None]
    if lefts:
        from melgen.durations import in_words

        print(f"the longest of those that have begun needs about {in_words(max(lefts))} more")
    if counts[FAILED]:
        sys.exit(1)


def line_of(standing: Any, root: Path) -> str:
    """``finished    control-lstm-2-seed0  5,000 of 5,000 updates``."""
    from melgen.runs.status import WAITING

    name = standing.path.relative_to(root) if standing.path.is_relative_to(root) else standing.path
    total = "" if standing.total is None else f" of {standing.total:,}"
    parts = [f"{standing.state:<12}{name}"]
    if standing.state != WAITING:
        parts.append(f"{standing.updates:,}{total} updates")
    if standing.seconds_left is not None:
        from melgen.durations import in_words

        parts.append(f"about {in_words(standing.seconds_left)} left")
    if standing.said:
        parts.append(standing.said)
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
