"""Runs on disk: finished, unfinished, renamed, doubled, or on other tunes."""

import json
import shutil

import pytest

from melgen.checkpoint import load_model
from melgen.errors import IdentityError
from melgen.networks import count_parameters
from melgen.runs.directory import RunDirectory
from melgen.studies.runs.reader import check_same_corpus, config_of, read_runs, runs_in
from tests.studies.conftest import HOME

LAST = "interval-lstm-2-seed1-hidden_size-8"


def change(run, file, **changes):
    path = run / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.slow
def test_finished_runs_are_read_as_they_are(finished):
    home = finished / HOME
    runs, unfinished = read_runs(runs_in(home))
    assert not unfinished
    names = [(run.dataset, run.layers, run.seed, run.variant) for run in runs]
    assert names == [(d, n, s, "") for d in ("control", "interval") for n in (1, 2) for s in (0, 1)]
    last = runs[-1]
    assert last.path == home / LAST
    assert last.result == json.loads((home / LAST / "result.json").read_text())
    assert last.parameters == count_parameters(load_model(home / LAST).model)
    assert last.checkpoint == home / LAST / "checkpoints" / "best.ckpt"
    assert [row["step"] for row in last.history if "val/loss" in row] == [2, 4, 6]
    assert config_of(last).layers == 2
    fingerprint = json.loads((home / LAST / "identity.json").read_text())["corpus.fingerprint"]
    assert check_same_corpus(runs) == fingerprint


@pytest.mark.slow
def test_unfinished_runs_have_a_reason(mini):
    change(mini / LAST, "status.json", state="failed", error="loss is nan\nat update 3")
    change(mini / "control-lstm-1-seed0-hidden_size-8", "status.json", state="running")
    (mini / "control-lstm-1-seed1-hidden_size-8" / "result.json").unlink()
    paths = [*runs_in(mini), mini / "control-lstm-9-seed0-hidden_size-8"]
    runs, unfinished = read_runs(paths)
    assert len(runs) == 5
    assert {path.name.removesuffix("-hidden_size-8"): reason for path, reason in unfinished} == {
        "interval-lstm-2-seed1": "failed: loss is nan",
        "control-lstm-1-seed0": "interrupted or still underway",
        "control-lstm-1-seed1": "finished",
        "control-lstm-9-seed0": "missing",
    }


def test_the_reason_for_refusing_to_go_on_with_a_run_is_given(tmp_path, monkeypatch):
    run = RunDirectory(tmp_path / LAST)
    run.path.mkdir()
    run.adopt({"seed": 0}, "seed: 0\n", force=False)
    run.set_status("interrupted")
    monkeypatch.setattr("melgen.runs.directory.numbers_software", lambda: {"torch": "another"})
    with pytest.raises(IdentityError) as refusal:
        run.adopt({"seed": 0}, "seed: 0\n", force=False)
    run.record_failure(refusal.value)
    reason = f"failed: {run.path}: was begun with other software, and nothing was changed"
    assert read_runs([run.path])[1][0].reason.startswith(reason)


@pytest.mark.slow
def test_the_name_of_a_renamed_run_is_read_from_its_checkpoint(mini):
    (mini / LAST).rename(mini / "my best one")
    runs, _ = read_runs(runs_in(mini))
    (renamed,) = [run for run in runs if run.path.name == "my best one"]
    assert renamed.pair == ("interval", "lstm", "")
    assert (renamed.layers, renamed.seed) == (2, 1)


@pytest.mark.slow
def test_other_hidden_sizes_stay_apart(mini):
    shutil.copytree(mini / LAST, mini / LAST.replace("size-8", "size-16"))
    runs, _ = read_runs(runs_in(mini))
    assert {run.variant for run in runs} == {"hidden_size-8", "hidden_size-16"}


@pytest.mark.slow
def test_a_refused_start_is_not_a_run_and_a_copy_elsewhere_is_refused(mini):
    shutil.copytree(mini / LAST, mini / f"{LAST}-refused")
    assert len(runs_in(mini)) == 8
    assert len(read_runs(runs_in(mini))[0]) == 8, "a later start, with other options perhaps, was refused"
    shutil.copytree(mini / LAST, mini / "copies" / LAST)
    with pytest.raises(ValueError, match="the same network and seed as"):
        read_runs(runs_in(mini))


@pytest.mark.slow
@pytest.mark.parametrize("key", ["corpus.fingerprint", "split_seed", "cleaning.min_length_notes"])
def test_runs_on_other_tunes_are_refused(mini, key):
    change(mini / LAST, "identity.json", **{key: 77})
    runs, _ = read_runs(runs_in(mini))
    with pytest.raises(ValueError, match=rf"{LAST}: trained with {key}=77, .* one study compares runs"):
        check_same_corpus(runs)


@pytest.mark.parametrize("empty", ["nowhere", "."])
def test_a_directory_without_runs(tmp_path, empty):
    with pytest.raises(ValueError, match=r"no such directory|does not contain a run"):
        runs_in(tmp_path / empty)
