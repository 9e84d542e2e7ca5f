"""Disturb the sweep of the README on a real SLURM, and compare it with an undisturbed sweep.

    python -m torture.slurm              # the 45 networks, about twenty minutes on two processors
    python -m torture.slurm --layers 1,2 # fewer of them

It cancels two jobs, lets one reach its time limit, kills slurmd and starts it again, then kills the whole node with its
jobs and the command that started the sweep. The same command must then end with all runs equal to those of the
undisturbed sweep. In a second sweep some jobs fail, and ``only=failed`` must run only those.
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
from tests.training.equality import unequal
from torture.slurm_cluster import Cluster, running_cluster, why_not
from torture.stalling import stall, stall_of

PATIENCE_SECONDS = 3600.0
FAMILY = Path("multirun/misc_folk")
LIMIT_MINUTES, SIGNAL_DELAY_SECONDS = 3, 15
"""A job's limit, and the time between SLURM's signal and the limit; SLURM may signal up to a minute earlier."""


class Harness:
    """The same sweep in several directories: undisturbed on this machine, disturbed on the cluster."""

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
        root = Path(__file__).parents[1]
        self.environment = (
            os.environ
            | cluster.environment
            | {"PYTHONPATH": os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))}
        )
        self.began = time.monotonic()

    def report(self, text: str) -> None:
        """Print a line with the time since the start."""
        print(f"{time.monotonic() - self.began:7.0f} s  {text}", flush=True)

    def start(self, folder: str, *overrides: str) -> subprocess.Popen[str]:
        """Start the sweep in a directory."""
        (self.work / folder).mkdir(exist_ok=True)
        return subprocess.Popen(
            command("train", *self.line, *overrides), cwd=self.work / folder, env=self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, folder: str, *overrides: str) -> tuple[int, str]:
        """Run the sweep in a directory; return its exit code and output."""
        process = self.start(folder, *overrides)
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, output

    def status(self, folder: str) -> tuple[int, str]:
        """The exit code of ``melgen.status`` for a directory, and its line of counts."""
        done = subprocess.run(
            command("status", "dir=multirun"), cwd=self.work / folder, env=self.environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        counts = [line for line in done.stdout.splitlines() if " runs: " in line]
        return done.returncode, counts[-1] if counts else done.stdout + done.stderr

    def wait(self, until: Callable[[], object], what: str) -> None:
        """Wait for a condition with the long limit of this harness."""
        self.cluster.wait(until, what, PATIENCE_SECONDS)

    def undisturbed(self) -> list[str]:
        """Run the undisturbed sweep; return the names of its runs in order."""
        code, output = self.run("undisturbed", "hydra/launcher=local")
        if code:
            raise SystemExit(f"the undisturbed sweep failed:\n{output[-3000:]}")
        names = [str(name) for name in read_json(self.work / "undisturbed" / FAMILY / JOBS_FILE)["runs"]]
        self.report(f"undisturbed sweep on this machine: {len(names)} runs")
        return names

    def disturbed(self, names: list[str]) -> list[str]:
        """Run the sweep on SLURM with all disturbances; return the faults."""
        words = ["control-lstm-1-", "control-lstm-2-", "control-gru-1-", "interval-lstm-1-"]
        *lost, limited, on_the_node = (name for word in words for name in names if word in name)
        overrides = [*self.on_slurm, stall(self.updates // 2, *words)]
        family = self.work / "disturbed" / FAMILY
        process = self.start("disturbed", *overrides)
        for name in lost:
            self.wait(stall_of(family / name).exists, f"the training of {name} to reach its middle")
            self.cluster.ask("scancel", self.job_of(name, names))
            self.report(f"cancelled {self.job_of(name, names)}: {name}")
        self.wait(stall_of(family / limited).exists, f"the training of {limited} to reach its middle")
        self.wait(lambda: self.has_reached_limit(limited, names), f"{limited} to reach its limit")
        self.report(f"reached its limit of {LIMIT_MINUTES} minutes: {self.job_of(limited, names)}: {limited}")
        self.cluster.kill_daemon_of_node()
        self.cluster.start_node()
        self.report(f"killed slurmd and started it again; in the queue {_counts(self.cluster.jobs())}")
        self.wait(stall_of(family / on_the_node).exists, f"the training of {on_the_node} to reach its middle")
        self.cluster.kill_node()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        output, _ = process.communicate()
        self.cluster.start_node(booted=True)
        self.report(
            f"killed the node with its jobs and the command, and started the node; {self.status('disturbed')[1]}"
        )
        if "melgen.train: error: Job" in output:
            self.report(f"  output of the command: {output[output.index('melgen.train: error') :].splitlines()[0]}")
        self.wait(lambda: not self.cluster.jobs(), "the queue to be empty")
        self.report(f"the queue is empty; {self.status('disturbed')[1]}")
        code, output = self.run("disturbed", *overrides)
        status, counts = self.status("disturbed")
        self.report(f"the same command again ended with exit code {code}; {counts}")
        wrong = [f"the command ended with exit code {code}:\n{output[-3000:]}"] if code else []
        wrong += [f"melgen.status ended with exit code {status}"] if status else []
        logs = [(family / name / "train.log").read_text() for name in names]
        self.report(f"{sum('Resuming at update' in log for log in logs)} runs continued from a checkpoint")
        return wrong + self.compared("disturbed", names)

    def failing(self, names: list[str]) -> list[str]:
        """Run a sweep on SLURM in which some jobs fail, then run those again; return the faults."""
        words = ["control-lstm-1-", "interval-gru-2-", "interval-rnn-1-", "db12-lstm-2-", "db12-gru-1-"]
        failing = [name for name in names if any(word in name for word in words)]
        # The failing callback is not part of the identity of a run.
        roomy = [*self.on_slurm, "hydra.launcher.timeout_min=60"]
        code, output = self.run("failing", *roomy, mishap(*words))
        named = [name for name in failing if f"failed: {FAMILY / name}: a mishap" in output]
        status, counts = self.status("failing")
        self.report(
            f"{len(failing)} jobs had to fail: exit code {code}, {len(named)} failures named; status {status}: {counts}"
        )
        wrong = (
            []
            if (code, status, named) == (1, 1, failing)
            else [f"the sweep with failing jobs did not end as expected:\n{output[-3000:]}"]
        )
        before = self.tasks("failing")
        code, output = self.run("failing", *roomy, "only=failed")
        tasks = self.tasks("failing") - before
        status, counts = self.status("failing")
        self.report(f"only=failed: exit code {code}, ran {len(tasks)} jobs; status {status}: {counts}")
        if (code, status, len(tasks)) != (0, 0, len(failing)):
            wrong.append(f"only=failed did not end as expected:\n{output[-3000:]}")
        return wrong + self.compared("failing", names)

    def compared(self, folder: str, names: list[str]) -> list[str]:
        """The differences between the runs in a directory and the undisturbed ones."""
        different = []
        for name in names:
            try:
                parts = unequal(self.work / folder / FAMILY / name, self.work / "undisturbed" / FAMILY / name)
            except OSError as error:
                parts = [str(error)]
            different += [f"{folder}: {name}: {part}" for part in parts]
        equal = len(names) - len({line.split(": ")[1] for line in different})
        self.report(f"{folder}: {equal} of {len(names)} runs equal those of the undisturbed sweep, bit for bit")
        return different

    def tasks(self, folder: str) -> set[str]:
        """The names of the SLURM jobs that the sweeps in a directory have started."""
        return {path.parent.name for path in (self.work / folder / FAMILY / ".submitit").glob("*/*_submitted.pkl")}

    def job_of(self, name: str, names: list[str]) -> str:
        """The SLURM job of a run in the disturbed sweep; its tasks have the order of its runs."""
        (array,) = {task.partition("_")[0] for task in self.tasks("disturbed")}
        return f"{array}_{names.index(name)}"

    def has_reached_limit(self, name: str, names: list[str]) -> bool:
        """Whether submitit has logged the time limit and queued the job again."""
        folder = self.work / "disturbed" / FAMILY / ".submitit" / self.job_of(name, names)
        return any("Job has timed out" in file.read_text() for file in folder.glob("*_log.*"))


def _counts(jobs: dict[str, str]) -> str:
    states = list(jobs.values())
    return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))


def main(argv: list[str] | None = None) -> int:
    """Run the harness and print the report; return 1 if there are faults."""
    parser = argparse.ArgumentParser(prog="python -m torture.slurm", description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", default="1,2,3,4,5", help="depths to sweep over; 1 and 2 must be among them")
    parser.add_argument("--updates", type=int, default=60, help="updates of each run")
    parser.add_argument("--cpus", type=int, default=4, help="jobs that run at once")
    arguments = parser.parse_args(argv)
    if (reason := why_not()) is not None:
        print(f"skipped: {reason}")
        return 0
    with tempfile.TemporaryDirectory(prefix="melgen-torture-") as work, running_cluster(arguments.cpus) as cluster:
        harness = Harness(cluster, Path(work), arguments.layers, arguments.updates)
        names = harness.undisturbed()
        wrong = harness.disturbed(names) + harness.failing(names)
        print("\n".join(wrong) or "no faults")
        harness.report("done")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
