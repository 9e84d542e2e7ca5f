"""The estimate that a study prints before its trainings start."""

from __future__ import annotations

import json
import socket
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from melgen.configuration.conf_dir import CONF_DIR
from melgen.data import Split
from melgen.files import write_json
from melgen.music import Grid, Melody
from melgen.networks import MelodyModel, choosing_backends
from melgen.networks.products import measuring
from melgen.networks.products.backends import ONEDNN, SEQUENCES, TORCH
from melgen.studies.plan import estimate as estimating
from melgen.studies.plan import update_timing
from melgen.studies.plan.estimate import Estimate, estimate
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.training_plan import TrainingPlan
from melgen.studies.plan.update_timing import VOCABULARY, precision_of, seconds_per_update, timed_network
from tests.commands.calling import call, files_below
from tests.data.melodies import walks
from tests.data.test_rhythm_tunes import data_of, rhythmic
from tests.studies.conftest import MINI

TINY = ["hidden_size=8", "batch_size=4", "seq_length=5", "trainer.max_steps=100", "trainer.val_check_interval=50"]


def planned(folder, *overrides):
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF_DIR)):
        config = compose("config", overrides=["name=n", "run_dir=r", "corpus=misc_folk", *TINY, *overrides])
    return PlannedRun(folder / "-".join(overrides), config)


@pytest.fixture
def timed(monkeypatch):
    """Simulate updates that take a second for each layer. Return the list of timed networks."""
    asked = []

    def seconds(config):
        asked.append((config.cell._target_.rpartition(".")[2], config.layers, config.hidden_size))
        return float(config.layers)

    monkeypatch.setattr(estimating, "seconds_per_update", seconds)
    return asked


@pytest.mark.slow
def test_of_each_cell_the_smallest_and_the_largest_network_is_timed(tmp_path, timed):
    runs = [planned(tmp_path, f"cell={cell}", f"layers={n}") for cell in ("lstm", "gru") for n in (1, 2, 3, 5)]
    found = estimate(runs, runs, at_once=2, validation_notes=0)
    assert sorted(layers for _, layers, _ in timed) == [1, 1, 5, 5]
    assert found.updates == 800
    assert found.timed == 4
    assert [round(found.seconds[run.path]) for run in runs[:4]] == [101, 201, 301, 501]
    assert found.in_all == pytest.approx(2208 / 2, rel=0.01)


@pytest.mark.slow
def test_windows_of_a_rhythm_are_timed_with_their_tokens(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(estimating, "seconds_per_update", lambda config: asked.append(config.dataset.seq_length) or 1.0)
    runs = [planned(tmp_path, f"rhythm={rhythm}") for rhythm in ("grid", "factored")]
    estimate(runs, runs, 1, 0, lambda config: {"Grid": 6.8, "Factored": 1.0}[config.rhythm._target_.split(".")[-1]])
    assert sorted(asked) == [5, 34]
    assert [run.config.seq_length for run in runs] == [5, 5]


@pytest.mark.parametrize("condition", ["header", "none"])
def test_the_tokens_of_a_note_are_those_of_the_windows_of_a_training(tmp_path, condition):
    tunes = rhythmic(walks(40))
    data = data_of(Grid(condition=condition), tunes, seq_length=200)
    others = np.flatnonzero(data.splits != Split.TRAIN)
    for i in others.tolist():  # held-out tunes do not count: they are four times as slow here
        slow = ([4 * each for each in times] for times in (tunes[i].onsets, tunes[i].durations))
        tunes[i] = Melody(tunes[i].pitches, *map(tuple, slow))
    in_pitches = data_of(None, tunes)
    assert np.array_equal(in_pitches.splits, data.splits)
    config = OmegaConf.create({"rhythm": {"_target_": "melgen.music.Grid", "condition": condition}})
    plan = TrainingPlan(None, (), SimpleNamespace(data=in_pitches))
    assert round(200 * plan._tokens_per_note(config)) == data.train_dataloader().seq_length


@pytest.mark.slow
def test_validation_and_the_rest_of_an_interrupted_run_count(tmp_path, timed):
    run = planned(tmp_path, "layers=1")
    more = estimate([run], [run], 1, validation_notes=2000).seconds[run.path]
    assert more == pytest.approx(100 + 1 + 4 * 2000 / 20 / 3, rel=0.01)
    (run.path / "checkpoints").mkdir(parents=True)
    (run.path / "checkpoints" / "last.ckpt").touch()
    write_json(run.path / "status.json", {"state": "interrupted"})
    (run.path / "metrics.csv").write_text("step,train/loss\n60,1.0\n")
    left = estimate([run], [run], 1, validation_notes=0)
    assert left.updates == 40
    assert left.seconds[run.path] == pytest.approx(41)


@pytest.mark.slow
def test_finished_runs_of_this_machine_are_better_evidence(tmp_path, timed):
    done, other = planned(tmp_path, "seed=0"), planned(tmp_path, "seed=1")
    write_json(done.path / "result.json", {"seconds": 50.0, "updates": 100})
    write_json(done.path / "status.json", {"state": "finished", "host": socket.gethostname()})
    found = estimate([done, other], [other], 1, 0)
    assert found.seconds == {other.path: 50.0}
    assert (found.recorded, timed) == (1, [])
    write_json(done.path / "status.json", {"state": "finished", "host": "elsewhere"})
    assert estimate([done, other], [other], 1, 0).recorded == 0


@pytest.mark.slow
def test_too_many_kinds_are_compared_by_their_weights(tmp_path, timed, monkeypatch):
    monkeypatch.setattr(estimating, "PATIENCE_SECONDS", -1.0)
    runs = [planned(tmp_path, f"hidden_size={size}", "layers=1") for size in (8, 256)]
    seconds = estimate(runs, runs, 1, 0).seconds
    assert len(timed) == 1
    assert seconds[runs[1].path] > 3 * seconds[runs[0].path]


@pytest.mark.slow
def test_timing_changes_no_random_number(tmp_path):
    run = planned(tmp_path, "layers=1")
    state = torch.get_rng_state()
    assert seconds_per_update(run.config) > 0
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
@pytest.mark.parametrize(("rhythm", "durations"), [("none", None), ("grid", None), ("factored", 24)])
def test_the_timed_network_has_the_layers_of_its_rhythm(tmp_path, rhythm, durations):
    config, cpu = planned(tmp_path, f"rhythm={rhythm}").config, torch.device("cpu")
    assert timed_network(config, cpu, precision_of(config, cpu)).duration_size == durations
    assert seconds_per_update(config) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "kinds"),
    [
        ("32-true", (False, torch.float32)),
        ("bf16-mixed", (True, torch.float32)),
        ("64-true", (False, torch.float64)),
        ("bf16-true", (False, torch.bfloat16)),
    ],
)
def test_updates_are_timed_in_the_precision_of_the_training(tmp_path, monkeypatch, precision, kinds):
    seen, loss_of = set(), update_timing.window_loss

    def window_loss(model, *others):
        seen.add((torch.is_autocast_enabled("cpu"), model.output.weight.dtype))
        return loss_of(model, *others)

    monkeypatch.setattr(update_timing, "window_loss", window_loss)
    threads = torch.get_num_threads()
    assert seconds_per_update(planned(tmp_path, f"precision={precision}", f"threads={threads + 1}").config) > 0
    assert seen == {kinds}
    assert torch.get_num_threads() == threads


@pytest.mark.slow
def test_the_products_are_those_that_this_machine_has_found(tmp_path, monkeypatch):
    options = ["hidden_size=96", "batch_size=40", "layers=2", f"cache_dir={tmp_path}"]
    config, cpu = planned(tmp_path, *options).config, torch.device("cpu")

    def backends(config):
        return [each.backend for each in timed_network(config, cpu, precision_of(config, cpu)).layers]

    def refuse(candidates):
        raise AssertionError("nothing is measured for an estimate")

    with monkeypatch.context() as patched:
        patched.setattr(choosing_backends, "fastest", lambda candidates: SEQUENCES)
        network = MelodyModel(vocab_size=VOCABULARY + 3, hidden_size=96, layers=2)
        choosing_backends.choose(network, 40, 17, choosing_backends.file_in(tmp_path))
    monkeypatch.setattr(choosing_backends, "fastest", refuse)
    assert backends(config) == [SEQUENCES, SEQUENCES]
    named = planned(tmp_path, *options, "products=onednn").config
    with monkeypatch.context() as patched:
        patched.setattr(measuring, "is_exact", lambda *_, **__: True)
        assert backends(named) == [ONEDNN, ONEDNN]
    with monkeypatch.context() as patched:
        patched.setattr(measuring, "is_exact", lambda *_, **__: False)
        with pytest.raises(ValueError, match="products=onednn: this machine lacks these"):
            backends(named)
    assert backends(planned(tmp_path, *options[:-1], f"cache_dir={tmp_path / 'none'}").config) == [TORCH, TORCH]


def test_the_sentence_names_an_estimate_and_the_machine(tmp_path):
    text = Estimate({tmp_path: 7200.0}, 5000, at_once=8, timed=2, recorded=1).words
    assert "about 2 h 0 min for 5,000 updates, 1 run at a time: an estimate for this machine" in text
    assert socket.gethostname() in text
    assert "from 2 timed networks and the recorded times of earlier runs" in text


@pytest.mark.slow
def test_a_dry_run_prints_the_estimate_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *MINI, "dry_run=true")
    assert answer.code == 0, answer.text
    assert "Study of 8 networks in multirun/misc_folk: 0 trained already, 8 to train" in answer.text
    assert "for 48 updates, 1 run at a time: an estimate for this machine" in answer.text
    assert "dry_run=true: nothing was trained; without it" in answer.text
    assert not files_below(tmp_path)
    assert not (tmp_path / "multirun").exists()


@pytest.mark.slow
def test_a_dry_run_counts_trained_runs_and_does_not_change_them(mini):
    before = files_below(mini)
    answer = call("study", *MINI, "layers=1,2,3", "dry_run=true")
    assert answer.code == 0, answer.text
    assert "Study of 12 networks in multirun/misc_folk: 8 trained already, 4 to train" in answer.text
    assert "for 24 updates" in answer.text
    assert files_below(mini) == before
    path = next(mini.glob("control-lstm-1-seed0*")) / "identity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"optimizer.lr": 9.0}))
    refused = call("study", *MINI, "dry_run=true")
    assert refused.code == 1
    assert "belongs to another run" in refused.text
