"""The worker's side of :mod:`melgen.corpora.workers`: a loop that reads one source after another."""

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

# A file that needs more is refused, instead of taking the machine down: what a reader may take beside what it has
# already, for any file and for each byte of it (scores become many objects), and what its process may take in all.
MEMORY, MEMORY_PER_BYTE = 2**30, 500
MAX_ADDRESS_SPACE = 8 * 2**30
_SECONDS_BETWEEN_ANSWERS = 1.0


def main() -> None:
    """Serve sources from the standard input until it ends."""
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    read, place_path = pickle.load(tasks)
    place = _shared_byte(place_path)
    limit_memory()
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # symusic writes there from C
        os.dup2(null, descriptor)

    results: list[Any] = []
    last_answer = 0.0

    def answer() -> None:
        nonlocal last_answer
        answers.write(pickle.dumps(results))
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
    """Where the other side can see which source we are at, if that one kills us."""
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), 1)


def limit_memory(*paths: Path) -> None:
    """Bound what this process may take: in all, and for files by their size.

    Ten bytes are enough for a pickle that asks for gigabytes.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MAX_ADDRESS_SPACE
    with suppress(OSError, ValueError):  # without /proc, or not one regular file: only the limit for all
        files = [status.st_size for status in map(os.stat, paths) if stat.S_ISREG(status.st_mode)]
        if files:
            with open("/proc/self/statm", "rb", buffering=0) as file:
                pages = int(file.read().split()[0])
            taken = pages * resource.getpagesize()
            limit = min(limit, taken + MEMORY + MEMORY_PER_BYTE * sum(files))
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with suppress(ValueError, OSError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
