"""Running processes, and the effect of a scheduler's signal on a job at any point."""

import json
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import pytorch_lightning as pl

from melgen.errors import OutOfTimeError
from melgen.processes import handle_signals, process_birth, process_exists, raise_if_signalled
from melgen.runs.directory import RunDirectory
from melgen.training.failures import contained
from tests.training.small import FEW_UPDATES, LEAF_SPEC, plain_trainer, small_data, small_module


@pytest.fixture
def at_the_signal():
    """A function that sets the handler of SIGUSR2, as submitit does."""
    before = signal.getsignal(signal.SIGUSR2)
    yield lambda handler: signal.signal(signal.SIGUSR2, handler)
    signal.signal(signal.SIGUSR2, before)


def refuse(number, frame):
    raise RuntimeError("Job not requeued because: timed-out too many times.")


def leave(number, frame):
    raise SystemExit(-1)


@pytest.mark.parametrize(("handler", "expected"), [(refuse, OutOfTimeError), (leave, SystemExit)])
def test_the_signal_is_not_caught_as_a_failure_of_a_part(handler, expected, at_the_signal, caplog):
    at_the_signal(handler)
    with pytest.raises(expected), handle_signals(), contained("a picture"):
        os.kill(os.getpid(), signal.SIGUSR2)
    assert not caplog.records
    assert signal.getsignal(signal.SIGUSR2) is handler


@pytest.fixture
def usual_ctrl_c():
    """Python's own handler; after a Ctrl-C in another test Lightning has left it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class CtrlCWhenFreed:
    """Ctrl-C in a finalizer, where Python ignores exceptions."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_was_ignored_is_raised_again(usual_ctrl_c):
    def job():
        CtrlCWhenFreed()
        raise_if_signalled()

    with pytest.raises(KeyboardInterrupt), handle_signals():
        job()
    raise_if_signalled()  # it is not kept for the next job
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", LEAF_SPEC, FEW_UPDATES)
def test_ctrl_c_in_a_finalizer_ends_a_training(usual_ctrl_c):
    class PressesCtrlC(pl.Callback):
        def on_train_batch_end(self, *_):
            CtrlCWhenFreed()

    data = small_data()
    trainer = plain_trainer(max_steps=1000, callbacks=[PressesCtrlC()])
    with pytest.raises(SystemExit), handle_signals():  # Lightning exits after Ctrl-C
        trainer.fit(small_module(data), data)
    assert trainer.global_step == 1


def test_in_another_thread_no_handler_is_set():
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: handle_signals().__enter__()).result()


def test_without_a_scheduler_nothing_changes():
    before = signal.getsignal(signal.SIGUSR2)
    with handle_signals():
        assert signal.getsignal(signal.SIGUSR2) is before


def test_a_run_out_of_time_is_interrupted_and_states_the_reason(at_the_signal, tmp_path):
    at_the_signal(refuse)
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(OutOfTimeError), handle_signals(), run.claimed(), run.reporting():
        os.kill(os.getpid(), signal.SIGUSR2)
    status = json.loads((run.path / "status.json").read_text())
    assert status["state"] == "interrupted"
    assert "timed-out too many times" in status["error"]
    assert not (run.path / "error.txt").exists()


def test_a_process_differs_from_a_later_one_of_the_same_number():
    own = os.getpid()
    assert process_exists(own)
    if sys.platform != "linux":
        pytest.skip("the start time of a process is unknown here")
    assert process_exists(own, process_birth(own))
    ticks, _, boot = process_birth(own).partition("-")
    assert not process_exists(own, f"{int(ticks) - 1}-{boot}")
    assert not process_exists(own, f"{ticks}-00000000")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert process_exists(child.pid, process_birth(child.pid))
        assert int(process_birth(child.pid).partition("-")[0]) > int(ticks)
    finally:
        child.communicate()
    assert process_birth(child.pid) is None
    assert not process_exists(child.pid, process_birth(child.pid))


def test_the_birth_of_a_process_with_an_odd_name_is_read(tmp_path):
    if sys.platform != "linux":
        pytest.skip("the start time of a process is unknown here")
    odd = tmp_path / "a) R 1 2"
    odd.symlink_to(sys.executable)
    child = subprocess.Popen([odd, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert re.fullmatch(r"\d+-[0-9a-f]{8}", process_birth(child.pid))
        assert int(process_birth(child.pid).partition("-")[0]) >= int(process_birth(os.getpid()).partition("-")[0])
    finally:
        child.communicate()
