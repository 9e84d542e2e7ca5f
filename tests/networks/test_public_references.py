"""Cells against public code of them, from the zero state, in float64."""

from functools import partial

import numpy as np
import pytest
import torch

from melgen.networks import HGRN2, LRU, RGLRU, SLSTM, MinGRU
from tests.networks import public_references as public
from tests.networks.conftest import away_from_start
from tests.networks.test_elementwise_cells import numbers, read

TOLERANCE = 1e-12
"""Sums of a few dozen float64 terms in another order; outputs are of the order of 1."""
BATCH, TIME, WIDTH = 3, 21, 6


@pytest.fixture(autouse=True)
def _double(double):
    torch.manual_seed(0)


def made(kind, *options, **named):
    return away_from_start(kind(WIDTH, WIDTH, *options, **named), "paper")


def check(layer, inputs, expected, state=None):
    """Both implementations."""
    for run in (layer.forward_reference, partial(read, layer)):
        np.testing.assert_allclose(numbers(run(inputs, state)[0]), expected, atol=TOLERANCE, rtol=TOLERANCE)


def products(layer, inputs, blocks):
    """The products of the input, with the bias, in blocks."""
    return np.split(numbers(inputs) @ numbers(layer.weight).T + numbers(layer.bias), blocks, axis=-1)


@pytest.mark.parametrize(("variant", "reference", "blocks"), [("gru", public.min_gru, 2), ("lstm", public.min_lstm, 3)])
def test_mingru_is_lucidrains_scan_in_logarithms(variant, reference, blocks):
    layer, inputs = made(MinGRU, variant=variant), torch.randn(BATCH, TIME, WIDTH)
    check(layer, inputs, reference(*products(layer, inputs, blocks)))


def of_blocks(layer, heads):
    """Gates whose weights are made diagonal in blocks, r and i, as `public.by_blocks` needs them."""
    width = WIDTH // heads
    mask = torch.block_diag(*[torch.ones(width, width)] * heads).repeat(2, 1)
    with torch.no_grad():
        layer.gate_weight.mul_(mask)
    gates = []
    for weight, bias in zip(layer.gate_weight.chunk(2), layer.gate_bias.chunk(2), strict=True):
        blocks = [weight[part, part].t() for part in map(partial(_part, width), range(heads))]
        gates.append((numbers(torch.stack(blocks)), numbers(bias).reshape(heads, width)))
    return gates


def _part(width, head):
    return slice(head * width, (head + 1) * width)


@pytest.mark.parametrize("heads", [1, 3])
def test_rglru_is_recurrentgemmas_but_for_the_weight_of_a_first_note(heads):
    layer, inputs = made(RGLRU), torch.randn(BATCH, TIME, WIDTH)
    recurrence, entry = of_blocks(layer, heads)
    u = numbers(inputs) @ numbers(layer.weight).T + numbers(layer.bias)
    theirs = partial(public.rg_lru, u, entry, recurrence, numbers(layer.forgetting))
    check(layer, inputs, theirs(np.arange(1, TIME + 1)))
    of_document = theirs(np.arange(TIME))
    assert abs(of_document - theirs(np.arange(1, TIME + 1))).max() > 0.01
    check(layer, inputs[:, 1:], of_document[:, 1:], torch.from_numpy(of_document[:, 0]))


@pytest.mark.parametrize("heads", [1, 2])
def test_slstm_is_that_of_nx_ai(heads):
    layer, inputs = made(SLSTM, heads), torch.randn(BATCH, TIME, WIDTH)
    order = [2, 3, 1, 0]  # i, f, z, o of our o, z, i, f
    of_input = numbers(inputs) @ numbers(layer.weight_ih).T + numbers(layer.bias)
    of_input = of_input.reshape(BATCH, TIME, 4, WIDTH)[:, :, order]
    width = WIDTH // heads  # weights [gate, head, unit, input] to [head, input, gate, unit]
    recurrent = numbers(layer.weight_hh).reshape(4, heads, width, width)[order].transpose(1, 3, 0, 2)
    expected = public.slstm(of_input, recurrent)
    np.testing.assert_allclose(numbers(layer(inputs)[0]), expected, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("least", [0.0, 0.4])
@pytest.mark.parametrize("heads", [1, 2])
def test_hgrn2_is_that_of_flash_linear_attention_but_for_its_scale(heads, least):
    layer, inputs = made(HGRN2, heads, norm=False, lower_bound=least), torch.randn(BATCH, TIME, WIDTH)
    scale = (WIDTH // heads) ** -0.5
    check(layer, inputs, public.hgrn2(*products(layer, inputs, 3), heads, least) / scale)


def test_lru_is_the_parallel_scan_of_minimal_lru():
    layer, inputs = made(LRU, mixer=False), torch.randn(BATCH, TIME, WIDTH)
    with torch.no_grad():
        layer.skip_weight.mul_(torch.eye(WIDTH))
    b, c = numbers(layer.input_weight), numbers(layer.output_weight)
    weights = [numbers(each) for each in (layer.nu, layer.theta, layer.gamma)]
    weights += [b[:, 0] + 1j * b[:, 1], c[..., 0] + 1j * c[..., 1], numbers(layer.skip_weight.diag())]
    check(layer, inputs, public.lru(numbers(inputs), *weights))
