"""A full or read-only disk: the error names it, no file is incomplete, and the same command goes on.

The tests mount a small file system, which needs root.
"""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from melgen.runs.directory import RunDirectory
from melgen.runs.status import status_of
from tests.commands.calling import TINY, TINY_RUN, call
from torture import disks
from torture.disks import FULL, TRAINING, fill
from torture.kills import check_whole, compare

pytestmark = pytest.mark.slow


@contextmanager
def small_disk(where):
    try:
        with disks.small_disk(where) as disk:
            yield disk
    except disks.NoDiskError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        answer = call("train", *TRAINING)
    assert answer.code == 0, answer.text
    return folder / TINY_RUN


@pytest.mark.parametrize("room", [0, 8, 40, 80, 120, 160, 200, 240, 280])
def test_the_same_command_goes_on_once_there_is_room(room, disk, undisturbed):
    fill(disk, room)
    answer = call("train", *TRAINING)
    assert answer.code == 1, answer.text
    assert FULL in answer.text
    assert "Traceback" not in answer.text
    assert "Logging error" not in answer.text
    check_whole(disk / TINY_RUN)
    if "the failure cannot be recorded" not in answer.text:
        assert status_of(RunDirectory(disk / TINY_RUN)).state in ("waiting", "failed", "interrupted")
    (disk / "filler").unlink()
    answer = call("train", *TRAINING)
    assert answer.code == 0, answer.text
    compare(disk / TINY_RUN, undisturbed)


@pytest.mark.parametrize("room", [312, 1608])
def test_the_thread_that_writes_for_tensorboard_prints_no_traceback(room, disk):
    fill(disk, room)
    answer = call("train", *TRAINING, "logger=default")
    assert answer.code == 1, answer.text
    assert FULL in answer.text
    assert "Traceback" not in answer.text
    (disk / "filler").unlink()
    answer = call("train", *TRAINING, "logger=default")
    assert answer.code == 0, answer.text
    assert not list(Path(disk).rglob("*.tmp"))


def test_there_is_a_size_at_which_checkpoints_and_one_at_which_songs_do_not_fit(tmp_path):
    """Check that disks of the sizes above fill up at different stages of a training."""
    reached = {}
    for room in (0, 80, 240):
        with small_disk(tmp_path / f"disk{room}") as disk:
            fill(disk, room)
            call("train", *TRAINING)
            run = disk / TINY_RUN
            reached[room] = {
                "checkpoint": any(run.glob("checkpoints/*.ckpt")), "songs": any(run.glob("samples/*/*.mid"))
            }  # fmt: skip
    assert reached[0] == {"checkpoint": False, "songs": False}
    assert any(each["checkpoint"] for each in reached.values())
    assert any(each["songs"] for each in reached.values())


def test_a_read_only_disk_is_named_and_left_alone(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        answer = call("train", *TINY)
        assert answer.code == 1
        assert "multirun" in answer.text
        assert "Traceback" not in answer.text
        assert not list(disk.iterdir())


def test_a_run_whose_disk_has_become_read_only_is_named(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        assert call("train", *TINY).code == 0
        before = {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()}
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        answer = call("train", *TINY, "trainer.max_steps=6")
        assert answer.code == 1
        assert f"{TINY_RUN}: no permission to write results here" in answer.text
        assert {path: path.read_bytes() for path in disk.rglob("*") if path.is_file()} == before


def test_a_cache_that_is_full_costs_time_only(disk, monkeypatch):
    fill(disk, 16)
    monkeypatch.setenv("MELGEN_CACHE_DIR", str(disk / "cache"))
    monkeypatch.chdir(disk.parent)
    answer = call("train", *TINY, "trainer.max_steps=2")
    assert answer.code == 0, answer.text
    assert "not cached" in answer.text
    corpora = disk / "cache" / "corpora"
    assert [path.name for path in corpora.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
