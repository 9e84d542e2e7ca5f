"""Train what is not trained yet as one sweep of ``melgen.train``, and report its progress."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from melgen.durations import in_words
from melgen.processes import end_with_parent
from melgen.runs.budget import exceeded_limit, is_finished, is_known_finished
from melgen.runs.choices import choices_of
from melgen.runs.directory import FAILED, FINISHED, RUNNING, RunDirectory
from melgen.runs.identity import FINGERPRINT, RECORDED, differences
from melgen.runs.status import RunStatus, status_of
from melgen.runs.variants import names_in, variants_in
from melgen.studies.plan.estimate import Estimate, weights_of
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.time_left import time_left

log = logging.getLogger(__name__)

POLL_SECONDS, PATIENCE_SECONDS = 1.0, 10.0
LOG, LAST_LINES = "sweep.log", 5
FIRST_SILENCE_SECONDS, LONGEST_SILENCE_SECONDS = 10.0, 60.0
"""After how long a silence progress is reported: at first, and at most later on."""
SHOWN_UNDERWAY = 3

_WAYS_OUT = "name=... puts the runs of this study elsewhere; if you delete that directory, its run is trained again"
"""What to do about a directory that belongs to another run: a study refuses the ``force=true`` of a training."""


def is_trained(planned: PlannedRun, fingerprint: str) -> bool:
    """Whether the run is finished, with the corpus, the options and the budget that are planned.

    Args:
        fingerprint: of the corpus that it would read now.
    """
    done = is_known_finished(RunDirectory(planned.path), planned.config)
    return done and not belongs_to_another(planned, fingerprint)


def belongs_to_another(planned: PlannedRun, fingerprint: str | None = None) -> list[str]:
    """The keys in which the run in the planned directory differs from the planned one; none if there is no run.

    Args:
        fingerprint: of the corpus; with ``None`` it is not compared.
    """
    recorded = RunDirectory(planned.path).recorded_identity
    if not recorded:
        return []
    known = {key: recorded.get(key) for key in RECORDED}
    if fingerprint is not None:
        known[FINGERPRINT] = fingerprint
    return differences(recorded, planned.identity | known)


def why_not_as_planned(planned: PlannedRun) -> str | None:
    """The reason why a finished run is not the planned one; ``None`` if it is, or if there is no finished run."""
    run = RunDirectory(planned.path)
    if run.result is None or run.status.get("state") != FINISHED:
        return None
    if different := belongs_to_another(planned):
        return f"belongs to another run ({different[0]})"
    if not is_finished(run, planned.config):
        return f"has made {run.result['updates']:,} updates, and more are asked for"
    return None


def refuse_others(planned: Sequence[PlannedRun], fingerprint: str) -> None:
    """Refuse directories of other runs: a study must not use these, and each training would refuse its own.

    Raises:
        ValueError: if the directory of a planned run belongs to another run; names the keys that differ.
    """
    for run in planned:
        if different := belongs_to_another(run, fingerprint):
            file = RunDirectory(run.path).identity_file
            raise ValueError(file.refusal(different, is_unfinished=False, ways_out=_WAYS_OUT))


def refuse_larger_budgets(planned: Sequence[PlannedRun], budget_key: str | None = None) -> None:
    """Refuse finished runs that have made more updates or epochs than planned: longer training is an advantage.

    Args:
        budget_key: the key that the user changes to give the runs another budget; ``None`` for that of the trainer.

    Raises:
        ValueError: naming the runs, with what they have made and what is planned.
    """
    lines: list[str] = []
    most: dict[str, int] = {}
    for each in planned:
        run = RunDirectory(each.path)
        if not is_known_finished(run, each.config) or (limit := exceeded_limit(each.config, run.result or {})) is None:
            continue
        key = budget_key or limit.key
        lines.append(f"{each.path.name}: {limit.made:,} {limit.unit}, planned: {key}={limit.value}")
        most[key] = max(most.get(key, 0), limit.made)
    if not lines:
        return
    runs, have = "run" if len(planned) == 1 else "runs", "has" if len(lines) == 1 else "have"
    budget = " ".join(f"{key}={made}" for key, made in most.items())
    listed = "\n  ".join(lines)
    raise ValueError(
        f"{planned[0].path.parent}: {len(lines)} of {len(planned)} {runs} {have} made more updates than planned, which "
        f"would be an advantage in a comparison:\n  {listed}\n"
        f"{budget} gives all runs the same budget, name=... trains others elsewhere"
    )


def train_all(
    planned: Sequence[PlannedRun],
    arguments: Sequence[str],
    directory: Path,
    expected: Estimate | None = None,
    ended: Sequence[PlannedRun] = (),
) -> None:
    """Train all runs as one sweep; finished runs are skipped, interrupted runs go on.

    The sweep is a process of its own, which ends with this one; its output goes to ``sweep.log``. A run that
    fails is not an error here: missing runs are reported when the runs are read.

    Args:
        planned: the runs, whose progress is reported.
        arguments: for ``melgen.train``.
        directory: of the study.
        expected: how long that is expected to take, if it is known.
        ended: runs that are not finished, and that the sweep does not train.

    Raises:
        ValueError: if the sweep ended before any run began.
    """
    progress = _Progress(planned, expected, ended)
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
                progress.report_underway()
                time.sleep(POLL_SECONDS)
        finally:
            _end(process)
    progress.report()
    if process.returncode and not progress.any_began:
        output_lines = (directory / LOG).read_bytes()[start:].decode(errors="replace").strip().splitlines()
        raise ValueError("the sweep did not start:\n  " + "\n  ".join(output_lines[-LAST_LINES:]))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a sweep that still runs; its jobs end with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Progress:
    """Logs the progress of a sweep: a line for each run that ends, and now and then one for the runs underway.

    Args:
        expected: how long the runs are expected to take; without it, they are compared by their weights.
        ended: runs that count as ended from the beginning, as those that are finished.
    """

    def __init__(self, planned: Sequence[PlannedRun], expected: Estimate | None, ended: Sequence[PlannedRun]):
        self.expected_in_all = None if expected is None else expected.in_all
        seconds = {} if expected is None else expected.seconds
        paths = [run.path for run in planned]
        variants = variants_in([choices_of(run.path, run.config) for run in planned])
        self.names = dict(zip(paths, names_in(paths, variants), strict=True))
        self.costs = {run.path: seconds.get(run.path) or weights_of(run.config) for run in planned}
        self.before = {path: RunDirectory(path).status for path in self.costs}
        left_out = {run.path for run in ended}
        self.ended = [
            path for path, status in self.before.items() if path in left_out or status.get("state") == FINISHED
        ]
        self.open = {path for path in self.costs if path not in self.ended}
        self.done = 0.0
        self.first_began: float | None = None
        self.began = self.reported = time.monotonic()
        self.pause = FIRST_SILENCE_SECONDS

    @property
    def any_began(self) -> bool:
        """Whether the status of any run has changed since the sweep started."""
        return any(RunDirectory(path).status != status for path, status in self.before.items())

    def report(self) -> None:
        """One line for each run that has ended since the last report."""
        for path, cost in self.costs.items():
            if path not in self.open:
                continue
            status = RunDirectory(path).status
            if status == self.before[path]:
                continue  # a run that failed in an earlier sweep; this one tries it again
            self.first_began = self.first_began or time.monotonic()  # Python and the corpus are loaded by now
            if status.get("state") not in (FINISHED, FAILED):
                continue
            self.open.remove(path)
            self.ended.append(path)
            self.done += cost
            self.reported = time.monotonic()
            log.info(
                "  %d of %d: %s %s%s", len(self.ended), len(self.costs), self.names[path], _outcome(path), self._left(0)
            )

    def report_underway(self) -> None:
        """A line about the runs that are being trained, if nothing was logged for some time."""
        if time.monotonic() - self.reported < self.pause:
            return
        self.reported = time.monotonic()
        self.pause = min(2 * self.pause, LONGEST_SILENCE_SECONDS)
        underway = [status_of(RunDirectory(path)) for path in self.costs if path in self.open and self._began(path)]
        underway = [status for status in underway if status.state == RUNNING]
        if not underway:
            log.info(
                "  starting: networks load Python and the corpus (%s so far)", in_words(self.reported - self.began)
            )
            return
        half_done = sum(self.costs[one.path] * one.updates / one.total for one in underway if one.total)
        shown = ", ".join(_underway(self.names[one.path], one) for one in underway[:SHOWN_UNDERWAY])
        more = f" and {len(underway) - SHOWN_UNDERWAY} more" if len(underway) > SHOWN_UNDERWAY else ""
        log.info("  underway: %s%s%s", shown, more, self._left(half_done))

    def _began(self, path: Path) -> bool:
        return RunDirectory(path).status != self.before[path]

    def _left(self, half_done: float) -> str:
        """Time left of the whole sweep, in words.

        Args:
            half_done: the cost of what the runs underway have done.
        """
        spent = time.monotonic() - (self.first_began or time.monotonic())
        if not self.done + half_done and self.expected_in_all is not None:
            return f"; about {in_words(self.expected_in_all)} expected in all"
        return time_left(spent, self.done + half_done, sum(self.costs[path] for path in self.open) - half_done)


def _underway(name: str, status: RunStatus) -> str:
    of_total = f"/{status.total:,}" if status.total else ""
    left = f", {in_words(status.seconds_left)} left" if status.seconds_left else ""
    return f"{name} (update {status.updates:,}{of_total}{left})"


def _outcome(path: Path) -> str:
    run = RunDirectory(path)
    if run.status.get("state") == FAILED:
        return "failed: " + str(run.status.get("error", "")).partition("\n")[0]
    loss = (run.result or {}).get("val/loss")
    return "finished" if loss is None else f"val {loss:.3f} nats"
