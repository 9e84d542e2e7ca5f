"""Sweeps: a table at the end, and a failure that does not stop the other jobs."""

import csv
import json
import re
from itertools import product
from pathlib import Path

import pytest

from melgen.runs.directory import RunDirectory
from tests.commands.calling import TINY, call, files_below, spawn
from tests.commands.mishap import mishap
from tests.training.equality import unequal

SWEPT = [override for override in TINY if not override.startswith("layers")]
SWEEP_LINE = "-m dataset=control,interval,db12 cell=lstm,gru,rnn layers=1,2,3,4,5"
"""The sweep that the README shows."""
FAMILY = Path("multirun/misc_folk")


def table():
    with (FAMILY / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_failing_job_leaves_the_others_alone(here):
    answer = call("train", "-m", *SWEPT, "cell=lstm,gru", "layers=1,2", mishap("-2-seed"))
    assert answer.code == 1
    assert "Sweep of 4 jobs" in answer.text
    assert [line for line in answer.err.splitlines() if line.startswith("  #")] == [
        f"  #{number}: cell={cell} layers={layers}"
        for number, (cell, layers) in enumerate(product(("lstm", "gru"), (1, 2)))
    ]
    assert "Launching" not in answer.err
    assert answer.err.count("Corpus misc_folk: ") == 1, "it is that of all jobs"
    for cell in ("lstm", "gru"):
        file = FAMILY / f"control-{cell}-1-seed0-hidden_size-8" / "train.log"
        assert "Corpus misc_folk: " in file.read_text()
    assert "2 of 4 jobs finished" in answer.text
    rows = table()
    assert [(row["run"], row["state"]) for row in rows] == [
        ("control-gru-1-seed0-hidden_size-8", "finished"),
        ("control-gru-2-seed0-hidden_size-8", "failed"),
        ("control-lstm-1-seed0-hidden_size-8", "finished"),
        ("control-lstm-2-seed0-hidden_size-8", "failed"),
    ]
    for row in rows:
        folder = FAMILY / row["run"]
        if row["state"] == "failed":
            assert row["error"] == "a mishap"
            assert f"failed: {folder}: {row['error']}" in answer.text
            for name in ("error.txt", "train.log"):
                assert "Traceback" in (folder / name).read_text()
                assert "a mishap" in (folder / name).read_text()
        else:
            assert int(row["updates"]) == 4
            for key in ("val_loss", "bits_per_note", "conjunct_melodic_motion", "seconds"):
                assert float(row[key]) > 0
            assert not (folder / "error.txt").exists()
            assert row["run"] in answer.text


@pytest.mark.slow
def test_a_failed_sweep_whose_table_cannot_be_written_fails(here):
    (FAMILY / "sweep.csv").mkdir(parents=True)
    answer = call("train", "-m", *SWEPT, "layers=1", mishap("lstm"))
    assert answer.code == 1
    assert "control-lstm-1-seed0-hidden_size-8: a mishap\n" in answer.out
    assert answer.err.endswith(f"melgen.train: error: {FAMILY / 'sweep.csv'}: Is a directory\n")
    assert "UserWarning" not in answer.text


@pytest.mark.slow
def test_a_failure_is_recorded_once_where_the_run_is(here):
    answer = call("train", "-m", *TINY, "run_dir=elsewhere/run", mishap("run"))
    assert answer.code == 1
    assert "failed: elsewhere/run: a mishap" in answer.text
    assert Path("elsewhere/run/train.log").read_text().count("Traceback") == 1
    assert [*here.rglob("status.json")] == [here / "elsewhere/run/status.json"]
    identity = Path("elsewhere/run/identity.json")
    identity.write_text(json.dumps(json.loads(identity.read_text()) | {"optimizer.lr": 0.5}))
    answer = call("train", "-m", *TINY, "run_dir=elsewhere/run")
    assert "failed: elsewhere/run-refused: " in answer.text
    assert {*here.rglob("status.json")} == {here / f"elsewhere/run{end}/status.json" for end in ("", "-refused")}


@pytest.mark.slow
def test_a_sweep_of_pitches_and_rhythm_marks_what_is_not_comparable(here):
    answer = call("train", "-m", *SWEPT, "layers=1", "rhythm=none,factored")
    assert answer.code == 0, answer.text
    pitches, rhythm = table()
    assert float(pitches["bits_per_note"]) == float(pitches["pitch_bits_per_note"]) > 0
    assert pitches["bits_per_note_with_rhythm"] == rhythm["bits_per_note"] == ""
    parts = [float(rhythm[f"{part}_bits_per_note"]) for part in ("pitch", "rhythm")]
    assert float(rhythm["bits_per_note_with_rhythm"]) == pytest.approx(sum(parts))
    name = "control-lstm-1-seed0"
    assert re.search(rf"^{name}: update 4/4, .* \d\.\d+ bits/note$", answer.err, re.MULTILINE)
    assert re.search(rf"^{name}-rhythm-factored: update 4/4, .* bits/note with rhythm$", answer.err, re.MULTILINE)
    assert re.search(rf"^{name}-rhythm-factored: Best .* bits/note with rhythm\), test", answer.err, re.MULTILINE)
    columns = [(FAMILY / row["run"] / "metrics.csv").read_text().partition("\n")[0] for row in (pitches, rhythm)]
    assert ["val/bits_per_note," in line for line in columns] == [True, False]


@pytest.mark.slow
def test_the_same_sweep_again_prints_the_same_without_training(here):
    sweep = ("-m", *SWEPT, "cell=lstm,gru", "layers=1")
    assert call("train", *sweep).code == 0
    before = table()
    songs = files_below(FAMILY / "control-gru-1-seed0-hidden_size-8" / "songs")
    answer = call("train", *sweep)
    assert answer.code == 0
    assert "2 of 2 jobs finished" in answer.text
    assert table() == before
    assert files_below(FAMILY / "control-gru-1-seed0-hidden_size-8" / "songs") == songs


@pytest.mark.slow
def test_a_failed_job_that_is_mended_finishes(here):
    run = "control-lstm-1-seed0-hidden_size-8"
    assert call("train", "-m", *SWEPT, "layers=1", mishap("lstm")).code == 1
    assert table()[0]["state"] == "failed"
    assert call("train", "-m", *SWEPT, "layers=1").code == 0
    assert [(row["run"], row["state"], row["error"]) for row in table()] == [(run, "finished", "")]
    assert not (FAMILY / run / "error.txt").exists()


@pytest.mark.slow
def test_a_refused_job_leaves_the_run_that_is_there_untouched(here):
    """The table shows the failed job; the status of the healthy run in its directory is unchanged."""
    run = FAMILY / "control-lstm-1-seed0-hidden_size-8"
    assert call("train", *SWEPT, "layers=1").code == 0
    identity = json.loads((run / "identity.json").read_text())
    (run / "identity.json").write_text(json.dumps(identity | {"optimizer.lr": 0.5}))
    before = files_below(run)
    answer = call("train", "-m", *SWEPT, "layers=1")
    assert answer.code == 1
    assert "optimizer.lr: 0.5 there, 0.002 now" in answer.text
    after = files_below(run)
    assert {name: after[name] for name in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deep/er", "''"])
def test_the_table_finds_its_runs_with_any_name(name, here):
    answer = call("train", "-m", *SWEPT, "layers=1", f"name={name}")
    assert "1 of 1 jobs finished" in answer.text or (answer.code == 1 and "name=" in answer.text)


def test_a_list_is_refused_in_a_sweep_too(here):
    answer = call("train", "-m", *SWEPT, "layers=1,2", "cell=[lstm,gru]")
    assert answer.code == 1
    assert "cell=[lstm,gru]" in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.slow
def test_a_sweep_into_a_file_is_refused(here):
    Path("results").write_text("mine")
    answer = call("train", "-m", *SWEPT, "layers=1", "output_dir=results")
    assert answer.code == 1
    assert "results" in answer.text
    assert "Traceback" not in answer.text
    assert files_below(here) == {"results": b"mine"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("only", "runs"),
    [
        ("failed", ["control-gru-2"]),
        ("[failed,waiting]", ["control-gru-2", "control-rnn-1", "control-rnn-2"]),
        ("all", ["control-gru-1", "control-gru-2", "control-rnn-1", "control-rnn-2"]),
    ],
)
def test_only_chooses_the_jobs_by_the_state_of_their_runs(only, runs, here):
    sweep = ["-m", *SWEPT, "layers=1,2"]
    answer = call("train", *sweep, "cell=gru", mishap("gru-2"))
    assert "1 of 2 jobs finished" in answer.out
    assert "control-gru-2-seed0-hidden_size-8: a mishap\n" in answer.out
    answer = call("train", *sweep, "cell=gru,rnn", f"only={only}")
    assert answer.code == 0, answer.text
    now = f", {len(runs)} of them .* now" if len(runs) < 4 else ", 12 updates to make"
    assert re.search(rf"4 jobs \(1 of them finished already\){now}", answer.text)
    assert f"{len(runs)} of {len(runs)} {'jobs' if len(runs) > 1 else 'job'} finished" in answer.out
    begun = sorted({"control-gru-1", *runs})  # the file has the runs of the sweep before too
    assert [row["run"].removesuffix("-seed0-hidden_size-8") for row in table()] == begun


@pytest.mark.slow
def test_only_with_a_state_that_no_run_has_trains_nothing(here):
    sweep = ["-m", *SWEPT, "layers=1"]
    assert call("train", *sweep).code == 0
    before = files_below(FAMILY / "control-lstm-1-seed0-hidden_size-8")
    answer = call("train", *sweep, "only=[failed,interrupted]")
    assert answer.code == 0, answer.text
    assert "0 of 0 jobs" not in answer.text
    assert "no job is interrupted or failed" in answer.text
    assert files_below(FAMILY / "control-lstm-1-seed0-hidden_size-8") == before


@pytest.mark.slow
@pytest.mark.parametrize("only", ["broken", "[failed,broken]", "[]", "7"])
def test_only_with_an_unknown_state_is_refused(only, here):
    answer = call("train", "-m", *SWEPT, "layers=1,2", f"only={only}")
    assert answer.code == 1
    assert "only=" in answer.text
    assert "Traceback" not in answer.text
    assert not FAMILY.exists()


@pytest.mark.slow
def test_only_is_refused_without_a_sweep(here):
    answer = call("train", *SWEPT, "layers=1", "only=failed")
    assert answer.code == 1
    assert "only=failed: " in answer.text
    assert "-m" in answer.text


@pytest.mark.slow
def test_a_job_that_diverges_is_reported_and_the_sweep_goes_on(here):
    answer = call("train", "-m", *SWEPT, "layers=1", "optimizer.lr=0.002,1e37", "gradient_clip_norm=null")
    assert answer.code == 1
    assert "1 of 2 jobs finished" in answer.out
    failure = next(line for line in answer.out.splitlines() if line.startswith("failed: "))
    assert re.search(r"became (nan|inf) at update \d \(epoch 1, window \d of \d+\)", failure)
    assert "a smaller optimizer.lr or gradient_clip_norm usually helps" in failure


@pytest.mark.slow
def test_a_run_that_another_process_trains_is_left_alone(here):
    """This process holds the lock of the directory."""
    run = RunDirectory(FAMILY / "control-lstm-1-seed0-hidden_size-8")
    with run.claimed():
        run.set_status("running")
        before = files_below(run.path)
        answer = call("train", "-m", *SWEPT, "layers=1,2")
        assert files_below(run.path) == before
    assert answer.code == 1
    assert f"running: {run.path}: left alone: another process is training it" in answer.text
    assert "1 of 2 jobs finished" in answer.text
    assert not run.refused.path.exists()
    assert call("train", "-m", *SWEPT, "layers=1,2").code == 0


@pytest.mark.slow
def test_two_jobs_at_once_give_the_same_results_as_one_after_the_other(tmp_path):
    """The launcher of joblib starts worker processes with one thread each."""
    sweep = ("-m", *SWEPT, "layers=1,2")
    for folder, launcher in (("one", "basic"), ("two", "local")):
        (tmp_path / folder).mkdir()
        launching = (f"hydra/launcher={launcher}", *(["hydra.launcher.n_jobs=2"] if launcher == "local" else []))
        answer = spawn("train", *sweep, *launching, cwd=tmp_path / folder)
        assert answer.code == 0, answer.text
        assert "2 of 2 jobs finished" in answer.text
    pids = {}
    for layers in (1, 2):
        run = FAMILY / f"control-lstm-{layers}-seed0-hidden_size-8"
        assert unequal(tmp_path / "one" / run, tmp_path / "two" / run) == []
        for folder in ("one", "two"):
            pids[folder, layers] = json.loads((tmp_path / folder / run / "status.json").read_text())["pid"]
    assert pids["one", 1] == pids["one", 2]
    assert pids["two", 1] != pids["two", 2]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_45_networks_five_of_which_fail_at_first(tmp_path, monkeypatch):
    """The sweep command of the README, with a small corpus and for four updates."""
    monkeypatch.chdir(tmp_path)
    shrunk = "trainer.max_steps=4 corpus=misc_folk hidden_size=16 callbacks.sampling.songs=2 callbacks.sampling.notes=6"
    quicker = "callbacks.projection=null callbacks.tonality=null logger=csv report=false"
    sweep = [*SWEEP_LINE.split(), *shrunk.split(), *quicker.split()]
    answer = spawn("train", *sweep, mishap("interval-gru"), cwd=tmp_path, PYTHONPATH=str(Path(__file__).parents[2]))
    assert answer.code == 1
    assert "Sweep of 45 jobs" in answer.text
    assert "40 of 45 jobs finished" in answer.text
    rows = table()
    assert len({row["run"] for row in rows}) == 45
    failed = [row["run"] for row in rows if row["state"] == "failed"]
    assert failed == [f"interval-gru-{layers}-seed0-hidden_size-16" for layers in range(1, 6)]
    for run in failed:
        assert f"failed: {FAMILY / run}: a mishap\n" in answer.out
    others = [row["run"] for row in rows if row["run"] not in failed]
    assert all(float(row["bits_per_note"]) > 0 for row in rows if row["run"] in others)
    before = {run: files_below(FAMILY / run) for run in others}

    answer = spawn("train", *sweep, "only=failed", cwd=tmp_path)
    assert answer.code == 0, answer.text[-3000:]
    assert "5 of 5 jobs finished" in answer.text
    assert {run: files_below(FAMILY / run) for run in others} == before
    answer = call("status", "dir=multirun", "show=failed")
    assert answer.code == 0
    assert "45 runs: 45 finished" in answer.out
