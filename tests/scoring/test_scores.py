"""Sums over scored notes, against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from melgen.data import ScoredTunes
from melgen.music import DB12, Control, Interval
from melgen.scoring.scores import Scores
from tests.training.small import LEAF_SPEC, plain_trainer, small_data, small_module

# Logits are float32: each term carries a relative error of about 1e-7.
TOLERANCE = 1e-6


def random_batch(rng, batch_size, steps, vocab_size):
    logits = rng.normal(size=(batch_size, steps, vocab_size)).astype(np.float32)
    targets = rng.integers(vocab_size, size=(batch_size, steps))
    counted = rng.random((batch_size, steps)) < 0.7
    compared = counted & (rng.random((batch_size, steps)) < 0.7)
    tokens = np.zeros_like(targets)
    return logits, ScoredTunes(*map(torch.from_numpy, (tokens, targets, counted, compared)))


def test_scores_equal_numpy_over_several_batches():
    rng = np.random.default_rng(0)
    scores = Scores()
    nats, hits, compared_nats = [], [], []
    for shape in [(3, 7, 11), (1, 2, 11), (5, 4, 11)]:
        logits, batch = random_batch(rng, *shape)
        scores.add(lambda tokens, logits=logits: (torch.from_numpy(logits), None), batch)
        _, targets, counted, compared = (side.numpy() for side in batch)
        exact = logits.astype(np.float64)
        log_p = exact - np.log(np.exp(exact).sum(-1, keepdims=True))
        each = -np.take_along_axis(log_p, targets[..., None], -1)[..., 0]
        nats += each[counted].tolist()
        hits += (exact.argmax(-1) == targets)[counted].tolist()
        compared_nats += each[compared].tolist()
    metrics = scores.metrics()
    assert metrics["loss"] == pytest.approx(np.mean(nats), rel=TOLERANCE)
    assert metrics["perplexity"] == pytest.approx(np.exp(np.mean(nats)), rel=10 * TOLERANCE)
    assert metrics["accuracy"] == np.mean(hits)
    assert metrics["bits_per_note"] == pytest.approx(np.mean(compared_nats) / np.log(2), rel=TOLERANCE)


def test_nothing_scored_is_not_a_number():
    metrics = Scores().metrics()
    assert all(math.isnan(metrics[key]) for key in ("loss", "accuracy", "bits_per_note"))


def test_a_hopeless_network_has_a_finite_perplexity():
    scores = Scores()
    batch = ScoredTunes(*(torch.tensor([[value]]) for value in (0, 1, True, True)))
    scores.add(lambda tokens: (torch.tensor([[[0.0, -5000.0]]]), None), batch)
    assert scores.metrics()["loss"] == 5000
    assert math.isfinite(scores.metrics()["perplexity"])


@pytest.mark.filterwarnings(LEAF_SPEC)
@pytest.mark.parametrize("representation", [Control(), Interval(), DB12()])
def test_a_uniform_network_needs_log2_of_the_vocabulary(representation):
    data = small_data(representation=representation)
    module = small_module(data)
    torch.nn.init.zeros_(module.model.output.weight)
    torch.nn.init.zeros_(module.model.output.bias)
    plain_trainer().validate(module, data, verbose=False)
    metrics = module.latest
    assert metrics["val/bits_per_note"] == pytest.approx(math.log2(len(data.vocabulary)), rel=TOLERANCE)
    assert metrics["val/loss"] == pytest.approx(math.log(len(data.vocabulary)), rel=TOLERANCE)
    assert metrics["val/perplexity"] == pytest.approx(len(data.vocabulary), rel=10 * TOLERANCE)


@pytest.mark.filterwarnings(LEAF_SPEC)
def test_the_test_loss_is_that_of_each_tune_alone_from_the_zero_state():
    data = small_data()
    module = small_module(data)
    plain_trainer().test(module, data, verbose=False)
    metrics = module.latest
    module.eval()
    nats = []
    for batch in data.test_dataloader():
        for tokens, targets, counted, _ in zip(*batch, strict=True):
            notes = int(counted.sum())  # every value of these tunes is known
            with torch.no_grad():
                logits, _ = module.model(tokens[None, :notes])
            nats += torch.nn.functional.cross_entropy(logits[0], targets[:notes], reduction="none").tolist()
    assert metrics["test/loss"] == pytest.approx(np.mean(nats), rel=TOLERANCE)
