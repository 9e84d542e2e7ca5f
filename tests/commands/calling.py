"""Call the commands as a user would: in this process, which saves the imports, or in a new process."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from melgen.runs.directory import SWEEP_VARIABLE
from tests.commands.forking import IS_POSSIBLE, Fork, keep_from_composing_twice

TINY = (
    "corpus=misc_folk",
    "hidden_size=8",
    "layers=1",
    "trainer.max_steps=4",
    "trainer.log_every_n_steps=2",
    "callbacks.sampling.songs=2",
    "callbacks.sampling.notes=6",
    "callbacks.projection=null",  # its picture would take a third of the time
    "logger=csv",
    "report=false",
)
"""Options of a very short training; what is learned does not matter."""
TINY_RUN = Path("multirun/misc_folk/control-lstm-1-seed0-hidden_size-8")
"""The directory of the results of ``TINY``."""


@dataclass(frozen=True)
class Answer:
    """The output of a command, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def call(verb: str, *overrides: str) -> Answer:
    """Run ``python -m melgen.<verb>`` in this process and in the current directory."""
    from hydra.core.global_hydra import GlobalHydra

    main = importlib.import_module(f"melgen.{verb}").main
    out, err = io.StringIO(), io.StringIO()
    argv, root = sys.argv, logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # A command sets these for its own process. Here they would come from an earlier command.
    own = {name: os.environ.pop(name, None) for name in ("HYDRA_FULL_ERROR", SWEEP_VARIABLE)}
    GlobalHydra.instance().clear()
    as_before = keep_from_composing_twice(overrides)
    try:
        sys.argv = [f"melgen.{verb}", *overrides]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _exit_code_of(main)
    finally:
        as_before()
        sys.argv = argv
        # Hydra has directed the log to a stream that nobody reads from now on.
        root.handlers[:], root.level = handlers, level
        for name, value in own.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        GlobalHydra.instance().clear()
    return Answer(code, out.getvalue(), err.getvalue())


def _exit_code_of(main) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # like the exit code of the interpreter
        traceback.print_exc()
        return 1
    return 0


def spawn(verb: str, *overrides: str, cwd: Path, **environment: str) -> Answer:
    """Run ``python -m melgen.<verb>`` in a new process, if possible a fork that has the libraries already."""
    variables = os.environ | environment
    process: Fork | subprocess.Popen[str]
    if IS_POSSIBLE:
        process = Fork(f"melgen.{verb}", overrides, cwd=cwd, environment=variables, separate_errors=True)
    else:
        process = subprocess.Popen(
            command(verb, *overrides),
            cwd=cwd,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    try:
        out, err = process.communicate(timeout=880)  # the limit of the test ends it before, unless the test raises it
    finally:
        process.kill()
    return Answer(process.returncode, out, err)


def command(verb: str, *overrides: str) -> list[str]:
    return [sys.executable, "-m", f"melgen.{verb}", *overrides]


def hears_ctrl_c() -> None:
    """Enable Ctrl-C in a new process: tests in the background of a shell ignore it, and pass that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(verb: str, *overrides: str, cwd: Path, imports: bool = False) -> Fork | subprocess.Popen[str]:
    """Start ``python -m melgen.<verb>`` in a new process group, as a terminal does.

    Args:
        verb: the last part of the module's name.
        overrides: the arguments.
        cwd: the current directory.
        imports: whether the process has to import the libraries itself.
    """
    if IS_POSSIBLE and not imports:
        return Fork(f"melgen.{verb}", overrides, cwd=cwd, environment=os.environ, new_group=True)
    return subprocess.Popen(
        command(verb, *overrides),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hears_ctrl_c,
    )


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file with its content, without the lock, which is empty, and without what Python has compiled."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock" and path.parent.name != "__pycache__"
    }
