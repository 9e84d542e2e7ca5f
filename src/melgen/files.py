"""Writing files so that no reader ever sees a partial one."""

from __future__ import annotations

import errno
import glob
import json
import math
import os
import re
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from melgen.processes import process_birth, process_exists
from melgen.terminal import READABLE

_HOST = re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())[:64]
_FLUSHED_AT_ONCE = 8
_FLUSHES_NO_DIRECTORIES = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors by which some network file systems refuse to flush a directory; their renamings are complete at once."""
_SCRATCH = re.compile(r"\..+\.(?P<host>\w*)-(?P<pid>\d+)(-(?P<birth>\d+-\w+))?\.[0-9a-f]{8}\.(tmp|new|old)")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path next to ``path``, renamed to ``path`` once everything is written and on the disk.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     [(file.name, file.read_text()) for file in Path(folder).iterdir()]
    [('a.txt', 'whole')]
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = scratch_beside(path, "tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        flush(temporary)
        # Private so far; give it the permissions that an ordinary `open` gives.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        flush(path.parent)
    except OSError as error:
        # When the disk is full, the system does not name the file.
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Make the content of a file, or the names in a directory, survive a power failure, where the system can."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY)
    elif path.is_dir():
        return  # Windows opens no directories
    else:
        descriptor = os.open(path, os.O_RDWR | os.O_BINARY)  # and flushes only what may be written
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _FLUSHES_NO_DIRECTORIES or not path.is_dir():
            raise
    finally:
        os.close(descriptor)


def flush_below(folder: Path, but: Sequence[str] = ()) -> None:
    """`flush` a folder and all files and folders below it, except those that other programs remove meanwhile.

    Several at once, because a disk confirms many writings together in the time of one.

    Args:
        folder: where to begin.
        but: names in the folder that are left out.
    """
    below: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=_raise_unless_gone):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in but]
            files = [name for name in files if name not in but]
        below += [Path(place, name) for name in (*folders, *files)]
    with ThreadPoolExecutor(_FLUSHED_AT_ONCE) as threads:
        for _ in threads.map(_flush_unless_gone, sorted(below)):  # raises the first error
            pass
    flush(folder)


def _flush_unless_gone(path: Path) -> None:
    if path.is_file() or path.is_dir():
        with suppress(FileNotFoundError):
            flush(path)


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def scratch_beside(path: Path, kind: str) -> Path:
    """A free hidden name next to ``path`` that contains the id of the writing process: see `remove_leftovers`."""
    writer = "-".join(filter(None, (_HOST, str(os.getpid()), process_birth(os.getpid()))))
    return path.with_name(f".{path.name}.{writer}.{uuid.uuid4().hex[:8]}.{kind}")


def remove_leftovers(folder: Path, name: str | None = None, *, others_after_seconds: float = math.inf) -> None:
    """Remove the temporary files that ended processes left.

    Whether a process of another machine has ended cannot be seen, so its files are judged by their age.

    Args:
        folder: where to look, also in the folders below.
        name: look only in the folder itself, for the temporary files of ``name``.
        others_after_seconds: the age from which files of other machines are removed too.
    """
    found = folder.rglob(".*") if name is None else folder.glob(f".{glob.escape(name)}.*")
    for path in list(found):
        writer = _SCRATCH.fullmatch(path.name)
        if writer is None:
            continue
        if writer["host"] != _HOST:
            if not _is_older(path, others_after_seconds):
                continue
        elif process_exists(int(writer["pid"]), writer["birth"]):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > seconds
    except FileNotFoundError:
        return False


def remove_own_leftovers(folder: Path) -> None:
    """Remove the temporary files that this process left in a folder and below it, and will not finish.

    Ctrl-C can come just before `replacing` would remove its file.
    """
    for path in list(folder.rglob(".*.tmp")):
        writer = _SCRATCH.fullmatch(path.name)
        if writer is not None and writer["host"] == _HOST and int(writer["pid"]) == os.getpid() and path.is_file():
            path.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path``, all or nothing; `melgen.terminal.readable` escapes what UTF-8 cannot encode."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=READABLE)


def write_json(path: str | Path, data: Any) -> None:
    """Write plain data as readable JSON to ``path``, all or nothing; numbers that are not finite become null."""
    write_text(path, json_text(finite(data), indent=2) + "\n")


def json_text(data: Any, indent: int | None = None) -> str:
    """Plain data as JSON that UTF-8 can encode; a file name's byte that is not UTF-8 is the same when read back.

    >>> print(json_text({"Größe": os.fsdecode(b"caf\\xe9")}))
    {"Größe": "caf\\udce9"}
    """
    text = json.dumps(data, indent=indent, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")  # JSON's own escape of a lone surrogate


def finite(data: Any) -> Any:
    """Plain data in which numbers that are not finite are None, since JSON cannot hold them."""
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, dict):
        return {key: finite(value) for key, value in data.items()}
    return [finite(value) for value in data] if isinstance(data, list | tuple) else data


def seen_from_here(path: Path) -> Path:
    """A path as a user reads it: from the current directory, if it is below it.

    >>> seen_from_here(Path.cwd() / "songs" / "a.mid").as_posix()
    'songs/a.mid'
    >>> seen_from_here(Path.cwd()) == Path.cwd(), seen_from_here(Path("songs")).as_posix()
    (True, 'songs')
    """
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) and path != here else path


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file; empty if the file is missing or does not contain an object."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # RecursionError: deeply nested brackets
        return {}
    return content if isinstance(content, dict) else {}
