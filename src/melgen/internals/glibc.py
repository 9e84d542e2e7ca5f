"""Internals of glibc, the C library of most Linux systems."""

from __future__ import annotations

import ctypes
import sys

# Of <malloc.h>.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT_BLOCK = 32 * 2**20
"""The largest value that glibc accepts for M_MMAP_THRESHOLD."""
_MOST_KEPT = 2**30


def keep_freed_memory() -> bool:
    """Keep memory that is freed, for the next allocation, and return whether the C library can do so.

    By default glibc gives a large piece of freed memory back to the system. The next training step gets it again page
    by page, each page cleared by the system: 8,000 pages in each step of an LSTM of three layers. Numbers do not
    change. The process keeps as much memory as it needed at its peak, up to a gigabyte more than it uses.

    Looked for: torch has a setting for the memory of a GPU only, and a process can set glibc's environment variables
    for its children only.
    """
    if sys.platform == "win32":  # where `ctypes` finds no library without a name
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # macOS and musl have none
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BLOCK) and mallopt(_M_TRIM_THRESHOLD, _MOST_KEPT))
