"""``parameters=N`` and ``block=residual`` in commands: names, sweeps, searches, and what follows a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from melgen.checkpoint import load_model
from melgen.networks.sizes import size_of
from melgen.runs.directory import RunDirectory
from tests.commands.calling import TINY, call, files_below
from tests.training.equality import unequal

pytestmark = pytest.mark.slow

SHORT = [override for override in TINY if not override.startswith("hidden_size")]
FOLDER = Path("multirun/misc_folk")


def test_the_same_sizes_by_hand_are_the_same_run(here):
    solved = call("train", *SHORT, "parameters=14700", "rhythm=factored", "primer=[]")
    assert solved.code == 0, solved.text
    (run,) = FOLDER.iterdir()
    sizes = json.loads((run / "identity.json").read_text())
    assert sizes["model.embedding_size"] == 128
    by_hand = [f"hidden_size={sizes['hidden_size']}", "model.embedding_size=128", "rhythm=factored", "primer=[]"]
    again = call("train", *SHORT, *by_hand)
    assert again.code == 0
    assert "Already finished" in again.text
    assert call("train", *SHORT, *by_hand, "output_dir=other").code == 0
    (other,) = Path("other/misc_folk").iterdir()
    assert other.name == run.name
    assert RunDirectory(other).recorded_identity == RunDirectory(run).recorded_identity
    assert not unequal(run, other)


def test_a_run_goes_on_in_its_directory(here):
    assert call("train", *SHORT, "parameters=14000").code == 0
    answer = call("train", *SHORT, "parameters=14000", "trainer.max_steps=6")
    assert answer.code == 0, answer.text
    (run,) = FOLDER.iterdir()
    assert json.loads((run / "result.json").read_text())["updates"] == 6


def test_a_count_that_no_width_reaches_is_refused_before_anything_is_written(here):
    for sweep in ([], ["-m", "cell=lstm,gru"]):
        answer = call("train", *sweep, *SHORT, "parameters=500")
        assert answer.code == 1
        assert "parameters=500: no hidden_size comes within 2%; the nearest are hidden_size=1 with" in answer.text
        assert "full_key" not in answer.text
        assert not files_below(here)


def test_a_sweep_solves_each_job(here):
    answer = call("train", "-m", *SHORT, "parameters=30000,60000", "cell=rnn,lstm", "block=none,residual")
    assert answer.code == 0, answer.text
    runs = [path for path in FOLDER.iterdir() if path.is_dir()]
    assert len(runs) == 8
    for run in runs:
        wanted = 60000 if "parameters: 60000" in (run / "config.yaml").read_text() else 30000
        parameters = json.loads((run / "provenance.json").read_text())["parameters"]
        assert parameters == pytest.approx(wanted, rel=0.02), run.name
    assert "block residual, parameters 60000" in answer.text
    assert "hidden_size" not in answer.text.partition("\nrun ")[2].partition("jobs finished")[0]


def test_counts_that_give_one_width_are_one_job(here):
    answer = call("train", "-m", *SHORT, "parameters=14000,14001")
    assert answer.code == 0
    assert "1 of 2 jobs repeat another one" in answer.text


def test_a_search_solves_each_trial(here):
    pytest.importorskip("optuna")
    search = ("hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "cell=choice(rnn,lstm)", "parameters=14000")
    answer = call("train", "-m", *SHORT, *search, "hydra/sweeper/sampler=random")
    assert answer.code == 0, answer.text
    for run in FOLDER.glob("control-*"):
        assert json.loads((run / "provenance.json").read_text())["parameters"] == pytest.approx(14000, rel=0.02)
    other = call("train", "-m", *SHORT, *search[:-1], "parameters=20000", "hydra/sweeper/sampler=random")
    assert other.code == 1
    assert "was begun with" in other.text


def test_a_network_with_a_block_is_continued_shared_and_heard(here):
    assert call("train", *SHORT, "hidden_size=8", "block=residual", "layers=2", "report=true").code == 0
    run = FOLDER / "control-lstm-2-seed0-block-residual-hidden_size-8"
    network = json.loads((run / "result.json").read_text())["network"]
    assert network == size_of(load_model(run).model).to_dict()
    page = (run / "report.html").read_text()
    assert "2 layers of lstm in residual blocks" in page
    tuned = call("train", *SHORT, "hidden_size=8", "block=residual", "layers=2", f"init_from={run}", "name=tuned")
    assert tuned.code == 0, tuned.text
    refused = call("train", *SHORT, "hidden_size=8", "layers=2", f"init_from={run}", "name=refused")
    assert refused.code == 1
    assert "block: residual there, none now" in refused.text
    assert call("export", f"run={run}", "to=shared.melgen", "licence=CC0-1.0").code == 0
    ours, theirs = load_model(run), load_model("shared.melgen")
    tokens = torch.randint(len(ours.vocabulary), (2, 9))
    with torch.no_grad():
        assert torch.equal(ours.model(tokens)[0], theirs.model(tokens)[0])
    assert call("generate", "checkpoint=shared.melgen", "songs=2", "notes=8", "out=songs").code == 0
