"""Trainings on a disk that is full sooner or later, started again once there is room, and compared with an undisturbed.

python -m tests.torture.disks                              # every so many kilobytes, from none at all to enough
python -m tests.torture.disks --step 4 --loggers csv wandb # at each page of memory, with W&B too

On a small file system of its own (tmpfs), which needs root. Each first start must end with an error that names a file
and says that the disk is full, or with all that it should leave; no half file may stand under its final name; each
second start must end equal, bit for bit.
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
from tests.torture.kills import FailureError, check_whole, compare, import_everything

TRAINING = (
    *(override for override in TINY if not override.startswith(("trainer.max_steps", "callbacks.sampling.songs"))),
    "trainer.max_steps=12",
    "trainer.val_check_interval=4",
    "callbacks.sampling.songs=8",
    "callbacks.sampling.every_n_steps=4",
    "callbacks.checkpoint.every_n_steps=3",
    "callbacks.checkpoint.keep_every_n_steps=6",
)
FULL = "No space left on device; once there is room, the same command goes on"
LOGGERS = ("csv", "default", "wandb")
SETTINGS = {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
DISK_KILOBYTES = 16_384
LESS_UPDATES = 6
LESS = f"trainer.max_steps={LESS_UPDATES}"
"""What a training that goes on has done before its disk is full."""
PATIENCE_SECONDS = 240


class NoDiskError(Exception):
    """No file system can be made here."""


@contextmanager
def small_disk(where: Path, kilobytes: int = DISK_KILOBYTES) -> Iterator[Path]:
    """A file system of its own, and the current directory in it.

    Raises:
        NoDiskError: if this process may not mount one.
    """
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "melgen-test", where]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NoDiskError(f"there is no command {error.filename}") from None
    if mounted.returncode:
        where.rmdir()
        raise NoDiskError(f"a file system of one's own needs root: {mounted.stderr.strip()}")
    here = Path.cwd()
    try:
        os.chdir(where)
        yield where
    finally:
        os.chdir(here)
        subprocess.run(["umount", "--lazy", where], check=True)
        where.rmdir()


def fill(disk: Path, leave_kilobytes: int) -> None:
    """Write a file that leaves so much room."""
    filesystem = os.statvfs(disk)
    room = filesystem.f_bavail * filesystem.f_frsize
    (disk / "filler").write_bytes(bytes(max(room - leave_kilobytes * 1024, 0)))


def kilobytes_of(folder: Path) -> int:
    """What a directory takes of the disk it lies on."""
    return sum(path.stat().st_blocks for path in (folder, *folder.rglob("*"))) // 2


def train_apart(folder: Path, *overrides: str) -> Answer:
    """`call` in a process forked from this one, so that what a full disk breaks in a library is gone with it."""
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
        raise FailureError(f"the training ended with the status {status}, and without an answer")
    return pickle.loads(answer)


class Harness:
    """A place for disks, and what an undisturbed training leaves.

    Args:
        place: an empty directory.
        logger: one of ``LOGGERS``.
        goes_on: whether a part of the training has been done before the disk is full.
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
        """Train with so many kilobytes of room, then with enough; whether they were too few.

        Raises:
            FailureError: for whatever must not be.
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
                    raise FailureError(f"left behind: {left}")
            return bool(answer.code)

    def _before(self, disk: Path) -> None:
        if self.goes_on:
            self._succeed(disk, LESS)

    def _succeed(self, disk: Path, *more: str) -> None:
        answer = train_apart(disk, *self.training, *more)
        if answer.code:
            raise FailureError(f"with enough room it failed: {answer.text[-2000:]}")

    def _check(self, disk: Path, answer: Answer) -> None:
        """What the first start says, and leaves."""
        run = disk / TINY_RUN
        check_whole(run)
        for unwanted in ("Traceback", "Logging error", "Exception ignored", "Exception in thread"):
            if unwanted in answer.text:
                raise FailureError(f"it says {unwanted}: {answer.text[-3000:]}")
        if not answer.code:
            compare(run, self.undisturbed / TINY_RUN)
        elif answer.code != 1 or FULL not in answer.text:
            raise FailureError(f"it ends with {answer.code} and says: {answer.text[-2000:]}")
        else:
            state = status_of(RunDirectory(run)).state
            # Without any room, what had been finished before is still all that there is.
            as_before = self.goes_on and state == "finished" and RunDirectory(run).result["updates"] == LESS_UPDATES
            if state not in ("waiting", "failed", "interrupted") and not as_before:
                raise FailureError(f"it counts as {state}")
        if self.goes_on:
            updates = read_checkpoint(run / "checkpoints" / LAST)["position"]["updates"]
            if updates < LESS_UPDATES:
                raise FailureError(f"its last checkpoint is one of {updates} updates")


def run_all(place: Path, loggers: list[str], step: int, say=print) -> tuple[int, int]:
    """Try all rooms with all loggers, from nothing and going on; how many there were, and how many ended well."""
    tried = well = 0
    for logger in loggers:
        for goes_on in (False, True):
            harness = Harness(place / f"{logger}-{goes_on}", logger, goes_on)
            counts: Counter[str] = Counter()
            for room in range(0, harness.kilobytes + step, step):
                tried += 1
                try:
                    counts["said that the disk is full" if harness.attempt(room) else "had room enough"] += 1
                    well += 1
                except FailureError as error:
                    counts["FAILED"] += 1
                    say(f"logger={logger}, {room} KB of room: {error}")
            what = "going on from a checkpoint" if goes_on else "from nothing"
            say(f"logger={logger}, {what}, 0 to {room} KB: " + ", ".join(f"{n} {k}" for k, n in counts.items()))
    return tried, well


def main(argv: list[str] | None = None) -> int:
    """Try all, and say how it went; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--step", type=int, default=12, help="kilobytes from one room to the next (default: 12)")
    parser.add_argument("--loggers", nargs="+", choices=LOGGERS, default=["csv", "default"])
    arguments = parser.parse_args(argv)
    import_everything()
    with tempfile.TemporaryDirectory(prefix="melgen-disks-") as place:
        try:
            tried, well = run_all(Path(place), arguments.loggers, arguments.step)
        except NoDiskError as error:
            print(f"nothing was tried: {error}")
            return 1
    print(f"{well} of {tried} trainings on a disk that became full were named or whole, and ended equal")
    return int(well != tried)


if __name__ == "__main__":
    sys.exit(main())
