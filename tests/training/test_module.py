"""Training with Lightning compared with a bare PyTorch loop, and the logged values."""

from __future__ import annotations

import copy
import math

import pytest
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from pytorch_lightning.profilers import SimpleProfiler

from melgen.data import Split
from melgen.generation.sampling import sample_melodies
from melgen.music import DB12, Control, Interval
from melgen.networks import GRU, LSTM, NAS, SLSTM, map_state
from melgen.training import DivergenceError, MelodyModule
from melgen.training.build import NoProfiler, build_trainer
from tests.data.melodies import walks
from tests.tiers import quick_rows
from tests.training.small import (
    CELLS,
    FEW_UPDATES,
    LEAF_SPEC,
    plain_trainer,
    same,
    small_config,
    small_data,
    small_module,
)

pytestmark = [pytest.mark.filterwarnings(LEAF_SPEC), pytest.mark.filterwarnings(FEW_UPDATES)]


class Recorder(pl.callbacks.Callback):
    """The loss of every update."""

    def __init__(self):
        self.losses = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.losses.append(outputs["loss"].item())


class Log(pl.loggers.logger.Logger):
    """Keeps the logged values, row by row."""

    name = version = "log"

    def __init__(self):
        super().__init__()
        self.rows = []

    def log_metrics(self, metrics, step=None):
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params, *args, **kwargs):
        pass

    def of(self, key):
        return {step: row[key] for step, row in self.rows if key in row}


def bare_loop(model, loader, epochs, clip=5.0, carry=True):
    """The training of the paper as a plain loop: loss, gradient norm, rate and accuracy of every update."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    rows = []
    for epoch in range(epochs):
        state = None
        loader.start_at(epoch)
        for group in optimizer.param_groups:
            group["lr"] = 0.002 * 0.97**epoch
        for tokens, targets in loader:
            logits, state = model(tokens, state if carry else None)
            state = detached(state)
            loss = F.cross_entropy(logits.transpose(1, 2), targets)
            optimizer.zero_grad()
            loss.backward()
            gradients = [parameter.grad for parameter in model.parameters() if parameter.requires_grad]
            norm = math.sqrt(sum(float((gradient.double() ** 2).sum()) for gradient in gradients))
            if norm > clip:
                for gradient in gradients:
                    gradient *= clip / (norm + 1e-6)
            optimizer.step()
            hits = (logits.argmax(-1) == targets).float().mean().item()
            rate = optimizer.param_groups[0]["lr"]
            rows.append(
                {
                    "loss": loss.item(),
                    "norm": norm,
                    "rate": rate,
                    "accuracy": hits,
                    "epoch": epoch,
                    "tokens": targets.numel(),
                }
            )
    return rows


def detached(state):
    return state.detach() if isinstance(state, torch.Tensor) else tuple(map(detached, state))


@pytest.fixture
def data():
    return small_data()


@quick_rows(2, "cell", CELLS.values(), ids=CELLS)
@quick_rows(1, "clip", [5.0, 0.1])
def test_two_epochs_equal_a_bare_loop(data, cell, clip):
    module = small_module(data, cell, gradient_clip_norm=clip)
    by_hand = copy.deepcopy(module.model)
    recorder = Recorder()
    trainer = plain_trainer(max_epochs=2, callbacks=[recorder])
    trainer.fit(module, data)
    rows = bare_loop(by_hand, data.train_dataloader(), 2, clip)
    assert len(rows) == 2 * data.updates_per_epoch == trainer.global_step
    # The norm is summed in another order here, which moves a clipped gradient by a rounding or two.
    assert recorder.losses == pytest.approx([row["loss"] for row in rows], rel=1e-5)
    assert max(row["norm"] for row in rows) > 0.1, "the smaller limit clips the gradient"
    for ours, theirs in zip(module.model.parameters(), by_hand.parameters(), strict=True):
        # A constant in the input gate of sLSTM changes nothing, so the gradient of that bias is nothing but rounding,
        # which Adam enlarges.
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5 if cell is SLSTM else 1e-6)


class Viewing(GRU):
    """A cell of a user, whose state is a view of its output."""

    def forward(self, input, state=None):
        output, _ = super().forward(input, state)
        return output, output[:, -1]

    def forward_rows(self, tokens, tables, state=None):
        output, _ = super().forward_rows(tokens, tables, state)
        return output, output[:, -1]


@pytest.mark.parametrize("cell", [GRU, Viewing])
def test_a_checkpoint_has_the_numbers_of_the_carried_state_and_no_others(data, cell, tmp_path):
    module, trainer = small_module(data, cell), plain_trainer(max_steps=2, num_sanity_val_steps=0)
    trainer.fit(module, data)
    trainer.save_checkpoint(tmp_path / "saved.ckpt")
    sizes = []
    map_state(
        lambda part: sizes.append((part.untyped_storage().nbytes(), part.numel() * part.element_size())) or part,
        torch.load(tmp_path / "saved.ckpt", weights_only=True)["carried"]["state"],
    )
    assert sizes == [(4 * 8 * 4, 4 * 8 * 4)] * 2  # two layers, four melodies, eight units, four bytes


@pytest.mark.slow
def test_the_state_is_carried_and_starts_from_zero_each_epoch(data):
    """The losses differ if the state is lost between windows or kept between epochs."""
    module = small_module(data)
    forgetful = bare_loop(copy.deepcopy(module.model), data.train_dataloader(), 2, carry=False)
    by_hand = bare_loop(copy.deepcopy(module.model), data.train_dataloader(), 2)
    recorder = Recorder()
    plain_trainer(max_epochs=2, callbacks=[recorder]).fit(module, data)
    per_epoch = data.updates_per_epoch
    assert recorder.losses[per_epoch] == pytest.approx(by_hand[per_epoch]["loss"], rel=1e-6)
    assert recorder.losses[0] == pytest.approx(forgetful[0]["loss"], rel=1e-6)
    assert recorder.losses[1:] != pytest.approx([row["loss"] for row in forgetful[1:]], rel=1e-6)


def test_everything_logged_equals_the_bare_loop(data):
    log = Log()
    module = small_module(data, gradient_clip_norm=0.1)
    rows = bare_loop(copy.deepcopy(module.model), data.train_dataloader(), 2, 0.1)
    plain_trainer(max_epochs=2, logger=log, log_every_n_steps=5, num_sanity_val_steps=0).fit(module, data)
    logged = log.of("train/loss")
    assert list(logged) == list(range(5, len(rows) + 1, 5))
    for step in logged:
        row, since = rows[step - 1], rows[step - 5 : step]
        loss = sum(r["loss"] * r["tokens"] for r in since) / sum(r["tokens"] for r in since)
        assert logged[step] == pytest.approx(loss, rel=1e-5)
        assert log.of("train/perplexity")[step] == pytest.approx(math.exp(logged[step]))
        assert log.of("train/gradient_norm")[step] == pytest.approx(row["norm"], rel=1e-4)
        assert log.of("train/accuracy")[step] == pytest.approx(row["accuracy"])
        assert log.of("epoch")[step] == row["epoch"]
        assert log.of("train/tokens_per_second")[step] > 0


@pytest.mark.slow
def test_the_logged_learning_rate_is_the_one_the_update_was_made_with(data):
    log = Log()
    module = small_module(data)
    rows = bare_loop(copy.deepcopy(module.model), data.train_dataloader(), 3)
    plain_trainer(max_epochs=3, logger=log, log_every_n_steps=1, num_sanity_val_steps=0).fit(module, data)
    expected = {step: pytest.approx(row["rate"]) for step, row in enumerate(rows, 1)}
    assert log.of("train/learning_rate") == expected


def test_validation_is_logged_with_the_updates_made(data):
    log = Log()
    module = small_module(data)
    plain_trainer(max_epochs=2, logger=log, num_sanity_val_steps=0).fit(module, data)
    assert list(log.of("val/loss")) == [data.updates_per_epoch, 2 * data.updates_per_epoch]


def test_the_sanity_check_of_a_plain_trainer_logs_nothing(data):
    log = Log()
    plain_trainer(max_epochs=1, logger=log).fit(small_module(data), data)
    assert 0 not in dict(log.rows)


@pytest.mark.slow
def test_a_network_learns_one_tune_by_heart():
    tune = [60, 62, 64, 65, 67, 69, 71, 72, 70, 68, 66, 63, 61, 59, 57, 55]  # no pitch twice
    songs = [tune, [60, 61], [60, 62], [60, 63], [60, 64]]
    splits = (small_data(songs, batch_size=1, seq_length=1, split_seed=seed).splits for seed in range(50))
    split_seed = next(seed for seed, split in enumerate(splits) if split[0] == Split.TRAIN)
    data = small_data(songs, batch_size=1, seq_length=15, drop_tail=True, split_seed=split_seed)
    module = small_module(data, hidden_size=16, layers=1, optimizer=lambda p: torch.optim.Adam(p, lr=0.03))
    recorder = Recorder()
    plain_trainer(max_epochs=150, callbacks=[recorder], limit_val_batches=0).fit(module, data)
    assert recorder.losses[0] > 2
    assert recorder.losses[-1] < 0.3


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_a_loss_that_is_not_a_number_stops_the_training(data, cell):
    module = small_module(data, cell)

    class Poison(pl.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.global_step == 3:
                torch.nn.init.constant_(pl_module.model.output.bias, math.nan)

    with pytest.raises(
        DivergenceError, match=r"training loss became nan at update 4 \(epoch 1, window 4 of \d+\); .*optimizer\.lr"
    ):
        plain_trainer(max_epochs=1, callbacks=[Poison()]).fit(module, data)


def test_without_a_clip_gradients_stay_and_their_norm_is_logged(data):
    log = Log()
    module = small_module(data, gradient_clip_norm=None)
    rows = bare_loop(copy.deepcopy(module.model), data.train_dataloader(), 1, math.inf)
    plain_trainer(max_epochs=1, logger=log, log_every_n_steps=1).fit(module, data)
    assert list(log.of("train/gradient_norm").values()) == pytest.approx([r["norm"] for r in rows], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("representation", [Control(), Interval(), DB12()])
def test_five_lines_of_a_notebook(representation):
    data = small_data(walks(30), representation)
    module = small_module(data, NAS)
    trainer = plain_trainer(max_epochs=2)
    trainer.fit(module, data)
    songs = sample_melodies(module.model, representation, data.vocabulary, [60, 62, 64, 62], songs=3, notes=5)
    assert trainer.current_epoch == 2
    assert len(songs) == 3
    assert all(song.pitches[:4] == (60, 62, 64, 62) for song in songs)
    trainer.test(module, data, verbose=False)
    assert 0 < trainer.callback_metrics["test/bits_per_note"] < 10


@pytest.mark.slow
def test_evaluation_leaves_the_carried_state_alone(data):
    """A validation in the middle of an epoch must not disturb the training."""
    often, never = (small_module(data) for _ in range(2))
    never.load_state_dict(often.state_dict())
    plain_trainer(max_epochs=2, val_check_interval=3).fit(often, data)
    plain_trainer(max_epochs=2, limit_val_batches=0).fit(never, data)
    assert same(dict(often.state_dict()), dict(never.state_dict()))


def test_dropout_drops_in_training_only(data):
    module = small_module(data, input_keep_prob=0.5, output_keep_prob=0.5)
    losses = []
    for _ in range(2):
        plain_trainer().validate(module, data, verbose=False)
        losses.append(module.latest["val/loss"])
    assert losses[0] == losses[1]
    tokens = next(iter(data.train_dataloader())).tokens
    module.train()
    assert not torch.equal(module(tokens)[0], module(tokens)[0])


def test_frozen_weights_stay(data):
    module = small_module(data)
    module.model.embedding.requires_grad_(False)
    before = module.model.embedding.weight.clone()
    plain_trainer(max_epochs=1).fit(module, data)
    assert torch.equal(module.model.embedding.weight, before)


def test_the_module_is_a_function_of_tokens_and_state(data):
    module = small_module(data).eval()
    assert isinstance(module, MelodyModule)
    tokens = next(iter(data.train_dataloader())).tokens
    whole, _ = module(tokens)
    _, state = module(tokens[:, :3])
    rest, _ = module(tokens[:, 3:], state)
    torch.testing.assert_close(rest, whole[:, 3:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("chosen", "kind"), [([], NoProfiler), (["+trainer.profiler=simple"], SimpleProfiler)])
def test_lightning_does_not_profile_unless_configured(data, tmp_path, chosen, kind):
    config = small_config(tmp_path, "trainer.max_steps=5", *chosen)
    trainer = build_trainer(config, data, [])
    assert type(trainer.profiler) is kind
    with trainer.profiler.profile("outer"), trainer.profiler.profile("inner"):
        pass


def test_torch_does_not_check_the_name_that_lightning_sets_at_every_hook(data, monkeypatch):
    module = small_module(data)
    monkeypatch.setattr(torch.nn.Module, "__setattr__", lambda *_: pytest.fail("torch looked for a parameter"))
    module._current_fx_name = "on_train_start"
    assert vars(module)["_current_fx_name"] == "on_train_start"
