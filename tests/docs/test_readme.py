"""The commands of the README, run in order, with overrides that shorten them.

A block below the comment ``<!-- not run by the tests -->`` is left out.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.calling import Answer, spawn
from tests.commands.test_sweeps import SWEEP_LINE
from tests.docs.documents import ROOT, commands_of

SHRUNK = {
    # None of them belongs to a run's identity, so the paths in later commands match the earlier runs.
    "train": ("trainer.max_steps=3", "callbacks.sampling.songs=2", "callbacks.sampling.notes=6"),
    "generate": ("songs=2", "notes=6"),
    "prepare": (),
    "evaluate": (),
    "render": (),
    "export": (),
    "status": (),
}
"""Overrides that are appended to each command."""


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text()
    text = (ROOT / "README.md").read_text()
    for command in [*commands_of(text), *commands_of(text, run=False)]:
        if command.startswith("make "):
            target = next(word for word in command.split()[1:] if "=" not in word)
            assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), command


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_commands_run_as_written(tmp_path):
    commands = commands_of((ROOT / "README.md").read_text())
    for verb in SHRUNK:
        assert any(f"melgen.{verb}" in command for command in commands), f"the README shows no melgen.{verb}"
    for command in commands:
        if command == f"python -m melgen.train {SWEEP_LINE}":
            continue  # test_sweeps runs it
        if (program := as_program(command)) is None:
            continue
        done = answer_of(program, tmp_path)
        assert done.code == 0, f"{command}\n{done.out[-2000:]}{done.err[-2000:]}"


@pytest.mark.slow
def test_the_notebook_lines_run(tmp_path):
    (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert "max_steps=300" in block
    script = tmp_path / "notebook.py"
    script.write_text(block.replace("max_steps=300", "max_steps=3") + "print(len(songs), songs[0].pitches[:1])\n")
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("5 (60,)\n")


def answer_of(program: list[str], cwd: Path) -> Answer:
    """Run a command in a new process; commands of melgen itself need not import the libraries again."""
    if program[1] == "-m":
        _, _, module, *arguments = program
        return spawn(module.partition(".")[2], *arguments, cwd=cwd)
    done = subprocess.run(program, cwd=cwd, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def as_program(command: str) -> list[str] | None:
    """A command as a process to start; None for targets of make that do more than train."""
    first, *arguments = shlex.split(command)
    if first == "make":
        appended = f"ARGS={' '.join(SHRUNK['train'])}"
        # The environment exists already: it is the one that runs the tests.
        make = ["make", "-f", str(ROOT / "Makefile"), "-o", "setup", f"VENV={sys.prefix}"]
        return [*make, *arguments, appended] if arguments == ["train"] else None
    verb = arguments[1].partition(".")[2]
    help_only = any(argument in ("--help", "--cfg") for argument in arguments)
    return [sys.executable, *arguments, *(() if help_only else SHRUNK.get(verb, ()))]
