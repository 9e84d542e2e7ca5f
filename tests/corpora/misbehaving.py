"""Readers that crash, hang or print, importable by worker processes."""

from __future__ import annotations

import os
import signal
import time


def read_by_name(source, alive):
    match source.name:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "raise":
            raise SystemExit(5)
        case "hang":
            time.sleep(1000)
        case "slow":
            for _ in range(6):
                time.sleep(0.6)
                alive()
        case "noise":
            os.write(1, b"noise\n" * 99)
            os.write(2, b"noise\n" * 99)
    return source.name


def read_for_ever(source):
    source.path.with_suffix(".pid").write_text(str(os.getpid()))
    time.sleep(1000)
    yield from ()
