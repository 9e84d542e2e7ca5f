"""The worker's side of :mod:`melgen.corpora.workers`: a loop that reads one source after another."""

from __future__ import annotations

import os
import pickle
import sys
import time
from contextlib import suppress
from typing import Any

from melgen.corpora.workers import ALIVE, READY

MAX_ADDRESS_SPACE = 8 * 2**30  # a file that needs more is refused, instead of taking the machine down
_SECONDS_BETWEEN_SIGNS = 1.0


def main() -> None:
    """Serve sources from the standard input until it ends."""
    tasks, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    read = pickle.load(tasks)
    _limit_memory()
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
            send((read(source, alive),))


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MAX_ADDRESS_SPACE if hard == resource.RLIM_INFINITY else min(MAX_ADDRESS_SPACE, hard)
    with suppress(ValueError, OSError):  # macOS knows the limit and refuses to set it
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
