"""Sweeps on a real SLURM: arrays, limits, preemption, dead jobs and nodes, a dead command line."""

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands.calling import TINY, call, command, spawn
from tests.commands.mishap import mishap
from tests.training.equality import unequal
from torture.slurm_cluster import running_cluster, why_not
from torture.stalling import stall, stall_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STALLED_AT, UPDATES = 45, 60
SMALL = (
    *(override for override in TINY if not override.startswith("trainer.max_steps")),
    f"trainer.max_steps={UPDATES}",
    "trainer.val_check_interval=20",
    "callbacks.checkpoint.every_n_steps=10",
)
RHYTHMS = ("none", "factored", "joint")
EACH_RHYTHM = f"rhythm={','.join(RHYTHMS)}"
"""A mixed sweep: a network of pitches and two networks with rhythm."""
ON_SLURM = ("hydra/launcher=slurm", "hydra.launcher.mem_gb=1")
FAMILY = Path("multirun/misc_folk")
PATIENCE_SECONDS = 240.0


def run_of(rhythm):
    name = "control-lstm-1-seed0-hidden_size-8"
    return FAMILY / (name if rhythm == "none" else f"{name}-rhythm-{rhythm}")


def state_of(rhythm):
    path = run_of(rhythm) / "status.json"
    return json.loads(path.read_text())["state"] if path.exists() else None


def wait(cluster, until, what):
    cluster.wait(until, what, PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def cluster():
    """One SLURM for all tests, with more slots than processors, because jobs spend most of their time starting."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with running_cluster(cpus=4) as cluster, pytest.MonkeyPatch.context() as patch:
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")])))
        yield cluster


@pytest.fixture(scope="session")
def quiet(cluster, tmp_path_factory):
    """The same runs without disturbance, trained one after the other in this process."""
    folder = tmp_path_factory.mktemp("quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        answer = call("train", "-m", *SMALL, EACH_RHYTHM)
    assert answer.code == 0, answer.text
    return folder


@pytest.fixture
def sweep():
    """A function that starts ``melgen.train -m`` without waiting for it."""
    started = []

    def sweep(*overrides):
        process = subprocess.Popen(
            command("train", "-m", *SMALL, *ON_SLURM, *overrides),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield sweep
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def test_an_array_as_configured_preempted_queued_again_and_with_a_failure(cluster, quiet, sweep, here):
    process = sweep(
        EACH_RHYTHM,
        "hydra.launcher.array_parallelism=2",
        "hydra.launcher.timeout_min=60",
        "+hydra.launcher.additional_parameters={nice:7}",
        stall(STALLED_AT, "lstm"),
        mishap("rhythm-joint"),
    )
    wait(cluster, lambda: all(stall_of(run_of(rhythm)).exists() for rhythm in RHYTHMS[:2]), "two jobs to train")
    (array,) = {name.partition("_")[0] for name in cluster.jobs()}
    preempted, requeued, waiting = (f"{array}_{task}" for task in range(3))
    # A third job would fit, but the limit on the number of jobs holds it back.
    assert cluster.jobs() == {preempted: "RUNNING", requeued: "RUNNING", waiting: "PENDING"}
    shown = cluster.ask("scontrol", "show", "job", array)
    assert "ArrayTaskThrottle=2 " in shown
    assert "Nice=7 " in shown

    cluster.ask("scancel", "--signal=USR2", preempted)  # SLURM sends this before a preemption
    cluster.ask("scontrol", "requeue", requeued)
    wait(cluster, lambda: state_of("none") == "interrupted", "the first job to be interrupted")
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 1, output
    assert "2 of 3 jobs finished" in output
    assert f"failed: {run_of('joint')}: a mishap" in output
    for rhythm in RHYTHMS[:2]:
        log = (run_of(rhythm) / "train.log").read_text()
        assert "Resuming at update 40" in log
        assert "Traceback" not in log
        assert unequal(run_of(rhythm), quiet / run_of(rhythm)) == []

    # SLURM counts the failed training as completed.
    wait(cluster, lambda: not cluster.jobs(), "the queue to be empty")
    accounts = {f"{array}_{task}": ("COMPLETED", "01:00:00", "1G", "1") for task in range(3)}

    def accounted():  # SLURM writes it seconds after the end
        return cluster.accounts(array, "State", "Timelimit", "ReqMem", "ReqCPUS") == accounts

    wait(cluster, accounted, "three completed jobs in the accounts")
    with (FAMILY / "sweep.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["finished", "finished", "failed"]
    status = call("status", "dir=multirun")
    assert status.code == 1
    assert "3 runs: 2 finished, 1 failed" in status.out


def test_a_dead_command_line_a_limit_a_cancelled_job_and_a_dead_node(cluster, quiet, sweep, here):
    everywhere = (EACH_RHYTHM, "hydra.launcher.max_num_timeout=0", stall(STALLED_AT, "lstm"))
    process = sweep(*everywhere, "hydra.launcher.timeout_min=10")
    wait(cluster, lambda: all(stall_of(run_of(rhythm)).exists() for rhythm in RHYTHMS), "all jobs to train")
    process.kill()
    limited, cancelled, _ = sorted(cluster.jobs())
    status = call("status", "dir=multirun")
    assert (status.code, status.out.count("running")) == (0, 4)  # three lines, and the summary

    # While its jobs run, the same line again changes nothing.
    before = {rhythm: (run_of(rhythm) / "status.json").read_text() for rhythm in RHYTHMS}
    again = spawn("train", "-m", *SMALL, *ON_SLURM, *everywhere, cwd=here)
    assert again.code == 1
    assert "0 of 3 jobs finished" in again.text
    for rhythm in RHYTHMS:
        assert f"running: {run_of(rhythm)}: left alone: another process is training it" in again.text
    assert "python -m melgen.status dir=multirun" in again.text
    assert {rhythm: (run_of(rhythm) / "status.json").read_text() for rhythm in RHYTHMS} == before
    assert not list(FAMILY.glob("*-refused"))

    # With limits of ten minutes or less submitit interprets every such signal as the limit.
    cluster.ask("scancel", "--signal=USR2", limited)
    cluster.ask("scancel", cancelled)
    wait(cluster, lambda: not {limited, cancelled} & cluster.jobs().keys(), "two jobs to end")
    # The job returns a result, so that a waiting command line also collects the results of the others.
    wait(cluster, lambda: cluster.accounts(limited, "State") == {limited: ("COMPLETED",)}, "its account")
    cluster.kill_node()
    cluster.start_node(booted=True)
    wait(cluster, lambda: state_of("joint") == "finished", "the job of the dead node to run again")
    wait(cluster, lambda: not cluster.jobs(), "the queue to be empty")
    status = call("status", "dir=multirun")
    assert status.code == 0
    assert "3 runs: 1 finished, 2 interrupted" in status.out
    assert "timed-out too many times" in status.out

    answer = spawn("train", "-m", *SMALL, *ON_SLURM, *everywhere, cwd=here)
    assert answer.code == 0, answer.text
    assert "3 of 3 jobs finished" in answer.text
    for rhythm in RHYTHMS:
        assert unequal(run_of(rhythm), quiet / run_of(rhythm)) == []


def test_a_refusal_of_sbatch_is_printed(cluster, here):
    answer = spawn("train", "-m", *SMALL, *ON_SLURM, "seed=0,1", "hydra.launcher.partition=nowhere", cwd=here)
    assert answer.code == 1
    assert "melgen.train: error: sbatch: error: invalid partition specified: nowhere" in answer.text
    assert "Traceback" not in answer.text
