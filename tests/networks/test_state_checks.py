"""States that a caller gives: a stack refuses those that its layers cannot have, and says why."""

import itertools
from functools import partial

import pytest
import torch
from torch import nn

from melgen.networks import LSTM, RNN, AbstractRecurrentLayer, Attention, MelodyModel, ResidualBlock, map_state
from melgen.networks.model_stepping import ModelStepper
from tests.networks.conftest import CELLS
from tests.networks.test_kernel_scan import flat

VOCABULARY, WIDTH, BATCH = 7, 4, 2
TOKENS = torch.tensor([[1, 2, 3], [4, 5, 6]])


def model_of(cell, **options):
    return MelodyModel(VOCABULARY, WIDTH, 2, cell, **options)


def state_of(model):
    """With two layers, two melodies and two heads no axis is known by its size alone."""
    with torch.no_grad():
        return model(TOKENS)[1]


def kinds(state):
    """What tells two states apart: the tuples, and the shape of each tensor."""
    return state.shape if isinstance(state, torch.Tensor) else tuple(map(kinds, state))


@pytest.fixture(scope="module")
def models():
    return {name: model_of(cell) for name, cell in CELLS.items()}


def test_each_cell_declares_the_state_that_it_returns(models):
    for name, model in models.items():
        for layer, part in zip(model.layers, state_of(model), strict=True):
            assert layer.state_shape == kinds(map_state(lambda tensor: tensor[0], part)), name


@torch.no_grad()
def test_a_state_of_another_cell_is_refused_unless_it_has_the_same_shape(models):
    states = {name: state_of(model) for name, model in models.items()}
    refused = 0
    for name, other in itertools.permutations(models, 2):
        if kinds(states[name]) == kinds(states[other]):
            models[name](TOKENS, states[other])
            continue
        refused += 1
        for read in (
            lambda state, model=models[name]: model(TOKENS, state),
            partial(ModelStepper, models[name], BATCH),
        ):
            cell = models[name].layers[0].stored_name()
            with pytest.raises(ValueError, match=rf"^layer 1 \({cell}\) needs as its state a t.*, got a t"):
                read(states[other])
    assert refused > 100


LSTM_STATE = (torch.zeros(BATCH, WIDTH), torch.zeros(BATCH, WIDTH))
NEEDED = r"layer 2 \(lstm\) needs as its state a tuple of \[2, 4\], \[2, 4\], got "


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (LSTM_STATE[0], "the state of 2 layers must be a tuple with the state of each, got a tensor .2, 4."),
        ("ab", "the state of 2 layers must be a tuple with the state of each, got str"),
        ((LSTM_STATE,), "a state of 1 layers was given to a stack of 2"),
        ((LSTM_STATE, LSTM_STATE[0]), NEEDED + r"a tensor \[2, 4\]"),
        ((LSTM_STATE, LSTM_STATE * 2), NEEDED + r"a tuple of \[2, 4\], \[2, 4\], \[2, 4\], \[2, 4\]"),
        ((LSTM_STATE, [LSTM_STATE[0]] * 9), NEEDED + r"a list of .*, \.\.\. \(9 in all\)"),
        ((LSTM_STATE, ()), NEEDED + "a tuple of nothing"),
        ((LSTM_STATE, (LSTM_STATE[0], None)), NEEDED + r"a tuple of \[2, 4\], NoneType"),
        ((LSTM_STATE, (LSTM_STATE[0], LSTM_STATE[1].numpy())), NEEDED + r"a tuple of \[2, 4\], ndarray"),
        ((LSTM_STATE, (LSTM_STATE[0], torch.zeros(2, 5))), NEEDED + r"a tuple of \[2, 4\], \[2, 5\]"),
        ((LSTM_STATE, (LSTM_STATE[0], torch.zeros(1, 4))), NEEDED + r"a tuple of \[2, 4\], \[1, 4\]"),
        (
            (LSTM_STATE, (torch.zeros(3, 4),) * 2),
            r"a state of batch size 3 was given to layer 2 \(lstm\) with a batch of 2",
        ),
        ((LSTM_STATE, (torch.tensor(0.0),) * 2), NEEDED + r"a tuple of \[\], \[\]"),
        (
            (LSTM_STATE, (LSTM_STATE[0], LSTM_STATE[1].double())),
            r"layer 2 \(lstm\) needs a state of type float32 on cpu, got float64 on cpu",
        ),
        ((LSTM_STATE, (LSTM_STATE[0].long(), LSTM_STATE[1])), "float32 on cpu, got int64 on cpu"),
        ((LSTM_STATE, (LSTM_STATE[0] + 0j, LSTM_STATE[1])), "float32 on cpu, got complex64 on cpu"),
        ((LSTM_STATE, (LSTM_STATE[0].to("meta"), LSTM_STATE[1])), "float32 on cpu, got float32 on meta"),
    ],
)
@pytest.mark.parametrize("block", [None, ResidualBlock])
@torch.no_grad()
def test_what_was_found_and_what_is_needed_is_said(state, message, block):
    model = model_of(LSTM, **({} if block is None else {"block": block}))
    with pytest.raises(ValueError, match=message):
        model(TOKENS, state)
    with pytest.raises(ValueError, match=message):
        ModelStepper(model, BATCH, state)


@torch.no_grad()
def test_what_a_state_may_be():
    model = model_of(LSTM)
    output, _ = model(TOKENS, state_of(model))
    as_lists = [list(part) for part in state_of(model)]
    assert torch.equal(model(TOKENS, as_lists)[0], output)
    zeros = (None, (torch.zeros(BATCH, WIDTH),) * 2)  # of the first layer as None
    assert torch.equal(model(TOKENS, zeros)[0], model(TOKENS)[0])


@torch.no_grad()
def test_autocast_may_have_made_a_state_in_its_own_precision():
    model = model_of(RNN)
    state = map_state(torch.Tensor.bfloat16, state_of(model))
    with torch.autocast("cpu", torch.bfloat16):
        model(TOKENS, state)
    with pytest.raises(ValueError, match="float32 on cpu, got bfloat16"):
        model(TOKENS, state)


@torch.no_grad()
def test_half_precision_goes_with_a_count_in_single_precision():
    model = model_of(partial(Attention, heads=1, window=5)).bfloat16()
    state = state_of(model)
    assert {part.dtype for part in flat(state[0])} == {torch.bfloat16, torch.float32}
    model(TOKENS, state)
    with pytest.raises(ValueError, match="bfloat16 on cpu, got float16"):
        model(TOKENS, map_state(torch.Tensor.half, state))


class Own(AbstractRecurrentLayer):
    """A cell of a user that does not declare its state, a tuple in a tuple with a whole number."""

    def forward(self, input, state=None):
        h, (count,) = (
            (torch.zeros(len(input), 1), (torch.zeros(len(input), dtype=torch.int64),)) if state is None else state
        )
        return input + h[:, None], (h + 1, (count + input.shape[1],))

    def initialize(self, initialization):
        nn.Identity()


@torch.no_grad()
def test_a_cell_that_declares_no_state_may_have_any_of_the_same_batch():
    model = model_of(Own)
    _, state = model(TOKENS, state_of(model))
    assert state[1][1][0].tolist() == [6, 6]
    with pytest.raises(ValueError, match=r"a state of batch size 2 was given to layer 1 \(.*Own\) with a batch of 1"):
        model(TOKENS[:1], state)
    with pytest.raises(
        ValueError, match=r"Own\) needs as its state tensors whose first axis is 2, got a tuple of .2, 1., int"
    ):
        model(TOKENS, (state[0], (state[1][0], 3)))
