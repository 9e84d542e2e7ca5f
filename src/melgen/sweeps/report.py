"""What a sweep says at its start, and the table that ends it."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from melgen.configuration.composition import refuse
from melgen.errors import IdentityError, message_of
from melgen.evaluation.metrics import TONALITY, song_metric
from melgen.files import read_json, write_json, write_text
from melgen.pasting import command
from melgen.plurals import counted
from melgen.runs.budget import budget_is_spent
from melgen.runs.config import plain_config
from melgen.runs.directory import FAILED, FINISHED, FORMAT_VERSION, RUNNING, SWEEP_VARIABLE, RunDirectory
from melgen.runs.missing_bits import why_without_bits
from melgen.runs.naming import typed_overrides
from melgen.runs.status import STATES, Standing, standing_of, states_named
from melgen.runs.variants import label_of, names_in, variants_of
from melgen.sweeps.plan import PlannedJob, check_one_of_many, planned_jobs, planned_updates

log = logging.getLogger(__name__)

JOBS_FILE = "jobs.json"
"""In a sweep's directory: the directories of all its runs, those that have not begun too."""

OPTIMIZATION_RESULTS = "optimization_results.yaml"
"""In the directory of a sweep: what Optuna's and Nevergrad's sweepers have found."""

ANOTHERS = "left alone: another process is training it"

COLUMNS = {
    "run": "run",
    "label": "label",
    "state": "state",
    "updates": "updates",
    "val_loss": "val loss (nats)",
    "bits_per_note": "bits/note",
    **{metric: song_metric(metric).header for metric in TONALITY},
    "seconds": "time (s)",
    "error": "error",
}
"""Keys of a row of the table, and how the terminal heads them."""


class SweepReport(Callback):
    """Hydra callback: counts a sweep's jobs and updates before, tells how each went after.

    The jobs may run anywhere; what they leave on disk is read. A sweep with a job that failed, or that another
    process is still at, ends with exit code 1.
    """

    planned: Sequence[PlannedJob] = ()

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse numbers and names of a single training before its directory is made."""
        from melgen.training.checks import check, check_name

        is_study = config.hydra.job.config_name == "study"  # whose runs are checked one by one
        try:
            (check_name if is_study else check)(config)
        except Exception as error:  # Hydra would only warn of it
            refuse(config.hydra.job.config_name, error)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Announce the sweep."""
        trials = config.hydra.sweeper.get("n_trials")
        if trials is not None:  # an optimiser, which chooses each job by what came out of those before
            try:
                check_one_of_many(config, config.hydra.job.config_name)
            except Exception as error:
                refuse(config.hydra.job.config_name, error)
            os.environ[SWEEP_VARIABLE] = uuid.uuid4().hex
            self.jobs: int | None = None
            log.info("Sweep of %d trials; results in %s", trials, config.hydra.sweep.dir)
            return
        try:
            states = STATES if config.get("only") is None else states_named(config.only, "only")
            if config.get("only") is not None and any("shuffle(" in task for task in typed_overrides(config.hydra)):
                raise ValueError(f"only={config.only}: not with shuffle(...), which makes other jobs each time")
            jobs = planned_jobs(config.hydra, config.hydra.job.config_name)
        except Exception as error:  # Hydra would only warn of it
            refuse(config.hydra.job.config_name, error)
        chosen = [job for job in jobs if job.standing.state in states]
        os.environ[SWEEP_VARIABLE] = uuid.uuid4().hex
        self.jobs = len(chosen)
        self.planned = chosen
        try:
            open_ = [job for job in chosen if not _is_finished(job)]
            updates = (
                f"{counted(planned_updates(open_), 'update')} {'in all' if len(open_) == len(chosen) else 'to make'}"
            )
        except Exception as error:  # each job will say it again, and leave it in its directory
            updates = f"an unknown number of updates ({message_of(error)})"
        root = Path(config.hydra.sweep.dir)
        with suppress(OSError):  # where nothing can be written each job says so, and why
            runs = [os.path.relpath(job.config.run_dir, root) for job in jobs]
            write_json(root / JOBS_FILE, {"format_version": FORMAT_VERSION, "runs": runs})
        if "jobs" in config.hydra.sweeper:  # ours, and not another that the user has chosen
            with read_write(config.hydra.sweeper):
                config.hydra.sweeper.jobs = [job.number for job in chosen]
        if not chosen:
            print(f"no job is {' or '.join(states)}: nothing to do")
            raise SystemExit(0)
        of_jobs = counted(len(jobs), "job")
        finished = sum(map(_is_finished, jobs))
        done = f" ({finished} of them finished already)" if finished else ""
        which = "" if len(chosen) == len(jobs) else f", {len(chosen)} of them ({'/'.join(states)}) now"
        log.info("Sweep of %s%s%s, %s; results in %s", of_jobs, done, which, updates, root)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table and write it as ``sweep.csv``."""
        token = os.environ.pop(SWEEP_VARIABLE)
        root = Path(config.output_dir)
        rows = self._rows([run for run in find_runs(root) if run.status.get("sweep") == token])
        folders = {Path(row["directory"]).parent for row in rows} or {Path(config.hydra.sweep.dir)}
        for folder in sorted(folders):
            write_text(folder / "sweep.csv", to_csv([row for row in rows if Path(row["directory"]).parent == folder]))
        if self.jobs is None:
            _forget_worst(Path(config.hydra.sweep.dir) / OPTIMIZATION_RESULTS)
        print_table(rows)
        failed = [row for row in rows if row["state"] != FINISHED]
        tables = ", ".join(str(folder / "sweep.csv") for folder in sorted(folders))
        print(f"{len(rows) - len(failed)} of {counted(self.jobs or len(rows), 'job')} finished; table: {tables}")
        for row in failed:
            print(f"{row['state']}: {row['directory']}: {row['error']}")
        if any(row["error"] == ANOTHERS for row in rows):
            print("once those are done, the same command shows them too; to see how far they are:")
            print(command("status", {"dir": root}))
        if failed or len(rows) < (self.jobs or 1):
            raise SystemExit(1)

    def _rows(self, runs: Sequence[RunDirectory]) -> list[dict[str, Any]]:
        """A line for each of this sweep's ``runs``, and for those planned that another process is at or has done."""
        rows = [table_row(run) for run in runs]
        touched = {run.path.resolve() for run in runs}
        for job in self.planned:
            if not touched & {job.run.path.resolve(), job.run.refused.path.resolve()}:
                state, result = standing_of(job.run).state, job.run.result
                if state == RUNNING:
                    rows.append(table_row(job.run) | {"error": ANOTHERS})
                elif state == FINISHED and result and budget_is_spent(job.config, result):
                    rows.append(table_row(job.run))
        return sorted(rows, key=lambda row: _natural(Path(row["directory"])))


def _forget_worst(file: Path) -> None:
    """Where no trial has come to a result, an optimiser calls the first of them the best; take that back."""
    try:
        best = OmegaConf.load(file)
    except (OSError, ValueError):  # another optimiser's
        return
    value = best.get("best_value") if isinstance(best, DictConfig) else None
    if isinstance(value, float) and math.isinf(value):
        best.best_params, best.best_value = None, None
        write_text(file, OmegaConf.to_yaml(best))
        print("no trial has come to a result: there is no best choice")


def _is_finished(job: PlannedJob) -> bool:
    """Whether a job has nothing left to train, as far as its run's files tell."""
    try:
        result = job.run.result
        return job.standing.state == FINISHED and result is not None and budget_is_spent(job.config, result)
    except (IdentityError, KeyError, TypeError):  # damaged: the job will say it
        return False


def find_runs(root: Path) -> list[RunDirectory]:
    """All runs below a directory, in natural order of their names."""
    found = (path.parent for path in root.rglob("status.json"))
    return [RunDirectory(path) for path in sorted(found, key=_natural)]


def standings_below(root: Path) -> list[Standing]:
    """How each run below a directory stands, with those that a sweep has planned and not begun."""
    planned = []
    for file in sorted(root.rglob(JOBS_FILE)):
        listed = read_json(file)
        if listed.get("format_version", 1) not in range(1, FORMAT_VERSION + 1):
            raise ValueError(
                f"{file}: format version {listed['format_version']}; this melgen reads 1 to {FORMAT_VERSION}"
            )
        names = listed.get("runs", [])
        planned += [RunDirectory(file.parent / str(name)) for name in names if isinstance(name, str)]
    known = {run.path: run for run in [*find_runs(root), *planned]}
    return [standing_of(known[path]) for path in sorted(known, key=_natural)]


def table_row(run: RunDirectory) -> dict[str, Any]:
    """A run's line in the table of a sweep."""
    try:
        status, result = run.status, run.result or {}
    except IdentityError as error:  # one damaged file must not cost the table of all others
        status, result = {"state": FAILED, "error": str(error)}, {}
    state = status.get("state", "unknown")
    if state != FINISHED:
        result = {}
    return {
        "directory": str(run.path),
        "run": run.path.name,
        "label": label_of(plain_config(run.path)),
        "state": state,
        "updates": result.get("updates"),
        "val_loss": result.get("val/loss"),
        "bits_per_note": result.get("val/bits_per_note"),
        **{key: result.get(f"tonality/{key}") for key in TONALITY},
        "seconds": result.get("seconds"),
        "error": str(status.get("error", "")).partition("\n")[0],
    }


def to_csv(rows: Sequence[dict[str, Any]]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS], extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """The table for the terminal: runs by what differs between them, or by the user's labels.

    What all names end in is said once, below.
    """
    from rich.console import Console
    from rich.table import Table

    shown = [key for key in COLUMNS if key not in ("error", "label")]
    places = [Path(row["directory"]) for row in rows]
    names = names_in(places, variants_of(places))
    ending = common_ending([row["run"] for row in rows])
    table = Table(*(COLUMNS[key] for key in shown), box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for column in table.columns[2:]:
        column.justify = "right"
    for row, name in zip(rows, names, strict=True):
        row = row | {"run": name}
        table.add_row(*(_cell(key, row[key]) for key in shown))
    # A log file has no width of its own; this holds a row without wrapping.
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    console.print(table)
    if ending:
        console.print(f"(all runs: ...{ending})")
    for reason, names in reasons_without_bits(rows).items():
        of_all = len(names) == sum(row["state"] == FINISHED for row in rows)
        whose = "" if of_all else f" of {', '.join(name.removesuffix(ending) for name in names)}"
        console.print(f"{COLUMNS['bits_per_note']}{whose} is -: {reason}", soft_wrap=True)


def reasons_without_bits(rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Why finished runs have no bits per note, each reason with the names of its runs."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["state"] == FINISHED and row["bits_per_note"] is None:
            reason = why_without_bits(read_json(Path(row["directory"]) / "data.json"))
            found.setdefault(reason or "its result has none", []).append(row["run"])
    return found


def common_ending(names: Sequence[str]) -> str:
    """What all of several names end in, from a hyphen on.

    >>> common_ending(["control-lstm-1-seed0-lr-1", "control-lstm-2-seed0-lr-1"])
    '-seed0-lr-1'
    >>> common_ending(["control-lstm-1-seed0"])
    ''
    """
    if len(names) < 2:
        return ""
    ending = os.path.commonprefix([name[::-1] for name in names])[::-1]
    return ending[ending.index("-") :] if "-" in ending else ""


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if key == "seconds" else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _natural(path: Path) -> list[Any]:
    import re

    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", str(path))]
