"""The status of a run, read from its files: also while a cluster runs it, or after its process died."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import ListConfig

from melgen.errors import IdentityError
from melgen.files import read_json
from melgen.processes import process_exists
from melgen.runs.budget import total_updates
from melgen.runs.config import plain_config, read_config
from melgen.runs.directory import FAILED, FINISHED, INTERRUPTED, RUNNING, RunDirectory
from melgen.runs.history import HISTORY, STEP, read_history

WAITING = "waiting"
STATES = (FINISHED, RUNNING, INTERRUPTED, FAILED, WAITING)
"""All states, in the order in which they are counted."""

SILENT_SECONDS = 3600
"""A run on another machine that has written nothing for this long counts as interrupted: its process is not visible."""


@dataclass(frozen=True)
class RunStatus:
    """The status of a run.

    Attributes:
        path: its directory.
        state: one of ``STATES``.
        updates: number of updates so far, according to its log.
        total: updates of its budget, None if not yet known.
        seconds_left: estimated time left, None if unknown.
        reason: why it failed or was interrupted, in one line, if known.
    """

    path: Path
    state: str
    updates: int = 0
    total: int | None = None
    seconds_left: float | None = None
    reason: str = ""


def states_named(named: Any, key: str) -> tuple[str, ...]:
    """The states that a configuration names: one, a list of them, or ``all``.

    Raises:
        ValueError: for an unknown state.

    >>> states_named("failed", "only"), states_named(["failed", "interrupted"], "only")
    (('failed',), ('interrupted', 'failed'))
    """
    names = (
        {str(state) for state in named}
        if isinstance(named, Sequence | ListConfig) and not isinstance(named, str)
        else {str(named)}
    )
    if not names:
        raise ValueError(f"{key}=[]: must name at least one of {', '.join(STATES)}, or all")
    if unknown := sorted(names - {*STATES, "all"}):
        raise ValueError(f"{key}={unknown[0]}: must be all, or one of {', '.join(STATES)}")
    return STATES if "all" in names else tuple(state for state in STATES if state in names)


def status_of(run: RunDirectory) -> RunStatus:
    """The status of a run; a run without a directory is waiting."""
    try:
        status = run.status
    except IdentityError as error:
        return RunStatus(run.path, FAILED, reason=str(error))
    if not status:
        return RunStatus(run.path, WAITING)
    state = status.get("state", FAILED)
    if state not in STATES:
        return RunStatus(run.path, FAILED, reason=f"{run.path / 'status.json'}: damaged (state={state!r:.40})")
    if state == RUNNING and not _is_alive(run, status):
        state = INTERRUPTED
    history = _last_rows(run.path / HISTORY)
    updates = int(history.get(STEP, 0))
    total = _total_updates(run.path)
    if state == FINISHED:
        made = read_json(run.path / "result.json").get("updates")
        total = updates = made if type(made) is int else updates
    left = None
    if state in (RUNNING, INTERRUPTED) and total is not None and "updates_per_second" in history:
        with suppress(OverflowError):  # numbers of hundreds of digits, in a damaged file
            left = max(total - updates, 0) / history["updates_per_second"]
    reason = str(status.get("error", "")).partition("\n")[0]
    return RunStatus(run.path, state, updates, total, left, reason)


def _is_alive(run: RunDirectory, status: Mapping[str, Any]) -> bool:
    """Whether the process of a run still exists; on another machine, whether it has written recently."""
    if status.get("host") == socket.gethostname():
        pid, birth = status.get("pid"), status.get("process_birth")
        return type(pid) is int and process_exists(pid, birth if isinstance(birth, str) else None)
    signs = [path.stat().st_mtime for path in (run.path, run.path / HISTORY, run.checkpoints) if path.exists()]
    return time.time() - max(signs, default=0.0) < SILENT_SECONDS


def _last_rows(path: Path) -> dict[str, float]:
    """The last logged step and speed."""
    try:
        rows = read_history(path)
    except (OSError, ValueError):
        return {}
    steps = [row[STEP] for row in rows if STEP in row]
    speeds = [row["train/tokens_per_second"] for row in rows if "train/tokens_per_second" in row]
    found = {STEP: max(steps, default=0.0)}
    tokens = _tokens_per_update(path.parent)
    if tokens and speeds and 0 < speeds[-1] < math.inf:
        with suppress(OverflowError):
            found["updates_per_second"] = speeds[-1] / tokens
    return found


def _tokens_per_update(run: Path) -> float | None:
    """The tokens of an update: with rhythm a note is several. By the data, or by the configuration without these."""
    data, window = read_json(run / "data.json"), plain_config(run)
    tokens, updates = data.get("training_tokens_per_epoch"), data.get("updates_per_epoch")
    if type(tokens) is int and type(updates) is int and tokens > 0 and updates > 0:
        with suppress(OverflowError):
            return tokens / updates
    streams, notes = window.get("batch_size"), window.get("seq_length")
    if isinstance(streams, int) and isinstance(notes, int) and streams > 0 and notes > 0:
        return streams * notes
    return None


def _total_updates(path: Path) -> int | None:
    per_epoch = read_json(path / "data.json").get("updates_per_epoch")
    if type(per_epoch) is not int:
        return None
    try:
        return total_updates(read_config(path), _Data(per_epoch))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


@dataclass(frozen=True)
class _Data:
    updates_per_epoch: int
