"""Locks that keep two processes out of one folder, on any file system.

Where possible, a lock is an ``flock`` on a file: it ends with its process, however that dies. Some file systems have
no ``flock`` (Lustre without ``-o flock``, FUSE, NFS without a lock service). There, a lock is a second file next to it,
which is created only if it does not exist, and which names the holder. That file outlives a process that was killed,
so a process that finds it checks whether the holder still runs. It can check a holder on its own machine only; it
assumes that a holder on another machine still runs.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import tempfile
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from melgen.errors import LockedElsewhereError, LockedError
from melgen.files import read_json
from melgen.processes import process_birth, process_exists

log = logging.getLogger(__name__)

HOLDER_ENDING = ".holder"
"""Suffix of the file that names the holder of a lock, where the file system has no ``flock``."""

WITHOUT_FLOCK = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
"""The errors of ``flock`` on a file system without it."""

POLL_SECONDS = 0.1
EMPTY_SECONDS = 2.0
"""The time for which a file without a holder's name is taken for one that is being written."""


@contextmanager
def locked(path: Path, wait_seconds: float = 0.0, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold a lock; its files are in the folder of ``path``, which must exist.

    Args:
        path: the file to lock; it is created and kept.
        wait_seconds: how long to wait for a holder on this machine; ``math.inf`` to wait until it has ended.
        on_wait: called once, before the wait.

    Raises:
        LockedError: if another process holds it; names the process, its machine and the file as far as they are known.
        OSError: if the folder cannot be written.
    """
    deadline = time.monotonic() + wait_seconds
    with ExitStack() as held:
        while (holder := _take(path, held)) is not None:
            if time.monotonic() >= deadline:
                raise LockedError(f"{path}: {holder}")
            if on_wait is not None:
                on_wait()
                on_wait = None
            time.sleep(POLL_SECONDS)
        yield


def is_lock(name: str) -> bool:
    """Whether a file of this name belongs to the lock of its folder, ``.lock``."""
    return name in (".lock", f".lock{HOLDER_ENDING}")


def _take(path: Path, held: ExitStack) -> str | None:
    """Take a lock if it is free, to be released with ``held``; otherwise return a description of its holder."""
    with ExitStack() as taken:
        try:
            if not _flock(path, taken):
                return "another process holds this lock"
        except OSError as error:
            if error.errno not in WITHOUT_FLOCK:
                raise
            holder = _take_file(Path(f"{path}{HOLDER_ENDING}"), taken)
        else:
            holder = _holder_of(Path(f"{path}{HOLDER_ENDING}"))  # of a process that cannot use flock in this folder
        if holder is None:
            held.push(taken.pop_all())
        return holder


def _flock(path: Path, held: ExitStack) -> bool:
    """Lock a file with ``flock``; False if another process holds it.

    Raises:
        OSError: with an errno of `WITHOUT_FLOCK` if the file system has no ``flock``; or if the file cannot be opened.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return _lock_on_windows(path, held)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The last holder may have removed the file, with its folder, after we opened it.
            is_there = _is_same_file(descriptor, path)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        if is_there:
            held.callback(os.close, descriptor)
            return True
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _lock_on_windows(path: Path, held: ExitStack) -> bool:
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    held.callback(lock.release)
    return True


def _take_file(file: Path, held: ExitStack) -> str | None:
    """Take a lock that is a file naming its holder; ``None``, or a description of the process that holds it."""
    mine = json.dumps(_ourselves())
    while True:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            if (holder := _holder_of(file)) is not None:
                return holder
            continue
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(mine)
                opened.flush()
                os.fsync(descriptor)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        held.callback(_release_file, file, mine, os.getpid())
        return None


def _release_file(file: Path, mine: str, process: int) -> None:
    if os.getpid() != process:
        return  # a copy of the holder, made by `fork`
    with suppress(OSError, ValueError):
        if file.read_text(encoding="utf-8") == mine:
            file.unlink()


def _holder_of(file: Path) -> str | None:
    """The holder of a lock according to its file; ``None`` if it is free or its holder has ended.

    Raises:
        LockedElsewhereError: if it cannot be known whether the holder still runs.
    """
    holder = _read_holder(file)
    if holder is None:
        return None
    pid, birth = holder.get("pid"), holder.get("process_birth")
    who = f"process {pid} on {holder.get('host')}, which has held it since {_moment(holder.get('time'))}"
    ours = _ourselves()
    if _came_before_us(holder, ours):
        log.warning("%s: taken over from %s, because SLURM has ended it and queued its job again", file, who)
        _remove(file, holder)
        return None
    if type(pid) is not int or any(holder.get(key) != ours[key] for key in ("host", "machine", "pid_namespace")):
        raise LockedElsewhereError(
            f"{file}: locked by {who}; whether it still runs there cannot be checked from here; "
            "remove this file if it does not",
        )
    if process_exists(pid, birth if isinstance(birth, str) else None):
        return f"locked by {who}"
    log.info("%s: taken over from %s, which has ended", file, who)
    _remove(file, holder)
    return None


def _came_before_us(holder: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether the holder was an earlier start of our own SLURM job, which ends before a later start begins."""
    return (
        ours["slurm_job"] is not None
        and holder.get("slurm_job") == ours["slurm_job"]
        and type(holder.get("slurm_restarts")) is int
        and holder["slurm_restarts"] < ours["slurm_restarts"]
    )


def _remove(file: Path, holder: Mapping[str, Any]) -> None:
    """Remove the file of a holder that has ended, but never that of a process that has taken the lock since.

    Only processes of this machine may do this; they take turns by a lock in the machine's temporary folder.
    """
    guard = Path(tempfile.gettempdir()) / f"melgen-{zlib.crc32(os.fsencode(file.resolve())):08x}.lock"
    with ExitStack() as held:
        # If the guard is another user's file, or has no flock either, go on without it: the risk is brief.
        with suppress(OSError):
            while not _flock(guard, held):
                time.sleep(POLL_SECONDS)
        if read_json(file) == holder:
            file.unlink(missing_ok=True)


def _read_holder(file: Path) -> dict[str, Any] | None:
    """The content of a holder's file; ``None`` if it does not exist.

    Raises:
        LockedElsewhereError: if the file does not name a holder.
    """
    deadline = time.monotonic() + EMPTY_SECONDS
    while True:
        if holder := read_json(file):
            return holder
        if not os.path.lexists(file):
            return None
        if time.monotonic() >= deadline:
            raise LockedElsewhereError(
                f"{file}: locked by an unnamed process; remove this file if no other process works in this folder",
            )
        time.sleep(POLL_SECONDS)


def _ourselves() -> dict[str, Any]:
    """The identity of this process; processes that see each other have the same host, machine and pid namespace."""
    machine = namespace = None
    with suppress(OSError, ValueError):
        machine = Path("/etc/machine-id").read_text(encoding="ascii").strip() or None
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")  # process 1 of another container is not our process 1
    restarts = os.environ.get("SLURM_RESTART_COUNT", "0")
    return {
        "host": socket.gethostname(),
        "machine": machine,
        "pid_namespace": namespace,
        "pid": os.getpid(),
        "process_birth": process_birth(os.getpid()),
        "time": time.time(),
        "slurm_job": os.environ.get("SLURM_JOB_ID"),
        "slurm_restarts": int(restarts) if restarts.isdecimal() else 0,
        "token": uuid.uuid4().hex,
    }


def _moment(seconds: Any) -> str:
    with suppress(TypeError, ValueError, OverflowError, OSError):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    return "an unknown time"
