"""W&B without an account, a network or questions; each training is a run of its own."""

from __future__ import annotations

import json
import os
import struct

import pytest

from melgen.train import train
from melgen.training.reporting import finish
from melgen.training.weights_and_biases import RunLogger, has_key
from tests.data.melodies import walks, write_songs
from tests.training.small import small_config


@pytest.fixture(autouse=True)
def no_account(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")


BLOCK, HEADER = 32768, 7
FIRST, LAST, WHOLE = 2, 4, 1


def messages_of(content):
    """The messages in an offline run's file: a log in LevelDB's format behind seven bytes of W&B's own.

    Each piece has a checksum (4 bytes), a length (2) and a kind (1); none crosses a block's end.
    """
    position, gathered = HEADER, b""
    while position + HEADER <= len(content):
        if BLOCK - position % BLOCK < HEADER:
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", content, position)
        piece = content[position + HEADER : position + HEADER + length]
        gathered = piece if kind in (WHOLE, FIRST) else gathered + piece
        if kind in (WHOLE, LAST):
            yield gathered
        position += HEADER + length


def records(folder):
    """What each offline run below a folder has recorded, by its file."""
    from wandb.proto.wandb_internal_pb2 import Record

    files = sorted(folder.rglob("run-*.wandb"))
    return {file.name: [Record.FromString(m) for m in messages_of(file.read_bytes())] for file in files}


def exit_codes(folder):
    return sorted(r.exit.exit_code for run in records(folder).values() for r in run if r.HasField("exit"))


def test_a_key_is_looked_for_without_asking(monkeypatch, tmp_path):
    assert not has_key()
    (tmp_path / ".netrc").write_text("machine example.org login me password you\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert not has_key()
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert has_key()
    (tmp_path / ".netrc").write_text("not a netrc at all {")
    assert not has_key()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_key()


@pytest.mark.slow
def test_three_runs_in_one_process_are_three_runs_with_their_ends(tmp_path):
    for number, failed in enumerate([False, True, False]):
        logger = RunLogger("melgen", str(tmp_path / f"run{number}"), group="sweep", name=f"job{number}")
        logger.log_metrics({"train/loss": 1.0 + number}, step=1)
        finish(logger, failed)
    found = records(tmp_path)
    assert len(found) == 3
    runs = [record.run for run in found.values() for record in run if record.HasField("run")]
    assert {run.display_name for run in runs} == {"job0", "job1", "job2"}
    assert {run.run_group for run in runs} == {"sweep"}
    assert len({run.run_id for run in runs}) == 3
    assert exit_codes(tmp_path) == [0, 0, 1]


@pytest.mark.slow
def test_a_training_leaves_its_configuration_metrics_and_songs(tmp_path):
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    train(
        small_config(tmp_path, "logger=wandb", "callbacks=default", "callbacks.sampling.songs=3", "trainer.max_steps=4")
    )
    (messages,) = records(tmp_path / "run").values()
    logged = {
        item.key or "/".join(item.nested_key)
        for record in messages
        if record.HasField("history")
        for item in record.history.item
    }
    assert {"train/loss", "val/loss"} <= logged
    assert {name.split("/")[0] for name in logged} >= {"songs", "embedding"}
    configured = {item.key for r in messages if r.HasField("run") for item in r.run.config.update} | {
        item.key for r in messages if r.HasField("config") for item in r.config.update
    }
    assert {"hidden_size", "cell"} <= configured
    assert exit_codes(tmp_path) == [0]
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "finished"
