"""The initial weights. The ranges are those of TensorFlow's variables, written out by hand."""

import math

import pytest
import torch
from torch import nn

from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN, MelodyModel

INPUT, HIDDEN = 30, 50
# With 1500 uniform draws, the chance that the largest misses its bound by 2% of it is 3e-7.
NEAR = 0.98


def assert_uniform(weight, bound):
    weight = weight.detach()
    assert weight.abs().max() <= bound
    assert weight.max() > NEAR * bound
    assert weight.min() < -NEAR * bound
    # The standard error of the mean is bound / sqrt(3 n).
    assert weight.mean().abs() < 5 * bound / math.sqrt(3 * weight.numel())
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.06)


def glorot(fan_in, fan_out):
    return math.sqrt(6 / (fan_in + fan_out))


def built(kind, initialization, **options):
    layer = kind(INPUT, HIDDEN, **options)
    layer.initialize(initialization)
    return {name.rpartition(".")[2].removesuffix("_l0"): value for name, value in layer.named_parameters()}


@pytest.mark.parametrize(
    ("kind", "options", "kernels"),
    [
        (LSTM, {}, [4]),
        (RNN, {}, [1]),
        (GRU, {}, [2, 1]),
        (GRU, {"reset_after": False}, [2, 1]),
        (UGRNN, {}, [2]),
    ],
)
def test_paper_kernels_serve_input_and_state_together(kind, options, kernels):
    weights = built(kind, "paper", **options)
    rows = [blocks * HIDDEN for blocks in kernels]
    for part in ("weight_ih", "weight_hh"):
        for kernel in weights[part].split(rows):
            assert_uniform(kernel, glorot(INPUT + HIDDEN, kernel.shape[0]))


def test_paper_nas_has_two_kernels_and_no_bias():
    weights = built(NAS, "paper")
    assert set(weights) == {"weight_ih", "weight_hh"}
    assert_uniform(weights["weight_ih"], glorot(INPUT, 8 * HIDDEN))
    assert_uniform(weights["weight_hh"], glorot(HIDDEN, 8 * HIDDEN))


@pytest.mark.parametrize(
    ("kind", "options", "starts"),
    [
        (LSTM, {}, [0, 1, 0, 0]),
        (RNN, {}, [0]),
        (GRU, {}, [1, 1, 0]),
        (GRU, {"reset_after": False}, [1, 1, 0]),
        (UGRNN, {}, [1, 0]),
    ],
)
def test_paper_biases(kind, options, starts):
    weights = built(kind, "paper", **options)
    bias = weights["bias_ih"] if "bias_ih" in weights else weights["bias"]
    assert bias.reshape(-1, HIDDEN).tolist() == [[start] * HIDDEN for start in starts]
    assert bias.requires_grad
    if "bias_hh" in weights:  # torch's second bias would double every step of Adam
        assert not weights["bias_hh"].any()
        assert not weights["bias_hh"].requires_grad


def test_torch_is_torchs_own(cell):
    layer = cell(INPUT, HIDDEN)
    layer.initialize("torch")
    for name, parameter in layer.named_parameters():
        assert parameter.requires_grad
        if name in ("forgetting", "recurrence", "nu", "theta", "gamma"):
            continue  # a decay or an angle, for which torch's bound has no meaning
        assert parameter.abs().max() <= 1 / math.sqrt(HIDDEN)
        assert parameter.detach().std() == pytest.approx(1 / math.sqrt(3 * HIDDEN), rel=0.25)


def test_torch_draws_what_torch_draws():
    layer = LSTM(INPUT, HIDDEN)
    torch.manual_seed(3)
    layer.initialize("torch")
    torch.manual_seed(3)
    theirs = nn.LSTM(INPUT, HIDDEN)
    for ours, expected in zip(layer.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, expected)


def test_initialisation_can_be_changed(cell):
    layer = cell(INPUT, HIDDEN)
    layer.initialize("paper")
    layer.initialize("torch")
    assert all(parameter.requires_grad for parameter in layer.parameters())
    with pytest.raises(ValueError, match="initialization=xavier: must be paper or torch"):
        layer.initialize("xavier")


def test_paper_embedding_and_output():
    vocab_size, hidden, embedding = 3000, 60, 40
    model = MelodyModel(vocab_size, hidden, embedding_size=embedding)
    assert_uniform(model.embedding.weight, glorot(vocab_size, embedding))
    assert_uniform(model.output.weight, glorot(hidden, vocab_size))
    assert_uniform(model.output.bias, glorot(vocab_size, vocab_size))


def test_torch_embedding_is_normal():
    model = MelodyModel(3000, 60, initialization="torch")
    weight = model.embedding.weight.detach()
    assert weight.std() == pytest.approx(1, rel=0.02)
    assert weight.max() > 3
