"""The process in which files are read: it says after each what became of it, and watches what the reading does.

Python's audit events tell of every file that is opened, process that is started and connection that is made, and of
code that is compiled or run. What C libraries write is seen by what lies in the directories afterwards.
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
from tests.torture.fuzz_formats import FORMATS, OWN_TEST, FileNotNamedError

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
# Whether a process lives, and since when; what a library asks of the processor.
_MAY_BE_READ = re.compile(
    r"/proc/[0-9]+/(stat|statm|status)|/proc/sys/kernel/random/boot_id|/sys/devices/system/cpu/.*"
)
_IS_NOT_A_KILL = 0  # signal 0 only asks whether a process is there, which is how a run's standing is found


class Watch:
    """Notes what the reading of one file does and should not."""

    def __init__(self, scratch: Path):
        self.scratch = str(scratch.resolve())
        code = {sysconfig.get_path("stdlib"), *site.getsitepackages(), sys.prefix, sys.base_prefix}
        code.add(str(Path(__file__).resolve().parents[2]))  # melgen's own sources and these tests
        self.code = tuple(os.path.realpath(path) + os.sep for path in code)
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        self.is_on = False  # resolving a path makes events too
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
        # namedtuple, dataclass and the like make their methods of text that is in a library.
        return file.startswith(("<frozen ", "<string>", "<__array_function__", "<unknown>")) or os.path.realpath(
            file
        ).startswith(self.code)


def main(argv: list[str] | None = None) -> None:
    """Read cases; a line on the standard output for each: its number, its outcome, the peak of memory so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=FORMATS | OWN_TEST)
    parser.add_argument("seed", type=int)
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("inputs", type=Path, help="the format's whole files and traps")
    parser.add_argument("scratch", type=Path, help="an empty directory, the only one that may be written")
    options = parser.parse_args(argv)
    report = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # symusic prints
    faulthandler.enable()  # a crash in C names its place on the standard error
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

    # What a page needs to show a command, imported before anything is watched; parts of it only for a broken line.
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
            outcome, text = "escape", "; ".join([*watch.seen, *(f"left {name}" for name in strays)])
            watch.seen.clear()
        for name in strays:
            with contextlib.suppress(OSError):
                (files / name).unlink(missing_ok=True)
                (cwd / name).unlink(missing_ok=True)
        _clear(temporary)
        print(json.dumps([number, outcome, text[:2000], max(0, _peak_megabytes() - before)]), file=report)


def _clear(folder: Path) -> None:
    """Directories that a reader made are left to whoever reads."""
    for entry in folder.iterdir():
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()


def _peak_megabytes() -> int:
    """Of this process or the largest one that it has started.

    Not of `resource.RUSAGE_SELF`, which counts what the process was before it became this one.
    """
    own = int(re.search(r"VmHWM:\s*([0-9]+) kB", Path("/proc/self/status").read_text())[1])  # type: ignore[index]
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024


if __name__ == "__main__":
    main()
