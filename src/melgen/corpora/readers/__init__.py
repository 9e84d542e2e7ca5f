"""Readers: each turns one file into the tunes in it, or raises :class:`ReadError`."""

from __future__ import annotations

import stat
from pathlib import Path

from melgen.errors import ReadError

MEGABYTE = 2**20

TICKS_PER_QUARTER = 10080
"""The resolution of tunes from notation: divisible by 1 to 10, so that tuplets are exact."""


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a file that is neither empty nor larger than ``max_bytes``."""
    try:
        status = path.stat()
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise ReadError("not a regular file")
        if size == 0:
            raise ReadError("the file is empty (0 bytes)")
        if size > max_bytes:
            raise ReadError(f"{size / MEGABYTE:.0f} MB; must be at most {max_bytes / MEGABYTE:.0f} MB")
        return path.read_bytes()
    except OSError as error:
        raise ReadError(error.strerror or type(error).__name__) from error
