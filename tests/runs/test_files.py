"""Files are complete, or they do not exist."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys

import pytest

from melgen.files import flush, flush_below, remove_leftovers, replacing, scratch_beside, write_json, write_text
from melgen.processes import process_birth


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_behind(path, kind="tmp"):
    """The temporary file of ``path`` that a killed process left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", dead_pid)
        return scratch_beside(path, kind)


def of_this_number_before(path):
    """The temporary file of an earlier process with the same number, as trainings in containers have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("melgen.files.process_birth", lambda pid: "1-00000000")
        return scratch_beside(path, "tmp")


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        fail(temporary)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_no_reader_sees_a_file_that_is_half_written(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with path.open() as reader:
        with replacing(path) as temporary:
            temporary.write_text("new")
            assert path.read_text() == "old"
        assert reader.read() == "old", "an open file keeps the old content"
    assert path.read_text() == "new"


def test_folders_are_made_and_permissions_ordinary(tmp_path):
    path = tmp_path / "deep" / "er" / "a.json"
    write_json(path, {"größe": 1})
    assert path.read_text(encoding="utf-8") == '{\n  "größe": 1\n}\n'
    (tmp_path / "ordinary").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "ordinary").stat().st_mode)


def test_data_that_is_not_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", [object()])
    assert (tmp_path / "a.json").read_text() == "[\n  1\n]\n"


def test_only_the_temporary_files_of_killed_processes_are_removed(tmp_path):
    elsewhere = left_behind(tmp_path / "a.txt")
    elsewhere = elsewhere.with_name(re.sub(r"\.\w*-", ".another_machine-", elsewhere.name))
    kept = [
        tmp_path / "a.txt",
        tmp_path / ".a.txt.mine.tmp",
        scratch_beside(tmp_path / "a.txt", "tmp"),  # of this process, which is running
        elsewhere,
    ]
    gone = [
        left_behind(tmp_path / "a.txt"),
        left_behind(tmp_path / "deep" / "b[1].ckpt"),
        left_behind(tmp_path / "c", "new") / "x",
        *([of_this_number_before(tmp_path / "a.txt")] if process_birth(os.getpid()) else []),
    ]
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
    remove_leftovers(tmp_path, "b[1].ckpt")
    assert all(path.exists() for path in kept + gone), "it is in a folder below"
    remove_leftovers(tmp_path / "deep", "b[1].ckpt")
    remove_leftovers(tmp_path, "c")
    assert [path.exists() for path in gone[:3]] == [True, False, False]
    remove_leftovers(tmp_path)
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in kept)


def test_old_temporary_files_of_another_machine_are_removed_if_asked(tmp_path):
    here = left_behind(tmp_path / "a.ckpt")
    old, new = (here.with_name(re.sub(r"\.\w*-", f".{node}-", here.name)) for node in ("node1", "node2"))
    for path in (old, new):
        path.write_text("half")
    os.utime(old, (1, 1))
    remove_leftovers(tmp_path)
    assert old.exists()
    remove_leftovers(tmp_path, others_after_seconds=3600)
    assert (old.exists(), new.exists()) == (False, True)


def filled(folder):
    """A folder with 40 files, in it and below it."""
    for number in range(40):
        write_text(folder / f"{number % 4}" / f"{number}.txt", "x")
    return [folder, *folder.rglob("*")]


def test_all_files_and_folders_below_a_folder_are_flushed(tmp_path, monkeypatch):
    places, flushed = filled(tmp_path), []
    monkeypatch.setattr("melgen.files.flush", flushed.append)
    flush_below(tmp_path)
    assert sorted(flushed) == sorted(places)
    assert flushed[-1] == tmp_path, "its names last, as they were not there before the files"


def test_what_disappears_or_belongs_to_a_logger_is_not_flushed(tmp_path, monkeypatch):
    filled(tmp_path)
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "staged").touch()
    flushed = []

    def flush_while_another_program_removes(path):
        if path.name == "7.txt":
            path.unlink()
        flushed.append(path)
        flush(path)

    monkeypatch.setattr("melgen.files.flush", flush_while_another_program_removes)
    flush_below(tmp_path, but=["wandb"])
    assert not [path for path in flushed if "wandb" in path.parts]
    assert len(flushed) == 45, "40 files, four folders and their own"


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EIO])
def test_a_file_system_may_refuse_to_flush_a_directory_but_not_a_file(tmp_path, monkeypatch, refusal):
    really_fsync = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(refusal, os.strerror(refusal))
        really_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if refusal == errno.EIO:
        with pytest.raises(OSError, match="Input/output error"):
            write_text(tmp_path / "a.txt", "whole")
    else:
        write_text(tmp_path / "a.txt", "whole")
        assert (tmp_path / "a.txt").read_text() == "whole"
    monkeypatch.setattr(os, "fsync", lambda descriptor: fsync(os.open(tmp_path, os.O_RDONLY)))
    with pytest.raises(OSError, match=os.strerror(refusal)):
        flush(tmp_path / "a.txt")


def test_a_file_that_cannot_be_flushed_is_an_error(tmp_path, monkeypatch):
    filled(tmp_path)

    def refuse(path):
        if path.name == "7.txt":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("melgen.files.flush", refuse)
    with pytest.raises(OSError, match=r"7\.txt"):
        flush_below(tmp_path)
