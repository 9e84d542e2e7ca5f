"""Locks with and without ``flock``, held by running processes, ended ones, and those of other machines."""

import errno
import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from melgen import locks
from melgen.corpora.cache import CorpusCache
from melgen.errors import LockedElsewhereError, LockedError, TakenError
from melgen.locks import is_lock, locked
from melgen.runs.directory import RunDirectory
from melgen.studies.tasks import Workbench

ERRNOS = sorted({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
HOLD = """
import errno, fcntl, os, sys, time
from pathlib import Path

def refuse(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

if sys.argv[2] == "without flock":
    fcntl.flock = refuse
from melgen.locks import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def no_flock(monkeypatch):
    """A file system without ``flock``; the temporary folder of the machine has it. A test chooses the errno."""
    flock = fcntl.flock

    def lose(number=errno.ENOLCK):
        def refuse(descriptor, operation):
            if Path(os.readlink(f"/proc/self/fd/{descriptor}")).parent == Path(tempfile.gettempdir()):
                return flock(descriptor, operation)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(fcntl, "flock", refuse)

    return lose


@pytest.fixture
def holder(tmp_path):
    """A function that starts a process which holds the lock ``tmp_path/.lock``."""
    started = []

    def hold(kind="without flock"):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / ".lock"), kind], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in started:
        with process:
            process.kill()


def holder_file(folder):
    return folder / ".lock.holder"


def leave_lock(folder, **changes):
    """Write the lock of a process that could not remove it."""
    folder.mkdir(parents=True, exist_ok=True)
    holder_file(folder).write_text(json.dumps(locks._ourselves() | changes))


def test_a_lock_is_held_once_and_let_go(tmp_path):
    for _ in range(2):
        refused = pytest.raises(LockedError, match=r"\.lock: another process")
        with locked(tmp_path / ".lock"), refused, locked(tmp_path / ".lock"):
            pytest.fail("held twice")
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize("number", ERRNOS, ids=errno.errorcode.get)
def test_without_flock_too(tmp_path, no_flock, number):
    no_flock(number)
    for _ in range(2):
        with (
            locked(tmp_path / ".lock"),
            pytest.raises(LockedError, match=rf"locked by process {os.getpid()} on .*, which has held it since 20"),
            locked(tmp_path / ".lock"),
        ):
            pytest.fail("held twice")
        assert not holder_file(tmp_path).exists()


def test_another_errno_is_an_error(tmp_path, no_flock):
    no_flock(errno.EIO)
    with pytest.raises(OSError, match="Input/output"), locked(tmp_path / ".lock"):
        pytest.fail("held")


@pytest.mark.parametrize("mine", ["without flock", "with flock"])
def test_a_living_process_of_this_machine_keeps_it(tmp_path, holder, no_flock, mine):
    holder()
    if mine == "without flock":
        no_flock()
    began = time.monotonic()
    with pytest.raises(LockedError) as refused, locked(tmp_path / ".lock"):
        pytest.fail("held twice")
    assert not isinstance(refused.value, LockedElsewhereError)
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("mine", ["without flock", "with flock"])
@pytest.mark.parametrize("theirs", ["without flock", "with flock"])
def test_a_killed_process_of_this_machine_does_not_keep_it(tmp_path, holder, no_flock, mine, theirs):
    process = holder(theirs)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holder_file(tmp_path).exists() == (theirs == "without flock")
    if mine == "without flock":
        no_flock()
    with locked(tmp_path / ".lock"):
        assert holder_file(tmp_path).exists() == (mine == "without flock")
    assert not holder_file(tmp_path).exists()


def test_a_process_that_reuses_the_number_of_the_holder_does_not_hold_the_lock(tmp_path, no_flock):
    no_flock()
    leave_lock(tmp_path, process_birth="1-00000000")
    with locked(tmp_path / ".lock"):
        pass


@pytest.mark.parametrize("mine", ["without flock", "with flock"])
@pytest.mark.parametrize(
    "elsewhere",
    [{"host": "node17"}, {"machine": "another"}, {"pid_namespace": "pid:[1]"}, {"pid": None}, {"pid": "7"}],
    ids=str,
)
def test_a_lock_of_a_process_elsewhere_is_respected_at_once(tmp_path, no_flock, mine, elsewhere):
    if mine == "without flock":
        no_flock()
    leave_lock(tmp_path, **{"pid": 4321, "process_birth": "1-00000000", **elsewhere})
    before, began = holder_file(tmp_path).read_bytes(), time.monotonic()
    with pytest.raises(LockedError) as refused, locked(tmp_path / ".lock", math.inf):
        pytest.fail("held twice")
    assert isinstance(refused.value, LockedElsewhereError)
    assert time.monotonic() - began < 1
    host = elsewhere.get("host", locks._ourselves()["host"])
    assert f"{holder_file(tmp_path)}: locked by process {elsewhere.get('pid', 4321)} on {host}" in str(refused.value)
    assert holder_file(tmp_path).read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", "{", "\0" * 40])
def test_a_holder_without_a_name_is_not_waited_for(tmp_path, no_flock, monkeypatch, content):
    no_flock()
    monkeypatch.setattr(locks, "EMPTY_SECONDS", 0.2)
    holder_file(tmp_path).write_text(content)
    with pytest.raises(LockedError, match="unnamed process; remove this file"), locked(tmp_path / ".lock", math.inf):
        pytest.fail("held twice")


def test_a_holder_that_is_still_writing_its_name_is_waited_for(tmp_path, no_flock):
    no_flock()
    holder_file(tmp_path).touch()
    threading.Timer(0.3, leave_lock, [tmp_path], {"process_birth": "1-00000000"}).start()
    with locked(tmp_path / ".lock"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["without flock", "with flock"])
def test_waiting(tmp_path, no_flock, kind):
    if kind == "without flock":
        no_flock()
    waits = []
    first = locked(tmp_path / ".lock")
    first.__enter__()
    threading.Timer(0.3, first.__exit__, [None, None, None]).start()
    with locked(tmp_path / ".lock", math.inf, lambda: waits.append(1)):
        assert waits == [1]
    with locked(tmp_path / ".lock"), pytest.raises(LockedError), locked(tmp_path / ".lock", 0.3):
        pytest.fail("held twice")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["without flock", "with flock"])
def test_of_many_that_find_a_dead_holder_one_goes_on(tmp_path, no_flock, kind):
    if kind == "without flock":
        no_flock()
    inside, most = 0, 0
    guard = threading.Lock()

    def once(_):
        nonlocal inside, most
        with locked(tmp_path / ".lock", math.inf):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with guard:
                inside -= 1
            leave_lock(tmp_path, process_birth="1-00000000")  # like a kill at this point

    leave_lock(tmp_path, process_birth="1-00000000")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(once, range(8)))
    assert most == 1


def test_a_full_disk_leaves_no_lock(tmp_path, no_flock, monkeypatch):
    no_flock()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
    with pytest.raises(OSError, match="No space"), locked(tmp_path / ".lock"):
        pytest.fail("held")
    assert not holder_file(tmp_path).exists()


def test_a_job_that_slurm_has_queued_again_takes_over_its_own_lock(tmp_path, no_flock, monkeypatch, caplog):
    no_flock()
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    leave_lock(tmp_path, host="node17", slurm_restarts=1)
    with locked(tmp_path / ".lock"):
        assert "taken over from process" in caplog.text
        assert "node17" in caplog.text
    leave_lock(tmp_path, host="node17", slurm_restarts=2)
    with pytest.raises(LockedError), locked(tmp_path / ".lock"):
        pytest.fail("held twice")


@pytest.mark.parametrize("number", ERRNOS, ids=errno.errorcode.get)
def test_a_run_a_study_and_a_corpus_do_without_flock(tmp_path, no_flock, number):
    no_flock(number)
    run, study, cache = (
        RunDirectory(tmp_path / "run"),
        Workbench(tmp_path / "study", {"melgen": "1"}),
        CorpusCache(tmp_path),
    )
    with run.claimed(), pytest.raises(TakenError, match=f"{run.path}: another process is training"), run.claimed():
        pytest.fail("held twice")
    with study.claimed(), pytest.raises(ValueError, match="another process is making this study"), study.claimed():
        pytest.fail("held twice")
    assert not run.path.exists()
    assert not study.path.exists()
    with cache.lock("key"):
        assert (tmp_path / "corpora" / "key.lock.holder").exists()


def test_a_lock_of_another_machine_is_refused_by_name(tmp_path, no_flock):
    no_flock()
    run, study, cache = (
        RunDirectory(tmp_path / "run"),
        Workbench(tmp_path / "study", {"melgen": "1"}),
        CorpusCache(tmp_path),
    )
    for folder in (run.path, study.path):
        leave_lock(folder, host="node17", pid=4321)
    cache._folder.mkdir()
    (cache._folder / "key.lock.holder").write_text(json.dumps(locks._ourselves() | {"host": "node17", "pid": 4321}))
    named = r"\.holder: locked by process 4321 on node17"
    with pytest.raises(TakenError, match=named), run.claimed():
        pytest.fail("held twice")
    with pytest.raises(OSError, match=named), study.claimed():
        pytest.fail("held twice")
    with pytest.raises(OSError, match=named), cache.lock("key"):
        pytest.fail("held twice")
    assert is_lock(holder_file(run.path).name)
    assert holder_file(run.path).exists()


def test_a_run_is_thrown_away_under_its_lock(tmp_path, no_flock):
    no_flock()
    run = RunDirectory(tmp_path / "run")
    for force in (False, True):
        with run.claimed():
            run.adopt({"layers": 2}, "layers: 2\n", force=force)
            assert holder_file(run.path).exists()
    assert not holder_file(run.path).exists()
