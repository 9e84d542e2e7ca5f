"""NaN and infinity stop a training at their update, and are never in a checkpoint."""

import math

import pytest
import pytorch_lightning as pl
import torch

from melgen.checkpoint import LAST, read_checkpoint
from melgen.training import Checkpoints, DivergenceError
from melgen.training.divergence import NumberWatch
from tests.training.small import FEW_UPDATES, LEAF_SPEC, plain_trainer, small_data, small_module

pytestmark = [pytest.mark.filterwarnings(LEAF_SPEC), pytest.mark.filterwarnings(FEW_UPDATES)]


class Poison(pl.Callback):
    """Sets the gradient of update ``update``, counted from 1, to an invalid value."""

    def __init__(self, update, value):
        self.update, self.value = update, value

    def on_after_backward(self, trainer, pl_module):
        if trainer.global_step + 1 == self.update:
            pl_module.model.output.bias.grad[0] = self.value


@pytest.fixture
def data():
    return small_data()


@pytest.mark.slow
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_stops_the_training_before_the_weights_change(value, data, tmp_path):
    windows = len(data.train_dataloader())
    update = windows + 3
    module = small_module(data)
    checkpoints = Checkpoints(tmp_path, every_n_steps=1)
    trainer = plain_trainer(max_epochs=3, callbacks=[checkpoints, Poison(update, value)], enable_checkpointing=True)
    place = (
        rf"norm of the gradient became (nan|inf) at update {update} \(epoch 2, window 3 of {windows}\).*optimizer\.lr"
    )
    with pytest.raises(DivergenceError, match=place):
        trainer.fit(module, data)
    assert all(torch.isfinite(weights).all() for weights in module.parameters())
    assert read_checkpoint(tmp_path / LAST)["position"]["updates"] == update - 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_without_a_clip_too(value, data):
    trainer = plain_trainer(max_epochs=1, callbacks=[Poison(2, value)])
    with pytest.raises(DivergenceError, match="norm of the gradient"):
        trainer.fit(small_module(data, gradient_clip_norm=None), data)


def test_a_device_that_works_ahead_is_asked_later(data, tmp_path, monkeypatch):
    """A GPU, simulated on the CPU: the divergence is noticed at the next log, named with its update, and not saved."""
    monkeypatch.setattr(NumberWatch, "see", NumberWatch.remember)
    trainer = plain_trainer(
        max_epochs=3,
        log_every_n_steps=5,
        callbacks=[Checkpoints(tmp_path, every_n_steps=4), Poison(2, math.nan)],
        enable_checkpointing=True,
    )
    with pytest.raises(DivergenceError, match=r"norm of the gradient became infinite or nan at update 2; a smaller"):
        trainer.fit(small_module(data), data)
    assert not list(tmp_path.glob("*.ckpt"))


def test_the_first_divergence_is_named_even_if_others_follow():
    watch = NumberWatch()
    for update, value in enumerate([1.0, math.nan, 2.0, math.inf], 1):
        watch.remember("loss", torch.tensor(value), update)
        watch.remember("norm", torch.tensor(1.0 if update < 4 else math.nan), update)
    with pytest.raises(DivergenceError, match="the loss became infinite or nan at update 2"):
        watch.check()


def test_finite_numbers_are_not_an_error():
    watch = NumberWatch()
    watch.check()
    for update in range(1, 5):
        watch.see("loss", torch.tensor(1e38), update)
        watch.remember("norm", torch.tensor(-1e38), update)
    watch.check()
