"""Finding, naming and ordering the files to read."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from melgen.checking import shown
from melgen.errors import CorpusError
from melgen.terminal import readable


class Split(IntEnum):
    """The three parts of a corpus; the values are those of ``ImportedCorpus.splits``."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2


SPLIT_NAMES = tuple(split.name.lower() for split in Split)

_NUMBER = re.compile("([0-9]+)")

# `evaluation` is the paper's name for its test set.
SPLIT_OF_NAME = {
    "train": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "evaluation": Split.TEST,
    "test": Split.TEST,
}


@dataclass(frozen=True)
class Source:
    """One unit of reading: a file, or an item of a dataset.

    Attributes:
        path: the file.
        name: its name in the report and the melodies; bytes of a file name that are not UTF-8 are escaped.
        split: the split that it declares, if any.
        part: the number of the item, if one path contains several.
    """

    path: Path
    name: str
    split: int | None = None
    part: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", readable(self.name))


@dataclass
class Listing:
    """The sources of a corpus.

    ``encoded_as`` is set for data that is already in a representation, which is then used unchanged.
    ``inputs`` are the files whose content is hashed, if the sources do not name them one by one.

    Raises:
        CorpusError: if a source declares a split that is none, or only some sources declare one.
    """

    sources: list[Source]
    ignored_files: dict[str, int] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    encoded_as: str | None = None
    inputs: list[Path] | None = None

    def __post_init__(self) -> None:
        allowed = {None, *Split}
        for source in self.sources:
            if source.split not in allowed:
                rule = ", ".join(f"{split} ({split.name.lower()})" for split in Split)
                raise CorpusError(f"{source.name}: split={shown(source.split)}: must be None or one of {rule}")
            if (source.split is None) != (self.sources[0].split is None):
                with_split, without = (self.sources[0], source) if source.split is None else (source, self.sources[0])
                raise CorpusError(
                    f"{without.name}: declares no split, but {with_split.name} does; either all sources must, or none"
                )


def user_path(value: object, key: str) -> Path:
    """The path that a user gave.

    Raises:
        CorpusError: if it is missing or is not a path.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise CorpusError(f"{key}={shown(value)}: must be the path of a file or folder")
    return Path(os.path.expanduser(value))  # unlike `Path.expanduser`, it keeps the ~ of an unknown user


def corpus_path(value: object, corpus: str, what: str) -> Path:
    """The path of a corpus of the user's own files.

    Args:
        value: what the user gave.
        corpus: the option.
        what: what the path must be, in words.

    Raises:
        CorpusError: as `user_path`; it names the option if the path is missing.
    """
    if value is None:
        raise CorpusError(f"corpus={corpus}: path=... is needed, the {what} to read")
    return user_path(value, "path")


def check_exists(path: Path, key: str) -> None:
    """Refuse a path that is missing.

    Raises:
        CorpusError: names the key and the path.
    """
    if not os.path.exists(path):
        place = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise CorpusError(f"{key}={path}: no such file or folder{place}")


def check_folder(path: Path, key: str) -> None:
    """Refuse a path that is missing, is not a folder, or cannot be read.

    Raises:
        CorpusError: names the key and the path.
    """
    check_exists(path, key)
    if not os.path.isdir(path):
        raise CorpusError(f"{key}={path}: must be a folder, but is a file")
    check_readable(path, key)


def check_readable(folder: Path, key: str) -> None:
    """Refuse a folder that may not be read, which a search would take for an empty one.

    Raises:
        CorpusError: names the key and the path.
    """
    try:
        os.listdir(folder)
    except OSError as error:
        raise CorpusError(f"{key}={folder}: this folder cannot be read: {error.strerror}") from error


def natural_key(name: str) -> list[str | float]:
    """A sort key that puts ``tune2`` before ``tune10``.

    >>> sorted(["tune10", "tune2", "Tune1"], key=natural_key)
    ['Tune1', 'tune2', 'tune10']
    """
    parts: list[str | float] = list(_NUMBER.split(name.lower()))  # texts and numbers in turns
    parts[1::2] = map(int, parts[1::2])
    return [*parts, math.inf, name]


def files_below(folder: Path) -> Iterator[Path]:
    """Every visible file in a folder and below, in natural order; a loop of links is followed once."""
    return (path for path, _ in named_files_below(folder))


def named_files_below(folder: Path, closed: list[str] | None = None) -> Iterator[tuple[Path, str]]:
    """As `files_below`, each with its name: the path from the folder, with forward slashes.

    Folders that cannot be read are skipped, and appended to ``closed``.
    """

    def pass_over(error: OSError) -> None:
        if closed is not None:
            closed.append(readable(str(error.filename)))

    seen: set[tuple[int, int]] = set()
    found: list[tuple[Path, str]] = []
    for root, folders, files in os.walk(folder, onerror=pass_over, followlinks=True):
        try:
            status = os.stat(root)
        except OSError:
            folders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted((name for name in folders if not _hidden(name)), key=natural_key)
        here = Path(root)
        below = here.relative_to(folder)
        prefix = f"{below.as_posix()}/" if below.parts else ""
        found += [(here / name, prefix + name) for name in files if not _hidden(name)]
    yield from sorted(found, key=lambda each: natural_key(each[1]))


def _hidden(name: str) -> bool:
    """Whether a file is one that operating systems add, such as ``._tune.mid`` in macOS archives."""
    return name.startswith(".") or name == "__MACOSX"
