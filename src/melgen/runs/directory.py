"""The directory of a run: claimed by one process, with one identity, and containing the state of the run."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from melgen.bit_names import with_marked_bits
from melgen.errors import (
    DivergenceError,
    IdentityError,
    LockedElsewhereError,
    LockedError,
    OutOfTimeError,
    TakenError,
    is_out_of_space,
    message_of,
)
from melgen.files import read_json, remove_leftovers, remove_own_leftovers, scratch_beside, write_json, write_text
from melgen.locks import is_lock, locked
from melgen.processes import process_birth
from melgen.runs.identity import differences, numbers_software, reader_version
from melgen.runs.identity_file import IdentityFile, read_file
from melgen.runs.log_file import logging_to
from melgen.terminal import READABLE

log = logging.getLogger(__name__)

RUNNING, FINISHED, FAILED, INTERRUPTED = "running", "finished", "failed", "interrupted"
PROVENANCE_FILE = "provenance.json"
"""The file with the command and the software that made a run, and the size of its network."""
REFUSED = "-refused"
OTHERS_LEFTOVER_SECONDS = 3600
"""The age from which a partial file of another machine counts as left behind: the run's lock is held here."""
REQUEUED_SECONDS = 120
"""The time for which a job that was queued again waits for the lock of its run."""
SWEEP_VARIABLE = "MELGEN_SWEEP"
"""Environment variable that names the sweep a job belongs to."""
_FAILED: ContextVar[list[Path] | None] = ContextVar("failed", default=None)
"""The list of the innermost `noting_failed_runs`."""


@contextmanager
def noting_failed_runs() -> Iterator[list[Path]]:
    """A list of the directories of the runs that start inside the block and then fail.

    The failure of a job whose run is not in the list is a refusal: it came before the start, or after the end.
    """
    failed: list[Path] = []
    token = _FAILED.set(failed)
    try:
        yield failed
    finally:
        _FAILED.reset(token)


class RunDirectory:
    """The files of a run.

    ``identity.json`` is its identity, ``config.yaml`` its configuration, ``status.json`` its state, ``result.json``
    its result, ``provenance.json`` its command and software, ``error.txt`` the reason of its failure, ``train.log``
    its log. Further there are ``checkpoints/``, ``metrics.csv``, ``splits.tsv``, ``songs/``, ``samples/``,
    ``embedding/`` and ``tensorboard/``.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.splits = self.path / "splits.tsv"
        self.identity_file = IdentityFile(self.path)

    @property
    def refused(self) -> RunDirectory:
        """The directory for the report of a start that was refused because this directory belongs to another run."""
        return RunDirectory(self.path.with_name(self.path.name + REFUSED))

    @property
    def latest(self) -> RunDirectory:
        """The directory that reports the latest start: `refused` if it was refused; otherwise that does not exist."""
        return refused if (refused := self.refused).path.exists() else self

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other processes out; on leaving, remove the directory if it is empty.

        Raises:
            NotADirectoryError: if the path is a file.
            PermissionError: if the directory cannot be written.
            TakenError: if another process works in it, or if a process on another machine has left a lock in it.
        """
        with suppress(FileExistsError):
            self.path.mkdir(parents=True, exist_ok=True)
        if not self.path.is_dir():
            raise NotADirectoryError(f"{self.path}: must be a directory for results, but is a file")
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise PermissionError(f"{self.path}: no permission to write results here (output_dir sets the directory)")
        with ExitStack() as held:
            try:
                # If SLURM has queued the job again on another node, a file server may still hold a dead node's lock.
                held.enter_context(locked(self.path / ".lock", REQUEUED_SECONDS if _was_queued_again() else 0))
            except LockedElsewhereError as error:
                raise TakenError(str(error)) from None
            except LockedError:
                holder = read_json(self.path / "status.json")
                who = f" ({holder['pid']} on {holder['host']})" if holder.keys() >= {"pid", "host"} else ""
                raise TakenError(f"{self.path}: another process{who} is training in this directory") from None
            try:
                yield
            finally:
                if all(is_lock(entry.name) for entry in self.path.iterdir()):
                    # The run wrote nothing. Otherwise the lock file is kept: unlinking it could let two processes in.
                    shutil.rmtree(self.path, ignore_errors=True)

    def adopt(self, identity: Mapping[str, Any], config: str, *, force: bool, is_unfinished: bool = True) -> None:
        """Give the directory to the run with this identity, or refuse.

        It keeps the records of the software and the reader that it was begun with.

        Args:
            identity: see `melgen.runs.identity.identity_of`.
            config: its configuration, as YAML. A finished run keeps its own, which made its results.
            force: whether to delete the files of an earlier run.
            is_unfinished: whether training is not finished yet; if it is, a change of software is allowed.

        Raises:
            IdentityError: if it belongs to another run, contains files that are not a run's, or would continue with
                other software; names the keys that differ.
        """
        if force:
            self._clear()
        self.check_identity(identity, is_unfinished=is_unfinished)
        software = numbers_software()
        begun_with = self.identity_file.software or software
        if changed := differences(begun_with, software):
            log.info("Trained with other software: %s", "; ".join(changed))
        # A run without weights begins again, with what today's reader reads.
        is_begun = self.recorded_identity and (not is_unfinished or any(self.checkpoints.glob("*.ckpt")))
        reader = self.recorded_reader if is_begun else reader_version()
        shutil.rmtree(self.refused.path, ignore_errors=True)
        remove_leftovers(self.path, others_after_seconds=OTHERS_LEFTOVER_SECONDS)
        self.identity_file.write(identity, begun_with, reader)
        if is_unfinished or not (self.path / "config.yaml").exists():
            write_text(self.path / "config.yaml", config)

    def check_identity(self, identity: Mapping[str, Any], *, is_unfinished: bool) -> None:
        """Refuse a directory that does not belong to the run with this identity; `adopt` does so too.

        Args:
            identity: see `melgen.runs.identity.identity_of`.
            is_unfinished: whether training is not finished yet; if it is, a change of software is allowed.

        Raises:
            IdentityError: if it belongs to another run, contains checkpoints of an unknown one, or would continue with
                other software; names the keys that differ.
        """
        earlier = self.recorded_identity
        if not earlier and any(self.checkpoints.glob("*.ckpt")):
            raise IdentityError(f"{self.path}: contains checkpoints of unknown identity; force=true starts again")
        if earlier and (different := differences(earlier, identity)):
            raise IdentityError(self.identity_file.refusal(different, is_unfinished=is_unfinished))
        software = numbers_software()
        if is_unfinished and (changed := differences(self.identity_file.software or software, software)):
            raise IdentityError(
                f"{self.path}: was begun with other software, and nothing was changed; "
                + "; ".join(changed)
                + "\nname=... puts a new run elsewhere, force=true deletes the old one"
            )

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Copy log lines to ``train.log``, and keep ``status.json`` correct whatever happens."""
        (self.path / "error.txt").unlink(missing_ok=True)
        self.set_status(RUNNING)
        with self.logging_to_file():
            try:
                yield
            except Exception as error:
                if (failed := _FAILED.get()) is not None:
                    failed.append(self.path)
                if is_out_of_space(error) and isinstance(error, OSError) and error.filename is None:
                    error.filename = str(self.path)  # the system does not name the files that libraries write
                self.record_failure(error, has_started=True)
                raise
            except OutOfTimeError as error:
                self.set_status(INTERRUPTED, error=str(error))
                raise
            except BaseException:  # Ctrl-C, Lightning's exit after Ctrl-C, or the exit of a job that is queued again
                remove_own_leftovers(self.path)
                self.set_status(INTERRUPTED)
                raise KeyboardInterrupt from None
        self.set_status(FINISHED)

    def set_status(self, state: str, **details: Any) -> None:
        """Write the state of the run."""
        write_json(
            self.path / "status.json",
            {
                "state": state,
                "time": time.time(),
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "process_birth": process_birth(os.getpid()),
                "sweep": os.environ.get(SWEEP_VARIABLE),
                "slurm_job": os.environ.get("SLURM_JOB_ID"),
                **details,
            },
        )

    def record_failure(self, error: BaseException, *, has_started: bool = False) -> None:
        """Record the reason of a failure, with its traceback.

        A start that was refused must not change the files of an earlier start: its report is written to a directory
        with the suffix ``-refused``.

        Args:
            error: the reason.
            has_started: whether the error came after the start of the run's training.
        """
        if not has_started and (self.path / "identity.json").exists():
            return self.refused.record_failure(error)
        text = "".join(traceback.format_exception(error))
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.set_status(FAILED, error=message_of(error), has_diverged=isinstance(error, DivergenceError))
            write_text(self.path / "error.txt", text)
            with (self.path / "train.log").open("a", encoding="utf-8", errors=READABLE) as file:
                file.write(text)
        except OSError as another:  # most likely a full disk, which was also the reason of the failure
            log.warning("the failure cannot be recorded in %s: %s", self.path, message_of(another))

    @property
    def recorded_identity(self) -> dict[str, Any]:
        """The identity of the run in this directory; empty if there is no run.

        Raises:
            IdentityError: if it cannot be read, or was written by a later melgen.
        """
        return self.identity_file.identity

    @property
    def recorded_reader(self) -> int:
        """The version of the readers that read the run's tunes; 1 for runs that do not record it."""
        return self.identity_file.reader

    @property
    def is_of_older_reader(self) -> bool:
        """Whether an older reader read the run's tunes."""
        return bool(self.recorded_identity) and self.recorded_reader < reader_version()

    @property
    def splits_to_keep(self) -> Path | None:
        """The run's ``splits.tsv`` if its corpus would be split in another way today; else ``None``.

        This is so if an older reader read the corpus, or if the weights that the run started from had been trained on
        tunes that would be held out. With today's splits, tunes that the network was trained on would then count as
        held out, so code that reads the corpus of a run again takes the splits from this file.
        """
        moved = (read_json(self.path / "data.json").get("init_from") or {}).get("held_out_tunes_known", 0)
        return self.splits if (moved or self.is_of_older_reader) and self.splits.is_file() else None

    @property
    def is_begun_by_this_job(self) -> bool:
        """Whether an earlier start of this job has begun the run, in the same sweep or before SLURM queued it again."""
        status = read_json(self.path / "status.json")
        sweep, job = os.environ.get(SWEEP_VARIABLE), os.environ.get("SLURM_JOB_ID")
        is_of_sweep = sweep is not None and status.get("sweep") == sweep
        return is_of_sweep or (_was_queued_again() and job is not None and status.get("slurm_job") == job)

    @property
    def status(self) -> dict[str, Any]:
        """The state of the run; empty before its first start."""
        return read_file(self.path / "status.json") or {}

    @property
    def has_diverged(self) -> bool:
        """Whether the training failed because its loss or gradient became infinite or NaN."""
        return self.status.get("state") == FAILED and bool(self.status.get("has_diverged"))

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the run, if it is finished; its metrics have their present names."""
        result = read_file(self.path / "result.json")
        return None if result is None else with_marked_bits(result)

    @contextmanager
    def logging_to_file(self) -> Iterator[None]:
        """Append log lines to ``train.log`` inside the block."""
        with logging_to(self.path / "train.log"):
            yield

    def _clear(self) -> None:
        ours = any((self.path / name).exists() for name in ("identity.json", "status.json"))
        entries = [entry for entry in self.path.iterdir() if not is_lock(entry.name) and entry.name != "train.log"]
        if entries and not ours:
            raise IdentityError(f"{self.path}: contains {entries[0].name} and not a run; force=true deletes only runs")
        # If killed on the way, this leaves a run that either continues or starts again, never a mixture. First the
        # files that call it finished are removed, then all checkpoints at once; `identity.json`, which marks the
        # directory as a run, comes last.
        order = {"status.json": 0, "result.json": 1, self.checkpoints.name: 2, "identity.json": 4}
        for entry in sorted(entries, key=lambda entry: order.get(entry.name, 3)):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry.rename(scratch_beside(entry, "old")))
            else:
                entry.unlink()


def _was_queued_again() -> bool:
    """Whether SLURM has queued this job again, after a preemption or the failure of its node."""
    return os.environ.get("SLURM_RESTART_COUNT", "0") != "0"
