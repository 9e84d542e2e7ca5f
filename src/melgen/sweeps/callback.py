"""The Hydra callback of sweeps: what is announced at the start, and the table that ends it."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, read_write

from melgen.configuration.explanations import refuse
from melgen.errors import MelgenError, message_of
from melgen.files import read_json, seen_from_here, write_json, write_text
from melgen.pasting import command
from melgen.plurals import counted
from melgen.runs.budget import is_known_finished
from melgen.runs.directory import FINISHED, RUNNING, SWEEP_VARIABLE, RunDirectory
from melgen.runs.identity_file import FORMAT_VERSION
from melgen.runs.naming import typed_overrides
from melgen.runs.search import JOBS_FILE, find_runs, listed_runs, natural_order
from melgen.runs.status import STATES, states_named, status_of
from melgen.sweeps.one_of_many import check_one_of_many
from melgen.sweeps.optuna_search import require_optuna
from melgen.sweeps.plan import planned_jobs
from melgen.sweeps.planned_job import PlannedJob
from melgen.sweeps.table import HAS_DIVERGED, print_table, table_row, to_csv
from melgen.sweeps.updates import planned_updates

log = logging.getLogger(__name__)

LEFT_ALONE = "left alone: another process is training it"


class SweepCallback(Callback):
    """Hydra callback: counts a sweep's jobs and updates before, and prints the result of each after.

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
        try:
            self._start(config)
        except Exception as error:  # Hydra would only warn of it
            refuse(config.hydra.job.config_name, error)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table of this sweep's jobs; ``sweep.csv`` also has those of earlier sweeps of the same name."""
        try:
            self._end(config)
        except Exception as error:  # Hydra would only warn of it, and a failed sweep would exit with code 0
            refuse(config.hydra.job.config_name, error)

    def _start(self, config: DictConfig) -> None:
        trials = config.hydra.sweeper.get("n_trials")
        if trials is not None:  # an optimiser, which chooses each job by what came out of those before
            require_optuna()
            if config.get("only") is not None:
                raise ValueError(f"only={config.only}: not with a search, which chooses its jobs itself")
            check_one_of_many(config, config.hydra.job.config_name)
            os.environ[SWEEP_VARIABLE] = uuid.uuid4().hex
            self.jobs: int | None = None
            log.info("Sweep of %d trials; results in %s", trials, config.hydra.sweep.dir)
            return
        states = STATES if config.get("only") is None else states_named(config.only, "only")
        if config.get("only") is not None and any("shuffle(" in task for task in typed_overrides(config.hydra)):
            raise ValueError(f"only={config.only}: not with shuffle(...), which makes other jobs each time")
        if config.get("only") is not None and "jobs" not in config.hydra.sweeper:
            raise ValueError(
                f"only={config.only}: the sweeper {config.hydra.runtime.choices.get('hydra/sweeper')} runs all "
                "jobs; hydra/sweeper=planned chooses among them"
            )
        jobs = planned_jobs(config.hydra, config.hydra.job.config_name)
        chosen = [job for job in jobs if job.status.state in states]
        os.environ[SWEEP_VARIABLE] = uuid.uuid4().hex
        self.jobs = len(chosen)
        self.planned = chosen
        try:
            open_ = [job for job in chosen if not is_known_finished(job.run, job.config)]
            updates = (
                f"{counted(planned_updates(open_), 'update')} {'in all' if len(open_) == len(chosen) else 'to make'}"
            )
        except Exception as error:  # each job reports it again, in its directory too
            updates = f"an unknown number of updates ({message_of(error)})"
        root = Path(config.hydra.sweep.dir)
        with suppress(OSError):  # if nothing can be written, each job reports it
            runs = [*listed_runs(root), *(job.run for job in jobs)]  # a sweep may be typed in portions, into one name
            names = [*dict.fromkeys(os.path.relpath(run.path, root) for run in runs)]
            write_json(root / JOBS_FILE, {"format_version": FORMAT_VERSION, "runs": names})
        if "jobs" in config.hydra.sweeper:  # ours, and not another that the user has chosen
            with read_write(config.hydra.sweeper):
                config.hydra.sweeper.jobs = [job.number for job in chosen]
        if not chosen:
            print(f"no job is {' or '.join(states)}: nothing to do")
            raise SystemExit(0)
        of_jobs = counted(len(jobs), "job")
        finished = sum(is_known_finished(job.run, job.config) for job in jobs)
        done = f" ({finished} of them finished already)" if finished else ""
        which = "" if len(chosen) == len(jobs) else f", {len(chosen)} of them ({'/'.join(states)}) now"
        log.info("Sweep of %s%s%s, %s; results in %s", of_jobs, done, which, updates, root)

    def _end(self, config: DictConfig) -> None:
        token = os.environ.pop(SWEEP_VARIABLE)
        root = Path(config.output_dir)
        if self.jobs is None:  # a search: its trials, those of earlier commands too
            rows = self._rows(find_runs(Path(config.hydra.sweep.dir)))
        else:
            rows = self._rows(self._begun(root, token))
        print_table(rows)
        diverged = [row for row in rows if self.jobs is None and row[HAS_DIVERGED]]
        failed = [row for row in rows if row["state"] != FINISHED and row not in diverged]
        made = len(rows) - len(failed) - len(diverged)
        worst = f", {len(diverged)} diverged, which a search counts as the worst" if diverged else ""
        print(f"{made} of {counted(self.jobs or len(rows), 'job')} finished{worst}")
        for row in failed:
            print(f"{row['state']}: {row['directory']}: {row['error']}")
        if any(row.get("is_elsewhere") for row in rows):
            print("once those are done, the same command shows them too; to see how far they are:")
            print(command("status", {"dir": root}))
        folders = self._write_tables(rows, Path(config.hydra.sweep.dir))
        if failed or len(rows) < (self.jobs or 1):
            raise SystemExit(1)
        if self.jobs is not None and len(rows) > 1 and len(folders) == 1:
            print(f"{'Next:':9}{command('study', {'runs': seen_from_here(folders.pop())})}")

    def _write_tables(self, rows: list[dict[str, Any]], sweep: Path) -> set[Path]:
        """Write ``sweep.csv`` into each folder that has runs, after the results are printed: the disk may be full.

        Returns:
            The folders.

        Raises:
            MelgenError: if any cannot be written, after the others are; names the files.
        """
        written = self._with_earlier(rows, sweep)
        folders = {Path(row["directory"]).parent for row in rows} or {sweep}
        errors = []
        for folder in sorted(folders):
            file = folder / "sweep.csv"
            try:
                write_text(file, to_csv([row for row in written if Path(row["directory"]).parent == folder]))
            except Exception as error:
                message = message_of(error)
                errors.append(message if str(file) in message else f"{file}: {message}")
            else:
                print(f"{'Table:':9}{file}")
        if errors:
            raise MelgenError("\n".join(errors))
        return folders

    def _begun(self, root: Path, token: str) -> list[RunDirectory]:
        """The runs that this sweep has begun or refused, also those that ``run_dir=...`` puts elsewhere."""
        planned = [run for job in self.planned for run in (job.run, job.run.refused)]
        found = {run.path.resolve(): run for run in [*find_runs(root), *planned]}
        return [run for run in found.values() if read_json(run.path / "status.json").get("sweep") == token]

    def _with_earlier(self, rows: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
        """The rows of this sweep, and those of the runs that earlier sweeps have begun in its directory."""
        known = {Path(row["directory"]).resolve() for row in rows}
        earlier = [run for run in listed_runs(folder) if not known & {run.path.resolve(), run.refused.path.resolve()}]
        more = [table_row(run) for run in earlier if (run.path / "status.json").exists()]
        return sorted([*rows, *more], key=lambda row: natural_order(Path(row["directory"])))

    def _rows(self, runs: Sequence[RunDirectory]) -> list[dict[str, Any]]:
        """A line for each of this sweep's ``runs``, and for those planned that another process is at or has done."""
        rows = [table_row(run) for run in runs]
        touched = {run.path.resolve() for run in runs}
        for job in self.planned:
            if not touched & {job.run.path.resolve(), job.run.refused.path.resolve()}:
                if status_of(job.run).state == RUNNING:
                    rows.append(table_row(job.run) | {"error": LEFT_ALONE, "is_elsewhere": True})
                elif is_known_finished(job.run, job.config):
                    rows.append(table_row(job.run))
        return sorted(rows, key=lambda row: natural_order(Path(row["directory"])))
