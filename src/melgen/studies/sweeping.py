"""The first stage of a study: train what is not trained yet, as a sweep of ``melgen.train``, and watch it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from melgen.processes import end_with_parent
from melgen.runs.budget import budget_is_spent
from melgen.runs.directory import FAILED, FINISHED, RunDirectory
from melgen.runs.identity import differences
from melgen.studies.planning import PlannedRun
from melgen.studies.timing import time_left

log = logging.getLogger(__name__)

POLL_SECONDS, PATIENCE_SECONDS = 1.0, 10.0
LOG, LAST_WORDS = "sweep.log", 5
_SAME_FOR_ALL = 128.0**2
"""Weights that would take as long as the rest of a step: embedding, loss, optimiser."""


def is_trained(planned: PlannedRun, fingerprint: str) -> bool:
    """Whether the run is finished, with the corpus, the options and the budget that are planned.

    Args:
        fingerprint: of the corpus that it would read now.
    """
    run = RunDirectory(planned.path)
    result = run.result
    if result is None or run.status.get("state") != FINISHED or not budget_is_spent(planned.config, result):
        return False
    return not belongs_to_another(planned, fingerprint)


def belongs_to_another(planned: PlannedRun, fingerprint: str | None = None) -> list[str]:
    """The keys in which the run that lies there differs from what is planned; none where none lies there.

    Args:
        fingerprint: of the corpus; ``None`` leaves open what it was.
    """
    recorded = RunDirectory(planned.path).recorded_identity
    if not recorded:
        return []
    known = {"started_from": recorded.get("started_from"), "corpus.fingerprint": recorded.get("corpus.fingerprint")}
    if fingerprint is not None:
        known["corpus.fingerprint"] = fingerprint
    return differences(recorded, planned.identity | known)


def why_not_as_planned(planned: PlannedRun) -> str | None:
    """Why a finished run is not the one that is planned; ``None`` if it is, or none is finished there."""
    run = RunDirectory(planned.path)
    if run.result is None or run.status.get("state") != FINISHED:
        return None
    if different := belongs_to_another(planned):
        return f"belongs to another run ({different[0]})"
    if not budget_is_spent(planned.config, run.result):
        return f"has made {run.result['updates']:,} updates, and more are asked for"
    return None


def train_all(planned: Sequence[PlannedRun], arguments: Sequence[str], directory: Path) -> None:
    """Train all runs as one sweep; what is finished is passed over, what was interrupted goes on.

    The sweep is a process of its own, which ends with this one; what it says goes to ``sweep.log``. A run that
    fails is not an error here: what is missing shows when the runs are read.

    Args:
        planned: the runs, to watch.
        arguments: for ``melgen.train``.
        directory: of the study.

    Raises:
        ValueError: if the sweep ended before any run began.
    """
    progress = _Progress(planned)
    with (directory / LOG).open("ab") as output:
        start = output.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "melgen.train", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=partial(end_with_parent, os.getpid()) if sys.platform == "linux" else None,
        )
        try:
            while process.poll() is None:
                progress.report()
                time.sleep(POLL_SECONDS)
        finally:
            _end(process)
    progress.report()
    if process.returncode and not progress.any_began:
        said = (directory / LOG).read_bytes()[start:].decode(errors="replace").strip().splitlines()
        raise ValueError("the sweep did not start:\n  " + "\n  ".join(said[-LAST_WORDS:]))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a sweep that is still at work; its jobs end with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Progress:
    """Says how the sweep goes, a line for each run that ends."""

    def __init__(self, planned: Sequence[PlannedRun]):
        self.costs = {run.path: _cost(run) for run in planned}
        self.before = {path: RunDirectory(path).status for path in self.costs}
        self.ended = [path for path, status in self.before.items() if status.get("state") == FINISHED]
        self.open = {path for path in self.costs if path not in self.ended}
        self.done = 0.0
        self.first_began: float | None = None

    @property
    def any_began(self) -> bool:
        """Whether any run has said something since the sweep started."""
        return any(RunDirectory(path).status != status for path, status in self.before.items())

    def report(self) -> None:
        """One line for each run that has ended since the last report."""
        for path, cost in self.costs.items():
            if path not in self.open:
                continue
            status = RunDirectory(path).status
            if status == self.before[path]:
                continue  # what an earlier sweep has left as failed is tried again by this one
            self.first_began = self.first_began or time.monotonic()  # Python and the corpus are loaded by now
            if status.get("state") not in (FINISHED, FAILED):
                continue
            self.open.remove(path)
            self.ended.append(path)
            self.done += cost
            left = time_left(
                time.monotonic() - self.first_began, self.done, sum(self.costs[path] for path in self.open)
            )
            log.info("  %d of %d: %s %s%s", len(self.ended), len(self.costs), path.name, _outcome(path), left)


def _outcome(path: Path) -> str:
    run = RunDirectory(path)
    if run.status.get("state") == FAILED:
        return "failed: " + str(run.status.get("error", "")).partition("\n")[0]
    loss = (run.result or {}).get("val/loss")
    return "finished" if loss is None else f"val {loss:.3f} nats"


def _cost(planned: PlannedRun) -> float:
    """Roughly how long a run takes, against others: by its weights in the recurrent layers, and what every run does."""
    config = planned.config
    return float(config.layers) * float(config.hidden_size) ** 2 + _SAME_FOR_ALL
