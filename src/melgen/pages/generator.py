"""The mark by which melgen knows its own pages, so that a new page replaces no other file."""

from __future__ import annotations

from pathlib import Path

from melgen.checking import require

GENERATOR = "melgen.report"
"""In the head of every page, also of those of earlier versions."""
_MARK = f'<meta name="generator" content="{GENERATOR}">'.encode()
_HEAD_BYTES = 4096


def check_place_of_page(path: Path) -> None:
    """Refuse to write a page over another file; an earlier page and an empty file are replaced.

    Raises:
        ValueError: if there is such a file, or a directory.
        OSError: if the file cannot be read.
    """
    require(not path.is_dir(), "out", str(path), "the name of a file; this is a directory")
    rule = "free, or an earlier page of melgen; another file is there"
    require(not path.exists() or (path.is_file() and _is_page_or_empty(path)), "out", str(path), rule)


def _is_page_or_empty(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return not head or _MARK in head
