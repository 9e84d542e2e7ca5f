"""The files that an earlier rendering left in a folder, and which of them are no longer those of the songs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from melgen.music.melody import Melody
from melgen.rendering.batch import FORMATS

CONTENT = "content"
"""Key of ``rendering.json``: `content_of` the songs that were rendered. Older files lack it."""


def content_of(songs: Mapping[str, Melody]) -> str:
    """A hash of songs by name."""
    digest = hashlib.sha256()
    for name, melody in songs.items():
        digest.update(f"{name!r}: {melody!r}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()


EARLIER_OPTIONS = "earlier_options"
"""Key of ``rendering.json``: the options of files that an earlier command wrote, by format. Older files lack it."""


def kept_formats(earlier: Mapping[str, Any], songs: Mapping[str, Melody]) -> dict[str, Any]:
    """The formats of an earlier rendering whose files are still right, since it was of the same songs.

    Args:
        earlier: the content of its ``rendering.json``; empty if there was none.
        songs: those rendered now, by name.

    Returns:
        The options with which the files were written, by format.
    """
    if earlier.get(CONTENT) != content_of(songs):
        return {}
    before = earlier.get(EARLIER_OPTIONS) or {}
    return {name: before.get(name, earlier.get("options")) for name in earlier.get("to", ())}


def remove_files(folder: Path, earlier: Mapping[str, Any], kept: Iterable[str], read: Iterable[Path]) -> None:
    """Remove the files of an earlier rendering, but those of the formats that are kept and those that are read.

    Only files below `folder` go, whatever the record says.

    Raises:
        OSError: if one cannot be removed.
    """
    formats = {str(each) for each in earlier.get("to", ())} & set(FORMATS) - set(kept)
    inside, spared = folder.resolve(), {file.resolve() for file in read}
    for song in earlier.get("songs", ()):
        for ending in formats:
            file = (folder / f"{song}.{ending}").resolve()
            if file.is_relative_to(inside) and file not in spared:
                file.unlink(missing_ok=True)
