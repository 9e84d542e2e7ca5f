"""Processes: how many fit here, and which must not outlive the one that started them."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def available_cpus() -> int:
    """Processors this process may use, which in a container or a SLURM job are fewer than the machine has."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def process_exists(pid: int) -> bool:
    """Whether a process of this machine has that number, whoever owns it."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


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


def is_worker() -> bool:
    """Whether this process works for another one's pool."""
    return multiprocessing.current_process().name != "MainProcess"
