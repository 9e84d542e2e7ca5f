"""Cells without a product with the state: their equations, their fast functions, and what they begin with."""

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from melgen.networks import HGRN2, LRU, RGLRU, IndRNN, MelodyModel, MinGRU, map_state
from melgen.networks.layers.elementwise import AbstractElementwiseLayer
from melgen.networks.products.backends import TORCH
from melgen.networks.scans.linear_scan import linear_scan, linear_steps
from tests.networks import cell_equations as equations
from tests.networks.test_kernel_scan import autograd_nodes, flat, randomise

TOLERANCE = 1e-10
"""Sums of a few dozen float64 terms in another order."""
BATCH, TIME, INPUT, HIDDEN = 3, 13, 5, 4  # 13 steps are not a whole number of chunks
VOCABULARY = 11


def numbers(tensor):
    return tensor.detach().numpy()


def blocks(layer, count):
    """Weight and bias of each block in turn."""
    pairs = zip(layer.weight.chunk(count), layer.bias.chunk(count), strict=True)
    return [numbers(each) for pair in pairs for each in pair]


def min_gru(layer):
    return equations.min_gru, *blocks(layer, 2)


def min_lstm(layer):
    return equations.min_lstm, *blocks(layer, 3)


def rg_lru(layer):
    gates = zip(layer.gate_weight.chunk(2), layer.gate_bias.chunk(2), strict=True)
    parts = [layer.weight, layer.bias, *(each for pair in gates for each in pair), layer.forgetting]
    return equations.rg_lru, *map(numbers, parts)


def lru(layer):
    b, c = numbers(layer.input_weight), numbers(layer.output_weight)
    of_lambda = (numbers(each) for each in (layer.nu, layer.theta, layer.gamma))
    return equations.lru, *of_lambda, b[:, 0] + 1j * b[:, 1], c[..., 0] + 1j * c[..., 1], numbers(layer.skip_weight)


def independent(layer):
    return equations.independent, *map(numbers, (layer.weight, layer.bias, layer.recurrence))


def hgrn2(layer):
    return equations.hgrn2, *blocks(layer, 3), layer.lower_bound, layer.norm


REFERENCES = {
    "mingru": (MinGRU, min_gru),
    "minlstm": (partial(MinGRU, variant="lstm"), min_lstm),
    "rglru": (RGLRU, rg_lru),
    "rglru_slow": (partial(RGLRU, decay="slow"), rg_lru),
    "lru": (partial(LRU, mixer=False), lru),
    "indrnn": (IndRNN, independent),
    "hgrn2": (partial(HGRN2, heads=2), hgrn2),
    "hgrn2_bounded": (partial(HGRN2, heads=1, norm=False, lower_bound=0.4), hgrn2),
}


def spread(layer):
    """Weights wider than any initialisation; a recurrence within its bounds."""
    randomise(layer)
    if isinstance(layer, IndRNN):
        layer.recurrence.data.clamp_(-1, 1)
    return layer


def as_numpy(layer, state):
    """The state as the equations have it."""
    if isinstance(layer, LRU):
        return None, numbers(state[0]) + 1j * numbers(state[1])
    return (None, numbers(state)) if isinstance(layer, HGRN2) else (numbers(state),)


def read(layer, input, state=None):
    """The fast implementation in any precision."""
    time_first = input.transpose(0, 1)
    return layer.forward_projected(lambda weight, bias: nn.functional.linear(time_first, weight, bias), state, TORCH)


@pytest.mark.parametrize("initialization", ["paper", "torch"])
@pytest.mark.parametrize("name", REFERENCES)
def test_equals_its_equations(double, name, initialization):
    kind, translate = REFERENCES[name]
    layer = kind(INPUT, HIDDEN)
    layer.initialize(initialization)
    step, *weights = translate(spread(layer))
    inputs = torch.randn(BATCH, TIME, INPUT)
    zeros = map_state(torch.zeros_like, layer(inputs)[1])
    for start in (map_state(torch.randn_like, zeros), zeros):
        expected, last = equations.scan(step, inputs.numpy(), as_numpy(layer, start), *weights)
        for run in (layer.forward_reference, partial(read, layer)):
            output, state = run(inputs, start)
            np.testing.assert_allclose(numbers(output), expected, atol=TOLERANCE, rtol=TOLERANCE)
            np.testing.assert_allclose(as_numpy(layer, state)[-1], last[-1], atol=TOLERANCE, rtol=TOLERANCE)
    for run in (layer.forward_reference, partial(read, layer)):  # the zero state is a state of zeros
        np.testing.assert_allclose(numbers(run(inputs)[0]), expected, atol=TOLERANCE, rtol=TOLERANCE)


def test_gradients_equal_those_of_the_plain_recurrence(double, elementwise_cell):
    layer = spread(elementwise_cell(INPUT, HIDDEN))
    inputs = torch.randn(BATCH, TIME, INPUT, requires_grad=True)
    start = map_state(lambda part: torch.randn_like(part).requires_grad_(), layer(inputs)[1])
    given = [inputs, *flat(start), *layer.parameters()]
    found = []
    for run in (layer.forward_reference, partial(read, layer)):
        torch.manual_seed(0)
        output, last = run(inputs, start)
        loss = sum((each * torch.randn_like(each)).sum() for each in [output, *flat(last)])
        found.append(torch.autograd.grad(loss, given))
    for wanted, got in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("of_output", [True, False])
def test_either_the_output_or_the_state_may_be_without_gradient(elementwise_cell, of_output):
    layer = elementwise_cell(INPUT, HIDDEN)
    inputs = torch.randn(BATCH, TIME, INPUT)
    gradients = []
    for run in (layer.forward_reference, partial(read, layer)):
        output, last = run(inputs)
        total = output.sum() if of_output else sum(part.sum() for part in flat(last))
        gradients.append(torch.autograd.grad(total, list(layer.parameters()), allow_unused=True))
    for wanted, got in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("shape", [(6, 2, 3), (6, 2, 1)], ids=["each number", "broadcast"])
def test_the_gradient_of_the_scan(shape):
    a, b, state = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in (shape, (6, 2, 3), (2, 3)))
    torch.testing.assert_close(linear_scan(a, b, state), linear_steps(a, b, state))
    torch.testing.assert_close(linear_scan(a, b), linear_steps(a, b))
    assert torch.autograd.gradcheck(linear_scan, (a, b, state))
    assert torch.autograd.gradcheck(lambda a, b, state: linear_scan(a, b, state)[1], (a, b, state))


def test_a_factor_of_zero_or_below_has_a_gradient():
    """As a logarithm would not."""
    a = torch.tensor([0.0, -2.0, 0.0, 1.0], dtype=torch.float64).view(4, 1, 1).requires_grad_()
    b = torch.tensor([-1.0, 3.0, -5.0, 7.0], dtype=torch.float64).view(4, 1, 1).requires_grad_()
    assert torch.autograd.gradcheck(linear_scan, (a, b))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_appear_where_the_reference_has_them(elementwise_cell, value):
    torch.manual_seed(0)
    layer = spread(elementwise_cell(INPUT, HIDDEN))
    if isinstance(layer, HGRN2):
        layer.norm = False  # which would make NaN of every infinity
    inputs = torch.randn(BATCH, TIME, INPUT)
    inputs[1, 6, 2] = value
    with torch.no_grad():
        results = [layer.forward_reference(inputs), layer(inputs)]
    wanted, got = ([output, *flat(state)] for output, state in results)
    for expected, found in zip(wanted, got, strict=True):
        assert torch.equal(found.isnan(), expected.isnan())
        assert torch.equal(found.isinf(), expected.isinf())
        assert found[[0, 2]].isfinite().all()
    assert got[0][1, :6].isfinite().all()
    if math.isnan(value):
        assert got[0][1, 6].isnan().any()


def test_rows_of_a_batch_are_independent(elementwise_cell):
    layer = spread(elementwise_cell(INPUT, HIDDEN))
    inputs = torch.randn(BATCH, TIME, INPUT)
    others = torch.cat([inputs[:2], torch.randn(1, TIME, INPUT)])
    for run in (layer, layer.forward_reference):
        (output, state), (other, other_state) = run(inputs), run(others)
        for one, two in zip([output, *flat(state)], [other, *flat(other_state)], strict=True):
            assert torch.equal(one[:2], two[:2])
            assert not torch.equal(one[2], two[2])
        alone, _ = run(inputs[1:2])
        torch.testing.assert_close(alone[0], output[1], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_ten_thousand_notes_without_drift(elementwise_cell, initialization):
    torch.manual_seed(0)
    layer = elementwise_cell(INPUT, HIDDEN)
    layer.initialize(initialization)
    inputs = torch.randn(2, 10_000, INPUT)
    with torch.no_grad():
        whole, last = layer(inputs)
        state, parts = None, []
        for chunk in inputs.split(997, dim=1):
            output, state = layer(chunk, state)
            parts.append(output)
        true, _ = copy.deepcopy(layer).double()(inputs.double())
    assert whole.isfinite().all()
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(state, last, rtol=1e-4, atol=1e-4)
    assert (whole - true).abs().max() < 1e-4 * true.abs().max()


def test_the_number_of_autograd_nodes_does_not_grow_with_time(elementwise_cell):
    model = MelodyModel(VOCABULARY, 8, 2, elementwise_cell)
    short, long = (autograd_nodes(model(torch.randint(VOCABULARY, (4, steps)))[0]) for steps in (10, 60))
    assert len(long) == len(short)


def test_rows_of_one_table_are_multiplied_once(elementwise_cell, monkeypatch):
    seen = []
    linear = nn.functional.linear

    def watched(input, weight, bias=None):
        seen.append(input.numel() // input.shape[-1])
        return linear(input, weight, bias)

    monkeypatch.setattr("melgen.networks.layers.elementwise.F.linear", watched)
    layer, table = elementwise_cell(INPUT, HIDDEN), torch.randn(VOCABULARY, INPUT)
    layer.forward_rows(torch.randint(VOCABULARY, (4, 15)), [table])
    after_the_scan = [60] if isinstance(layer, LRU) else []  # its mixer
    assert seen == [VOCABULARY] * (len(seen) - len(after_the_scan)) + after_the_scan
    assert len(seen) > len(after_the_scan)


@pytest.mark.parametrize("tables", [1, 2])
def test_rows_of_tables_are_read_as_their_sums(elementwise_cell, tables):
    torch.manual_seed(0)
    layer = spread(elementwise_cell(INPUT, HIDDEN))
    given = [torch.randn(VOCABULARY, INPUT, requires_grad=True) for _ in range(tables)]
    tokens = torch.randint(VOCABULARY, (4, 15) if tables == 1 else (4, 15, tables))
    gradients = []
    for implementation in ("reference", "fast"):
        layer.implementation = implementation
        output, last = layer.forward_rows(tokens, given)
        loss = output.sin().sum() + sum(part.square().sum() for part in flat(last))
        gradients.append([output, *torch.autograd.grad(loss, [*given, *layer.parameters()])])
    for wanted, got in zip(*gradients, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ["double", "func", "own choice"])
def test_the_reference_replaces_the_fast_coefficients_and_scan_where_these_do_not_apply(
    elementwise_cell, case, monkeypatch
):
    def refuse(*_):
        raise AssertionError("fast")

    monkeypatch.setattr(AbstractElementwiseLayer, "forward_projected", refuse)
    monkeypatch.setattr(AbstractElementwiseLayer, "forward_rows_fast", refuse)
    model = MelodyModel(VOCABULARY, 8, 2, elementwise_cell)
    tokens = torch.randint(VOCABULARY, (4, 15))
    with pytest.raises(AssertionError, match="fast"):
        model(tokens)
    if case == "double":
        assert model.double()(tokens)[0].dtype == torch.float64
    elif case == "func":
        state = {name: value.detach() for name, value in model.named_parameters()}

        def loss(parameters):
            return torch.func.functional_call(model, parameters, (tokens,))[0].square().mean()

        assert torch.func.grad(loss)(state)["embedding.weight"].abs().sum() > 0
    else:
        model.use("reference")
        model(tokens)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (partial(MinGRU, variant="rnn"), "variant=rnn: must be gru or lstm"),
        (partial(RGLRU, decay=0.9), "decay=0.9: must be fast or slow"),
        (partial(LRU, mixer=1), "mixer=1: must be true or false"),
        (partial(LRU, r_max=1.0), "r_max=1.0: must be a number above 0 and below 1"),
        (partial(LRU, r_min=0.9, r_max=0.5), "r_min=0.9: must be a number of at least 0 and below 0.5"),
        (partial(HGRN2, heads=3), "heads=3: must be a divisor of hidden_size, which is 4"),
        (partial(HGRN2, heads=0), "heads=0: must be a whole number of at least 1"),
        (partial(HGRN2, norm=None), "norm=null: must be true or false"),
        (partial(HGRN2, lower_bound=1), "lower_bound=1: must be a number of at least 0 and below 1"),
    ],
)
def test_options_are_checked(factory, message):
    with pytest.raises(ValueError, match=message):
        factory(INPUT, HIDDEN)


@pytest.mark.parametrize(
    "factory",
    [
        partial(MinGRU, variant="lstm"),
        partial(RGLRU, decay="slow"),
        partial(LRU, mixer=False, r_min=0.0, r_max=0.5),
        IndRNN,
        partial(HGRN2, heads=2, norm=False, lower_bound=0.25),
    ],
)
def test_a_description_has_the_options(factory):
    model = MelodyModel(VOCABULARY, 8, 2, factory)
    again = MelodyModel.from_description(model.describe())
    again.load_state_dict(model.state_dict())
    tokens = torch.randint(VOCABULARY, (2, 5))
    assert torch.equal(model(tokens)[0], again(tokens)[0])
    assert again.describe() == model.describe()
    given = factory.keywords if isinstance(factory, partial) else {}
    assert model.describe()["stack"][0]["options"] == given


def test_the_first_note_is_weighed_as_all_others(double):
    """A state of zeros is not a reset, after which RG-LRU's published code would drop the factor of the input."""
    layer = RGLRU(INPUT, HIDDEN)
    layer.initialize("paper")
    first, twice = layer(torch.randn(1, 1, INPUT))[0], torch.randn(1, 2, INPUT)
    output, state = layer(twice)
    torch.testing.assert_close(layer(twice, torch.zeros_like(state))[0], output)
    with torch.no_grad():
        layer.forgetting.fill_(-30.0)  # a is nearly 1, so hardly anything is written
    assert layer(twice[:, :1])[0].abs().max() < 1e-4 < first.abs().max()


def test_a_recurrence_beyond_its_bounds_counts_as_its_bound():
    layer = IndRNN(INPUT, HIDDEN)
    inputs = torch.randn(BATCH, TIME, INPUT)
    with torch.no_grad():
        layer.recurrence.copy_(torch.tensor([3.0, -3.0, 1.0, -1.0]))
        beyond, _ = layer(inputs)
        layer.recurrence.clamp_(-1, 1)
        torch.testing.assert_close(layer(inputs)[0], beyond, rtol=0, atol=0)


@pytest.mark.parametrize("target", [0.5, 1.5])
def test_a_recurrence_beyond_its_bounds_is_led_back_but_not_away(target):
    layer = IndRNN(1, 1)
    with torch.no_grad():
        for parameter, value in ((layer.weight, 1.0), (layer.bias, 0.0), (layer.recurrence, 1.2)):
            parameter.fill_(value)
    inputs = torch.tensor([[[1.0], [0.0]]])
    optimizer = torch.optim.SGD([layer.recurrence], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        (layer(inputs)[0][0, 1, 0] - target).square().backward()
        optimizer.step()
    assert layer.recurrence.item() == pytest.approx(target if target < 1 else 1.2, abs=1e-3)


def test_the_last_state_outlives_the_backward_pass_that_overwrites_the_states():
    """With one number in all, nothing is copied to make parts contiguous."""
    output, last = LRU(INPUT, 1)(torch.randn(1, TIME, INPUT))
    before = [part.detach().clone() for part in last]
    output.sum().backward()
    assert all(map(torch.equal, last, before))


def test_only_a_mixer_makes_lru_nonlinear(double):
    one, two = torch.randn(2, BATCH, TIME, INPUT)
    for mixer in (False, True):
        layer = LRU(INPUT, HIDDEN, mixer=mixer)
        layer.initialize("paper")
        together, apart = layer(one + two)[0], layer(one)[0] + layer(two)[0]
        assert torch.allclose(together, apart, atol=1e-8) != mixer


@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_decays_start_in_their_ranges(initialization):
    torch.manual_seed(0)
    width, draws = 2000, {}
    for decay in ("fast", "slow"):
        layer = RGLRU(2, width, decay=decay)
        layer.initialize(initialization)
        kept = torch.exp(-nn.functional.softplus(layer.forgetting.double()))
        draws[decay] = (kept**2, 0.81, 0.998) if decay == "fast" else (kept**8, 0.9, 0.999)
    layer = LRU(2, width, r_min=0.5, r_max=0.9)
    layer.initialize(initialization)
    size = torch.exp(-layer.nu.double().exp())
    torch.testing.assert_close(layer.gamma.double().exp(), (1 - size**2).sqrt(), rtol=1e-5, atol=1e-6)
    draws |= {"radius": (size**2, 0.25, 0.81), "angle": (layer.theta.exp(), 0, 2 * math.pi)}
    layer = IndRNN(2, width)
    layer.initialize(initialization)
    draws["recurrence"] = (layer.recurrence, 0, 1)
    for name, (values, least, most) in draws.items():
        share = (values.detach() - least) / (most - least)  # uniform from 0 to 1
        assert -1e-3 <= share.min() < 0.01 < 0.99 < share.max() <= 1.001, name
        assert abs(share.mean() - 0.5) < 0.03, name
        assert abs(share.std() - 12**-0.5) < 0.02, name


def test_paper_weights_have_their_variances():
    torch.manual_seed(0)
    width, inputs = 200, 100
    layers = {kind: kind(inputs, width) for kind in (RGLRU, LRU)}
    for layer in layers.values():
        layer.initialize("paper")
    gates, filter = layers[RGLRU], layers[LRU]
    for weight, variance in (
        (gates.weight, 1 / inputs),
        (gates.gate_weight, 1 / width),
        (filter.input_weight, 1 / (2 * inputs)),
        (filter.output_weight, 1 / width),
    ):
        assert weight.var().item() == pytest.approx(variance, rel=0.05)
    assert not gates.bias.any()
    assert not gates.gate_bias.any()


@pytest.mark.parametrize(
    ("factory", "biases"),
    [(MinGRU, [-1, 0]), (partial(MinGRU, variant="lstm"), [1, 0, 0]), (HGRN2, [0, 1, 0])],
)
def test_cells_begin_by_remembering(factory, biases):
    layer = factory(INPUT, HIDDEN)
    layer.initialize("paper")
    assert layer.bias.view(len(biases), -1).tolist() == [[bias] * HIDDEN for bias in biases]
