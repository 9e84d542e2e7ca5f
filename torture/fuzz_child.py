"""The process that reads the files: it reports the outcome of each, and watches what the reader does.

Python's audit events report every opened file, started process, connection, and compiled or executed code. C libraries
raise no such events; the files in the directories afterwards show what they have written.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import logging
import os
import re
import resource
import shutil
import site
import sys
import sysconfig
import traceback
import warnings
from pathlib import Path
from typing import Any

from melgen.corpora.worker import limit_memory
from torture.fuzz_formats import FORMATS, OWN_TEST, FileNotNamedError

_OF_PATHS = (
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink",
    "os.truncate", "os.utime", "os.setxattr", "shutil.copyfile", "shutil.move", "shutil.rmtree",
    "shutil.make_archive", "shutil.unpack_archive", "tempfile.mkstemp", "tempfile.mkdtemp", "sqlite3.connect",
)  # fmt: skip
_NEVER = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.kill", "os.killpg",
    "os.startfile",
    "subprocess.Popen", "pty.spawn", "socket.", "urllib.", "http.", "ftplib.", "smtplib.", "ctypes.",
    "pickle.find_class", "code.__new__", "webbrowser.open", "os.putenv", "builtins.input", "signal.pthread_kill",
)  # fmt: skip
READY = "ready"
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Whether a process is alive and since when; what a library reads about the processor.
_MAY_BE_READ = re.compile(
    r"/proc/[0-9]+/(stat|statm|status)|/proc/sys/kernel/random/boot_id|/sys/devices/system/cpu/.*"
)
_IS_NOT_A_KILL = 0  # signal 0 only tests whether a process exists, as the status of a run needs it


class Watch:
    """Records what a reader does and must not do."""

    def __init__(self, scratch: Path):
        self.scratch = str(scratch.resolve())
        code = {sysconfig.get_path("stdlib"), *site.getsitepackages(), sys.prefix, sys.base_prefix}
        code.add(str(Path(__file__).resolve().parents[1]))  # the sources of melgen, these harnesses, the tests
        self.code = tuple(os.path.realpath(path) + os.sep for path in code)
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        self.is_on = False  # resolving a path raises events too
        try:
            if self._is_wrong(event, arguments):
                self.seen.append(f"{event}{arguments!r}"[:500])
        finally:
            self.is_on = True

    def _is_wrong(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = bool((flags or 0) & _WRITING) or any(letter in (mode or "") for letter in "wax+")
            return not self._may_open(path, writes)
        if event in _OF_PATHS:
            return not all(
                self._may_open(path, True) for path in arguments if isinstance(path, str | bytes | os.PathLike)
            )
        if event == "os.kill":
            return arguments[1] != _IS_NOT_A_KILL
        if event == "exec":
            return not self._is_library(arguments[0].co_filename)
        if event == "compile":
            source, name = arguments
            return source is not None and not self._is_library(os.fsdecode(name) if name is not None else "<unknown>")
        return event.startswith(_NEVER) and event != "socket.gethostname"

    def _may_open(self, path: Any, writes: bool) -> bool:
        if isinstance(path, int):
            return True
        real = os.path.realpath(os.fsdecode(path))
        if real.startswith(self.scratch + os.sep) or real in (self.scratch, os.devnull):
            return True
        return not writes and (real.startswith(self.code) or _MAY_BE_READ.fullmatch(real) is not None)

    def _is_library(self, file: str) -> bool:
        # namedtuple, dataclass and others compile their methods from text inside a library.
        return file.startswith(("<frozen ", "<string>", "<__array_function__", "<unknown>")) or os.path.realpath(
            file
        ).startswith(self.code)


def main(argv: list[str] | None = None) -> None:
    """Read cases; write a line for each to the standard output: number, outcome, text, peak memory in megabytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=FORMATS | OWN_TEST)
    parser.add_argument("seed", type=int)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("inputs", type=Path, help="directory of the format's undamaged files and traps")
    parser.add_argument("scratch", type=Path, help="empty directory, the only one in which files may be written")
    options = parser.parse_args(argv)
    report = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # symusic prints to it
    faulthandler.enable()  # writes the place of a crash in C to the standard error
    limit_memory()
    warnings.simplefilter("ignore")
    logging.disable()
    kind = (FORMATS | OWN_TEST)[options.format]
    folders = [options.scratch / name for name in ("files", "cwd", "tmp")]
    for folder in folders:
        folder.mkdir(parents=True)
    files, cwd, temporary = (folder.resolve() for folder in folders)
    os.chdir(cwd)
    os.environ["TMPDIR"] = os.environ["HOME"] = str(temporary)
    whole = [path.read_bytes() for path in sorted(options.inputs.glob("whole-*"))]
    path = files / kind.file_name
    from hydra.core.override_parser.overrides_parser import OverridesParser

    # Import the modules with which a page shows a command before the watch begins; a broken line imports more of them.
    for line in ("a=[1,b]", "a=]"):
        with contextlib.suppress(Exception):
            OverridesParser.create().parse_overrides([line])
    for data in whole:
        kind.put(path, data)
        kind.read(path)
        _clear(temporary)
    watch = Watch(options.scratch)
    before = _peak_megabytes()
    print(READY, file=report)
    for number in range(options.first, options.last):
        trap = options.inputs / f"trap-{number:05d}"
        kind.put(path, trap.read_bytes() if trap.exists() else kind.case(options.seed, number, whole))
        outcome, text = "read", ""
        if kind.reader is not None:
            limit_memory(path)
        watch.is_on = True
        try:
            refusal = kind.read(path)
            outcome = "refused" if refusal else "read"
            text = refusal
        except FileNotNamedError as error:
            outcome, text = "nameless", str(error)
        except BaseException as error:
            outcome, text = "exception", "".join(traceback.format_exception(error)[-3:])
        finally:
            watch.is_on = False
        strays = [
            each.name for folder in (files, cwd) for each in folder.iterdir() if each.name not in (path.name, "run")
        ]
        if watch.seen or strays:
            outcome, text = "escape", "; ".join([*watch.seen, *(f"wrote {name}" for name in strays)])
            watch.seen.clear()
        for name in strays:
            with contextlib.suppress(OSError):
                (files / name).unlink(missing_ok=True)
                (cwd / name).unlink(missing_ok=True)
        _clear(temporary)
        print(json.dumps([number, outcome, text[:2000], max(0, _peak_megabytes() - before)]), file=report)


def _clear(folder: Path) -> None:
    """Remove everything in a folder that a reader has made."""
    for entry in folder.iterdir():
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()


def _peak_megabytes() -> int:
    """The peak memory of this process or of the largest one that it has started.

    `resource.RUSAGE_SELF` would include the memory of this process before its exec.
    """
    own = int(re.search(r"VmHWM:\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])  # type: ignore[index]
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024


if __name__ == "__main__":
    main()
