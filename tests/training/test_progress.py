"""The progress of a training: a bar on a terminal, otherwise lines that suit a log file."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from melgen.durations import in_words
from melgen.train import train
from melgen.training.progress import UpdateProgress
from tests.commands.calling import TINY, TINY_RUN, call, command
from tests.data.melodies import walks, write_songs
from tests.training.small import small_config


@pytest.mark.slow
def test_without_a_terminal_there_is_a_line_for_each_validation(tmp_path, caplog):
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    with caplog.at_level(logging.INFO):
        train(small_config(tmp_path, "trainer.max_steps=6", "trainer.val_check_interval=2"))
    lines = [line for line in caplog.messages if line.startswith("update ")]
    number = r"\d+\.\d{3}"
    scores = rf"epoch \d+: train loss {number}, val loss {number}, {number} bits/note"
    assert len(lines) == 3
    for line, update in zip(lines, (2, 4), strict=False):
        assert re.fullmatch(rf"update {update}/6, {scores}, about \d+ (s|min) left", line)
    assert re.fullmatch(rf"update 6/6, {scores}", lines[-1]), "nothing is left"


@pytest.mark.parametrize(("losses", "shown"), [({}, ""), ({"train/loss": 2.0}, "train loss 2.000, ")])
def test_a_line_has_a_train_loss_once_one_was_measured(losses, shown, caplog):
    trainer = SimpleNamespace(
        global_step=5,
        current_epoch=0,
        state=SimpleNamespace(fn="fit"),
        lightning_module=SimpleNamespace(latest={"val/loss": 1.5, "val/bits_per_note": 2.25, **losses}),
    )
    with caplog.at_level(logging.INFO):
        UpdateProgress(None, bar=False).on_validation_end(trainer, trainer.lightning_module)
    assert caplog.messages == [f"update 5, epoch 1: {shown}val loss 1.500, 2.250 bits/note"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 s"), (42.4, "42 s"), (119, "2 min"), (5000, "83 min"), (5400, "1 h 30 min"), (86400, "24 h 0 min")],
)
def test_guesses_of_time_are_in_a_unit_that_suits_them(seconds, words):
    assert in_words(seconds) == words


@pytest.mark.slow
def test_the_end_prints_the_path_of_the_results_and_the_next_commands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("train", *TINY, "logger=tensorboard")
    assert answer.code == 0, answer.text
    assert f"tensorboard --logdir {TINY_RUN}" in answer.text
    assert f"python -m melgen.report run={TINY_RUN}" in answer.text
    assert f"python -m melgen.render songs={TINY_RUN}/songs" in answer.text
    for path in re.findall(r"multirun/[^\s=]+\.(?:png|csv|mid)", answer.text):
        assert (tmp_path / path).is_file()


@pytest.mark.slow
def test_a_training_ends_with_its_page_and_prints_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("train", *TINY, "report=true")
    assert answer.code == 0, answer.text
    page = tmp_path / TINY_RUN / "report.html"
    made = page.stat().st_mtime_ns
    assert f"{TINY_RUN}/report.html  # open it in a browser" in answer.text
    assert "melgen.report run=" not in answer.text, "there is nothing left to make"
    assert call("train", *TINY, "report=true").code == 0
    assert page.stat().st_mtime_ns == made, "the page of a finished run is not made twice"
    page.unlink()
    assert call("train", *TINY, "report=true").code == 0
    assert page.exists(), "a page that was deleted is made again"


@pytest.mark.slow
def test_a_sweep_makes_no_pages_and_a_broken_page_stops_no_training(tmp_path, monkeypatch):
    import melgen.pages.writing

    def broken(*args, **options):
        raise RuntimeError("no ink")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(melgen.pages.writing, "write_report", broken)
    answer = call("train", "-m", *TINY, "report=true", "seed=0,1")
    assert answer.code == 0, answer.text
    assert "no ink" not in answer.text
    answer = call("train", *TINY, "report=true")
    assert answer.code == 0, answer.text
    assert "no report page: RuntimeError: no ink" in answer.text
    assert "Best weights at update" in answer.text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_a_bar(tmp_path):
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    program = subprocess.Popen(
        command("train", *TINY, "trainer.max_steps=40", "trainer.val_check_interval=20"),
        cwd=tmp_path,
        stdout=follower,
        stderr=follower,
        stdin=subprocess.DEVNULL,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # the other end has closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert program.wait(timeout=100) == 0, shown.decode()
    text = shown.decode()
    assert re.search(r"Training: 100%\|█+\| 40/40 \[.*bits/note=\d", text)
    assert "\nupdate 20/40" not in text
    assert "Best weights at update" in text.rpartition("Training: 100%")[2].partition("\n")[2]
