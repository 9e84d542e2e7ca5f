"""The sweep of the README on a real SLURM, with everything going wrong that does, against a quiet one.

    python -m tests.torture.slurm              # the 45 networks, some twenty minutes on two processors
    python -m tests.torture.slurm --layers 1,2 # fewer of them

On the way two jobs are cancelled, one meets its time limit, slurmd is killed and started again, then the whole node
with its jobs, and the command that was typed dies with it; the same command again has to end with all runs equal
to those of a sweep that nobody has disturbed. Then, in directories of their own, jobs are made to fail, and
``only=failed`` has to run those only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from melgen.files import read_json
from melgen.runs.search import JOBS_FILE
from tests.commands.calling import command
from tests.commands.mishap import mishap
from tests.slurm.cluster import Cluster, running_cluster, why_not
from tests.slurm.stalling import stall, stall_of
from tests.torture.equality import unequal

PATIENCE_SECONDS = 3600.0
FAMILY = Path("multirun/misc_folk")
LIMIT_MINUTES, SIGNAL_DELAY_SECONDS = 3, 15
"""A job's limit, and how long before it SLURM signals, or up to a minute earlier: time enough for a small job."""


class Harness:
    """Two directories, a quiet one and one on the cluster, and the same sweep line for both."""

    def __init__(self, cluster: Cluster, work: Path, layers: str, updates: int):
        self.cluster, self.work, self.updates = cluster, work, updates
        self.line = [
            "-m", "dataset=control,interval,db12", "cell=lstm,gru,rnn", f"layers={layers}",
            "corpus=misc_folk", "hidden_size=16", "logger=csv",
            "callbacks.sampling.songs=2", "callbacks.sampling.notes=6",
            f"trainer.max_steps={updates}", f"trainer.val_check_interval={updates // 3}",
            "trainer.log_every_n_steps=5", "callbacks.checkpoint.every_n_steps=10",
        ]  # fmt: skip
        self.on_slurm = [
            "hydra/launcher=slurm", "hydra.launcher.mem_gb=1", f"hydra.launcher.timeout_min={LIMIT_MINUTES}",
            f"hydra.launcher.signal_delay_s={SIGNAL_DELAY_SECONDS}", "hydra.launcher.max_num_timeout=50",
        ]  # fmt: skip
        root = Path(__file__).parents[2]
        self.environment = (
            os.environ
            | cluster.environment
            | {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))}
        )
        self.began = time.monotonic()

    def say(self, text: str) -> None:
        """A line of the report, with the time it was."""
        print(f"{time.monotonic() - self.began:7.0f} s  {text}", flush=True)

    def start(self, folder: str, *overrides: str) -> subprocess.Popen[str]:
        """Give the sweep line."""
        (self.work / folder).mkdir(exist_ok=True)
        return subprocess.Popen(
            command("train", *self.line, *overrides), cwd=self.work / folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, folder: str, *overrides: str) -> tuple[int, str]:
        """Give the sweep line and wait for its end."""
        process = self.start(folder, *overrides)
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, said

    def status(self, folder: str) -> tuple[int, str]:
        """What ``melgen.status`` says of a directory, in its last line that counts."""
        done = subprocess.run(
            command("status", "dir=multirun"), cwd=self.work / folder, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        counts = [line for line in done.stdout.splitlines() if " runs: " in line]
        return done.returncode, counts[-1] if counts else done.stdout + done.stderr

    def wait(self, until: Callable[[], object], what: str) -> None:
        """Wait as long as it may take."""
        self.cluster.wait(until, what, PATIENCE_SECONDS)

    def quiet(self) -> list[str]:
        """The sweep that nobody disturbs; the names of its runs, as it made them."""
        code, said = self.run("quiet", "hydra/launcher=local")
        if code:
            raise SystemExit(f"the quiet sweep failed:\n{said[-3000:]}")
        names = [str(name) for name in read_json(self.work / "quiet" / FAMILY / JOBS_FILE)["runs"]]
        self.say(f"quiet sweep on this machine: {len(names)} runs")
        return names

    def disturbed(self, names: list[str]) -> list[str]:
        """The sweep on SLURM that everything happens to; what is wrong in the end."""
        words = ["control-lstm-1-", "control-lstm-2-", "control-gru-1-", "interval-lstm-1-"]
        *lost, limited, on_the_node = (name for word in words for name in names if word in name)
        overrides = [*self.on_slurm, stall(self.updates // 2, *words)]
        family = self.work / "disturbed" / FAMILY
        process = self.start("disturbed", *overrides)
        for name in lost:
            self.wait(stall_of(family / name).exists, f"{name} to be in the middle of its training")
            self.cluster.ask("scancel", self.job_of(name, names))
            self.say(f"cancelled {self.job_of(name, names)}: {name}")
        self.wait(stall_of(family / limited).exists, f"{limited} to be in the middle of its training")
        self.wait(lambda: self.has_met_its_limit(limited, names), f"{limited} to meet its limit")
        self.say(f"met its limit of {LIMIT_MINUTES} minutes: {self.job_of(limited, names)}: {limited}")
        self.cluster.kill_daemon_of_node()
        self.cluster.start_node()
        self.say(f"killed slurmd and started it again; in the queue {_counts(self.cluster.jobs())}")
        self.wait(stall_of(family / on_the_node).exists, f"{on_the_node} to be in the middle of its training")
        self.cluster.kill_node()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        said, _ = process.communicate()
        self.cluster.start_node(booted=True)
        self.say(f"killed the node with its jobs, the command too, and started the node; {self.status('disturbed')[1]}")
        if "melgen.train: error: Job" in said:
            self.say(f"  the command had said: {said[said.index('melgen.train: error') :].splitlines()[0]}")
        self.wait(lambda: not self.cluster.jobs(), "the queue to be empty")
        self.say(f"the queue is empty; {self.status('disturbed')[1]}")
        code, said = self.run("disturbed", *overrides)
        status, counts = self.status("disturbed")
        self.say(f"the same command again ended with {code}; {counts}")
        wrong = [f"the command ended with {code}:\n{said[-3000:]}"] if code else []
        wrong += [f"melgen.status ended with {status}"] if status else []
        logs = [(family / name / "train.log").read_text() for name in names]
        self.say(f"{sum('Resuming at update' in log for log in logs)} runs had gone on from a checkpoint")
        return wrong + self.compared("disturbed", names)

    def failing(self, names: list[str]) -> list[str]:
        """A sweep on SLURM of which some jobs fail, and a second one of those; what is wrong in the end."""
        words = ["control-lstm-1-", "interval-gru-2-", "interval-rnn-1-", "db12-lstm-2-", "db12-gru-1-"]
        failing = [name for name in names if any(word in name for word in words)]
        # What makes them fail is no part of their identity.
        roomy = [*self.on_slurm, "hydra.launcher.timeout_min=60"]
        code, said = self.run("failing", *roomy, mishap(*words))
        named = [name for name in failing if f"failed: {FAMILY / name}: a mishap" in said]
        status, counts = self.status("failing")
        self.say(f"{len(failing)} jobs made to fail: ended with {code}, {len(named)} named; status {status}: {counts}")
        wrong = [] if (code, status, named) == (1, 1, failing) else [f"not as it should:\n{said[-3000:]}"]
        before = self.tasks("failing")
        code, said = self.run("failing", *roomy, "only=failed")
        tasks = self.tasks("failing") - before
        status, counts = self.status("failing")
        self.say(f"only=failed: ended with {code}, ran {len(tasks)} jobs; status {status}: {counts}")
        if (code, status, len(tasks)) != (0, 0, len(failing)):
            wrong.append(f"only=failed did not end as it should:\n{said[-3000:]}")
        return wrong + self.compared("failing", names)

    def compared(self, folder: str, names: list[str]) -> list[str]:
        """Where the runs in a directory differ from the quiet ones."""
        different = []
        for name in names:
            try:
                parts = unequal(self.work / folder / FAMILY / name, self.work / "quiet" / FAMILY / name)
            except OSError as error:
                parts = [str(error)]
            different += [f"{folder}: {name}: {part}" for part in parts]
        equal = len(names) - len({line.split(": ")[1] for line in different})
        self.say(f"{folder}: {equal} of {len(names)} runs equal those of the quiet sweep, to the last bit")
        return different

    def tasks(self, folder: str) -> set[str]:
        """The SLURM jobs that the sweeps in a directory have started, by their names."""
        return {path.parent.name for path in (self.work / folder / FAMILY / ".submitit").glob("*/*_submitted.pkl")}

    def job_of(self, name: str, names: list[str]) -> str:
        """The SLURM job of a run in the disturbed sweep, whose tasks are numbered as its runs are listed."""
        (array,) = {task.partition("_")[0] for task in self.tasks("disturbed")}
        return f"{array}_{names.index(name)}"

    def has_met_its_limit(self, name: str, names: list[str]) -> bool:
        """Whether submitit has told so, and had the job queued again."""
        folder = self.work / "disturbed" / FAMILY / ".submitit" / self.job_of(name, names)
        return any("Job has timed out" in file.read_text() for file in folder.glob("*_log.*"))


def _counts(jobs: dict[str, str]) -> str:
    states = list(jobs.values())
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def main(argv: list[str] | None = None) -> int:
    """Run it and print the report; 1 if anything came out otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.slurm", description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", default="1,2,3,4,5", help="depths to sweep over; 1 and 2 must be among them")
    parser.add_argument("--updates", type=int, default=60, help="of each run")
    parser.add_argument("--cpus", type=int, default=4, help="jobs at once")
    arguments = parser.parse_args(argv)
    if (reason := why_not()) is not None:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="melgen-torture-") as work, running_cluster(arguments.cpus) as cluster:
        harness = Harness(cluster, Path(work), arguments.layers, arguments.updates)
        names = harness.quiet()
        wrong = harness.disturbed(names) + harness.failing(names)
        print("\n".join(wrong) or "all as it should be")
        harness.say("done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
