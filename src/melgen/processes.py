"""Processes: whether one exists, its end with its parent, and signals of a scheduler."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from melgen.errors import OutOfTimeError

_PR_SET_PDEATHSIG = 1
_SYNCHRONIZE, _ACCESS_DENIED, _WAIT_TIMEOUT = 0x100000, 5, 258
"""Of Windows: the right to wait for a process, the error for another user's, and the answer of one that works."""


def process_birth(pid: int) -> str | None:
    """An identifier that no other process with the same id has; None where it is unknown (outside Linux).

    Process ids are reused: after the machine has restarted, and in each container, where a training is often
    process 1.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The numbers follow the name, which is in brackets and may contain any character. The 22nd value of the line
        # is the time of the process's start, in ticks since the machine's start.
        numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{numbers[19]}-{boot[:8]}"


def process_exists(pid: int, birth: str | None = None) -> bool:
    """Whether a process with this id, and this birth if given, exists on this machine, under any user."""
    if pid < 1:  # to `os.kill` that means many processes
        return False
    if birth is not None and (there := process_birth(pid)) is not None:
        return there == birth
    if sys.platform == "win32":
        return _exists_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _exists_on_windows(pid: int) -> bool:
    """`process_exists` there, where `os.kill` with 0 would send Ctrl-C."""
    if pid > 0xFFFFFFFF:
        return False
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    process = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not process:
        return bool(ctypes.get_last_error() == _ACCESS_DENIED)  # type: ignore[attr-defined,unused-ignore]
    try:
        return bool(kernel.WaitForSingleObject(ctypes.c_void_p(process), 0) == _WAIT_TIMEOUT)
    finally:
        kernel.CloseHandle(ctypes.c_void_p(process))


def end_with_parent(parent: int | None = None) -> None:
    """Have this process killed when its parent dies, even by SIGKILL (Linux only).

    Otherwise a job would go on alone, and would lock its directory against a second start of the same command.

    Args:
        parent: id of the parent, if known; if the parent is dead already, this process ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def handle_signals() -> Iterator[None]:
    """Make Ctrl-C and a scheduler's signal end the job, whatever code they interrupt.

    Their handlers raise an exception. Python ignores it if it is raised in a finalizer, so it is kept, and
    `raise_if_signalled` raises it again.

    On the signal before SLURM's time limit, submitit queues the job again and exits. If the job has reached its limit
    too often, submitit raises an ordinary exception instead. Code that reads a file or closes a logger at that moment
    would take it for a failure of its own and handle it.

    Raises:
        OutOfTimeError: instead of submitit's exception.
    """
    preemption = getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2"), None)  # submitit's own rule
    numbers = [signal.SIGINT] + ([] if preemption is None else [preemption])
    handlers = {number: handler for number in numbers if callable(handler := signal.getsignal(number))}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}  # only the main thread may set handlers

    def pass_on(number: int, frame: FrameType | None) -> None:
        try:
            try:
                handlers[number](number, frame)
            except Exception as error:
                raise OutOfTimeError(str(error)) from error
        except BaseException as error:
            _signalled.append(error)
            raise

    try:
        for number in handlers:
            signal.signal(number, pass_on)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        _signalled.clear()


_signalled: list[BaseException] = []
"""What the handlers of signals have raised."""


def raise_if_signalled() -> None:
    """Raise again what the handler of a signal has raised, if this process still works after it.

    Raises:
        BaseException: KeyboardInterrupt after Ctrl-C; after a scheduler's signal what `handle_signals` says.
    """
    if _signalled:
        raise _signalled[-1]


def is_worker() -> bool:
    """Whether this process is a worker in a pool of another process."""
    return multiprocessing.current_process().name != "MainProcess"
