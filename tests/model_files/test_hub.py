"""Model files from a repository: with a server of our own, without an internet connection, and without the package."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from melgen.checkpoint import load_model
from melgen.checkpoint_files import find_checkpoint
from melgen.errors import CheckpointError
from melgen.exporting.origin import corpora_of
from melgen.hub import fetched, is_hub_reference
from tests.model_files.making import WITH_RHYTHM
from tests.model_files.test_card import started

pytest.importorskip("huggingface_hub", reason="the extra melgen[hub] is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LOAD = "import sys, melgen; print(melgen.load(sys.argv[1]).name)"


class Hub(ThreadingHTTPServer):
    """A server that has one file in one repository, and counts what it is asked for."""

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.asked = content, list[str]()


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self):
        self.answer(with_content=False)

    def do_GET(self):
        self.answer(with_content=True)

    def answer(self, with_content):
        self.server.asked.append(f"{self.command} {self.path}")
        content, code, error = self.server.content, 200, None
        if not self.path.startswith("/owner/airs/"):
            content, code, error = b"", 404, "RepoNotFound"
        elif not self.path.endswith("/airs.melgen"):
            content, code, error = b"", 404, "EntryNotFound"
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(exported):
    server = Hub((exported / "pitches.melgen").read_bytes())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def load(reference, home, endpoint):
    """`melgen.load` in a process whose Hub is at an address: the package reads it when it is imported."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", LOAD, reference]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_file_is_fetched_once(hub, tmp_path):
    endpoint = f"http://127.0.0.1:{hub.server_port}"
    first = load("hf:owner/airs", tmp_path, endpoint)
    assert (first.stdout, first.stderr, first.returncode) == ("pitches\n", "", 0)
    assert any(asked.startswith("GET /owner/airs/resolve/main/airs.melgen") for asked in hub.asked)
    hub.asked.clear()
    again = load("hf:owner/airs", tmp_path, endpoint)
    assert (again.stdout, again.stderr) == ("pitches\n", "")
    assert hub.asked == [], "what was fetched before needs no internet connection"
    load("hf:owner/airs/airs.melgen@v2", tmp_path, endpoint)
    assert any("/resolve/v2/airs.melgen" in asked for asked in hub.asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("hf:owner/none", "no such repository, or it is not public"),
        ("hf:owner/airs/other.melgen", "owner/airs has no file other.melgen"),
    ],
)
def test_what_the_hub_does_not_have(reference, message, hub, tmp_path):
    answer = load(reference, tmp_path, f"http://127.0.0.1:{hub.server_port}")
    assert f"CheckpointError: path={reference}: {message}" in answer.stderr


@pytest.mark.slow
def test_without_network(tmp_path):
    answer = load("hf:owner/airs", tmp_path, "http://127.0.0.1:9")
    assert "CheckpointError: path=hf:owner/airs: cannot be fetched" in answer.stderr


@pytest.mark.parametrize(
    "reference",
    ["hf:", "hf:owner", "hf:owner/name/weights.bin", "hf:../name", "hf:owner/../name", "hf:owner/name@", "hf:a b/c"],
)
def test_references_of_another_form(reference):
    with pytest.raises(CheckpointError, match="must be hf:owner/name"):
        find_checkpoint(reference)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"needs the package huggingface_hub: pip install 'melgen\[hub\]'"):
        fetched("hf:owner/airs")


def test_a_path_never_asks_the_network(monkeypatch, exported):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert find_checkpoint(exported / "pitches.melgen") == exported / "pitches.melgen"
    assert not is_hub_reference(exported / "pitches.melgen")


def test_a_start_is_read_from_the_cache_but_never_fetched(monkeypatch, exported):
    """A checkpoint from a stranger cannot choose what is downloaded when its page is made."""
    start = load_model(WITH_RHYTHM).seen
    asked = []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda **wanted: asked.append(wanted))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda **wanted: None)
    for reference in ("hf:owner/airs", "hf:owner"):
        assert [each.name for each in corpora_of(started(reference, start))] == ["airds", "unknown"]
    cached = str(exported / "rhythm.melgen")
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda **wanted: cached)
    assert [each.name for each in corpora_of(started("hf:owner/airs", start))] == ["airds", "misc_folk"]
    assert asked == []
