"""Readers: each turns one file into the tunes in it, or raises :class:`ReadError`."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

from melgen.errors import ReadError

MEGABYTE = 2**20

TICKS_PER_QUARTER = 10080
"""The resolution of tunes from notation: divisible by 1 to 10, so that tuplets are exact."""


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a file that is neither empty nor larger than ``max_bytes``."""
    try:
        status = os.stat(path)
        size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            raise ReadError("not a regular file")
        if size == 0:
            raise ReadError("the file is empty (0 bytes)")
        if size > max_bytes:
            raise ReadError(f"{size / MEGABYTE:.0f} MB; must be at most {max_bytes / MEGABYTE:.0f} MB")
        return contents(path, size)
    except OSError as error:
        raise ReadError(error.strerror or type(error).__name__) from error


def contents(path: str | Path, size: int) -> bytes:
    """The content of a regular file of about so many bytes.

    `Path.read_bytes` takes twice as long for a small file, because it makes more calls of the system.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))  # the second on Windows
    try:
        parts = []
        while part := os.read(descriptor, size + 1):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def decode(data: bytes) -> str:
    """Decode UTF-16 with a byte order mark, UTF-8, or else Latin-1, in which every byte is valid.

    >>> decode("Été".encode("utf-16")), decode("Été".encode()), decode("Été".encode("latin-1"))
    ('Été', 'Été', 'Été')
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode().removeprefix("\ufeff")  # the byte order mark, which some programs write
    except UnicodeDecodeError:
        return data.decode("latin-1")
