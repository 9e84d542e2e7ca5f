"""Trainings on a GPU: as on the CPU, resumable, with CUDA graphs and in bfloat16."""

from __future__ import annotations

import pytest
import torch

from melgen.checkpoint import load_model
from melgen.generation.from_checkpoint import on_device, song_set_by
from melgen.music import Melody
from melgen.train import train
from tests.training.small import same, small_config

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def trained(folder, name, updates, *overrides):
    """The last checkpoint of a training."""
    config = small_config(
        folder,
        f"run_dir={folder}/{name}",
        f"trainer.max_steps={updates}",
        "hidden_size=32",
        "layers=2",
        "products=torch",
        *overrides,
    )
    train(config)
    return torch.load(folder / name / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize("cell", ["lstm", "gru", "nas", "mingru", "slstm"])
def test_a_training_equals_that_of_the_cpu(folder, cell):
    ours, theirs = (trained(folder, name, 40, f"cell={cell}", f"trainer.accelerator={name}") for name in ("gpu", "cpu"))
    for name, weight in ours["state_dict"].items():
        torch.testing.assert_close(weight.cpu(), theirs["state_dict"][name], rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("cell", ["gru", "ugrnn"])
def test_it_resumes(folder, cell):
    options = [f"cell={cell}", "trainer.accelerator=gpu"]
    trained(folder, "resumed", 11, *options)
    resumed = trained(folder, "resumed", 23, *options)
    whole = trained(folder, "whole", 23, *options)
    assert resumed["carried"]["tokens_since_log"] == whole["carried"]["tokens_since_log"]
    assert same(resumed["random_state"]["cuda"], whole["random_state"]["cuda"])
    for name, weight in whole["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "nas"])
def test_bfloat16(folder, cell):
    options = [f"cell={cell}", "trainer.accelerator=gpu"]
    exact = trained(folder, "exact", 40, *options)
    rounded = trained(folder, "rounded", 40, *options, "precision=bf16-mixed")
    assert all(weight.dtype == torch.float32 for weight in rounded["state_dict"].values())
    losses = [each["melgen"]["metrics"]["val/loss"] for each in (exact, rounded)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.mark.parametrize("cell", ["lstm", "ugrnn", "mingru"])
def test_greedy_songs_equal_those_of_the_cpu(folder, cell):
    trained(folder, "gpu", 40, f"cell={cell}", "trainer.accelerator=gpu")
    network = load_model(folder / "gpu" / "checkpoints" / "last.ckpt")
    assert {weight.device.type for weight in network.model.parameters()} == {"cpu"}
    primer = Melody.from_pitches([60, 62])
    options = {"songs": 3, "notes": 40, "selection": "greedy"}
    on_cpu = song_set_by(network, primer, **options)
    on_gpu = song_set_by(on_device(network, "cuda"), primer, **options)
    assert [song.pitches for song in on_gpu] == [song.pitches for song in on_cpu]
