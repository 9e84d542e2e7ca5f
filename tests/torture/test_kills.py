"""Short runs of the kill harness, and tests that it finds each fault."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from melgen.files import write_json, write_text
from melgen.runs.directory import FINISHED, RUNNING, RunDirectory
from torture.kills import FailureError, check_left, compare

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        "--kills 2 --seed 1 --rhythm factored",
        "--every-file-operation --stride 430",
        "--every-file-operation --stride 400 --scenario forced-once",
    ],
)
def test_killed_trainings_end_as_if_undisturbed(options, tmp_path):
    command = [sys.executable, "-m", "torture.kills", *options.split()]
    place = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(command, cwd=CHECKOUT, env=place, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    equal, tried = map(int, re.findall(r"^(\d+) of (\d+) ", done.stdout, re.MULTILINE)[0])
    assert equal == tried > 1
    assert not list(tmp_path.glob("melgen-kills-*")), "only a failure is kept"


@pytest.fixture
def run(tmp_path):
    """Two equal directories with the files of a finished run."""
    run = RunDirectory(tmp_path / "run")
    run.set_status(FINISHED)
    write_json(run.path / "result.json", {"val/loss": 1.5, "seconds": 3.0})
    write_text(run.path / "metrics.csv", "step,train/loss,train/tokens_per_second\n5,2.5,100\n")
    write_text(run.path / "splits.tsv", "train\ta.mid\n")
    run.checkpoints.mkdir()
    save(run.checkpoints / "last.ckpt", 1.0)
    shutil.copytree(run.path, tmp_path / "reference")
    return run.path


def save(path, weight, **more):
    ours = {"format_version": 1, "model": {}}
    torch.save({"melgen": ours, "state_dict": {"weight": torch.tensor([weight])}, **more}, path)


def test_runs_that_differ_only_in_durations_are_equal(run):
    write_json(run / "result.json", {"val/loss": 1.5, "seconds": 4.0})
    write_text(run / "metrics.csv", "step,train/loss,train/tokens_per_second\n5,2.5,90\n")
    save(run / "checkpoints" / "last.ckpt", 1.0, seconds=9.0)
    save(run.with_name("reference") / "checkpoints" / "last.ckpt", 1.0, seconds=8.0)
    compare(run, run.with_name("reference"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: save(run / "checkpoints/last.ckpt", 1.0000001), r"last\.ckpt differs"),
        (lambda run: write_json(run / "result.json", {"val/loss": 1.25, "seconds": 3.0}), r"result\.json differs"),
        (lambda run: write_text(run / "metrics.csv", "step,train/loss\n5,2.75\n"), r"metrics\.csv differs"),
        (lambda run: (run / "splits.tsv").write_text("train\tb.mid\n"), r"splits\.tsv differs"),
        (lambda run: (run / "splits.tsv").unlink(), r"files differ: \['splits\.tsv'\]"),
        (lambda run: (run / "more.txt").touch(), r"files differ: \['more\.txt'\]"),
        (lambda run: RunDirectory(run).set_status(RUNNING), "the run is not finished"),
    ],
)
def test_each_difference_is_found(run, damage, message):
    damage(run)
    with pytest.raises(FailureError, match=message):
        compare(run, run.with_name("reference"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: cut(run / "checkpoints/last.ckpt"), r"last\.ckpt is damaged"),
        (lambda run: cut(run / "result.json"), r"result\.json is damaged"),
        (lambda run: (run / "metrics.csv").write_text("step,train/loss\n5\n"), r"metrics\.csv is damaged"),
        (lambda run: (run / "song_1.mid").write_bytes(b"MThd"), r"song_1\.mid is damaged"),
        (lambda run: RunDirectory(run).set_status(RUNNING), "the status of a killed training is running"),
    ],
)
def test_half_a_file_and_a_wrong_status_are_found(run, damage, message):
    check_left(run)
    damage(run)
    with pytest.raises(FailureError, match=message):
        check_left(run)


def test_temporary_files_of_a_killed_training_are_not_incomplete_files(run):
    (run / ".result.json.host-1.00000000.tmp").write_text("{")
    check_left(run)
