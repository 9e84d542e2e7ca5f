"""Finding runs on disk: all runs below a directory, the planned runs of a sweep, and the run that contains a path."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from melgen.files import read_json
from melgen.runs.directory import RunDirectory
from melgen.runs.identity_file import FORMAT_VERSION
from melgen.runs.status import RunStatus, status_of

JOBS_FILE = "jobs.json"
"""A file in a sweep's directory that lists the directories of all its runs, begun or not."""

_SEARCHED_PARENTS = 3  # `samples/step-00000100/song_001.mid`


def find_runs(root: Path) -> list[RunDirectory]:
    """All runs below a directory, in natural order of their names."""
    found = (path.parent for path in root.rglob("status.json"))
    return [RunDirectory(path) for path in sorted(found, key=natural_order)]


def listed_runs(sweep: Path) -> list[RunDirectory]:
    """The runs that the list in a sweep's directory names; none without a list that can be read.

    Their paths have the form of those that `find_runs` finds: a sweep over names lists ``../a/run``, and
    ``sweep/../a/run`` would be taken for another run.
    """
    names = read_json(sweep / JOBS_FILE).get("runs", [])
    return [_from(sweep, name) for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _from(folder: Path, name: str) -> RunDirectory:
    """The run with a name relative to a folder, whose own path is not rewritten: it may have links before a ``..``."""
    parts = Path(os.path.normpath(name)).parts
    while parts[:1] == ("..",) and folder.name not in ("", ".."):
        folder, parts = folder.parent, parts[1:]
    return RunDirectory(folder.joinpath(*parts))


def statuses_below(root: Path) -> list[RunStatus]:
    """The status of each run below a directory, including planned runs of sweeps that have not begun.

    Raises:
        ValueError: for a list of jobs that a later melgen wrote.
    """
    planned = []
    for file in sorted(root.rglob(JOBS_FILE)):
        listed = read_json(file)
        if listed.get("format_version", 1) not in range(1, FORMAT_VERSION + 1):
            raise ValueError(
                f"{file}: format version {listed['format_version']}; this melgen reads 1 to {FORMAT_VERSION}"
            )
        planned += listed_runs(file.parent)
    known = {run.path: run for run in [*find_runs(root), *planned]}
    return [status_of(known[path]) for path in sorted(known, key=natural_order)]


def run_around(path: Path) -> RunDirectory | None:
    """The run whose directory contains a path, at most a few folders deep; ``None`` if there is none."""
    place = path.resolve()
    for folder in (place, *place.parents[:_SEARCHED_PARENTS]):
        if read_json(folder / "identity.json"):
            return RunDirectory(folder)
    return None


def natural_order(path: Path) -> list[Any]:
    """A sort key that compares numbers in names as numbers."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]
