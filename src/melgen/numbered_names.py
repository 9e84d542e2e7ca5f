"""Names that contain a number of updates: ``step-00000500``, for checkpoints that are kept and songs underway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_DIGITS = 8
_NUMBERED = re.compile(r"step-(\d+)")


def numbered_name(updates: int) -> str:
    """The name of what was written after some updates, without an ending. Names sort as their numbers do.

    >>> numbered_name(500)
    'step-00000500'
    """
    return f"step-{updates:0{_DIGITS}d}"


def updates_in(name: str, ending: str = "") -> int | None:
    """The number of updates in a name; None for other names.

    Args:
        name: of a file or folder, without its path.
        ending: that the name must have.

    >>> updates_in("step-00000500"), updates_in("step-00000500.ckpt", ".ckpt"), updates_in("best.ckpt", ".ckpt")
    (500, 500, None)
    """
    if not name.endswith(ending):
        return None
    found = _NUMBERED.fullmatch(name.removesuffix(ending))
    return None if found is None else int(found[1])


def numbered_in(folder: Path, ending: str = "") -> Iterator[tuple[int, Path]]:
    """The numbers of updates in a folder's names, with the paths, in ascending order; nothing if there is no folder.

    Args:
        folder: to look in, not below.
        ending: that the names must have.
    """
    found = ((updates_in(path.name, ending), path) for path in folder.glob(f"step-*{ending}"))
    yield from sorted((updates, path) for updates, path in found if updates is not None)
