"""Ctrl-C at any moment: no traceback, a true status, and the same command goes on."""

import json
import os
import signal
import time

import pytest

from melgen.checkpoint import read_checkpoint
from tests.commands.calling import TINY, TINY_RUN, spawn, start

LONG = ("trainer.max_steps=4000", "trainer.val_check_interval=20", "callbacks.checkpoint.every_n_steps=10")
"""Long enough to be interrupted in the middle, even on a busy machine."""
PATIENCE_SECONDS = 60.0
CODES = {130, 1}


def interrupt(cwd, ready, *overrides, delay=0.0, imports=False):
    """Start a training, wait until ``ready``, and send what Ctrl-C sends. Return the exit code and the output."""
    process = start("train", *TINY, *overrides, cwd=cwd, imports=imports)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not ready(cwd / TINY_RUN) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.02)
        time.sleep(delay)
        assert process.poll() is None, f"it ended too soon: {process.communicate()[0]}"
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, output
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def status(folder):
    return json.loads((folder / TINY_RUN / "status.json").read_text())["state"]


def a_little_more(folder):
    """A budget that the interrupted run has not passed, much smaller than that of `LONG`."""
    updates = read_checkpoint(folder / TINY_RUN / "checkpoints" / "last.ckpt")["position"]["updates"]
    return f"trainer.max_steps={updates + 2}"


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.1, 0.6, 2.5], ids=["at once", "while Hydra loads", "while torch loads"])
def test_before_the_training(delay, tmp_path):
    code, output = interrupt(tmp_path, lambda run: True, *LONG, delay=delay, imports=True)
    if code == 0 and "Exception ignored in" in output and "KeyboardInterrupt" in output:
        pytest.skip("Python lost the interrupt: it was raised in a callback, whose exceptions Python ignores")
    assert code in CODES | {-signal.SIGINT}, output
    if delay > 0.1:  # before that, the interpreter itself is still starting
        # On a busy machine our modules are still being imported then.
        assert "Traceback" not in output or "in <module>" in output
    if (tmp_path / TINY_RUN / "checkpoints").exists():  # a fast machine trains already
        assert status(tmp_path) == "interrupted"


@pytest.mark.slow
def test_in_the_middle_and_again_and_to_the_end(tmp_path):
    last = "checkpoints/last.ckpt"
    for _ in range(2):
        code, output = interrupt(
            tmp_path, lambda run: (run / last).exists() and status(tmp_path) == "running", *LONG, delay=0.3
        )
        assert code in CODES, output
        assert "Traceback" not in output
        assert "interrupted" in output
        assert status(tmp_path) == "interrupted"
        assert not list((tmp_path / TINY_RUN).rglob("*.tmp"))
    answer = spawn("train", *TINY, a_little_more(tmp_path), cwd=tmp_path)
    assert answer.code == 0
    assert status(tmp_path) == "finished"
    assert "Resuming at update" in (tmp_path / TINY_RUN / "train.log").read_text()


@pytest.mark.slow
def test_while_training(tmp_path):
    code, output = interrupt(tmp_path, lambda run: (run / "checkpoints" / "best.ckpt").exists(), *LONG)
    assert code in CODES, output
    assert "Traceback" not in output
    assert "interrupted" in output
    assert status(tmp_path) == "interrupted"
    assert not list((tmp_path / TINY_RUN).rglob("*.tmp"))


@pytest.mark.slow
def test_at_the_end_while_songs_are_written(tmp_path):
    many = ("callbacks.sampling.songs=3000", "callbacks.sampling.notes=2000")
    code, output = interrupt(
        tmp_path,
        lambda run: "val loss" in (run / "train.log").read_text() if (run / "train.log").exists() else False,
        *many,
        delay=1.5,
    )
    assert code in CODES, output
    assert "Traceback" not in output
    assert status(tmp_path) == "interrupted"
    assert not (tmp_path / TINY_RUN / "songs").exists()
    answer = spawn("train", *TINY, cwd=tmp_path)
    assert answer.code == 0
    assert status(tmp_path) == "finished"
    assert len(list((tmp_path / TINY_RUN / "songs").glob("*.mid"))) == 2


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path):
    """A kill runs no signal handler, like a power failure."""
    process = start("train", *TINY, *LONG, cwd=tmp_path)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (tmp_path / TINY_RUN / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    answer = spawn("train", *TINY, a_little_more(tmp_path), cwd=tmp_path)
    assert answer.code == 0
    assert status(tmp_path) == "finished"


@pytest.mark.slow
def test_a_sweep_ends_at_once_and_goes_on(tmp_path):
    sweep = ("seed=0,1", "hydra.mode=MULTIRUN")
    code, output = interrupt(tmp_path, lambda run: (run / "checkpoints/last.ckpt").exists(), *LONG, *sweep)
    assert code in CODES
    assert "Traceback" not in output
    assert "interrupted" in output
    assert status(tmp_path) == "interrupted"
    answer = spawn("train", *TINY, *sweep, a_little_more(tmp_path), cwd=tmp_path)
    assert answer.code == 0, answer.text
    assert "2 of 2 jobs finished" in answer.text
