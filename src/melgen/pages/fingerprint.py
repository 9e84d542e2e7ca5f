"""A fingerprint of the code that makes a page, by which a page that was made by other code is recognised."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_FOLDERS, _SUFFIXES = ("pages", "engine"), (".py", ".js", ".css", ".html")


@cache
def fingerprint() -> str:
    """A hash of the code and the styles of pages: of what gathers their data, draws them and runs networks in them.

    What measures and engraves songs is not part of it. Ends of lines, which git may change, do not count.
    """
    found = hashlib.sha256()
    paths = sorted(path for folder in _FOLDERS for path in (_PACKAGE / folder).rglob("*") if path.suffix in _SUFFIXES)
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found.update(f"{path.relative_to(_PACKAGE).as_posix()}\0{len(text)}\0{text}".encode())
    return found.hexdigest()[:16]


def is_of_this_code(page: str) -> bool:
    """Whether the code of this melgen made a page."""
    return f'<meta name="melgen-code" content="{fingerprint()}">' in page
