"""The results folder of a command that reads songs: a folder that contains nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from melgen.corpora.sources import user_path
from melgen.files import read_json, seen_from_here
from melgen.generation.song_files import EVALUATION_FILE, RENDERING_FILE, SongFolder
from melgen.model_files.archive import is_model_file


class OutputFolder(NamedTuple):
    """The folder of one command's results: the suffix of its name, and the file that identifies it."""

    ending: str
    file: str
    format: str


RESULTS: Mapping[str, OutputFolder] = MappingProxyType(
    {
        "evaluate": OutputFolder("evaluation", EVALUATION_FILE, "melgen evaluation"),
        "render": OutputFolder("rendered", RENDERING_FILE, "melgen rendering"),
    }
)
"""By the name of the command."""


def results_folder(command: str, out: str | None, songs: Path, found: SongFolder, endings: Iterable[str] = ()) -> Path:
    """The folder for a command's results: a new one, an empty one, or one that the command made before.

    Args:
        command: ``evaluate`` or ``render``.
        out: the folder that the user gave; None for ``<songs>-evaluation`` or ``<songs>-rendered``, next to the songs
            if melgen wrote them into a folder, else in the current directory.
        songs: the folder or file of songs.
        found: the songs read from it.
        endings: suffixes of the files that are written with the names of songs.

    Raises:
        ValueError: if the folder contains other files, or cannot be written.
    """
    results = RESULTS[command]
    if out is None:
        # A model file may be in a cache or a folder of downloads.
        is_next_to_songs = found.is_ours and not is_model_file(songs)
        place = songs.resolve().parent if is_next_to_songs else Path()
        folder = seen_from_here(place / f"{folder_name(songs)}-{results.ending}")
    else:
        folder = user_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out={folder}: must be a folder, but is a file")
    is_made_before = read_json(folder / results.file).get("format") == results.format
    if folder.is_dir() and any(folder.iterdir()) and not is_made_before:
        raise ValueError(
            f"out={folder}: contains files that are not results of melgen.{command}; choose another folder with out=DIR"
        )
    read = {file.resolve() for file in found.files.values()}
    written = ((folder / f"{song}.{ending}").resolve() for song in found.songs for ending in endings)
    if overwritten := sorted(read.intersection(written)):
        raise ValueError(f"out={folder}: {overwritten[0]} is one of the songs; choose another folder with out=DIR")
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise ValueError(f"out={folder}: no permission to write there; choose another folder with out=DIR")
    return folder


def folder_name(songs: Path) -> str:
    """The name of a folder or file of songs, without the suffix of a file."""
    # Of a link to a file its own name counts: caches name files by their content.
    return songs.stem if songs.is_file() else songs.resolve().name
