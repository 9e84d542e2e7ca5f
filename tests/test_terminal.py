"""Printed output in every encoding, and with an output that is closed, full or cut off."""

import io
import os
import subprocess
import sys

import pytest

from melgen.files import json_text, read_json, write_json, write_text
from melgen.terminal import all_readable, has_colours, print_error, readable
from tests.tiers import quick_rows

ODD = os.fsdecode(b"caf\xe9")
PRINTS = """
import logging, sys
from melgen.terminal import prepare_standard_streams

prepare_standard_streams()
prepare_standard_streams()
logging.basicConfig(stream=sys.stderr)
for number in range(6_000):
    print(f"line {number} {sys.argv[1]} \\u266f", file=sys.stdout if number % 2 else sys.stderr)
logging.warning("%s", sys.argv[1])
opened = open("some file", "w")
assert opened.fileno() > 2
sys.exit(int(sys.argv[2]))
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("code", [0, 130])
@quick_rows(
    3,
    "ending",
    ["| head -1", "2>&1 | head -1", "2>&1 >/dev/null | head -1", ">&-", "2>&-", ">&- 2>&- <&-", "| true", ""],
)
def test_the_exit_code_does_not_depend_on_the_output(tmp_path, ending, code, unbuffered):
    line = f'"{sys.executable}" -c "$0" plain {code} {ending}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", line, PRINTS],
        cwd=tmp_path,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr
    assert b"Exception" not in done.stderr
    if not ending:
        assert done.stdout.count(b"\n") == done.stderr.count(b"\n") - 1 == 3_000
    assert (tmp_path / "some file").read_bytes() == b""


def test_a_full_disk_is_still_an_error(tmp_path):
    with open("/dev/full", "wb") as full:
        line = [sys.executable, "-c", PRINTS, "plain", "0"]
        done = subprocess.run(line, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode
    assert b"No space left" in done.stderr


@pytest.mark.parametrize(
    ("encoding", "sharp"), [("utf-8", "\u266f".encode()), ("ascii", b"\\u266f"), ("latin-1", b"\\u266f")]
)
def test_characters_that_an_encoding_lacks_are_escaped(tmp_path, encoding, sharp):
    done = subprocess.run(
        [sys.executable, "-c", PRINTS, b"caf\xe9", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == b"line 1 caf\\xe9 " + sharp
    assert done.stderr.splitlines()[-1] == b"WARNING:root:caf\\xe9"


def test_names_that_are_not_unicode():
    assert readable("Größe") == "Größe"
    assert readable(ODD) == r"caf\xe9"
    assert readable("half \ud83d") == r"half \ud83d"
    assert all_readable({ODD: [1, None, (ODD,)]}) == {r"caf\xe9": [1, None, [r"caf\xe9"]]}


def test_files_hold_them(tmp_path):
    write_text(tmp_path / "a.tsv", f"train\t{ODD}\n")
    assert (tmp_path / "a.tsv").read_text(encoding="utf-8") == "train\tcaf\\xe9\n"
    data = {"name": ODD, "half \ud83d": ["Größe"]}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data
    assert "Größe" in json_text(data)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "on_a_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "0", "CLICOLOR_FORCE": ""}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours(environment, on_a_terminal, elsewhere, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_colours(Terminal()) is on_a_terminal
    assert has_colours(io.StringIO()) is elsewhere


def test_only_the_word_error_is_red(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("CLICOLOR_FORCE", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for stream, written in (
        (Terminal(), "\x1b[31mmelgen.train: error:\x1b[0m lr=1: unknown key\n"),
        (io.StringIO(), "melgen.train: error: lr=1: unknown key\n"),
    ):
        monkeypatch.setattr("sys.stderr", stream)
        print_error("melgen.train", "lr=1: unknown key")
        assert stream.getvalue() == written
