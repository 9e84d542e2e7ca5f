"""The worker's side of :mod:`melgen.corpora.workers`: a loop that reads one source after another."""

from __future__ import annotations

import os
import pickle
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from melgen.corpora.workers import ALIVE, READY

# A file that needs more is refused, instead of taking the machine down: what a reader may take beside what it has
# already, for any file and for each byte of it (scores become many objects), and what its process may take in all.
MEMORY, MEMORY_PER_BYTE = 2**30, 500
MAX_ADDRESS_SPACE = 8 * 2**30
_SECONDS_BETWEEN_SIGNS = 1.0


def main() -> None:
    """Serve sources from the standard input until it ends."""
    tasks, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    read = pickle.load(tasks)
    limit_memory()
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # abc2midi and symusic write there from C
        os.dup2(null, descriptor)

    def send(message: Any) -> None:
        results.write(pickle.dumps(message))
        results.flush()

    send(READY)
    last_sign = time.monotonic()

    def alive() -> None:
        nonlocal last_sign
        if time.monotonic() - last_sign > _SECONDS_BETWEEN_SIGNS:
            last_sign = time.monotonic()
            send(ALIVE)

    while True:
        try:
            sources = pickle.load(tasks)
        except EOFError:
            return
        for source in sources:
            limit_memory(source.path)
            send((read(source, alive),))


def limit_memory(path: Path | None = None) -> None:
    """Bound what this process may take: in all, and for a file by its size.

    Ten bytes are enough for a pickle that asks for gigabytes.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MAX_ADDRESS_SPACE
    with suppress(OSError, ValueError):  # without /proc, or not one regular file: only the limit for all
        if path is not None and stat.S_ISREG((status := path.stat()).st_mode):
            with open("/proc/self/statm", "rb", buffering=0) as file:
                pages = int(file.read().split()[0])
            taken = pages * resource.getpagesize()
            limit = min(limit, taken + MEMORY + MEMORY_PER_BYTE * status.st_size)
    limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    with suppress(ValueError, OSError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
