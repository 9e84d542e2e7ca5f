"""The count of jobs at a sweep's start, the table at its end."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import socket
from contextlib import contextmanager, redirect_stderr
from itertools import product
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from melgen.configuration.conf_dir import CONF_DIR
from melgen.files import write_json
from melgen.runs.directory import SWEEP_VARIABLE, RunDirectory
from melgen.sweeps.callback import SweepCallback
from melgen.sweeps.one_of_many import check_one_of_many
from melgen.sweeps.plan import planned_axes, planned_jobs
from melgen.sweeps.updates import planned_updates


def config(params, task, **more):
    hydra = {"sweeper": {"params": params}, "overrides": {"task": task}, **more}
    return OmegaConf.create({"hydra": hydra, "trainer": {"max_steps": 10, "max_epochs": -1}})


@pytest.mark.parametrize(
    ("params", "task", "jobs"),
    [
        (None, [], 1),
        (None, ["layers=1,2,3"], 3),
        (None, ["dataset=control,interval,db12", "cell=lstm,gru,rnn", "layers=1,2,3,4,5"], 45),
        ({"cell": "lstm,nas,ugrnn", "layers": "1,2"}, ["seed=0"], 6),
        ({"cell": "lstm,nas,ugrnn", "layers": "1,2"}, ["cell=gru"], 2),
        ({"cell": "lstm,nas,ugrnn"}, ["cell=gru,rnn"], 2),
        (None, ["seed=range(0,5)"], 5),
        (None, ["seed=range(0,10,2)", "cell=choice(lstm,gru)"], 10),
        (None, ["primer=[60,62]", "cell.stack=[lstm,nas],[gru]"], 2),
        (None, ["+note='a,b'"], 1),
        (None, ["hidden_size=shuffle(8,16,32)"], 3),
        (None, ["layers=1,2", "layers=3"], 1),
    ],
    ids=str,
)
def test_jobs_are_counted_as_the_sweeper_makes_them(params, task, jobs):
    given = [f"{key}={value}" for key, value in (params or {}).items()] + task
    made = BasicSweeper.split_arguments(OverridesParser.create().parse_overrides(given), None)
    assert sum(map(len, made)) == jobs, "the sweeper counts the same"
    planned = list(product(*planned_axes(config(params, task).hydra).values()))
    assert len(planned) == jobs
    assert [list(job) for job in planned] == [job for batch in made for job in batch] or "shuffle" in str(task)


def make_run(folder, state, token="this", result=None, **status):
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps({"state": state, "sweep": token, **status}))
    if result is not None:
        (folder / "result.json").write_text(json.dumps(result))


RESULT = {
    "updates": 100,
    "val/loss": 1.25,
    "val/bits_per_note": 1.8,
    "tonality/conjunct_melodic_motion": 2.0,
    "tonality/limited_macroharmony": 1.1,
    "tonality/centricity": 0.2,
    "seconds": 12.6,
}


@pytest.fixture
def end(tmp_path, monkeypatch, capsys):
    def end(jobs, name="sweep", planned=()):
        monkeypatch.setenv(SWEEP_VARIABLE, "this")
        report = SweepCallback()
        report.jobs, report.planned = jobs, planned
        settings = OmegaConf.create({"output_dir": str(tmp_path), "hydra": {"sweep": {"dir": str(tmp_path / name)}}})
        settings.hydra.job = {"config_name": "config"}
        code = 0
        try:
            report.on_multirun_end(settings)
        except SystemExit as stop:
            code = stop.code
        table = tmp_path / name / "sweep.csv"
        return (
            code,
            capsys.readouterr().out,
            list(csv.DictReader(table.read_text().splitlines())) if table.is_file() else None,
        )

    return end


def test_a_sweep_that_went_well(tmp_path, end):
    for layers in (10, 2, 1):
        make_run(tmp_path / "sweep" / f"control-lstm-{layers}-seed0", "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "control-lstm-3-seed0", "finished", token="earlier", result=RESULT)
    code, out, rows = end(3)
    assert code == 0
    assert [row["run"] for row in rows] == [f"control-lstm-{layers}-seed0" for layers in (1, 2, 10)]
    assert {key: float(rows[0][key]) for key in ("val_loss", "bits_per_note", "centricity")} == {
        "val_loss": 1.25,
        "bits_per_note": 1.8,
        "centricity": 0.2,
    }
    assert rows[0]["state"] == "finished"
    assert f"3 of 3 jobs finished\nTable:   {tmp_path / 'sweep' / 'sweep.csv'}\n" in out
    assert out.endswith(f"Next:    python -m melgen.study runs={tmp_path / 'sweep'}\n")
    assert len([line for line in out.splitlines() if "1.250" in line]) == 3


def test_the_size_of_a_network_is_in_the_file_and_blank_for_an_older_run(tmp_path, end):
    network = {"parameters": 5000, "recurrent_parameters": 4000, "remembered": 64, "operations": 4500}
    for layers, result in ((1, RESULT), (2, RESULT | {"network": network}), (3, RESULT | {"network": "damaged"})):
        make_run(tmp_path / "sweep" / f"control-lstm-{layers}-seed0", "finished", result=result)
    code, out, rows = end(3)
    assert code == 0
    found = [{key: row[key] for key in network} for row in rows]
    assert found == [dict.fromkeys(network, ""), {key: str(value) for key, value in network.items()}, found[0]]
    assert "remembered" not in out


def test_the_reason_for_missing_bits_per_note_is_stated_once(tmp_path, end):
    for layers in (1, 2):
        folder = tmp_path / "sweep" / f"control-lstm-{layers}-seed0"
        make_run(folder, "finished", result=RESULT | {"val/bits_per_note": None})
        write_json(folder / "data.json", {"validation_tunes": 1, "validation_tunes_left_out_of_bits_per_note": 1})
    code, out, _ = end(2)
    assert code == 0
    reason = "fewer than 3 notes, or a pitch or interval that does not occur in training"
    assert out.count(f"bits/note is -: the only validation tune has {reason}") == 1


BITS_WITH_RHYTHM = {
    "val/bits_per_note_with_rhythm": 4.0,
    "val/pitch_bits_per_note": 2.5,
    "val/rhythm_bits_per_note": 1.5,
}
NAMES_OF_AN_EARLIER_MELGEN = {"val/bits_per_note": 4.0} | {
    key: value for key, value in BITS_WITH_RHYTHM.items() if not key.endswith("with_rhythm")
}


@pytest.mark.parametrize("bits", [BITS_WITH_RHYTHM, NAMES_OF_AN_EARLIER_MELGEN], ids=["now", "earlier"])
def test_bits_of_pitches_and_bits_with_rhythm_are_in_columns_of_their_own(tmp_path, end, bits):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    without = {key: value for key, value in RESULT.items() if key != "val/bits_per_note"}
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0-rhythm-factored", "finished", result=without | bits)
    _, out, rows = end(2)
    kinds = ("bits_per_note", "pitch_bits_per_note", "rhythm_bits_per_note", "bits_per_note_with_rhythm")
    assert [[row[key] for key in kinds] for row in rows] == [["1.8", "1.8", "", ""], ["", "2.5", "1.5", "4.0"]]
    upper, lower, pitches, rhythm = out.splitlines()[:4]
    assert upper.split() == ["val", "loss", "pitch", "rhythm", "bits/note"]
    assert lower.split()[4:8] == ["bits/note", "bits/note", "with", "rhythm"]
    assert pitches.split()[4:7] == ["1.800", "-", "-"]
    assert rhythm.split()[5:8] == ["2.500", "1.500", "4.000"]


def test_a_sweep_of_pitches_has_one_column_of_bits(tmp_path, end):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    _, out, _ = end(1)
    header = out.partition("\n")[0]
    assert "bits/note" in header
    assert "pitch" not in header
    assert "rhythm" not in header


def test_the_reason_for_missing_bits_with_rhythm_is_stated(tmp_path, end):
    folder = tmp_path / "sweep" / "control-lstm-1-seed0"
    make_run(folder, "finished", result={**RESULT, **dict.fromkeys(BITS_WITH_RHYTHM)})
    statistics = {"test_tunes": 1, "test_tunes_left_out_of_bits_per_note": 1, "train_tunes_left_out_by_rhythm": 0}
    write_json(folder / "data.json", statistics)
    reason = "the only test tune has fewer than 3 notes, a rhythm that rhythm=grid cannot"
    assert f"\nbits/note with rhythm is -: {reason}" in end(1)[1]


def test_missing_bits_in_a_table_with_rhythm_are_those_of_the_columns_shown(tmp_path, end):
    for name, bits in (("", {"val/bits_per_note": None}), ("-rhythm-factored", dict.fromkeys(BITS_WITH_RHYTHM))):
        without = {key: value for key, value in RESULT.items() if key != "val/bits_per_note"}
        folder = tmp_path / "sweep" / f"control-lstm-1-seed0{name}"
        make_run(folder, "finished", result=without | bits)
        write_json(folder / "data.json", {})
    out = end(2)[1]
    assert "\npitch bits/note of control-lstm-1-seed0 is -: its result has none" in out
    assert "\nbits/note with rhythm of control-lstm-1-seed0-rhythm-factored is -: its result has none" in out


def test_the_file_has_the_runs_of_earlier_sweeps_of_the_same_name_too(tmp_path, end):
    names = [f"control-lstm-1-seed{seed}" for seed in range(4)]
    make_run(tmp_path / "sweep" / names[0], "finished", token="earlier", result=RESULT)
    make_run(tmp_path / "sweep" / names[1], "failed", token="earlier")
    make_run(tmp_path / "sweep" / names[2], "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "of no sweep", "finished", token=None, result=RESULT)
    write_json(tmp_path / "sweep" / "jobs.json", {"runs": names})
    code, out, rows = end(1)
    assert code == 0, "the earlier failure is not this sweep's"
    assert [row["run"] for row in rows] == names[:3]
    assert "1 of 1 job finished" in out
    assert names[0] not in out


@pytest.mark.parametrize(("has_diverged", "code"), [(True, 0), (False, 1)])
def test_a_search_succeeds_although_a_trial_diverged(tmp_path, end, has_diverged, code):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "control-lstm-2-seed0", "failed", error="loss is nan", has_diverged=has_diverged)
    answer = end(None)
    assert answer[0] == code
    assert ("1 of 2 jobs finished, 1 diverged" in answer[1]) == has_diverged
    assert len(answer[2]) == 2
    assert end(2)[0] == 1, "in a grid it is a failure"


def test_one_job_is_in_the_singular(tmp_path, end):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    out = end(1)[1]
    assert "1 of 1 job finished" in out
    assert "Next:" not in out, "a study compares runs"


def test_the_table_names_runs_by_their_differences_or_labels(tmp_path, end):
    for size, label in ((8, None), (16, "the large one")):
        folder = tmp_path / "sweep" / f"control-lstm-1-seed0-batch_size-20-hidden_size-{size}"
        make_run(folder, "finished", result=RESULT)
        settings = {"batch_size": 20, "hidden_size": size, "model": {"hidden_size": size}, "label": label}
        (folder / "config.yaml").write_text(json.dumps(settings))  # JSON is YAML
    _, out, rows = end(2)
    assert "control-lstm-1-seed0 hidden_size 8" in out
    assert "control-lstm-1-seed0 the large one" in out
    assert "batch_size" not in out
    assert [row["label"] for row in rows] == ["", "the large one"]


def test_a_failed_job_is_named_and_the_command_fails(tmp_path, end):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "control-lstm-2-seed0", "failed", result=RESULT, error="out of luck\nat night")
    code, out, rows = end(2)
    assert code == 1
    assert "1 of 2 jobs finished" in out
    assert "failed: " in out
    assert "Next:" not in out
    assert "control-lstm-2-seed0: out of luck\n" in out
    assert rows[1]["error"] == "out of luck"
    assert rows[1]["val_loss"] == "", "a result of an earlier start does not count"


@pytest.mark.parametrize("state", ["finished", "failed"])
def test_a_table_that_cannot_be_written_is_an_error_after_the_results(tmp_path, end, state):
    """Hydra makes a warning of an exception in a callback, and the command would exit with code 0."""
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "control-lstm-2-seed0", state, result=RESULT, error="out of luck")
    (tmp_path / "sweep" / "sweep.csv").mkdir()
    with redirect_stderr(io.StringIO()) as errors:
        code, out, _ = end(2)
    assert code == 1
    assert "1.250" in out, "the table of the terminal"
    assert ("1 of 2 jobs finished" in out) == ("control-lstm-2-seed0: out of luck\n" in out) == (state == "failed")
    assert "Table:" not in out
    assert "Next:" not in out
    assert errors.getvalue() == f"melgen.train: error: {tmp_path / 'sweep' / 'sweep.csv'}: Is a directory\n"


def test_a_damaged_status_is_a_failed_trial_of_a_search(tmp_path, end):
    make_run(tmp_path / "sweep" / "control-lstm-1-seed0", "finished", result=RESULT)
    make_run(tmp_path / "sweep" / "control-lstm-2-seed0", "finished", result=RESULT)
    status = tmp_path / "sweep" / "control-lstm-2-seed0" / "status.json"
    status.write_text("{")
    code, out, rows = end(None)
    assert code == 1
    assert [row["state"] for row in rows] == ["finished", "failed"]
    assert f"{status}: damaged" in out


@pytest.mark.parametrize("method", ["on_multirun_start", "on_multirun_end"])
def test_an_error_in_the_callback_itself_ends_the_command(method, tmp_path, monkeypatch, capsys):
    def fail(*arguments):
        raise RuntimeError("a mishap")

    monkeypatch.setenv(SWEEP_VARIABLE, "this")
    monkeypatch.setattr("melgen.sweeps.callback.find_runs", fail)
    monkeypatch.setattr("melgen.sweeps.callback.is_known_finished", fail)
    callback = SweepCallback()
    callback.jobs = 1
    with command_line("layers=1,2", folder=tmp_path) as settings, pytest.raises(SystemExit, match="1"):
        getattr(callback, method)(settings)
    assert capsys.readouterr().err == "melgen.train: error: a mishap\n"


@pytest.mark.parametrize("state", ["running", "interrupted"])
def test_a_job_that_ended_without_a_result_is_not_a_success(tmp_path, end, state):
    make_run(tmp_path / "sweep" / "a-b-1-seed0", state)
    assert end(1)[0] == 1


def test_a_job_that_left_nothing_is_not_counted_as_finished(tmp_path, end):
    make_run(tmp_path / "sweep" / "a-b-1-seed0", "finished", result=RESULT)
    code, out, _ = end(2)
    assert code == 1
    assert "1 of 2 jobs finished" in out


def test_a_name_with_a_folder_in_it_is_found_too(tmp_path, end):
    make_run(tmp_path / "thesis" / "first" / "a-b-1-seed0", "finished", result=RESULT)
    code, out, rows = end(1, name="thesis/first")
    assert code == 0, out
    assert len(rows) == 1


@contextmanager
def command_line(*task, folder="never-made"):
    """The configuration of a sweep as its callback gets it."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        settings = compose("config", ["corpus=misc_folk"], return_hydra_config=True)
        with open_dict(settings):
            settings.hydra.job.config_name = "config"
            settings.hydra.overrides.task = ["corpus=misc_folk", *task]
            settings.hydra.sweep.dir = settings.output_dir = str(folder)
        yield settings


@pytest.mark.slow
def test_the_sweep_prints_its_plan(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv(SWEEP_VARIABLE, "this test's own")  # restored after the test
    with (
        command_line("layers=1,2,3", "trainer.max_steps=10", folder=tmp_path) as settings,
        caplog.at_level("INFO"),
    ):
        SweepCallback().on_multirun_start(settings)
    assert f"Sweep of 3 jobs, 30 updates in all; results in {tmp_path}" in caplog.text
    assert len(json.loads((tmp_path / "jobs.json").read_text())["runs"]) == 3
    with command_line("layers=3,4", "trainer.max_steps=10", folder=tmp_path) as settings:
        SweepCallback().on_multirun_start(settings)
    listed = json.loads((tmp_path / "jobs.json").read_text())["runs"]
    assert [name.split("-")[2] for name in listed] == ["1", "2", "3", "4"], "those of the earlier sweep wait still"


@pytest.mark.slow
def test_updates_of_epochs_depend_on_the_representation():
    with command_line("dataset=control,db12", "layers=1,2", "trainer.max_epochs=1", "trainer.max_steps=-1") as settings:
        jobs = planned_jobs(settings.hydra, "config")
        control, db12 = (
            planned_updates([job for job in jobs if f"dataset={name}" in job.overrides]) for name in ("control", "db12")
        )
        assert planned_updates(jobs) == control + db12
    assert len(jobs) == 4
    assert 11 < db12 / control < 13


def test_a_sweep_over_a_key_outside_the_identity_is_refused():
    with (
        command_line("trainer.max_steps=1,2") as settings,
        pytest.raises(ValueError, match=r"trainer\.max_steps=1,2: .*identity"),
    ):
        planned_jobs(settings.hydra, "config")


@pytest.mark.parametrize("search", ["trainer.max_steps=choice(1,2)", "callbacks.sampling.temperature=interval(1,2)"])
def test_a_search_over_a_key_outside_the_identity_is_refused(search):
    with command_line(search) as settings, pytest.raises(ValueError, match=rf"{re.escape(search)}: .*identity"):
        check_one_of_many(settings, "config")


@pytest.mark.parametrize(
    ("sweeper", "reason"),
    [({"n_trials": 2}, "not with a search"), ({"max_batch_size": None}, "the sweeper basic runs all jobs")],
)
def test_only_is_refused_where_the_sweeper_cannot_follow_it(sweeper, reason, capsys):
    with command_line("layers=1,2") as settings, open_dict(settings):
        settings.only, settings.hydra.sweeper = "failed", sweeper
        settings.hydra.runtime.choices["hydra/sweeper"] = "basic"
        with pytest.raises(SystemExit):
            SweepCallback().on_multirun_start(settings)
    assert f"only=failed: {reason}" in capsys.readouterr().err


@pytest.mark.slow
def test_globs_are_counted():
    with command_line("cell=glob(*,exclude=mixed)") as settings:
        assert len(planned_jobs(settings.hydra, "config")) == len(list(Path(CONF_DIR, "cell").glob("*.yaml"))) - 1


class Planned:
    """The part of a planned job that the table needs."""

    def __init__(self, path, updates=100):
        self.run, self.config = RunDirectory(path), OmegaConf.create({"trainer": {"max_steps": updates}})


def test_a_run_that_another_process_trains_is_not_a_failure(tmp_path, end):
    paths = [tmp_path / "sweep" / f"a-b-{layers}-seed0" for layers in range(1, 6)]
    make_run(paths[0], "finished", result=RESULT)
    make_run(paths[1], "running", token="another", host=socket.gethostname(), pid=os.getpid())
    make_run(paths[2], "finished", token="another", result=RESULT)
    make_run(paths[3], "finished", token="earlier", result=RESULT | {"updates": 50})
    make_run(paths[4], "interrupted", token="earlier")
    code, out, rows = end(5, planned=[Planned(path) for path in paths])
    assert code == 1
    assert [(row["run"], row["state"]) for row in rows] == [
        ("a-b-1-seed0", "finished"),
        ("a-b-2-seed0", "running"),
        ("a-b-3-seed0", "finished"),
    ], "a job that should have gone on with an interrupted run left nothing"
    assert rows[1]["error"] == "left alone: another process is training it"
    assert "2 of 5 jobs finished" in out
    assert f"running: {paths[1]}: left alone" in out
    assert "python -m melgen.status" in out
