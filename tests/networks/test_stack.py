from functools import partial

import pytest
import torch
from torch import nn

from melgen.networks import (
    GRU,
    LSTM,
    NAS,
    RNN,
    UGRNN,
    AbstractScannedLayer,
    RecurrentStack,
    TensorFlowInit,
    find_layer,
    map_state,
    mixed,
)
from melgen.pasting import override

WIDTH = 6


def stack_of(factories, **keep):
    return RecurrentStack([factory(WIDTH, WIDTH) for factory in factories], **keep)


class Copy(AbstractScannedLayer):
    """A test cell that returns its input and keeps it as its state."""

    blocks_of_products = (1,)
    start = TensorFlowInit(kernels=(1,))

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        nn.init.eye_(self.weight_ih)
        nn.init.zeros_(self.weight_hh)

    @staticmethod
    def step(inputs, state, weights):
        return torch.addmm(inputs[0], state, weights[0])


@pytest.mark.parametrize(("kind", "module"), [(LSTM, nn.LSTM), (GRU, nn.GRU), (RNN, nn.RNN)])
def test_equals_torchs_own_stack(double, kind, module):
    layers = 3
    stack, theirs = stack_of([kind] * layers), module(WIDTH, WIDTH, layers, batch_first=True)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), stack.parameters(), strict=True)))
    inputs = torch.randn(4, 7, WIDTH)
    output, state = stack(inputs)
    expected, last = theirs(inputs)
    torch.testing.assert_close(output, expected)
    hidden = [part[0] if isinstance(part, tuple) else part for part in state]
    torch.testing.assert_close(torch.stack(hidden), last[0] if isinstance(last, tuple) else last)


def test_dropout_scales_what_it_keeps_and_spares_the_state():
    inputs = torch.ones(50, 20, WIDTH)
    stack = stack_of([Copy], input_keep_prob=0.8)
    output, state = stack(inputs)
    assert set(output.unique().tolist()) == {0.0, 1.25}
    assert output.bool().float().mean() == pytest.approx(0.8, abs=0.02)
    assert torch.equal(state[0], output[:, -1])  # the layer received no dropped input

    stack = stack_of([Copy], output_keep_prob=0.5)
    output, state = stack(inputs)
    assert set(output.unique().tolist()) == {0.0, 2.0}
    assert output.bool().float().mean() == pytest.approx(0.5, abs=0.03)
    assert torch.equal(state[0], torch.ones(50, WIDTH))  # its state keeps what was dropped after it
    assert not torch.equal(output[:, 0], output[:, 1])  # masks are drawn again at each step


def test_dropout_acts_at_every_layer():
    inputs = torch.ones(50, 20, WIDTH)
    output, _ = stack_of([Copy, Copy], input_keep_prob=0.8, output_keep_prob=0.9)(inputs)
    assert output.bool().float().mean() == pytest.approx((0.8 * 0.9) ** 2, abs=0.03)
    assert output.detach().mean() == pytest.approx(1, abs=0.06)


def test_no_dropout_in_evaluation_or_with_probability_one(cell):
    inputs = torch.randn(3, 5, WIDTH)
    stack = stack_of([cell, cell], input_keep_prob=0.3, output_keep_prob=0.3)
    plain = RecurrentStack(stack.layers)
    assert not torch.equal(stack(inputs)[0], plain(inputs)[0])
    assert torch.equal(stack.eval()(inputs)[0], plain(inputs)[0])
    torch.manual_seed(1)
    before = torch.get_rng_state()
    plain(inputs)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("keep", [0, -0.1, 1.1, "half", None, True, float("nan")])
@pytest.mark.parametrize("key", ["input_keep_prob", "output_keep_prob"])
def test_keep_probabilities_are_checked(key, keep):
    with pytest.raises(ValueError, match=f"{override(key, keep)}: must be a number above 0 and at most 1"):
        stack_of([RNN], **{key: keep})


def test_rows_of_a_batch_do_not_mix(double, cell):
    stack = stack_of([cell, cell])
    inputs = torch.randn(3, 5, WIDTH)
    output, state = stack(inputs)
    disturbed = inputs.clone()
    disturbed[1] += 1
    again, state_again = stack(disturbed)
    torch.testing.assert_close(again[[0, 2]], output[[0, 2]])
    assert not torch.allclose(again[1], output[1])
    alone, state_alone = stack(inputs[:1])
    torch.testing.assert_close(alone, output[:1])
    torch.testing.assert_close(state_alone, map_state(lambda tensor: tensor[:1], state))
    torch.testing.assert_close(*(map_state(lambda tensor: tensor[[0, 2]], s) for s in (state, state_again)))


def test_widths_must_meet():
    with pytest.raises(ValueError, match="input_size 3 on top of hidden_size 4"):
        RecurrentStack([LSTM(2, 4), LSTM(3, 4)])
    with pytest.raises(ValueError, match=r"layers=0: must be .* at least 1"):
        RecurrentStack([])


def test_a_foreign_state_is_refused(cell):
    inputs = torch.randn(3, 5, WIDTH)
    _, state = stack_of([cell, cell])(inputs)
    with pytest.raises(ValueError, match="a state of 2 layers was given to a stack of 1"):
        stack_of([cell])(inputs, state)
    with pytest.raises(ValueError, match=r"a state of batch size 3 was given to layer 1 \(.*\) with a batch of 1"):
        stack_of([cell, cell])(inputs[:1], state)


def test_mixed_takes_names_paths_and_factories():
    reset_before = partial(GRU, reset_after=False)
    assert mixed(["lstm", "melgen.networks.NAS", reset_before]) == [LSTM, NAS, reset_before]
    assert find_layer("ugrnn") is UGRNN


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (["lstm", "lsmt"], "unknown cell 'lsmt': must be one of attention, gru, hgrn2, indrnn, lru"),
        (["LSTM"], "unknown cell 'LSTM'"),
        ([""], "unknown cell ''"),
        (["melgen.networks.Nothing"], "cannot import the cell 'melgen.networks.Nothing'"),
        (["no_such_package.Cell"], "cannot import the cell 'no_such_package.Cell'"),
        ([".relative"], "unknown cell '.relative'"),
        (["torch.nn.LSTM"], "unknown cell 'torch.nn.LSTM'"),
        (["torch.nn.functional.relu"], "unknown cell"),
        ([3], "must be a name or a factory of layers, got 3"),
        ([], r"stack must be a list of at least one cell, .* got \[\]"),
        ("lstm", "stack must be a list of at least one cell, .* got 'lstm'"),
        (None, "stack must be a list of at least one cell, .* got None"),
    ],
)
def test_mixed_refuses_parts_that_are_not_cells(stack, message):
    with pytest.raises(ValueError, match=message):
        mixed(stack)
