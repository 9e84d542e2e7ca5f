"""A run's directory: one process, one identity, and a correct status."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time

import pytest
from filelock import FileLock
from hydra.utils import instantiate

from melgen.corpora.corpus import READER_VERSION
from melgen.errors import IdentityError, message_of
from melgen.files import replacing, write_text
from melgen.runs.directory import FINISHED, SWEEP_VARIABLE, RunDirectory
from melgen.runs.search import run_around
from tests.runs.test_files import left_behind

IDENTITY = {"layers": 2, "seed": 0}


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "name" / "run")


def contents(run):
    return sorted(path.name for path in run.path.rglob("*") if path.is_file())


def adopt(run, identity=IDENTITY, force=False):
    with run.claimed():
        run.adopt(identity, "layers: 2\n", force=force)


def test_two_claims_in_one_process_conflict(run):
    expected = pytest.raises(IdentityError, match="another process is training in this directory")
    with run.claimed(), expected, RunDirectory(run.path).claimed():
        pass


@pytest.mark.slow
def test_a_second_process_is_kept_out_until_the_first_ends(run):
    script = """if True:
        import sys
        from melgen.runs.directory import RunDirectory
        with RunDirectory(sys.argv[1]).claimed():
            print("in")
    """
    command = [sys.executable, "-c", script, str(run.path)]
    with run.claimed():
        refused = subprocess.run(command, capture_output=True, text=True)
        (run.path / "something").touch()
    admitted = subprocess.run(command, capture_output=True, text=True)
    assert "another process is training" in refused.stderr
    assert refused.stdout == ""
    assert admitted.stdout == "in\n"


def test_a_claim_ends_with_an_error(run):
    def fail():
        (run.path / "something").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), run.claimed():
        fail()
    with run.claimed():
        pass


def test_a_refusal_leaves_no_empty_directory(run):
    with pytest.raises(ValueError, match="too small"), run.claimed():
        raise ValueError("too small")
    assert not run.path.exists()


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file"), RunDirectory(tmp_path / "file").claimed():
        pass


def test_the_same_run_is_adopted_again(run):
    adopt(run)
    adopt(run)
    assert run.recorded_identity == IDENTITY
    assert (run.path / "config.yaml").read_text() == "layers: 2\n"


def test_another_identity_is_refused_and_nothing_changes(run):
    adopt(run)
    before = {name: (run.path / name).read_bytes() for name in ("identity.json", "config.yaml")}
    with pytest.raises(IdentityError, match=r"layers: 2 there, 3 now") as refusal:
        adopt(run, IDENTITY | {"layers": 3})
    assert "seed" not in str(refusal.value)
    assert {name: (run.path / name).read_bytes() for name in before} == before


def read_by_reader(run, version):
    file = run.path / "identity.json"
    recorded = json.loads(file.read_text())
    recorded.pop("reader_version") if version is None else recorded.update(reader_version=version)
    file.write_text(json.dumps(recorded))


def test_the_reader_is_recorded_but_not_in_the_identity(run):
    adopt(run)
    assert json.loads((run.path / "identity.json").read_text())["reader_version"] == READER_VERSION
    assert run.recorded_identity == IDENTITY
    assert run.recorded_reader == READER_VERSION
    read_by_reader(run, None)
    assert run.recorded_reader == 1, "earlier runs do not record it"
    assert run.recorded_identity == IDENTITY
    read_by_reader(run, "two")
    with pytest.raises(IdentityError, match=r"identity\.json: damaged"):
        run.recorded_reader  # noqa: B018


@pytest.mark.parametrize(("is_unfinished", "consequence"), [(True, "it cannot continue"), (False, "it is kept")])
def test_tunes_of_an_older_reader_are_named_as_the_reason(run, is_unfinished, consequence):
    adopt(run, IDENTITY | {"corpus.fingerprint": "old"})
    read_by_reader(run, 1)
    before = contents(run)
    with run.claimed(), pytest.raises(IdentityError, match=r"older reader \(version 1") as caught:
        run.adopt(IDENTITY | {"corpus.fingerprint": "new"}, "", force=False, is_unfinished=is_unfinished)
    message = str(caught.value)
    assert consequence in message
    assert "corpus.fingerprint: old there, new now" in message
    assert "name=" in message
    assert "force=true" in message
    assert contents(run) == before
    with run.claimed(), pytest.raises(IdentityError, match="belongs to another run"):
        run.adopt(IDENTITY | {"corpus.fingerprint": "old", "layers": 9}, "", force=False)
    adopt(run, IDENTITY | {"corpus.fingerprint": "old"})  # the same tunes, and nothing is trained on them yet
    assert run.recorded_reader == READER_VERSION


def test_the_splits_of_an_older_reader(run):
    adopt(run)
    run.splits.write_text("split\tsource\ttitle\n")
    assert run.splits_to_keep is None
    read_by_reader(run, 1)
    assert run.splits_to_keep == run.splits
    (run.path / "songs").mkdir()
    assert run_around(run.path / "songs").path == run.path.resolve()
    assert run_around(run.path.parent) is None


@pytest.mark.parametrize("is_unfinished", [True, False])
def test_a_run_that_an_older_reader_read_keeps_its_version_and_splits(run, is_unfinished):
    adopt(run)
    read_by_reader(run, 1)
    run.splits.write_text("split\tsource\ttitle\n")
    if is_unfinished:
        run.checkpoints.mkdir()
        (run.checkpoints / "last.ckpt").touch()
    with run.claimed():
        run.adopt(IDENTITY, "layers: 2\n", force=False, is_unfinished=is_unfinished)
    assert run.recorded_reader == 1
    assert run.splits_to_keep == run.splits
    adopt(run, force=True)
    assert run.recorded_reader == READER_VERSION


def test_force_throws_the_old_run_away(run):
    adopt(run)
    (run.checkpoints).mkdir()
    (run.checkpoints / "last.ckpt").touch()
    (run.path / "result.json").write_text("{}")
    adopt(run, IDENTITY | {"layers": 3}, force=True)
    assert run.recorded_identity["layers"] == 3
    assert contents(run) == [".lock", "config.yaml", "identity.json"]


def test_force_can_be_killed_anywhere_and_leaves_no_mixture(tmp_path, monkeypatch):
    """The old run can go on, or nothing is left to go on; the same command removes the rest."""
    removed, done = 1, False
    while not done:
        run = RunDirectory(tmp_path / f"run{removed}")
        adopt(run)
        run.set_status(FINISHED)
        for name in (
            "result.json",
            "metrics.csv",
            "songs/songs.json",
            "checkpoints/best.ckpt",
            "checkpoints/last.ckpt",
        ):
            write_text(run.path / name, "{}")
        whole = {path.name for path in run.path.iterdir()}
        with monkeypatch.context() as patch:
            killed_after(removed, patch)
            try:
                adopt(run, force=True)
                done = True
            except KeyboardInterrupt:
                left = {path.name for path in run.path.iterdir()}
        if not done:
            if run.status:
                assert run.result is not None, "a run with a status is still finished"
            if (run.path / "checkpoints").exists():
                assert left >= whole - {"status.json", "result.json"}, "a run with checkpoints still has all its files"
                assert len(list(run.checkpoints.iterdir())) == 2
            adopt(run, force=True)
        assert contents(run) == [".lock", "config.yaml", "identity.json"]
        removed += 1
    assert removed > 6


def killed_after(operations, patch):
    """End the process after this number of files has been removed or renamed."""
    left = iter(range(operations))

    def ending(function):
        def ended(*arguments, **options):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return function(*arguments, **options)

        return ended

    for name in ("unlink", "rmdir", "rename"):
        patch.setattr(os, name, ending(getattr(os, name)))


def test_force_never_touches_a_directory_that_is_not_a_run(run):
    run.path.mkdir(parents=True)
    (run.path / "thesis.tex").write_text("mine")
    with pytest.raises(IdentityError, match=r"contains thesis\.tex and not a run"):
        adopt(run, force=True)
    assert (run.path / "thesis.tex").read_text() == "mine"


def test_force_does_not_follow_links(run, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    adopt(run)
    (run.path / "songs").symlink_to(tmp_path / "precious")
    adopt(run, force=True)
    assert (tmp_path / "precious" / "file").exists()
    assert not (run.path / "songs").is_symlink()


def test_checkpoints_of_unknown_identity_are_refused(run):
    run.checkpoints.mkdir(parents=True)
    (run.checkpoints / "last.ckpt").touch()
    with pytest.raises(IdentityError, match="checkpoints of unknown identity"):
        adopt(run)


@pytest.mark.parametrize("content", ["", "{", "nonsense"])
def test_a_damaged_identity_is_refused_and_force_helps_as_the_message_advises(run, content):
    adopt(run)
    (run.path / "identity.json").write_text(content)
    with pytest.raises(IdentityError, match=r"identity\.json: damaged .*force=true"):
        adopt(run)
    adopt(run, force=True)
    assert run.recorded_identity == IDENTITY


def test_a_finished_run_has_its_state_and_a_log(run):
    adopt(run)
    logging.getLogger().setLevel(logging.INFO)
    with run.reporting():
        assert run.status["state"] == "running"
        logging.getLogger("melgen.test").info("update 5 of 9")
    logging.getLogger("melgen.test").info("afterwards")
    assert run.status["state"] == "finished"
    log = (run.path / "train.log").read_text()
    assert "update 5 of 9" in log
    assert "afterwards" not in log


def test_a_failure_leaves_its_traceback(run):
    adopt(run)
    with pytest.raises(ZeroDivisionError), run.reporting():
        1 / 0  # noqa: B018
    assert run.status["state"] == "failed"
    assert run.status["error"] == "division by zero"
    for name in ("error.txt", "train.log"):
        text = (run.path / name).read_text()
        assert "Traceback" in text
        assert "ZeroDivisionError: division by zero" in text
    with run.reporting():
        assert not (run.path / "error.txt").exists()


def test_ctrl_c_between_the_writing_and_the_removing_of_a_file_leaves_nothing(run, monkeypatch):
    """Ctrl-C can come just before the line that removes the temporary file."""
    adopt(run)
    other = left_behind(run.path / "result.json")

    def interrupted(path, missing_ok):
        monkeypatch.undo()
        raise KeyboardInterrupt

    def write():
        other.write_text("half, of a process that may still write")
        monkeypatch.setattr(type(run.path), "unlink", interrupted)
        with replacing(run.path / "metrics.csv"):
            raise OSError

    with pytest.raises(KeyboardInterrupt), run.reporting():
        write()
    assert list(run.path.rglob(".*.tmp")) == [other]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_is_an_interruption(run, stop):
    adopt(run)
    with pytest.raises(KeyboardInterrupt), run.reporting():
        raise stop
    assert run.status["state"] == "interrupted"
    assert not (run.path / "error.txt").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, which always lacks room")
def test_a_log_without_room_does_not_hide_the_error(tmp_path):
    (tmp_path / "train.log").symlink_to("/dev/full")

    def fail():
        with RunDirectory(tmp_path).logging_to_file():
            logging.getLogger("melgen").warning("lost")
            raise RuntimeError("the reason")

    with pytest.raises(RuntimeError, match="the reason"):
        fail()


def test_a_full_disk_is_named_by_the_run_where_the_system_names_no_file(run):
    adopt(run)
    with pytest.raises(OSError, match="No space") as caught, run.reporting():
        raise OSError(errno.ENOSPC, "No space left on device")
    full = "No space left on device; free some space, then run the same command again"
    assert message_of(caught.value) == f"{run.path}: {full}"


def test_a_new_run_has_neither_status_nor_result(run):
    assert (run.status, run.result, run.recorded_identity) == ({}, None, {})


def test_a_refused_run_does_not_touch_the_directory_of_the_other(run):
    adopt(run)
    run.set_status("finished")
    run.record_failure(IdentityError("belongs to another run"))
    assert run.status["state"] == "finished"
    refused = RunDirectory(run.path.with_name("run-refused"))
    assert refused.status["error"] == "belongs to another run"
    adopt(run)
    assert not refused.path.exists()


def test_messages_are_those_of_the_cause():
    with pytest.raises(Exception, match="Error in call to target") as wrapped:
        instantiate({"_target_": "melgen.corpora.FolkCorpus", "collections": ["polka"]})
    assert message_of(wrapped.value).startswith("collections=['polka']: expected")
    assert message_of(FileNotFoundError(2, "No such file or directory", "a.mid")) == "a.mid: No such file or directory"
    assert message_of(KeyboardInterrupt()) == "KeyboardInterrupt"


def test_the_status_is_plain_json(run):
    adopt(run)
    run.set_status("running", job=3)
    status = json.loads((run.path / "status.json").read_text())
    assert status["job"] == 3
    assert status["pid"] > 0


def with_torch(monkeypatch, version):
    software = {"melgen's numbers": "1", "torch": version}
    monkeypatch.setattr("melgen.runs.directory.numbers_software", lambda: software)


def test_a_training_does_not_go_on_with_other_software(run, monkeypatch):
    with_torch(monkeypatch, "2.12")
    adopt(run)
    before = (run.path / "identity.json").read_bytes()
    with_torch(monkeypatch, "2.13")
    with pytest.raises(IdentityError, match=r"other software.*torch: 2\.12 there, 2\.13 now"):
        adopt(run)
    assert (run.path / "identity.json").read_bytes() == before
    adopt(run, force=True)
    assert run.identity_file.software["torch"] == "2.13"


def test_a_finished_run_stays_finished_and_keeps_its_recorded_software(run, monkeypatch, caplog):
    with_torch(monkeypatch, "2.12")
    adopt(run)
    with_torch(monkeypatch, "2.13")
    with caplog.at_level("INFO"), run.claimed():
        run.adopt(IDENTITY, "layers: 2\n", force=False, is_unfinished=False)
    assert "torch: 2.12 there, 2.13 now" in caplog.text
    assert run.identity_file.software["torch"] == "2.12"
    with pytest.raises(IdentityError, match="other software"):
        adopt(run)


def test_a_run_is_begun_by_the_jobs_of_one_sweep_and_by_no_other_command(run, monkeypatch):
    monkeypatch.delenv(SWEEP_VARIABLE, raising=False)
    adopt(run)
    run.set_status("running")
    assert not run.is_begun_by_this_job
    monkeypatch.setenv(SWEEP_VARIABLE, "one")
    assert not run.is_begun_by_this_job
    run.set_status("running")
    assert run.is_begun_by_this_job
    monkeypatch.setenv(SWEEP_VARIABLE, "another")
    assert not run.is_begun_by_this_job


def test_a_run_of_a_later_format_is_left_alone(run):
    adopt(run)
    file = run.path / "identity.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format_version": 99}))
    with pytest.raises(IdentityError, match=r"identity\.json: format version 99; melgen .* reads 1 to 1"):
        adopt(run)


def test_a_job_that_was_queued_again_waits_for_the_lock_of_its_dead_node(run, monkeypatch):
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    monkeypatch.setattr("melgen.runs.directory.REQUEUED_SECONDS", 5)
    run.path.mkdir(parents=True)
    held = FileLock(run.path / ".lock", thread_local=False)
    held.acquire()
    threading.Timer(0.3, held.release).start()
    began = time.monotonic()
    with run.claimed():
        assert time.monotonic() - began >= 0.2
