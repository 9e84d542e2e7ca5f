"""Fill the disk during trainings, free it, start them again, and compare the results with an undisturbed training.

python -m torture.disks                              # room in steps of 12 kilobytes, from none to enough
python -m torture.disks --step 4 --loggers csv wandb # at each page of memory, also with W&B

It mounts a small file system (tmpfs), which needs root. Each first start must either finish, or end with an error that
names a file and reports the full disk. A file with its final name must be complete. The result of each second start
must equal the undisturbed one bit for bit.
"""

from __future__ import annotations

import argparse
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from melgen.checkpoint import LAST, read_checkpoint
from melgen.runs.directory import RunDirectory
from melgen.runs.status import status_of
from tests.commands.calling import TINY, TINY_RUN, Answer, call
from torture.kills import FailureError, check_whole, compare, import_everything

TRAINING = (
    *(override for override in TINY if not override.startswith(("trainer.max_steps", "callbacks.sampling.songs"))),
    "trainer.max_steps=12",
    "trainer.val_check_interval=4",
    "callbacks.sampling.songs=8",
    "callbacks.sampling.every_n_steps=4",
    "callbacks.checkpoint.every_n_steps=3",
    "callbacks.checkpoint.keep_every_n_steps=6",
)
FULL = "No space left on device; free some space, then run the same command again"
LOGGERS = ("csv", "default", "wandb")
SETTINGS = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
DISK_KILOBYTES = 16_384
LESS_UPDATES = 6
LESS = f"trainer.max_steps={LESS_UPDATES}"
"""Updates of a continued training before its disk is full."""
PATIENCE_SECONDS = 240


class NoDiskError(Exception):
    """This process cannot mount a file system."""


@contextmanager
def small_disk(where: Path, kilobytes: int = DISK_KILOBYTES) -> Iterator[Path]:
    """Mount a small file system and make it the current directory.

    Raises:
        NoDiskError: if this process may not mount it.
    """
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "melgen-test", where]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoDiskError(f"command not found: {error.filename}") from None
    if mounted.returncode:
        where.rmdir()
        raise NoDiskError(f"mounting a file system needs root: {mounted.stderr.strip()}")
    here = Path.cwd()
    try:
        os.chdir(where)
        yield where
    finally:
        os.chdir(here)
        subprocess.run(["umount", "--lazy", where], check=True)
        where.rmdir()


def fill(disk: Path, leave_kilobytes: int) -> None:
    """Write a file that leaves ``leave_kilobytes`` of free space."""
    filesystem = os.statvfs(disk)
    room = filesystem.f_bavail * filesystem.f_frsize
    (disk / "filler").write_bytes(bytes(max(room - leave_kilobytes * 1024, 0)))


def kilobytes_of(folder: Path) -> int:
    """The disk space that a directory takes, in kilobytes."""
    return sum(path.stat().st_blocks for path in (folder, *folder.rglob("*"))) // 2


def train_apart(folder: Path, *overrides: str) -> Answer:
    """`call` in a forked process, because a full disk may leave a library in a broken state."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            signal.alarm(PATIENCE_SECONDS)
            os.chdir(folder)
            os.environ.update(SETTINGS)
            with open(writing, "wb") as answers:
                pickle.dump(call("train", *overrides), answers)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(pid, 0)
    if not answer:
        raise FailureError(f"the training ended with status {status} and returned nothing")
    return pickle.loads(answer)


class Harness:
    """A directory for the disks, with the files of an undisturbed training.

    Args:
        place: an empty directory.
        logger: one of ``LOGGERS``.
        goes_on: whether a first part of the training is done before the disk is full.
    """

    def __init__(self, place: Path, logger: str = "csv", goes_on: bool = False):
        self.place = place
        self.training = [override for override in TRAINING if not override.startswith("logger=")] + [f"logger={logger}"]
        self.goes_on = goes_on
        self.undisturbed = place / "undisturbed"
        self.undisturbed.mkdir(parents=True)
        with small_disk(place / "disk") as disk:
            self._before(disk)
            self._succeed(disk)
            self.kilobytes = kilobytes_of(disk)
            shutil.copytree(disk / TINY_RUN, self.undisturbed / TINY_RUN)

    def attempt(self, room: int) -> bool:
        """Train with ``room`` kilobytes, then with enough; return whether they were too few.

        Raises:
            FailureError: for any result that is not allowed.
        """
        with small_disk(self.place / "disk") as disk:
            self._before(disk)
            fill(disk, room)
            answer = train_apart(disk, *self.training)
            self._check(disk, answer)
            (disk / "filler").unlink()
            if answer.code:
                self._succeed(disk)
                compare(disk / TINY_RUN, self.undisturbed / TINY_RUN)
                if left := [path.name for path in disk.rglob("*.tmp") if "wandb" not in path.parts]:
                    raise FailureError(f"temporary files remain: {left}")
            return bool(answer.code)

    def _before(self, disk: Path) -> None:
        if self.goes_on:
            self._succeed(disk, LESS)

    def _succeed(self, disk: Path, *more: str) -> None:
        answer = train_apart(disk, *self.training, *more)
        if answer.code:
            raise FailureError(f"the training failed with enough room: {answer.text[-2000:]}")

    def _check(self, disk: Path, answer: Answer) -> None:
        """Check the output and the files of the first start."""
        run = disk / TINY_RUN
        check_whole(run)
        for unwanted in ("Traceback", "Logging error", "Exception ignored", "Exception in thread"):
            if unwanted in answer.text:
                raise FailureError(f"the output contains {unwanted!r}: {answer.text[-3000:]}")
        if not answer.code:
            compare(run, self.undisturbed / TINY_RUN)
        elif answer.code != 1 or FULL not in answer.text:
            raise FailureError(
                f"exit code {answer.code}, and the output does not report the full disk: {answer.text[-2000:]}"
            )
        else:
            state = status_of(RunDirectory(run)).state
            # Without any room, the status of the finished first part remains.
            as_before = self.goes_on and state == "finished" and RunDirectory(run).result["updates"] == LESS_UPDATES
            if state not in ("waiting", "failed", "interrupted") and not as_before:
                raise FailureError(f"the state of the run is {state}")
        if self.goes_on:
            updates = read_checkpoint(run / "checkpoints" / LAST)["position"]["updates"]
            if updates < LESS_UPDATES:
                raise FailureError(f"the last checkpoint has {updates} updates, fewer than {LESS_UPDATES}")


def run_all(place: Path, loggers: list[str], step: int, report=print) -> tuple[int, int]:
    """Try all amounts of room with all loggers, new and continued; return how many were tried and how many passed."""
    tried = passed = 0
    for logger in loggers:
        for goes_on in (False, True):
            harness = Harness(place / f"{logger}-{goes_on}", logger, goes_on)
            counts: Counter[str] = Counter()
            for room in range(0, harness.kilobytes + step, step):
                tried += 1
                try:
                    counts["reported the full disk" if harness.attempt(room) else "had enough room"] += 1
                    passed += 1
                except FailureError as error:
                    counts["FAILED"] += 1
                    report(f"logger={logger}, {room} KB of room: {error}")
            what = "continued from a checkpoint" if goes_on else "new"
            report(f"logger={logger}, {what}, 0 to {room} KB: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
    return tried, passed


def main(argv: list[str] | None = None) -> int:
    """Run the harness and print a summary; return 1 if a training failed a check."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--step", type=int, default=12, help="difference between two amounts of room in kilobytes (default: 12)"
    )
    parser.add_argument("--loggers", nargs="+", choices=LOGGERS, default=["csv", "default"])
    arguments = parser.parse_args(argv)
    import_everything()
    with tempfile.TemporaryDirectory(prefix="melgen-disks-") as place:
        try:
            tried, passed = run_all(Path(place), arguments.loggers, arguments.step)
        except NoDiskError as error:
            print(f"nothing was tested: {error}")
            return 1
    print(f"{passed} of {tried} trainings on a full disk reported it or finished, and then ended with equal results")
    return int(passed != tried)


if __name__ == "__main__":
    sys.exit(main())
