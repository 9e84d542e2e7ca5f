"""The ZIP of a model file: known members only, none of them compressed, and none larger than its purpose needs."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from melgen.errors import CheckpointError
from melgen.files import replacing

SUFFIX = ".melgen"
CARD, DESCRIPTION, WEIGHTS = "README.md", "model.json", "weights.safetensors"
SONGS_FOLDER = "songs"
SONGS = f"{SONGS_FOLDER}/songs.json"

_REQUIRED = (CARD, DESCRIPTION, WEIGHTS, SONGS)
_MIDI = re.compile(rf"{SONGS_FOLDER}/song_[0-9]{{3,5}}\.mid")
_MOST_BYTES = {CARD: 2**20, DESCRIPTION: 2**26, SONGS: 2**26}
"""The weights are compared with the description instead, see `melgen.model_files.weights`."""
_MOST_BYTES_OF_MIDI = 2**20
_MOST_MEMBERS = 2_000
_TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal contents give equal bytes: the earliest that a ZIP can state."""
_REGULAR_FILE = 0o100644 << 16


def is_model_file(path: str | Path) -> bool:
    """Whether a file is a model file, or has the name of one: a damaged one must be refused as such."""
    path = Path(path)
    return path.is_file() and (path.suffix.lower() == SUFFIX or has_description(path))


def has_description(path: Path) -> bool:
    """Whether a file is a ZIP with the description of a network."""
    try:
        with zipfile.ZipFile(path) as archive:
            return DESCRIPTION in archive.namelist()
    except Exception:  # not a ZIP, or so damaged that it may raise anything
        return False


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    """Write the members of a model file, all or nothing.

    Raises:
        OSError: if the file cannot be written.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, _REGULAR_FILE  # as on Unix, wherever it is written
            archive.writestr(info, members[name])


@contextmanager
def opened(path: Path, key: str) -> Iterator[zipfile.ZipFile]:
    """A model file whose list of members is checked; errors inside the block name the file.

    Raises:
        CheckpointError: if it is damaged, has members that a model file does not have, or cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path.stat().st_size)
            yield archive
    except CheckpointError as error:
        raise CheckpointError(f"{key}={path}: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{key}={path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # on a damaged file the libraries may raise anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{key}={path}: a model file that is damaged or incomplete ({reason:.300})") from error


def member_text(archive: zipfile.ZipFile, name: str) -> str:
    """A member as text.

    Raises:
        Exception: any, if it is damaged; see `opened`.
    """
    return archive.read(name).decode("utf-8")


def _check_members(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse members that a model file does not have, before any of them is read.

    Raises:
        CheckpointError: naming the member and the rule.
    """
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise CheckpointError(f"{len(members)} members; a model file has at most {_MOST_MEMBERS}")
    names = [member.filename for member in members]
    if missing := [name for name in _REQUIRED if name not in names]:
        raise CheckpointError(f"not a model file: it lacks {missing[0]}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CheckpointError(f"{twice!r:.100} is in it twice")
    if sum(member.file_size for member in members) > size:
        raise CheckpointError("its members claim more bytes than the file has")
    for member in members:
        name = member.filename
        if name not in _REQUIRED and not _MIDI.fullmatch(name):
            raise CheckpointError(f"{name!r:.100} does not belong in a model file")
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            raise CheckpointError(f"{name} is compressed; the members of a model file are not")
        most = _MOST_BYTES.get(name, size if name == WEIGHTS else _MOST_BYTES_OF_MIDI)
        if member.file_size > most:
            raise CheckpointError(f"{name} has {member.file_size:,} bytes; at most {most:,} are allowed")
