"""Processes: how many can run here, their end with their parent, and signals of a scheduler."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from melgen.errors import OutOfTimeError

_PR_SET_PDEATHSIG = 1
_SYNCHRONIZE, _ACCESS_DENIED, _WAIT_TIMEOUT = 0x100000, 5, 258
"""Of Windows: the right to wait for a process, the error for another user's, and the answer of one that works."""


def available_cpus() -> int:
    """Processors this process may use, which in a container or a SLURM job are fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def process_birth(pid: int) -> str | None:
    """What distinguishes a process from others that have had its number; ``None`` if that is unknown (outside Linux).

    Numbers are used again: after a restart of the machine, and in each container, where a training is often process 1.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The name in brackets, of whatever characters, is followed by the numbers; the moment of its start, in ticks
        # since the machine's, is the 22nd value of all.
        numbers = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{numbers[19]}-{boot[:8]}"


def process_exists(pid: int, birth: str | None = None) -> bool:
    """Whether a process of this machine has that number, whoever owns it; if its birth is given, whether it is that."""
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
    """Have this process killed when the one that started it dies, even by SIGKILL (Linux only).

    Otherwise a job would go on alone, and the same command given again would find its directory taken.

    Args:
        parent: id of that process, if it is known; should it be dead already, this one ends at once.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def handle_preemption_signal() -> Iterator[None]:
    """Let a scheduler's signal end the job, whatever the job does when the signal arrives.

    On the signal before SLURM's limit, submitit queues the job again and exits. A job that has met its limit too often
    gets an ordinary exception from submitit. Code that reads a file or closes a logger at that moment would take it for
    its own failure.

    Raises:
        OutOfTimeError: instead of that exception.
    """
    number = getattr(signal, "SIG" + os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2"), None)  # submitit's own rule
    handler = None if number is None else signal.getsignal(number)
    if number is None or not callable(handler):
        yield
        return

    def pass_on(number: int, frame: FrameType | None) -> None:
        try:
            handler(number, frame)
        except Exception as error:
            raise OutOfTimeError(str(error)) from error

    signal.signal(number, pass_on)
    try:
        yield
    finally:
        signal.signal(number, handler)


def is_worker() -> bool:
    """Whether this process belongs to the pool of another one."""
    return multiprocessing.current_process().name != "MainProcess"
