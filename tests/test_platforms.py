"""Features that macOS and Windows lack, simulated on Linux. These tests do not replace a run on those systems."""

import ast
import ctypes
import errno
import fcntl
import importlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import melgen
from melgen import processes
from melgen.corpora import worker, workers
from melgen.files import flush, flush_below, write_text
from melgen.locks import LockedError, locked
from melgen.processes import end_with_parent, handle_signals, process_birth, process_exists
from melgen.resources import available_cpus
from melgen.training.checks import check_memory

POSIX_ONLY = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}


@pytest.fixture
def windows(monkeypatch):
    """Simulate what melgen uses of Windows: its name, without POSIX modules and signals."""
    importlib.import_module("filelock")  # chooses its lock by the system on which the tests run
    monkeypatch.setattr(sys, "platform", "win32")
    for name in POSIX_ONLY:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("SIGUSR1", "SIGUSR2", "SIGKILL", "SIGCONT"):
        monkeypatch.delattr(signal, name)
    for name in ("killpg", "fork", "sysconf", "sched_getaffinity"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(os, "O_BINARY", 0, raising=False)


def imports(tree):
    """Each import with whether an ImportError of it is caught."""

    def walk(node, is_caught):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((alias.name.partition(".")[0], is_caught) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield str(child.module).partition(".")[0], is_caught
            elif isinstance(child, ast.Try):
                caught = any("ImportError" in ast.unparse(handler.type) for handler in child.handlers if handler.type)
                yield from walk(ast.Module(child.body, []), is_caught or caught)
                yield from walk(ast.Module([*child.handlers, *child.orelse, *child.finalbody], []), is_caught)
            else:
                yield from walk(child, is_caught)

    return walk(tree, False)


@pytest.mark.slow
def test_no_module_of_posix_is_needed():
    found = {
        (path.name, module): is_caught
        for path in Path(melgen.__file__).parent.rglob("*.py")
        for module, is_caught in imports(ast.parse(path.read_text(encoding="utf-8")))
        if module in POSIX_ONLY
    }
    assert found == {("locks.py", "fcntl"): True, ("worker.py", "resource"): True}


def test_locks_without_fcntl(windows, tmp_path):
    with locked(tmp_path / ".lock"), pytest.raises(LockedError), locked(tmp_path / ".lock"):
        pass
    with locked(tmp_path / ".lock"):
        pass


def test_memory_is_not_bounded_without_resource(windows, tmp_path):
    worker.limit_memory(tmp_path)


def test_memory_is_bounded_in_all_without_proc(monkeypatch, tmp_path):
    import resource

    limits = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limit: limits.append(limit[0]))
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr("builtins.open", missing)
    worker.limit_memory(Path(__file__))
    assert limits == [worker.MAX_ADDRESS_SPACE]


def missing(path, *_, **__):
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)


def refused(number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_system_that_refuses_a_limit_of_memory(monkeypatch):
    import resource

    monkeypatch.setattr(resource, "setrlimit", refused(errno.EINVAL))
    worker.limit_memory()


def test_scheduler_signals_that_a_system_lacks(windows):
    with handle_signals():
        pass


def test_a_workers_process_is_killed_without_process_groups(monkeypatch):
    monkeypatch.delattr(os, "killpg")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        workers._kill(process)
        assert process.wait(timeout=60) < 0
    finally:
        process.stdin.close()


def test_processors_are_counted_without_affinity(windows, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_cpus() == 3


def test_only_linux_ends_a_process_with_its_parent(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", None)
    end_with_parent()


def test_a_process_is_asked_without_proc(monkeypatch):
    monkeypatch.setattr(Path, "read_text", missing)
    assert process_birth(os.getpid()) is None
    assert process_exists(os.getpid(), "1-abcdef01")
    assert not process_exists(2**22 + 1, "1-abcdef01")


class Kernel:
    """Three functions of Windows' kernel32. Process 1 belongs to another user, 2 is running, 3 has ended."""

    def __init__(self):
        self.closed = []

        def open_process(access, inherit, pid):
            return {2: 20, 3: 30}.get(pid)

        self.OpenProcess = open_process
        self.asked = None

    def WaitForSingleObject(self, process, milliseconds):  # noqa: N802
        return 258 if process.value == 20 else 0

    def CloseHandle(self, process):  # noqa: N802
        self.closed.append(process.value)


def test_a_process_is_asked_on_windows(windows, monkeypatch):
    """`os.kill` with 0 would send Ctrl-C there."""
    kernel = Kernel()
    monkeypatch.setattr(processes, "process_birth", lambda pid: None)
    monkeypatch.setattr(os, "kill", None)
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: kernel, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 5, raising=False)
    assert [process_exists(pid) for pid in (1, 2, 3)] == [True, True, False]
    monkeypatch.setattr(ctypes, "get_last_error", lambda: 87, raising=False)
    assert not process_exists(4)
    assert not process_exists(2**40)
    assert kernel.closed == [20, 30]


def test_files_are_flushed_as_windows_allows(windows, monkeypatch, tmp_path):
    """Windows cannot open a directory, and cannot flush a file that is open for reading only."""
    really_open, really_fsync, flushed = os.open, os.fsync, []

    def open_file(path, flags, *mode):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return really_open(path, flags, *mode)

    def fsync(descriptor):
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        really_fsync(descriptor)
        flushed.append(descriptor)

    monkeypatch.setattr(os, "open", open_file)
    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "folder" / "a.txt", "whole")
    assert len(flushed) == 1
    flush(tmp_path)
    flush_below(tmp_path)
    assert len(flushed) == 2
    assert (tmp_path / "folder" / "a.txt").read_text() == "whole"


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_memory_that_a_system_does_not_report_is_assumed_to_be_enough(monkeypatch, error):
    def refuse(name):
        raise error(name)

    monkeypatch.setattr(os, "sysconf", refuse)
    check_memory(10**18, OmegaConf.create({"hidden_size": 1, "layers": 1}))
