"""The Mogrifier LSTM: its equations, its rounds, its gradients, and its kernel."""

import copy
import re

import numpy as np
import pytest
import torch

from melgen.networks import LSTM, MelodyModel, Mogrifier
from tests.networks.cell_equations import mogrifier, scan
from tests.networks.conftest import away_from_start

TOLERANCE = 1e-10
BATCH, TIME, INPUT, HIDDEN = 3, 9, 5, 4
ROUNDS = [0, 1, 2, 5, 6]


def randomised(rounds, initialization="paper"):
    return away_from_start(Mogrifier(INPUT, HIDDEN, rounds), initialization)


def weights_of(layer):
    kernel = torch.cat([layer.weight_ih, layer.weight_hh], dim=1).t()
    return [gate.detach().numpy().T for gate in layer.gates], kernel.detach().numpy(), layer.bias.detach().numpy()


@pytest.mark.parametrize("initialization", ["paper", "torch"])
@pytest.mark.parametrize("rounds", ROUNDS)
def test_equals_its_equations(double, rounds, initialization):
    layer = randomised(rounds, initialization)
    inputs = torch.randn(BATCH, TIME, INPUT)
    for start in (None, tuple(torch.randn(2, BATCH, HIDDEN))):
        output, last = layer(inputs, start)
        numbers = [np.zeros((BATCH, HIDDEN))] * 2 if start is None else [part.numpy() for part in start]
        expected, expected_last = scan(mogrifier, inputs.numpy(), numbers, *weights_of(layer))
        np.testing.assert_allclose(output.detach(), expected, atol=TOLERANCE, rtol=0)
        for part, wanted in zip(last, expected_last, strict=True):
            np.testing.assert_allclose(part.detach(), wanted, atol=TOLERANCE, rtol=0)


def test_without_rounds_it_is_torchs_lstm(double):
    layer, theirs = Mogrifier(INPUT, HIDDEN, rounds=0), LSTM(INPUT, HIDDEN)
    theirs.initialize("paper")
    weights = [layer.weight_ih, layer.weight_hh, layer.bias, torch.zeros_like(layer.bias)]
    theirs.rnn.load_state_dict(dict(zip(theirs.rnn.state_dict(), weights, strict=True)))
    inputs = torch.randn(BATCH, TIME, INPUT)
    torch.testing.assert_close(layer(inputs), theirs(inputs), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_the_kernel_equals_the_plain_steps_in_double_precision(rounds):
    """Outputs, states, and the gradients of everything under random weights of all outputs."""
    torch.manual_seed(0)
    fast = randomised(rounds)
    tensors = [torch.randn(BATCH, TIME, INPUT), torch.randn(BATCH, HIDDEN), torch.randn(BATCH, HIDDEN)]
    of_output = torch.randn(BATCH, TIME, HIDDEN)
    of_last = torch.randn(2, BATCH, HIDDEN)
    found = []
    for layer, dtype in ((fast, torch.float32), (copy.deepcopy(fast).double(), torch.float64)):
        inputs, *start = (each.to(dtype, copy=True).requires_grad_() for each in tensors)
        output, last = layer(inputs, tuple(start))
        loss = (output * of_output).sum() + sum((a * b).sum() for a, b in zip(last, of_last, strict=True))
        loss.backward()
        given = [inputs, *start, *layer.parameters()]
        found.append([output.detach(), *(part.detach() for part in last), *(each.grad for each in given)])
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got.double(), wanted, rtol=1e-4, atol=2e-5)


def test_a_second_way_back_is_refused_with_advice():
    output, _ = randomised(5)(torch.randn(BATCH, TIME, INPUT))
    output.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="implementation=reference"):
        output.sum().backward()


def test_autograd_notes_do_not_grow_with_time():
    def notes(steps):
        output, _ = randomised(5)(torch.randn(BATCH, steps, INPUT))
        return str(output.grad_fn.next_functions)

    assert "_MogrifierScan" in notes(3)
    assert len(notes(3)) == pytest.approx(len(notes(30)), abs=8)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_stays_in_its_melody_and_in_the_future(value):
    torch.manual_seed(0)
    layer, inputs = randomised(5), torch.randn(2, TIME, INPUT)
    inputs[1, 4, 2] = value
    found = []
    for implementation in ("fast", "reference"):
        layer.implementation = implementation
        found.append(layer(inputs)[0].isnan())
    assert torch.equal(*found)
    assert not found[0][0].any()
    assert not found[0][1, :4].any()
    assert (value == float("inf")) or found[0][1, 4:].all()


@pytest.mark.slow
def test_many_notes_without_drift():
    torch.manual_seed(0)
    layer = randomised(5)
    inputs = torch.randn(1, 10_000, INPUT)
    with torch.no_grad():
        whole, (h, c) = layer(inputs)
        first, state = layer(inputs[:, :3001])
        second, _ = layer(inputs[:, 3001:], state)
    assert h.isfinite().all()
    assert c.isfinite().all()
    torch.testing.assert_close(torch.cat([first, second], 1), whole, atol=1e-4, rtol=0)


def test_initial_weights():
    layer = Mogrifier(40, 60, rounds=3)
    layer.initialize("paper")
    assert [tuple(gate.shape) for gate in layer.gates] == [(40, 60), (60, 40), (40, 60)]
    bound = (6 / 100) ** 0.5
    for gate in layer.gates:
        assert 0.98 * bound < gate.abs().max() <= bound
    assert layer.bias.view(4, 60).tolist() == [[start] * 60 for start in (0, 1, 0, 0)]


@pytest.mark.parametrize("rounds", [-1, 1.0, True, None])
def test_rounds_are_checked(rounds):
    with pytest.raises(ValueError, match=re.escape("must be a whole number of at least 0")):
        Mogrifier(INPUT, HIDDEN, rounds)


def test_a_checkpoint_rebuilds_its_rounds():
    model = MelodyModel(7, 6, 2, lambda *sizes: Mogrifier(*sizes, rounds=2))
    again = MelodyModel.from_description(model.describe())
    again.load_state_dict(model.state_dict())
    tokens = torch.randint(7, (2, 5))
    assert torch.equal(again(tokens)[0], model(tokens)[0])
