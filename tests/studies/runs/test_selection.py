"""The choice of the networks that represent a sweep, with invented results."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from melgen.studies.results import Run
from melgen.studies.runs import selection
from melgen.studies.runs.reader import Unfinished
from melgen.studies.runs.selection import (
    best_layers,
    nearest_to_equal_steps,
    pairs_without_candidate,
    stages_of_training,
)


def run(dataset, cell, layers, seed, loss=1.0, variant="", **result):
    name = f"{dataset}-{cell}-{layers}-seed{seed}" + (f"-{variant}" if variant else "")
    return Run(Path("home") / name, dataset, cell, layers, seed, variant, result={"val/loss": loss, **result})


def chosen(runs, criterion="val/loss"):
    return [(model.name, [one.seed for one in model.runs]) for model in best_layers(runs, criterion)]


def test_the_lowest_loss_of_each_pair_wins():
    runs = [
        run("control", "lstm", 1, 0, 1.9),
        run("control", "lstm", 2, 0, 1.7),
        run("control", "lstm", 3, 0, 1.8),
        run("interval", "lstm", 1, 0, 2.5),
        run("interval", "lstm", 2, 0, 2.6),
    ]
    assert chosen(runs) == [("control-lstm-2", [0]), ("interval-lstm-1", [0])]


def test_among_equal_networks_fewer_layers_win_in_any_order():
    runs = [run("control", "gru", layers, 0, 1.5) for layers in (3, 1, 2)]
    assert chosen(runs) == [("control-gru-1", [0])]


def test_the_mean_over_the_seeds_counts_and_seeds_come_in_order():
    runs = [run("control", "gru", 1, seed, loss) for seed, loss in [(2, 1.0), (0, 2.0), (1, 3.0)]]
    runs += [run("control", "gru", 2, seed, 1.9) for seed in (0, 1, 2)]
    assert chosen(runs) == [("control-gru-2", [0, 1, 2])]
    assert chosen([*runs[3:], run("control", "gru", 1, 2, 0.1), *runs[1:3]]) == [("control-gru-1", [0, 1, 2])]


def test_a_layer_count_that_lacks_a_seed_is_not_compared():
    runs = [run("control", "gru", 1, seed, 2.0) for seed in (0, 1)] + [run("control", "gru", 2, 0, 0.1)]
    assert chosen(runs) == [("control-gru-1", [0, 1])]


def test_layer_counts_with_as_many_but_other_seeds_are_not_compared():
    runs = [run("control", "gru", 1, seed, 2.0) for seed in (0, 1)] + [
        run("control", "gru", 2, seed) for seed in (1, 2)
    ]
    message = (
        "control-gru: layer counts are compared over the same seeds only, but layers=1 has seed=[0,1], layers=2 has"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        chosen(runs)
    assert chosen([*runs, run("control", "gru", 1, 2, 2.0)]) == [("control-gru-1", [0, 1, 2])]


def test_variants_are_pairs_of_their_own():
    runs = [run("control", "gru", 1, 0, 2.0, "hidden_size-8"), run("control", "gru", 2, 0, 1.0, "hidden_size-16")]
    assert [name for name, _ in chosen(runs)] == ["control-gru-1-hidden_size-8", "control-gru-2-hidden_size-16"]


@pytest.mark.parametrize("value", [None, float("nan"), "text"])
def test_a_criterion_that_a_run_lacks_is_named(value):
    runs = [run("control", "gru", 1, 0, odd=value)]
    with pytest.raises(ValueError, match=r"select\.criterion=odd: home/control-gru-1-seed0 has no such number; it has"):
        best_layers(runs, "odd")


@pytest.mark.slow
@given(arrays(float, st.integers(2, 30), elements=st.floats(0, 5)), st.data())
def test_equal_steps_take_each_once_and_both_ends(values, data):
    count = data.draw(st.integers(1, len(values)))
    indices = nearest_to_equal_steps(values, count)
    assert len(set(indices)) == count
    assert all(a >= b for a, b in zip(values[indices], values[indices][1:], strict=False))
    assert values[indices[0]] == values.max()
    if count > 1:
        assert values[indices[-1]] == values.min()


def test_equal_steps_by_hand():
    losses = np.array([3.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.0])
    assert nearest_to_equal_steps(losses, 3) == [0, 1, 6]
    assert nearest_to_equal_steps(losses, 5) == [0, 1, 2, 3, 6]  # the nearest free one to each of 3, 2.5, 2, 1.5, 1
    assert nearest_to_equal_steps(losses, 7) == list(range(7))


def test_pairs_without_candidate_are_named_without_their_common_keys():
    runs = [run("control", "gru", 1, 0, variant="lr-1")]
    unfinished = [
        Unfinished(Path("control-gru-2-seed0-lr-1"), "failed"),
        Unfinished(Path("db12-nas-1-seed0-lr-1"), "missing"),
        Unfinished(Path("db12-nas-2-seed0-lr-1"), "missing"),
        Unfinished(Path("named otherwise"), "failed"),
    ]
    assert pairs_without_candidate(runs, unfinished) == ["db12-nas"]
    unfinished.append(Unfinished(Path("control-gru-1-seed0-lr-2"), "missing"))
    assert pairs_without_candidate(runs, unfinished) == ["db12-nas-lr-1", "control-gru-lr-2"]


@pytest.fixture
def numbered(tmp_path, monkeypatch):
    """Runs with numbered checkpoints whose loss falls by a tenth every 5 updates."""

    def make(*runs, count=4):
        made = []
        for one in runs:
            made.append(Run(tmp_path / one.path.name, *(one.dataset, one.cell, one.layers, one.seed, one.variant)))
            (made[-1].path / "checkpoints").mkdir(parents=True)
            for step in range(5, 5 * count + 1, 5):
                (made[-1].path / "checkpoints" / f"step-{step:08d}.ckpt").touch()
            (made[-1].path / "checkpoints" / "step-best.ckpt").touch()
        return made

    def read(path):
        step = int(path.stem.partition("-")[2])
        return {"melgen": {"metrics": {"val/loss": 3 - step / 50}, "updates": step}}

    monkeypatch.setattr(selection, "read_checkpoint", read)
    return make


def test_stages_of_training_are_worst_first_and_keep_seeds_apart(numbered):
    (one,) = numbered(run("control", "lstm", 2, 0))
    models = stages_of_training([one], "val/loss", 2)
    assert [model.name for model in models] == ["control-lstm-2-step-00000005", "control-lstm-2-step-00000020"]
    assert [model.runs[0].result["updates"] for model in models] == [5, 20]
    both = numbered(run("control", "gru", 2, 0), run("control", "gru", 2, 1))
    names = [model.name for model in stages_of_training(both, "val/loss", 2)]
    assert len(set(names)) == 4
    assert names[:2] == ["control-gru-2-seed0-step-00000005", "control-gru-2-seed0-step-00000020"]
    both = numbered(run("control", "nas", 1, 0), run("control", "nas", 2, 0))
    pairs = [model.runs[0].pair for model in stages_of_training(both, "val/loss", 2)]
    assert len(set(pairs)) == 4, "tables have a row for each pair"


def test_stages_are_chosen_by_bits_that_an_earlier_melgen_named_differently(tmp_path):
    one = run("control", "lstm", 1, 0)
    one = Run(tmp_path / one.path.name, one.dataset, one.cell, one.layers, one.seed, one.variant)
    (one.path / "checkpoints").mkdir(parents=True)
    for step, bits in ((5, 4.0), (10, 3.0)):
        metrics = {"val/bits_per_note": bits, "val/pitch_bits_per_note": 2.0}
        content = {"melgen": {"format_version": 2, "metrics": metrics, "updates": step}}
        torch.save(content, one.path / "checkpoints" / f"step-{step:08d}.ckpt")
    stages = stages_of_training([one], "val/bits_per_note_with_rhythm", 2)
    assert [stage.runs[0].result["val/bits_per_note_with_rhythm"] for stage in stages] == [4.0, 3.0]


@pytest.fixture
def overfitted(numbered, monkeypatch):
    """A training whose loss falls until update 20 of 60 and then rises to its first value."""
    losses = dict(zip(range(5, 61, 5), [3.0, 2.5, 2.2, 2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.8, 3.0], strict=True))

    def read(path):
        step = int(path.stem.partition("-")[2])
        return {"melgen": {"metrics": {"val/loss": losses[step]}, "updates": step}}

    monkeypatch.setattr(selection, "read_checkpoint", read)
    return numbered(run("control", "lstm", 2, 0), count=12)


def test_stages_are_those_up_to_the_best_and_later_ones_are_marked(overfitted):
    models = stages_of_training(overfitted, "val/loss", 3, later=2)
    found = [(model.runs[0].result["updates"], model.runs[0].beyond_best) for model in models]
    assert found == [(5, False), (10, False), (20, False), (40, True), (60, True)]
    assert models[0].variant_text == "update 5"
    assert all(not model.runs[0].beyond_best for model in stages_of_training(overfitted, "val/loss", 3))


def test_where_the_best_comes_early_all_up_to_it_are_taken_with_a_warning(overfitted, caplog):
    models = stages_of_training(overfitted, "val/loss", 8, later=20)
    assert [model.runs[0].result["updates"] for model in models] == [*range(5, 61, 5)]
    assert "only 4 of its 12 numbered checkpoints are from updates up to the best one (update 20)" in caplog.text


def test_too_few_numbered_checkpoints(numbered):
    with pytest.raises(ValueError, match=r"select\.checkpoints=9: .* has kept 4 numbered checkpoints"):
        stages_of_training(numbered(run("control", "lstm", 2, 0)), "val/loss", 9)
