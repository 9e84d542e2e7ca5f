"""The processors and the memory that this process may use: in a container or a job of SLURM, less than the machine has.

Linux limits both by control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html, and cgroup-v1 of the same
site, which older clusters still have.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")
GROUPS_OF_THIS_PROCESS = Path("/proc/self/cgroup")


def available_cpus() -> int:
    """How many processors this process may use; a limit of a fraction is rounded up."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min([count, *map(math.ceil, _shares_of_cpus())]))


def available_memory() -> int | None:
    """The memory in bytes that this process may use; None where the system does not report it, such as on Windows."""
    try:
        of_machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    limits = [_numbers(group / file) for group in _groups("memory") for file in ("memory.max", "memory.limit_in_bytes")]
    return min([of_machine, *(int(limit[0]) for limit in limits if limit)])


def _shares_of_cpus() -> Iterator[float]:
    """How many processors each group may use on average, of the groups that have a limit."""
    for group in _groups("cpu"):
        times = _numbers(group / "cpu.max") or _numbers(group / "cpu.cfs_quota_us") + _numbers(
            group / "cpu.cfs_period_us"
        )
        if len(times) == 2 and times[0] > 0:  # microseconds of processor time in a period; -1: no limit
            yield times[0] / times[1]


def _groups(controller: str) -> Iterator[Path]:
    """The folders of the control groups of this process, from the inmost to the outmost.

    In a container the groups may be named as on the host, although only those of the container are mounted. The
    outmost one exists in any case.
    """
    try:
        lines = GROUPS_OF_THIS_PROCESS.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", maxsplit=2)  # no controllers: version 2, one tree for all
        if controllers and controller not in controllers.split(","):
            continue
        root = CONTROL_GROUPS / controllers
        inmost = root / path.lstrip("/")
        yield from (group for group in (inmost, *inmost.parents) if group.is_relative_to(root))


def _numbers(file: Path) -> tuple[float, ...]:
    """The numbers in a file; none if there is no such file, or it says that there is no limit (``max``)."""
    try:
        return tuple(float(word) for word in file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return ()
