"""Kill trainings at any moment, start them again, and compare the results with an undisturbed training.

python -m torture.kills --kills 100                # at random moments, by SIGKILL, SIGTERM and SIGINT
python -m torture.kills --every-file-operation     # before each operation, and within each file
python -m torture.kills --scenario more            # in a directory with an earlier training, see SCENARIOS
python -m torture.kills --cold --kills 10          # including the imports, which the others share

Each training is a fork of this process, which has imported everything. Most kills therefore hit the interesting phases:
reading the corpus, training, validating, checkpoints, songs, W&B. At the end the weights, the optimiser, the random
generators, the history and the songs must be equal, bit for bit.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mido
import torch

from melgen.checkpoint import read_checkpoint
from melgen.runs.directory import RunDirectory
from melgen.runs.status import status_of
from tests.commands.calling import command
from tests.training.small import same

TRAINING = (
    "corpus=misc_folk", "name=kills", "run_dir=kills/run", "hidden_size=8", "layers=2", "batch_size=20",
    "seq_length=20", "model.output_keep_prob=0.9",
    "trainer.max_steps=60", "trainer.log_every_n_steps=5", "trainer.val_check_interval=15",
    "callbacks.checkpoint.every_n_steps=10", "callbacks.checkpoint.keep_every_n_steps=20",
    "callbacks.sampling.songs=5", "callbacks.sampling.notes=8", "callbacks.sampling.every_n_steps=20",
    "callbacks.projection.every_n_steps=30", "report=false", "progress=false", "workers=1",
)  # fmt: skip
RUN = Path("kills/run")
SCENARIOS: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...], tuple[str, ...]]] = {
    "fresh": (None, (), ()),
    "more": (("trainer.max_steps=40",), (), ()),
    "forced": ((), ("force=true",), ("force=true",)),
    "forced-once": ((), ("force=true",), ()),
    "other": (("seed=1", "hidden_size=6"), ("force=true",), ("force=true",)),
}
"""For each scenario the options of a finished training in the directory, of the killed start, and of the next start.

There is not a training yet; a shorter one; the same one, which both starts replace; the same one, which only the killed
start replaces; another one, which both starts replace.
"""
LOGGERS = ("csv", "default", "wandb")
SIGNALS = {signal.SIGKILL: 3, signal.SIGTERM: 1, signal.SIGINT: 1}
"""The relative frequency of each signal."""
FILE_EVENTS = {"os.rename", "os.link", "os.symlink", "os.mkdir", "os.remove", "os.rmdir", "os.truncate"}
"""Audit events, which the interpreter raises before the operation; openings for writing are added."""
OPEN = "open"
HALF_A_FILE_BYTES = 10
PATIENCE_SECONDS = 240.0
SET_BY_TRIALS = {"logger", "force"}
CHANGES = {"seconds", "time"} | SET_BY_TRIALS
"""Keys whose values may differ between two trials."""
NOT_COMPARED = (".lock", "status.json", "provenance.json", "train.log", "tensorboard", "wandb")
"""Files that record when, by which command and how often a run was started, and files of single loggers."""


class FailureError(Exception):
    """A result that is not allowed; its files are kept for inspection."""


class Harness:
    """A directory for trainings, with the files of an undisturbed one."""

    def __init__(self, place: Path, cold: bool = False, scenario: str = "fresh", rhythm: str = "none"):
        self.place, self.cold, self.rhythm = place, cold, rhythm
        before, self.first, self.next = SCENARIOS[scenario]
        self.cache = place / "cache"
        self.counts: Counter[str] = Counter()
        started = time.monotonic()
        reading = place / "reading"
        reading.mkdir(parents=True)
        self.end(self.start(reading, "csv", more=before or ()))  # fills the cache
        self.seconds_of_reading = time.monotonic() - started
        self.template = None if before is None else reading
        started = time.monotonic()
        self.reference = self.folder("reference")
        self.end(self.start(self.reference, "csv", more=self.next))
        self.seconds = time.monotonic() - started

    def folder(self, name: str) -> Path:
        """A new directory in which a training can start."""
        folder = self.place / name
        if self.template is None:
            folder.mkdir()
        else:
            shutil.copytree(self.template, folder)
        return folder

    def start(
        self,
        folder: Path,
        logger: str,
        cache: Path | None = None,
        before: Callable[[], None] = lambda: None,
        more: Sequence[str] = (),
    ) -> int:
        """Start the training in a separate process; return its id."""
        arguments = [*TRAINING, f"rhythm={self.rhythm}", f"logger={logger}", *more]
        settings = {"MELGEN_CACHE_DIR": str(cache or self.cache), "WANDB_MODE": "offline", "WANDB_SILENT": "true"}
        if self.cold:
            with (folder / "output.txt").open("ab") as output:
                return subprocess.Popen(
                    command("train", *arguments),
                    cwd=folder,
                    env=os.environ | settings,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                ).pid
        pid = os.fork()
        if pid:
            return pid
        code = 70
        try:
            os.setsid()
            os.chdir(folder)
            os.environ.update(settings)
            output = os.open("output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for descriptor in (1, 2):
                os.dup2(output, descriptor)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.argv = ["melgen.train", *arguments]
            from melgen.train import main

            before()
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def end(self, pid: int) -> None:
        """Wait for a training to end by itself without an error."""
        status = wait(pid, PATIENCE_SECONDS)
        if status is None:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise FailureError(f"a training did not end within {PATIENCE_SECONDS:g} s")
        if status != 0:
            raise FailureError(f"a training ended with exit status {status}")

    def finish_and_compare(self, folder: Path, logger: str, cache: Path | None = None) -> None:
        """Start the training again, wait for its end, and compare."""
        self.end(self.start(folder, logger, cache, more=self.next))
        compare(folder / RUN, self.reference / RUN)
        stray = [path.name for path in folder.rglob("*") if path.name.endswith((".tmp", ".old", ".new"))]
        if stray:
            raise FailureError(f"temporary files remain: {', '.join(stray)}")

    def kill_at(self, moment: float, number: signal.Signals, folder: Path, logger: str, cache: Path | None) -> bool:
        """Kill a training after ``moment`` seconds; return False if it had ended by then."""
        pid = self.start(folder, logger, cache, more=self.first)
        status = wait(pid, moment)
        if status is None:
            os.kill(pid, number)
            status = wait(pid, PATIENCE_SECONDS)
            if status is None:
                raise FailureError(f"{number.name} did not end the training")
            hit = True
        else:
            hit = False
        end_group(pid)
        check_left(folder / RUN)
        return hit


def at_random(harness: Harness, kills: int, seed: int) -> int:
    """Kill at random moments until ``kills`` have hit a training; return after how many the results were equal."""
    chance = random.Random(seed)
    equal = done = 0
    while done < kills:
        name = f"kill{done:04d}"
        folder = harness.folder(name)
        logger = chance.choice(LOGGERS)
        cache = harness.place / f"cache{done:04d}" if chance.random() < 0.2 else None
        number = chance.choices(list(SIGNALS), list(SIGNALS.values()))[0]
        span = harness.seconds_of_reading if cache else harness.seconds * (1.5 if logger == "wandb" else 1.0)
        moments = [chance.uniform(0, span) for _ in range(chance.choice((1, 1, 2, 3)))]

        def trial(
            moments: list[float] = moments,
            number: signal.Signals = number,
            folder: Path = folder,
            logger: str = logger,
            cache: Path | None = cache,
        ) -> int:
            hits = sum(harness.kill_at(moment, number, folder, logger, cache) for moment in moments)
            harness.counts[number.name] += hits
            harness.counts[f"logger={logger}"] += hits
            harness.counts["while the corpus was read" if cache else "with the corpus cached"] += hits
            harness.finish_and_compare(folder, logger, cache)
            return hits

        times = ", ".join(f"{moment:.2f} s" for moment in moments)
        hits = judged(trial, folder, f"{number.name} after {times}, logger={logger}, seed {seed}")
        if hits is None:
            done += 1
            continue
        done += hits
        equal += hits
        shutil.rmtree(folder)
        if cache:
            shutil.rmtree(cache, ignore_errors=True)  # an early kill leaves none
    harness.counts["kills"] = done
    return equal


def at_every_file_operation(harness: Harness, seed: int, every: int = 1) -> tuple[int, int]:
    """Kill before the first, the second, ... file operation, and within the first, the second, ... file.

    Returns:
        The number of kills, and the number of trainings with equal results.
    """
    noted = harness.folder("noted")
    names = noted / "operations"
    harness.end(harness.start(noted, "csv", before=lambda: note_file_operations(names), more=harness.first))
    operations = names.read_text().splitlines()
    moments = [
        (number, halfway)
        for number, name in enumerate(operations)
        for halfway in ((False, True) if name == OPEN else (False,))
    ]
    equal = tried = 0
    for number, halfway in moments[random.Random(seed).randrange(every) :: every]:
        folder = harness.folder(f"operation{number:04d}{'half' * halfway}")

        def trial(number: int = number, halfway: bool = halfway, folder: Path = folder) -> bool:
            pid = harness.start(
                folder, "csv", before=lambda: kill_at_file_operation(number, halfway), more=harness.first
            )
            status = wait(pid, PATIENCE_SECONDS)
            end_group(pid)
            if status != -(signal.SIGXFSZ if halfway else signal.SIGKILL):
                raise FailureError(f"the training should have been killed and ended with exit status {status}")
            check_left(folder / RUN)
            harness.finish_and_compare(folder, "csv")
            return True

        tried += 1
        where = "within the file that is opened by" if halfway else "before"
        if judged(trial, folder, f"{where} file operation {number} of {len(operations)}, {operations[number]}"):
            equal += 1
            shutil.rmtree(folder)
    return tried, equal


def judged(trial: Callable[[], Any], folder: Path, what: str) -> Any:
    """The result of a trial; None if it fails, after printing the reason."""
    try:
        return trial()
    except FailureError as failure:
        print(f"FAILED: {what}: {failure} ({folder})", flush=True)
        return None


def wait(pid: int, seconds: float) -> int | None:
    """The exit status of a child, negative for a signal; None if it still runs after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.005)


def end_group(pid: int) -> None:
    """Kill the helper processes of a training too, such as W&B's service, as a power failure would."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def watched_file_operations(act: Callable[[int, str], None]) -> None:
    """Call ``act`` with the number and the name of each file operation before it happens."""
    number = iter(range(sys.maxsize))
    flush = os.fsync

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS or (event == OPEN and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            act(next(number), event)

    def fsync(descriptor: Any) -> None:
        act(next(number), "os.fsync")
        flush(descriptor)

    sys.addaudithook(audit)
    os.fsync = fsync  # the interpreter raises no audit event for it


def note_file_operations(file: Path) -> None:
    """Write the names of all file operations to a file, one in each line."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    watched_file_operations(lambda number, name: os.write(descriptor, f"{name}\n".encode()) and None)


def kill_at_file_operation(wanted: int, halfway: bool) -> None:
    """Kill this process before an operation, or, if ``halfway``, after the next few written bytes."""

    def act(number: int, name: str) -> None:
        if number == wanted and halfway:
            # The system kills the process at the first write beyond the limit; the bytes before it remain.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (HALF_A_FILE_BYTES, resource.RLIM_INFINITY))
        elif number == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    watched_file_operations(act)


def check_left(run: Path) -> None:
    """Check the files of a killed training: complete, with a status that is not "running".

    Raises:
        FailureError: naming the fault.
    """
    check_whole(run)
    if status_of(RunDirectory(run)).state == "running":
        raise FailureError("the status of a killed training is running")


def check_whole(run: Path) -> None:
    """Check that each file with its final name is complete.

    Raises:
        FailureError: naming an incomplete file.
    """
    for path in sorted(run.rglob("*")) if run.exists() else []:
        parts = path.relative_to(run).parts
        if path.is_dir() or "wandb" in parts or any(part.startswith(".") for part in parts):
            continue  # a hidden folder is renamed once all its files are written
        try:
            if path.suffix == ".json":
                json.loads(path.read_text())
            elif path.suffix == ".ckpt":
                read_checkpoint(path)
            elif path.suffix == ".mid":
                mido.MidiFile(path)
            elif path.suffix == ".csv":
                table(path)
        except Exception as error:
            raise FailureError(f"{path.name} is damaged: {error}") from error


def compare(run: Path, reference: Path) -> None:
    """Compare all files of two trainings that must be equal.

    Raises:
        FailureError: naming the first difference.
    """
    ours, theirs = (set(compared_files(folder)) for folder in (run, reference))
    if ours != theirs:
        raise FailureError(f"files differ: {sorted(map(str, ours ^ theirs))}")
    for name in sorted(ours):
        if not equal_files(run / name, reference / name):
            raise FailureError(f"{name} differs")
    if RunDirectory(run).status["state"] != "finished":
        raise FailureError("the run is not finished")


def compared_files(run: Path) -> Iterator[Path]:
    """The paths, relative to a run, of the files that must be equal."""
    for path in run.rglob("*"):
        name = path.relative_to(run)
        if path.is_file() and not any(part.startswith(NOT_COMPARED) for part in name.parts):
            yield name


def equal_files(one: Path, other: Path) -> bool:
    """Whether two files have the same content apart from times."""
    if one.suffix == ".ckpt":
        return same(*(timeless(read_checkpoint(path)) for path in (one, other)))
    if one.suffix == ".json":
        return same(*(timeless(json.loads(path.read_text())) for path in (one, other)))
    if one.name == "metrics.csv":
        return table(one) == table(other)
    if one.name == "config.yaml":
        return settings(one) == settings(other)
    return one.read_bytes() == other.read_bytes()


def settings(path: Path) -> list[str]:
    """The lines of a configuration without the keys that the trials vary."""
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(plain, dict)
    return [f"{key}: {value}" for key, value in plain.items() if key not in SET_BY_TRIALS]


def timeless(content: Any) -> Any:
    """The content without times, and without the keys that the trials vary."""
    if isinstance(content, dict):
        return {
            key: timeless(value)
            for key, value in content.items()
            if key not in CHANGES and not str(key).endswith("per_second")
        }
    return [timeless(value) for value in content] if isinstance(content, list | tuple) else content


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file without speeds."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if any(None in row or None in row.values() for row in rows):
        raise ValueError("a row has more or fewer cells than the header")
    return [{key: value for key, value in row.items() if not key.endswith("per_second")} for row in rows]


def import_everything() -> None:
    """Import once what each training needs, but nothing that starts a thread."""
    torch.set_num_threads(1)

    import melgen.evaluation.embeddings
    import melgen.train
    import melgen.training.build
    import melgen.training.loggers.wandb  # noqa: F401


def main(argv: list[str] | None = None) -> int:
    """Run the harness and print a summary; return 1 if a training differed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--scenario",
        choices=SCENARIOS,
        default="fresh",
        help="training in the directory before the start, see SCENARIOS (%(default)s)",
    )
    parser.add_argument("--rhythm", default="none", help="how the network writes rhythm (%(default)s)")
    parser.add_argument("--every-file-operation", action="store_true")
    parser.add_argument("--stride", type=int, default=1, help="test only every n-th file operation")
    parser.add_argument(
        "--cold",
        action="store_true",
        help="start a new Python for each training, which may be killed during its imports",
    )
    arguments = parser.parse_args(argv)
    os.environ["PYTHONHASHSEED"] = "0"
    import_everything()
    place = Path(tempfile.mkdtemp(prefix="melgen-kills-"))
    harness = Harness(place, arguments.cold, arguments.scenario, arguments.rhythm)
    seconds, with_corpus = harness.seconds, harness.seconds_of_reading
    print(f"an undisturbed training takes {seconds:.1f} s, {with_corpus:.1f} s with reading the corpus", flush=True)
    if arguments.every_file_operation:
        tried, equal = at_every_file_operation(harness, arguments.seed, arguments.stride)
        print(f"{equal} of {tried} trainings killed before a file operation or within a file ended with equal results")
    else:
        equal = at_random(harness, arguments.kills, arguments.seed)
        tried = harness.counts.pop("kills")
        print("\n".join(f"  {count} {what}" for what, count in sorted(harness.counts.items())))
        print(f"{equal} of {tried} kills left the results equal: weights, history and songs, bit for bit")
    if equal == tried:
        shutil.rmtree(place)
    return int(equal != tried)


if __name__ == "__main__":
    sys.exit(main())
