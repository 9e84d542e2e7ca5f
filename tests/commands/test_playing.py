"""``melgen.play``: the page of a run, served on this machine."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import melgen.play
from melgen.files import write_json
from melgen.pages.serving import PageServer
from tests.commands.calling import call, files_below, start
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM
from tests.pages.browser import Browser, missing, until
from tests.pages.examples import read_data, read_pack
from tests.tiers import quick_rows

PAGE = "<!doctype html><title>Föhr</title>"
QUICK = ("browser=false", "scores=0", "progress=false")
PRIMER = [67, 71, 74, 72]


@pytest.fixture(scope="module")
def server():
    with PageServer() as serving:
        thread = threading.Thread(target=serving.serve, args=(PAGE,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def ask(server, method="GET", path="/", hosts=None):
    """The status, headers and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for host in [f"127.0.0.1:{server.server_port}"] if hosts is None else hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


# --- the server


def test_the_page_and_its_headers(server):
    status, headers, body = ask(server)
    assert status == 200
    assert body.decode("utf-8") == PAGE
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Permissions-Policy"] == "midi=(self)"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    assert "Python" not in headers["Server"]


def test_the_head_of_the_page(server):
    status, headers, body = ask(server, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(PAGE.encode())), b"")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/index.html", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/?a=1", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "//etc/", 404),
        ("GET", "http://127.0.0.1/", 404),
        ("HEAD", "/src", 404),
        ("POST", "/", 501),
        ("OPTIONS", "/", 501),
    ],
)
def test_nothing_else_is_served(method, path, expected, server):
    status, headers, body = ask(server, method, path)
    assert status == expected
    assert PAGE.encode() not in body
    assert headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/other"])
def test_no_answer_is_kept_or_read_as_another_type(path, server):
    _, headers, _ = ask(server, path=path)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "LocalHost:PORT"])
def test_the_names_of_this_machine(host, server):
    assert ask(server, hosts=[host.replace("PORT", str(server.server_port))])[0] == 200


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["stranger.example:PORT"],
        ["127.0.0.1.stranger.example:PORT"],
        ["localhost"],
        ["localhost:1"],
        ["0.0.0.0:PORT"],
        ["[::1]:PORT"],
        ["localhost:PORT", "stranger.example"],
        ["localhost:PORT@stranger.example"],
    ],
)
def test_a_name_that_a_stranger_let_point_here_is_refused(hosts, server):
    status, _, body = ask(server, hosts=[host.replace("PORT", str(server.server_port)) for host in hosts])
    assert status == 403
    assert body == b"403 only 127.0.0.1 and localhost are served\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is not an address of this machine")
def test_other_addresses_of_this_machine_do_not_answer(server):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.server_port), timeout=30)


def test_a_browser_that_leaves_is_not_reported(server, capfd):
    with socket.create_connection(("127.0.0.1", server.server_port)) as gone:
        gone.sendall(b"GET / HTTP/1.1\r\n")
        # Closes with a reset, which the server reads as an error.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    assert ask(server)[0] == 200
    assert capfd.readouterr() == ("", "")


# --- refusals


@quick_rows(
    2,
    ("overrides", "expected"),
    [
        ([f"run={OF_PITCHES}", "port=70000"], "port=70000: must be a whole number from 0 to 65535"),
        (["run=notes"], "run=notes: not the directory of a run or a study"),
        (
            ["run=nowhere"],
            "run=nowhere: no such directory; the directory of a run or study, a model file or",
        ),
        ([f"run={OF_PITCHES}", "port=-1"], "port=-1: must be a whole number from 0 to 65535"),
        ([f"run={OF_PITCHES}", "browser=maybe"], "browser=maybe: must be true or false"),
        ([f"run={OF_PITCHES}", "scores=-1"], "scores=-1"),
        ([f"run={OF_PITCHES}", "workers=0"], "workers=0: must be a whole number of at least 1"),
        (["run=notes/a.txt"], "run=notes/a.txt: must be a model file, or a checkpoint in the directory of its run"),
        (["run=begun"], "run=begun: this directory contains no checkpoint yet"),
        (["run=begun/a.ckpt"], "run=begun/a.ckpt: not a checkpoint"),
        (["run=study"], "run=study: the page has no network to play with\na study selects networks"),
    ],
)
def test_refused_with_key_value_and_rule(overrides, expected, here, served):
    for folder in ("notes", "begun", "study"):
        Path(folder).mkdir()
    Path("notes/a.txt").write_text("mine")
    Path("begun/a.ckpt").write_text("mine")
    write_json(Path("begun/status.json"), {"state": "running"})
    write_json(Path("study/manifest.json"), {"format": "melgen study"})
    before = files_below(here)
    answer = call("play", *overrides)
    assert answer.code == 1, answer.text
    assert expected in answer.err
    assert "Traceback" not in answer.text
    assert "http://" not in answer.text
    assert files_below(here) == before


def test_a_port_in_use_is_refused_before_the_page_is_made(server, here, monkeypatch):
    monkeypatch.setattr(melgen.play, "playable_page", lambda *_: pytest.fail("the page was made"))
    answer = call("play", f"run={OF_PITCHES}", f"port={server.server_port}")
    assert answer.code == 1
    assert f"error: port={server.server_port}: another program uses it; port=0 takes any free one" in answer.err


@pytest.mark.slow
def test_a_network_that_no_page_can_hold_is_refused_with_the_reason(here, monkeypatch):
    monkeypatch.setattr(melgen.play, "MOST_BYTES", 100)
    answer = call("play", f"run={OF_PITCHES}", *QUICK)
    assert answer.code == 1
    assert f"run={OF_PITCHES}: the page has no network to play with\n" in answer.err
    assert "No room to play" in answer.err


# --- the page


@pytest.mark.slow
def test_the_page_of_a_run_is_served_and_nothing_is_written(here, served):
    before = files_below(WITH_RHYTHM)
    answer = call("play", f"run={WITH_RHYTHM}", *QUICK)
    assert answer.code == 0, answer.text
    address, stopped = answer.out.splitlines()
    assert address.startswith("http://127.0.0.1:")
    assert stopped == "stopped"
    (page,) = served
    (network,) = read_data(page)["sections"]["play"]["networks"]
    assert network["name"] == WITH_RHYTHM.name
    assert files_below(here) == {}
    assert files_below(WITH_RHYTHM) == before


@pytest.mark.slow
def test_the_network_of_a_checkpoint_in_a_run(here, served, monkeypatch):
    import torch

    run = here / "run"
    shutil.copytree(OF_PITCHES, run)
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["state_dict"]["model.output.bias"] += 1
    torch.save(checkpoint, run / "checkpoints" / "step-5.ckpt")
    monkeypatch.chdir(run)
    for given in (".", run / "checkpoints" / "best.ckpt", "checkpoints/step-5.ckpt"):
        answer = call("play", f"run={given}", *QUICK)
        assert answer.code == 0, answer.text
    of_run, of_best, of_step = (read_pack(page, "network-0")["network"]["weights"] for page in served)
    assert of_run == of_best
    assert of_run != of_step
    data = read_data(served[-1])
    assert data["title"] == "run"
    names = [read_data(page)["sections"]["play"]["networks"][0]["name"] for page in served]
    assert names == ["run"] * 3
    assert "The network to play with is that of step-5.ckpt." in [notice["text"] for notice in data["notices"]]


@pytest.mark.slow
def test_the_page_of_a_model_file(here, served):
    assert call("export", f"run={WITH_RHYTHM}", "to=airs.melgen").code == 0
    answer = call("play", "run=airs.melgen", *QUICK)
    assert answer.code == 0, answer.text
    assert [network["name"] for network in read_data(served[0])["sections"]["play"]["networks"]] == ["airs"]
    assert [*files_below(here)] == ["airs.melgen"]


@pytest.mark.slow
def test_the_page_of_a_study(here, served):
    home, name = here / "small", "control-gru-1-seed0"
    shutil.copytree(OF_PITCHES, home / name)
    write_json(home / "study" / "manifest.json", {"format": "melgen study", "runs": [f"../{name}"]})
    write_json(home / "study" / "selection.json", {"models": {"control-gru-1": {"runs": [f"../{name}"]}}})
    for given in (home, home / "study"):
        answer = call("play", f"run={given}", *QUICK)
        assert answer.code == 0, answer.text
    assert served[0] == served[1]
    assert [network["name"] for network in read_data(served[0])["sections"]["play"]["networks"]] == ["control-gru-1"]


# --- the browser of the system


@pytest.mark.parametrize("error", [None, webbrowser.Error("could not locate runnable browser"), OSError("denied")])
def test_the_browser_is_asked_to_open_the_address(error, monkeypatch):
    asked, done = [], threading.Event()

    def opened(address):
        asked.append(address)
        done.set()
        if error is not None:
            raise error

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", opened)
    melgen.play.open_in_browser("http://127.0.0.1:1/")
    assert done.wait(30)
    assert asked == ["http://127.0.0.1:1/"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
def test_a_terminal_without_a_screen_is_left_alone(monkeypatch):
    for name in melgen.play.SCREENS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("a browser was opened"))
    before = threading.active_count()
    melgen.play.open_in_browser("http://127.0.0.1:1/")
    assert threading.active_count() == before


# --- from the command to the music


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(address: str) -> bool:
    try:
        with urlopen(address, timeout=60) as answer:
            return answer.status == 200
    except (URLError, ConnectionError):
        return False


@pytest.fixture
def playing(tmp_path):
    """A command that serves the page of a run, and its address."""
    port = free_port()
    process = start("play", f"run={WITH_RHYTHM}", f"port={port}", *QUICK, cwd=tmp_path)
    address = f"http://127.0.0.1:{port}/"
    try:
        until(lambda: process.poll() is not None or answers(address), "the page is served")
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_ctrl_c_stops_it(playing, tmp_path):
    process, address = playing
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert output.splitlines() == [f"{address} (only this machine can open it; Ctrl-C stops it)", "stopped"]
    assert files_below(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Chromium's driver leaves its connection to the collector
def test_four_notes_are_played_and_continued_in_chromium(playing):
    _, address = playing
    browser = Browser()
    try:
        browser.open(address)
        browser.go_to("play")
        browser.wait("return window.melgen && window.melgen.play")
        for pitch in PRIMER:
            browser.click(f"#play .piano-key[data-pitch='{pitch}']")
        browser.click("#play .play-actions button")  # Continue
        browser.wait("return melgen.play.panels[0].notes.length > 4")
        notes = browser.run("return melgen.play.panels[0].notes.map((note) => [note.pitch, note.by])")
        assert notes[:4] == [[pitch, "you"] for pitch in PRIMER]
        assert {by for _, by in notes[4:]} == {"network"}
        # A browser gives MIDI to secure pages only, and to those that their policy allows to ask.
        assert browser.run("return window.isSecureContext && document.featurePolicy.allowsFeature('midi')")
        assert browser.logs() == []
        requested = [url for url in browser.requests() if not url.startswith(("data:", "blob:"))]
        assert requested == [address]
    finally:
        browser.quit()
