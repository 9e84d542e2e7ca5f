"""The status of a sweep, read from its files."""

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from melgen.files import write_json
from melgen.processes import process_birth
from melgen.status import DEFAULT_DIR
from tests.commands.calling import TINY, call
from tests.commands.mishap import mishap
from tests.runs.test_files import dead_pid

SWEEP = [value for value in TINY if not value.startswith("layers")]


def states(answer):
    return {line.split()[1].rpartition("/")[2]: line.split()[0] for line in answer.out.splitlines() if "-seed" in line}


def pretend(run, **status):
    run.joinpath("status.json").write_text(json.dumps({"time": time.time(), "host": socket.gethostname(), **status}))


@pytest.mark.slow
def test_every_job_is_shown_and_a_failure_fails(here):
    call("train", "-m", *SWEEP, "layers=1,2", "seed=0,1", mishap("seed1"))
    answer = call("status", "dir=multirun")
    assert answer.code == 1
    found = states(answer)
    assert sorted(found.values()) == ["failed", "failed", "finished", "finished"]
    assert all(state == ("failed" if "seed1" in name else "finished") for name, state in found.items())
    assert "a mishap" in answer.out
    assert "4 runs: 2 finished, 2 failed" in answer.out
    assert "4 of 4 updates" in answer.out

    only = call("status", "dir=multirun", "show=[failed]")
    assert set(states(only).values()) == {"failed"}


def test_without_a_directory_it_looks_where_trainings_leave_their_runs(here):
    from tests.runs.composing import composed

    assert composed().output_dir == DEFAULT_DIR
    nothing = call("status")
    assert nothing.code == 1
    assert "there is no run in multirun, where melgen looks for runs; dir=DIR names another" in nothing.text
    assert "Traceback" not in nothing.text
    run = here / "multirun" / "mine" / "control-lstm-1-seed0"
    run.mkdir(parents=True)
    pretend(run, state="finished")
    found = call("status")
    assert found.code == 0
    assert found.out.startswith("The runs in multirun (dir=DIR: of another directory)\n")
    assert states(found) == {"control-lstm-1-seed0": "finished"}
    assert call("status", "dir=multirun").out == found.out.partition("\n")[2]


@pytest.mark.parametrize("folder", ["multirun", ".", "elsewhere/../multirun"])
def test_the_runs_of_a_sweep_over_names_are_listed_once(here, folder):
    (here / "elsewhere").mkdir()
    run, sweep = here / "multirun" / "a" / "control-lstm-1-seed0", here / "multirun" / "folk"
    run.mkdir(parents=True)
    pretend(run, state="finished")
    write_json(sweep / "jobs.json", {"runs": [f"../{name}/control-lstm-1-seed0" for name in "ab"]})
    answer = call("status", f"dir={folder}")
    inside = "multirun/" if folder == "." else ""
    names = [line.split()[1] for line in answer.out.splitlines() if "-seed" in line]
    assert names == [f"{inside}a/control-lstm-1-seed0", f"{inside}b/control-lstm-1-seed0"]
    assert "2 runs: 1 finished, 1 waiting" in answer.out


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["| head -1", "| true", "2>&1 | true", ">&-", "2>&- >&-"])
def test_a_failure_sets_the_exit_code_when_the_output_is_cut_off(here, ending):
    for number in range(300):
        run = here / "multirun" / "many" / f"control-lstm-1-seed{number}"
        run.mkdir(parents=True)
        pretend(run, state="failed" if number == 299 else "finished", error="a reason" * 40)
    line = f'"$0" -m melgen.status dir=multirun {ending}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", line, sys.executable], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.slow
def test_jobs_that_have_not_begun_wait(here):
    folder = here / "multirun" / "misc_folk"
    call("train", "-m", *SWEEP, "layers=1,2")
    gone = folder / "control-lstm-2-seed0-hidden_size-8"
    for path in sorted(gone.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    gone.rmdir()
    answer = call("status", "dir=multirun")
    assert answer.code == 0
    assert states(answer) == {"control-lstm-1-seed0-hidden_size-8": "finished", gone.name: "waiting"}


@pytest.mark.slow
def test_a_run_whose_process_is_gone_is_interrupted(here):
    call("train", *TINY)
    run = here / "multirun/misc_folk/control-lstm-1-seed0-hidden_size-8"
    for status, expected in (
        ({"state": "running", "pid": os.getpid()}, "running"),
        ({"state": "running", "pid": os.getpid(), "process_birth": process_birth(os.getpid())}, "running"),
        # Where the start time of processes is unknown, the process number must suffice.
        (
            {"state": "running", "pid": os.getpid(), "process_birth": "1-00000000"},
            "interrupted" if process_birth(os.getpid()) else "running",
        ),
        ({"state": "running", "pid": dead_pid()}, "interrupted"),
        ({"state": "running", "pid": 1, "host": "node7"}, "running"),
        ({"state": "interrupted", "pid": 1}, "interrupted"),
    ):
        pretend(run, **status)
        assert states(call("status", "dir=multirun")) == {run.name: expected}, status
    pretend(run, state="running", pid=1, host="node7")
    for path in (run, run / "metrics.csv", run / "checkpoints"):
        os.utime(path, (1, 1))
    assert states(call("status", "dir=multirun")) == {run.name: "interrupted"}


@pytest.mark.slow
def test_progress_and_remaining_time_come_from_the_log(here):
    call("train", *TINY)
    run = here / "multirun/misc_folk/control-lstm-1-seed0-hidden_size-8"
    pretend(run, state="running", pid=os.getpid())
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("max_steps: 4", "max_steps: 4000"))
    rows = ["step,train/tokens_per_second", "50,2500.0", "100,25000.0"]  # ten updates a second
    (run / "metrics.csv").write_text("\n".join(rows) + "\n")
    answer = call("status", "dir=multirun")
    assert "100 of 4,000 updates  about 6 min left" in answer.out  # 3,900 updates in 390 s
    assert "needs about 6 min more" in answer.out


@pytest.mark.slow
def test_damaged_files_are_reported_and_raise_no_error(here):
    call("train", *TINY)
    run = here / "multirun/misc_folk/control-lstm-1-seed0-hidden_size-8"
    (run / "metrics.csv").write_text("step,\x00")
    (run / "config.yaml").write_text(": : :")
    pretend(run, state="running", pid=os.getpid())
    assert states(call("status", "dir=multirun")) == {run.name: "running"}
    (run / "status.json").write_text('{"state": "fini')
    answer = call("status", "dir=multirun")
    assert answer.code == 1
    assert "status.json: damaged" in answer.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["dir=nowhere"], "dir=nowhere: no such directory"),
        (["dir=."], "dir=.: contains neither a run"),
        (["dir=.", "show=[lost]"], "show=lost: must be all, or one of finished, running"),
    ],
)
def test_a_folder_or_a_state_that_does_not_exist_is_refused(here, overrides, message):
    answer = call("status", *overrides)
    assert answer.code == 1
    assert message in answer.err


@pytest.mark.slow
def test_it_answers_without_torch(here):
    """The status is read often, so it must not wait for imports."""
    call("train", *TINY)
    code = (
        "import sys; sys.argv = ['melgen.status', 'dir=multirun']; import melgen.status as s\n"
        "s.main(); sys.exit('torch' in sys.modules or 'pytorch_lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=here).returncode == 0


def test_a_folder_that_cannot_be_read_is_not_empty(here, monkeypatch):
    (here / "secret").mkdir()
    listed = os.listdir

    def closed(path="."):
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "listdir", closed)  # the superuser may read everything
    answer = call("status", "dir=secret")
    assert answer.code == 1
    assert "dir=secret: this folder cannot be read: Permission denied" in answer.err
