"""IPython finds how melgen's objects are shown, without being asked, and nothing is printed besides."""

from __future__ import annotations

import subprocess
import sys

import pytest

import melgen
from melgen.display import register, to_html, to_text
from melgen.music import Melody
from tests.model_files.making import OF_PITCHES

MELODY = Melody.from_pitches([60, 62, 64])


@pytest.fixture
def shell():
    interactive = pytest.importorskip("IPython.core.interactiveshell", reason="it shows the objects")
    made = interactive.InteractiveShell()
    made.display_formatter.active_types = ["text/plain", "text/html"]  # as a kernel of Jupyter has it
    return made


@pytest.mark.parametrize("tell", [register, melgen.load_ipython_extension])
def test_a_shell_shows_objects_of_ours(tell, shell):
    assert "text/html" not in shell.display_formatter.format(MELODY)[0]
    tell(shell)
    shown, _ = shell.display_formatter.format(MELODY)
    assert shown == {"text/html": to_html(MELODY), "text/plain": to_text(MELODY)}
    assert "text/html" not in shell.display_formatter.format({"a": 1})[0]


def test_subclasses_are_shown(shell):
    class Own(Melody):
        pass

    register(shell)
    assert "<svg" in shell.display_formatter.format(Own((60,), (0,), (24,)))[0]["text/html"]


def test_in_a_terminal_there_is_only_text(shell):
    shell.display_formatter.active_types = ["text/plain"]
    register(shell)
    assert shell.display_formatter.format([MELODY])[0] == {"text/plain": "[Melody of 3 notes: C4 D4 E4]"}


def test_every_class_that_is_shown_exists():
    from importlib import import_module

    from melgen.display.dispatch import SHOWN

    for name, display in SHOWN.items():
        module, _, kind = name.rpartition(".")
        assert getattr(import_module(module), kind).__module__ == module
        assert callable(import_module(f"melgen.display.{display}").html)


def test_without_a_shell_nothing_happens():
    assert register() is False


@pytest.mark.slow
@pytest.mark.parametrize("program", ["python", "ipython"])
def test_loading_writing_and_showing_are_quiet(program, tmp_path):
    work = f"""
import sys, melgen
from melgen.display import to_html
net = melgen.load({str(OF_PITCHES)!r})
songs = net.continue_("C4 D4 E4 D4", songs=3)
for thing in (net, songs, songs[0], melgen.measure(songs)):
    assert to_html(thing)
"""
    if program == "ipython":
        pytest.importorskip("IPython", reason="it shows the objects")
        work = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell({work!r}).raise_error()
assert shell.display_formatter.formatters["text/html"](shell.user_ns["net"]).startswith("<div")
"""
    done = subprocess.run([sys.executable, "-W", "default", "-c", work], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
