import re

import numpy as np
import pytest
import torch
from torch import nn

from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN, AbstractRecurrentLayer, map_state, mixed
from melgen.pasting import override
from tests.networks.cell_equations import gru, in_order, lstm, nas, rnn, scan, torch_kernel, ugrnn
from tests.networks.conftest import CELLS

# Sums of a few dozen float64 terms in another order, through at most nine saturating steps.
TOLERANCE = 1e-10
BATCH, TIME, INPUT, HIDDEN = 3, 9, 5, 4


def weights_of(layer):
    return {name.rpartition(".")[2]: value.detach().numpy() for name, value in layer.named_parameters()}


def shifted(bias, block):
    """TensorFlow's bias of a gate to which it adds 1 at run time, from our bias that holds the 1."""
    bias = bias.copy()
    bias[block * HIDDEN : (block + 1) * HIDDEN] -= 1
    return bias


def tensorflow_lstm(layer):
    w = weights_of(layer)
    order = (0, 2, 1, 3)  # i, j, f, o from torch's i, f, g, o
    bias = shifted(w["bias_ih_l0"] + w["bias_hh_l0"], block=1)
    return lstm, torch_kernel(w["weight_ih_l0"], w["weight_hh_l0"], order), in_order(bias, order)


def tensorflow_rnn(layer):
    w = weights_of(layer)
    kernel = torch_kernel(w["weight_ih_l0"], w["weight_hh_l0"], (0,))
    return rnn, kernel, w["bias_ih_l0"] + w["bias_hh_l0"]


def tensorflow_gru(layer):
    w = weights_of(layer)
    kernels = [torch_kernel(w["weight_ih"], w["weight_hh"], order) for order in ((0, 1), (2,))]
    return gru, kernels[0], w["bias"][: 2 * HIDDEN], kernels[1], w["bias"][2 * HIDDEN :]


def tensorflow_ugrnn(layer):
    w = weights_of(layer)
    return ugrnn, torch_kernel(w["weight_ih"], w["weight_hh"], (0, 1)), shifted(w["bias"], block=0)


def tensorflow_nas(layer):
    w = weights_of(layer)
    order = np.argsort((0, 2, 5, 7, 4, 6, 1, 3))
    kernels = [np.concatenate([np.split(w[key], 8)[k].T for k in order], axis=1) for key in ("weight_ih", "weight_hh")]
    return nas, *kernels


REFERENCES = [
    (LSTM, {}, tensorflow_lstm, 2),
    (RNN, {}, tensorflow_rnn, 1),
    (GRU, {"reset_after": False}, tensorflow_gru, 1),
    (UGRNN, {}, tensorflow_ugrnn, 1),
    (NAS, {}, tensorflow_nas, 2),
]


@pytest.mark.parametrize("initialization", ["paper", "torch"])
@pytest.mark.parametrize(("kind", "options", "translate", "states"), REFERENCES)
def test_equals_tensorflows_equations(double, kind, options, translate, states, initialization):
    layer = kind(INPUT, HIDDEN, **options)
    layer.initialize(initialization)
    # Wider than any initialisation: every gate leaves its linear range.
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.5)
    inputs = torch.randn(BATCH, TIME, INPUT)
    start = tuple(torch.randn(BATCH, HIDDEN) for _ in range(states))
    output, last = layer(inputs, start if states > 1 else start[0])

    step, *weights = translate(layer)
    expected, expected_last = scan(step, inputs.numpy(), tuple(part.numpy() for part in start), *weights)
    np.testing.assert_allclose(output.detach(), expected, atol=TOLERANCE, rtol=0)
    last = last if states > 1 else (last,)
    for part, expected_part in zip(last, expected_last, strict=True):
        np.testing.assert_allclose(part.detach(), expected_part, atol=TOLERANCE, rtol=0)

    from_zero, _ = layer(inputs)
    zeros = tuple(np.zeros((BATCH, HIDDEN)) for _ in range(states))
    np.testing.assert_allclose(
        from_zero.detach(), scan(step, inputs.numpy(), zeros, *weights)[0], atol=TOLERANCE, rtol=0
    )


# A part of the others' state has no gradient; test_slstm.py and test_attention.py compare theirs.
@pytest.mark.parametrize("cell", [CELLS[name] for name in CELLS if name not in ("slstm", "attention")])
def test_gradients_of_each_step(double, cell):
    layer = cell(3, 2)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.copy_(torch.randn_like(parameter))
            if name == "recurrence":  # beyond its bounds the gradient is not the slope, but leads back
                parameter.clamp_(-0.9, 0.9)
    names = [name for name, _ in layer.named_parameters()]
    inputs = torch.randn(2, 4, 3, requires_grad=True)
    _, state = layer(inputs)
    is_pair = isinstance(state, tuple)
    start = [torch.randn_like(part).requires_grad_() for part in (state if is_pair else [state])]
    parameters = [parameter.detach().clone().requires_grad_() for parameter in layer.parameters()]

    def run(inputs, *rest):
        state, values = rest[: len(start)], rest[len(start) :]
        output, last = torch.func.functional_call(
            layer, dict(zip(names, values, strict=True)), (inputs, state if is_pair else state[0])
        )
        return output, *(last if is_pair else (last,))

    assert torch.autograd.gradcheck(run, (inputs, *start, *parameters))


@pytest.mark.parametrize(
    ("kind", "module", "step"),
    [(LSTM, nn.LSTM, nn.LSTMCell), (GRU, nn.GRU, nn.GRUCell), (RNN, nn.RNN, nn.RNNCell)],
)
def test_equals_torch(double, kind, module, step):
    layer = kind(INPUT, HIDDEN)
    layer.initialize("torch")
    weights = [parameter.detach() for parameter in layer.parameters()]
    fused, single = module(INPUT, HIDDEN, batch_first=True), step(INPUT, HIDDEN)
    for theirs in (fused, single):
        theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    inputs = torch.randn(BATCH, TIME, INPUT)
    output, last = layer(inputs)
    last = last if isinstance(last, tuple) else (last,)

    expected, expected_last = fused(inputs)
    torch.testing.assert_close(output, expected)
    expected_last = expected_last if isinstance(expected_last, tuple) else (expected_last,)
    for part, expected_part in zip(last, expected_last, strict=True):
        torch.testing.assert_close(part, expected_part.squeeze(0))

    state, outputs = None, []
    for now in inputs.unbind(1):
        state = single(now, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    torch.testing.assert_close(output, torch.stack(outputs, 1), atol=TOLERANCE, rtol=0)


def test_gru_readings_differ_only_by_the_place_of_the_reset(double):
    """With the reset gate wide open both are the same function; otherwise they are not."""
    after, before = GRU(INPUT, HIDDEN), GRU(INPUT, HIDDEN, reset_after=False)
    after.initialize("paper")
    weight_ih, weight_hh, bias, _ = after.parameters()
    inputs = torch.randn(BATCH, TIME, INPUT)
    for reset_bias, equal in ((1.0, False), (100.0, True)):
        with torch.no_grad():
            bias[:HIDDEN] = reset_bias
            for ours, theirs in zip(before.parameters(), (weight_ih, weight_hh, bias), strict=True):
                ours.copy_(theirs)
        assert torch.allclose(after(inputs)[0], before(inputs)[0], atol=TOLERANCE, rtol=0) == equal


def test_one_pass_equals_two_chunks_equals_note_by_note(double, cell):
    layer = cell(INPUT, HIDDEN)
    inputs = torch.randn(BATCH, TIME, INPUT)
    whole, last = layer(inputs)
    for sizes in ([4, TIME - 4], [1] * TIME):
        state, outputs = None, []
        for chunk in inputs.split(sizes, dim=1):
            output, state = layer(chunk, state)
            outputs.append(output)
        torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(state, last, atol=TOLERANCE, rtol=0)


def test_the_first_axis_of_every_state_tensor_is_the_batch(cell):
    shapes = []
    layer = cell(INPUT, HIDDEN)
    _, state = layer(torch.randn(BATCH, TIME, INPUT))
    map_state(lambda tensor: shapes.append(tensor.shape) or tensor, state)
    assert [shape[0] for shape in shapes] == [BATCH] * len(shapes)
    assert len(shapes) <= 4


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "8", None])
def test_sizes_are_checked(cell, size):
    message = re.escape(f"{override('hidden_size', size)}: must be a whole number of at least 1")
    with pytest.raises(ValueError, match=message):
        cell(3, size)
    with pytest.raises(ValueError, match=r"input_size=.*must be"):
        cell(size, 3)


def test_reset_after_is_true_or_false():
    with pytest.raises(ValueError, match="reset_after=before: must be true or false"):
        GRU(3, 4, reset_after="before")


def test_a_cell_registers_by_its_name(monkeypatch):
    monkeypatch.setattr(AbstractRecurrentLayer, "known", dict(AbstractRecurrentLayer.known))
    assert set(AbstractRecurrentLayer.known) >= {"lstm", "gru", "rnn", "nas", "ugrnn"}
    for _ in range(2):  # as when a notebook cell runs again

        class Elman(RNN):
            name = "elman"

    assert mixed(["elman"]) == [Elman]
    with pytest.raises(ValueError, match="'nas' of Impostor is taken by NAS"):
        type("Impostor", (LSTM,), {"name": "nas", "__qualname__": "Impostor"})
    assert mixed(["nas"]) == [NAS]

    class Nameless(LSTM):
        pass

    assert AbstractRecurrentLayer.known["lstm"] is LSTM
    assert Nameless not in AbstractRecurrentLayer.known.values()
