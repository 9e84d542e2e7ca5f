"""Calling the commands as a user would: in this process, which saves the imports, or in one of their own."""

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

TINY = (
    "corpus=misc_folk",
    "hidden_size=8",
    "layers=1",
    "trainer.max_steps=4",
    "trainer.log_every_n_steps=2",
    "callbacks.sampling.songs=2",
    "callbacks.sampling.notes=6",
    "logger=csv",
    "report=false",
)
"""A training of a moment; what is learned does not matter."""
TINY_RUN = Path("multirun/misc_folk/control-lstm-1-seed0-hidden_size-8")
"""Where ``TINY`` leaves its results."""


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

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
    # What a command sets for its own process: traces of an earlier command, here.
    own = {name: os.environ.pop(name, None) for name in ("HYDRA_FULL_ERROR", SWEEP_VARIABLE)}
    GlobalHydra.instance().clear()
    try:
        sys.argv = [f"melgen.{verb}", *overrides]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = _exit_code_of(main)
    finally:
        sys.argv = argv
        # Hydra has pointed the log at a stream that nobody reads from now on.
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
    except Exception:  # as the interpreter would end
        traceback.print_exc()
        return 1
    return 0


def spawn(verb: str, *overrides: str, cwd: Path, **environment: str) -> Answer:
    """Run ``python -m melgen.<verb>`` in a process of its own."""
    done = subprocess.run(
        command(verb, *overrides),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def command(verb: str, *overrides: str) -> list[str]:
    return [sys.executable, "-m", f"melgen.{verb}", *overrides]


def hears_ctrl_c() -> None:
    """Before a process starts: a shell that runs the tests in the background has them ignore Ctrl-C, and it too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(verb: str, *overrides: str, cwd: Path) -> subprocess.Popen[str]:
    """Start ``python -m melgen.<verb>`` in a group of processes of its own, as a terminal would have it."""
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
    """Every file with its content, but the lock, which has none."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
