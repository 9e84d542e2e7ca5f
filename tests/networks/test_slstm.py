"""sLSTM: its equations, its rule for a state without notes, its heads, and its gradients."""

import re

import numpy as np
import pytest
import torch

from melgen.networks import SLSTM, MelodyModel, map_state
from tests.networks.cell_equations import scan, slstm
from tests.networks.conftest import away_from_start

# Sums of a few dozen float64 terms in another order.
TOLERANCE = 1e-10
BATCH, TIME, INPUT, HIDDEN = 3, 9, 5, 6


def randomised(heads=1, initialization="paper"):
    return away_from_start(SLSTM(INPUT, HIDDEN, heads), initialization)


def weights_of(layer):
    """The weights for `slstm`, block by block; between heads they are zero."""
    width = HIDDEN // layer.heads
    order = (2, 3, 1, 0)  # i, f, z, o of our o, z, i, f
    state_kernels = []
    for k in order:
        kernel = np.zeros((HIDDEN, HIDDEN))
        for head in range(layer.heads):
            own = slice(head * width, (head + 1) * width)
            kernel[own, own] = layer.weight_hh.detach().numpy()[k * HIDDEN :][own].T
        state_kernels.append(kernel)
    input_kernels = [np.split(layer.weight_ih.detach().numpy(), 4)[k].T for k in order]
    return input_kernels, state_kernels, [np.split(layer.bias.detach().numpy(), 4)[k] for k in order]


def random_state():
    """A state whose first melody begins, whose second melody begins in some numbers only."""
    h, c, m = (torch.randn(BATCH, HIDDEN) for _ in range(3))
    n = torch.rand(BATCH, HIDDEN) + 0.5
    for begins in (np.s_[0], np.s_[1, :2]):
        c[begins], n[begins], m[begins] = 0, 0, 0
    return h, c, n, m


@pytest.mark.parametrize("initialization", ["paper", "torch"])
@pytest.mark.parametrize("heads", [1, 2, 6])
def test_equals_its_equations(double, heads, initialization):
    layer = randomised(heads, initialization)
    inputs = torch.randn(BATCH, TIME, INPUT)
    for start in (None, random_state()):
        output, last = layer(inputs, start)
        numbers = [np.zeros((BATCH, HIDDEN))] * 4 if start is None else [part.numpy() for part in start]
        expected, expected_last = scan(slstm, inputs.numpy(), numbers, *weights_of(layer))
        np.testing.assert_allclose(output.detach(), expected, atol=TOLERANCE, rtol=0)
        for part, wanted in zip(last, expected_last, strict=True):
            np.testing.assert_allclose(part.detach(), wanted, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("steps", [1, TIME])
@pytest.mark.parametrize("heads", [1, 3])
def test_the_kernel_equals_the_equations_in_double_precision(heads, steps):
    """Also where a melody begins while another goes on."""
    torch.manual_seed(0)
    layer = randomised(heads)
    inputs, start = torch.randn(BATCH, steps, INPUT), random_state()
    output, last = layer(inputs, start)
    double = layer.double()
    doubles = [part.double().numpy() for part in start]
    expected, expected_last = scan(slstm, inputs.double().numpy(), doubles, *weights_of(double))
    np.testing.assert_allclose(output.detach(), expected, atol=1e-5)
    for part, wanted in zip(last, expected_last, strict=True):
        np.testing.assert_allclose(part.detach(), wanted, atol=1e-5, rtol=1e-5)


def plain(layer, inputs, state):
    """The outputs by autograd, with the gradient of m too."""
    h, c, n, m = state
    weight_ih, weight_hh, bias, _ = layer.kernel_weights()
    outputs = []
    for x in inputs.unbind(1):
        o, z, i, f = (x @ weight_ih.t() + h @ weight_hh.t() + bias).chunk(4, 1)
        log_kept = torch.nn.functional.logsigmoid(f) + m
        m = torch.where(n == 0, i, torch.maximum(i, log_kept))
        kept = torch.where(n == 0, 0, (log_kept - m).exp())
        c, n = kept * c + (i - m).exp() * z.tanh(), kept * n + (i - m).exp()
        h = o.sigmoid() * c / n
        outputs.append(h)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("single", [False, True])
def test_gradients_are_those_of_the_plain_recurrence(double, single):
    layer, start, inputs = randomised(2), random_state(), torch.randn(BATCH, TIME, INPUT)
    weights, of_output = list(layer.parameters()), torch.randn(BATCH, TIME, HIDDEN)
    given = [inputs, *start, *weights]
    for each in given:
        each.requires_grad_()
    wanted = torch.autograd.grad(plain(layer, inputs, start), given, of_output)
    if single:  # with the kernel
        layer = layer.float()
        inputs, of_output, *start = (each.detach().float() for each in (inputs, of_output, *start))
        given = [each.requires_grad_() for each in (inputs, *start)] + list(layer.parameters())
    output, _ = layer(inputs, tuple(start))
    assert ("_Scan" in str(output.grad_fn.next_functions)) == single
    for got, expected in zip(torch.autograd.grad(output, given, of_output), wanted, strict=True):
        tolerance = 1e-4 if single else TOLERANCE
        torch.testing.assert_close(got.double(), expected, atol=tolerance, rtol=tolerance)


def test_a_gradient_through_chunks_is_that_of_the_whole(double):
    layer, inputs = randomised(), torch.randn(BATCH, TIME, INPUT)
    gradients = []
    for sizes in ([TIME], [4, 5], [1] * TIME):
        state, outputs = None, []
        for chunk in inputs.split(sizes, dim=1):
            output, state = layer(chunk, state)
            outputs.append(output)
        gradients.append(torch.autograd.grad(torch.cat(outputs, 1).square().sum(), list(layer.parameters())))
    for others in gradients[1:]:
        for got, wanted in zip(others, gradients[0], strict=True):
            torch.testing.assert_close(got, wanted, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("implementation", ["fast", "reference"])
@pytest.mark.parametrize("i", [-200.0, 0.0, 300.0])
def test_first_gates_out_of_range_leave_no_trace(implementation, i):
    """exp(300) and 1 / exp(-200) are no numbers of single precision."""
    layer = SLSTM(INPUT, HIDDEN)
    layer.implementation = implementation
    with torch.no_grad():
        layer.bias[2 * HIDDEN : 3 * HIDDEN] = i
    inputs = torch.randn(2, TIME, INPUT)
    output, state = layer(inputs)
    output.sum().backward()
    assert output.isfinite().all()
    assert all(part.isfinite().all() for part in state)
    assert (state[2] >= 1).all()
    assert layer.weight_ih.grad.isfinite().all()


@pytest.mark.parametrize("i", [-200.0, 300.0])
def test_a_melody_that_is_written_begins_like_one_that_is_read(i):
    layer = SLSTM(INPUT, HIDDEN)
    with torch.no_grad():
        layer.bias[2 * HIDDEN : 3 * HIDDEN] = i
        inputs = torch.randn(2, TIME, INPUT)
        stepper = layer.stepper(2)
        outputs = [stepper.step(x).clone() for x in inputs.unbind(1)]
        torch.testing.assert_close(torch.stack(outputs, 1), layer(inputs)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_stays_in_its_melody_and_in_the_future(value):
    torch.manual_seed(0)
    layer, inputs = randomised(), torch.randn(2, TIME, INPUT)
    inputs[1, 4, 2] = value
    found = []
    for implementation in ("fast", "reference"):
        layer.implementation = implementation
        found.append(layer(inputs)[0].isnan())
    assert torch.equal(*found)
    bad = found[0].any(-1)
    assert not bad[0].any()
    assert bad[1].tolist() == [step >= 4 for step in range(TIME)]


@pytest.mark.slow
def test_many_notes_without_drift():
    torch.manual_seed(0)
    layer = randomised(2)
    inputs = torch.randn(1, 10_000, INPUT)
    with torch.no_grad():
        whole, last = layer(inputs)
        state, outputs = None, []
        for chunk in inputs.split(997, dim=1):
            output, state = layer(chunk, state)
            outputs.append(output)
        exact, _ = layer.double()(inputs.double())
    assert all(part.isfinite().all() for part in last)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole.double(), exact, atol=1e-4, rtol=0)


def test_initial_weights():
    layer = SLSTM(400, 60, heads=3)
    layer.initialize("paper")
    assert layer.weight_ih.std().item() == pytest.approx((2 / (5 * 400)) ** 0.5, rel=0.02)
    assert not layer.weight_hh.any()
    blocks = layer.bias.detach().view(4, 3, 20)
    assert not blocks[:3].any()
    for head in blocks[3]:
        assert head[0] == 5
        assert head[-1] == -7
        assert torch.allclose(head.diff(), torch.tensor(-12 / 19))


def test_a_unit_reads_only_its_head():
    layer = randomised(heads=3)
    state = random_state()
    changed = state[0].clone()
    changed[:, :2] += 1  # the outputs of the first head
    before, after = (layer(torch.zeros(BATCH, 1, INPUT), (h, *state[1:]))[0][:, 0] for h in (state[0], changed))
    assert torch.equal(before[:, 2:], after[:, 2:])
    assert not torch.equal(before[:, :2], after[:, :2])


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (0, "heads=0: must be a whole number of at least 1"),
        (2.0, "heads=2.0: must be a whole number"),
        (True, "heads=true: must be"),
        (4, "heads=4: must be a divisor of hidden_size, which is 6"),
    ],
)
def test_heads_are_checked(heads, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SLSTM(INPUT, HIDDEN, heads)


def test_a_checkpoint_rebuilds_its_heads():
    model = MelodyModel(7, 6, 2, lambda *sizes: SLSTM(*sizes, heads=2))
    again = MelodyModel.from_description(model.describe())
    again.load_state_dict(model.state_dict())
    tokens = torch.randint(7, (2, 5))
    assert torch.equal(again(tokens)[0], model(tokens)[0])
    assert map_state(lambda each: each.shape, model(tokens)[1][0]) == ((2, 6),) * 4
