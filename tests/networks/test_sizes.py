"""The size of a network against counts by hand."""

from __future__ import annotations

import pytest
import torch

from melgen.networks import GRU, LSTM, MelodyModel, NoBlock, ResidualBlock, estimate_parameters, mixed
from melgen.networks.sizes import count_parameters, size_of
from tests.networks.conftest import CELLS

BLOCKS_OF_WEIGHTS = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "rnn": 1, "ugrnn": 2, "nas": 8, "slstm": 4}
"""Of the input and of the state."""
BLOCKS_OF_INPUT_WEIGHTS = {"mingru": 2, "minlstm": 3}
"""Of cells without a product with the state."""
STATES = {"lstm": 2, "nas": 2, "slstm": 4}
V, D, E, H = 11, 5, 6, 8


@pytest.mark.parametrize("cell", [*BLOCKS_OF_WEIGHTS, *BLOCKS_OF_INPUT_WEIGHTS])
@pytest.mark.parametrize("block", [False, True], ids=["none", "residual"])
@pytest.mark.parametrize("rhythm", [False, True], ids=["pitches", "rhythm"])
def test_each_axis_is_counted_by_hand(cell, block, rhythm):
    outputs = V - 2 if rhythm else V
    sizes = {"output_size": outputs, "duration_size": D} if rhythm else {}
    model = MelodyModel(V, H, 2, CELLS[cell], E, **sizes, **({"block": ResidualBlock} if block else {}))
    gates = BLOCKS_OF_WEIGHTS.get(cell) or BLOCKS_OF_INPUT_WEIGHTS[cell]
    of_state = H if cell in BLOCKS_OF_WEIGHTS else 0
    width = E if block else H
    below = [E, width]
    products = sum(gates * H * (each + of_state) + (2 * E * H if block else 0) for each in below) + width * outputs
    biases = 0 if cell == "nas" else gates * H
    if rhythm:
        products += (width + E) * width + width * D
    found = size_of(model)
    assert found.recurrent_parameters == sum(gates * H * (each + of_state) + biases for each in below)
    assert found.remembered == 2 * STATES.get(cell, 1) * H
    assert found.operations == products
    assert found.parameters == sum(weight.numel() for weight in model.parameters() if weight.requires_grad)


def test_nothing_changes():
    model = MelodyModel(V, H, 2, mixed(["lstm", "gru"]), input_keep_prob=0.5).train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    random = torch.get_rng_state()
    size_of(model)
    assert torch.equal(torch.get_rng_state(), random)
    assert model.training
    assert all(layer.implementation == "fast" for layer in model.layers)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize("options", [{}, {"output_size": 9, "duration_size": 5}], ids=["pitches", "rhythm"])
@pytest.mark.parametrize("block", [NoBlock, ResidualBlock])
@pytest.mark.parametrize("cell", [LSTM, [GRU, LSTM, GRU, LSTM]], ids=["one cell", "mixed"])
def test_the_estimate_is_the_number_of_a_network_that_was_built(cell, block, options):
    sizes = {"vocab_size": 11, "hidden_size": 8, "layers": 4, "embedding_size": 6, "block": block, **options}
    assert estimate_parameters(cell=cell, **sizes) == count_parameters(MelodyModel(cell=cell, **sizes))


@pytest.mark.parametrize("key", ["output_size", "duration_size", "layers"])
def test_the_estimate_refuses_what_the_network_refuses(key):
    with pytest.raises(ValueError, match=f"{key}=0: must be a whole number of at least 1"):
        estimate_parameters(vocab_size=11, **{key: 0})
