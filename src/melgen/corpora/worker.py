"""The worker process of :mod:`melgen.corpora.workers`: a loop that reads one source after another."""

from __future__ import annotations

import mmap
import os
import pickle
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

# Limits of a reader's memory in bytes, so that a file that needs more is refused and does not exhaust the machine: the
# additional memory for any file and for each of its bytes (scores become many objects), and the total of the process.
MEMORY, MEMORY_PER_BYTE = 2**30, 500
MAX_ADDRESS_SPACE = 8 * 2**30
_SECONDS_BETWEEN_ANSWERS = 1.0

ALIVE = 0, None
"""An answer without results."""


def main() -> None:
    """Read the sources that arrive on the standard input, until it ends."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    read, join, place_path = pickle.load(tasks)
    place = _shared_byte(place_path)
    limit_memory()
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # symusic's C code writes to both
        os.dup2(null, descriptor)

    results: list[Any] = []
    last_answer = 0.0

    def answer() -> None:
        nonlocal last_answer
        answers.write(pickle.dumps((len(results), join(results)) if results else ALIVE))
        answers.flush()
        results.clear()
        last_answer = time.monotonic()

    def alive() -> None:
        if time.monotonic() - last_answer > _SECONDS_BETWEEN_ANSWERS:
            answer()

    answer()
    while True:
        try:
            sources = pickle.load(tasks)
        except EOFError:
            return
        limit_memory(*(source.path for source in sources))
        for number, source in enumerate(sources):
            place[0] = number
            results.append(read(source, alive))
            alive()
        place[0] = 0
        answer()


def _shared_byte(path: Path) -> mmap.mmap:
    """A shared byte with the index of the current source, by which the parent finds the one that killed this worker."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 1)


def limit_memory(*paths: Path) -> None:
    """Limit the memory of this process: in total, and, for files, in proportion to their size.

    A pickle of ten bytes can request gigabytes.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MAX_ADDRESS_SPACE
    with suppress(OSError, ValueError):  # without /proc, or without a regular file, only the total is limited
        files = [status.st_size for status in map(os.stat, paths) if stat.S_ISREG(status.st_mode)]
        if files:
            with open("/proc/self/statm", "rb", buffering=0) as file:
                pages = int(file.read().split()[0])
            taken = pages * resource.getpagesize()
            limit = min(limit, taken + MEMORY + MEMORY_PER_BYTE * sum(files))
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with suppress(ValueError, OSError):  # macOS has this limit but refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
