"""Every library computes the same products, and the scan computes the same network with each of them."""

import copy

import pytest
import torch
from torch import nn

from melgen.internals.torch import onednn_multiplies, pack_linear
from melgen.networks import UGRNN, MelodyModel, choosing_backends
from melgen.networks.products.autocast import backend_for
from melgen.networks.products.backends import (
    BACKENDS,
    FEWEST_MULTIPLICATIONS,
    FEWEST_STEPS_TO_PACK,
    ONEDNN,
    PACKED,
    TORCH,
    onednn_products,
)
from melgen.networks.products.linear import linear
from melgen.networks.products.measuring import is_possible
from melgen.training.checks import AUTO
from melgen.training.checks import PRODUCTS as NAMES
from tests.networks.conftest import FAST_CELLS, each_of
from tests.networks.test_kernel_scan import TOLERANCE, flat, kernel_layer

SINGLE = [backend for backend in BACKENDS.values() if not backend.in_bfloat16]
ROUNDING = [backend for backend in BACKENDS.values() if backend.in_bfloat16]
VOCABULARY, WIDTH, BATCH, STEPS = 11, 96, 40, 12

each_cell = each_of(FAST_CELLS)
each_rounding = pytest.mark.parametrize("rounding", [backend.name for backend in ROUNDING])

needs_bfloat16 = pytest.mark.skipif(
    not onednn_multiplies(torch.bfloat16), reason="this processor has no products in bfloat16"
)


@pytest.fixture(params=SINGLE, ids=lambda backend: backend.name)
def backend(request):
    if not is_possible(request.param):
        pytest.skip("on this machine oneDNN is missing or rounds to bfloat16")
    return request.param


def trained_on_two_windows(model):
    """The loss of two windows, the gradients and the last state. The second window begins in the state of the first."""
    torch.manual_seed(3)
    tokens = torch.randint(VOCABULARY, (BATCH, 2 * STEPS + 1))
    model.train().zero_grad()
    state, total = None, 0.0
    for first in (0, STEPS):
        window = tokens[:, first : first + STEPS]
        logits, state = model(window, state)
        wanted = tokens[:, first + 1 : first + 1 + STEPS]
        total = total + nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
    total.backward()
    return total, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, flat(state)


def test_the_products_are_large_enough_to_be_left_to_a_library():
    assert BATCH * WIDTH * WIDTH > FEWEST_MULTIPLICATIONS
    assert STEPS >= FEWEST_STEPS_TO_PACK


@pytest.mark.parametrize("name", BACKENDS)
def test_small_products_are_left_to_torchs_default_library(name):
    backend = BACKENDS[name]
    stays = backend in ROUNDING or backend.by_module
    assert backend.or_default_if_small(FEWEST_MULTIPLICATIONS) is backend
    assert backend.or_default_if_small(FEWEST_MULTIPLICATIONS - 1) is (backend if stays else TORCH)


def test_the_reference_is_by_autograd_alone_whatever_the_backend_is():
    model = MelodyModel(VOCABULARY, WIDTH, 1, UGRNN)
    model.backend = model.layers[0].backend = ONEDNN
    model.use("reference")
    logits, _ = model(torch.randint(VOCABULARY, (BATCH, STEPS)))
    (gradient,) = torch.autograd.grad(logits.square().sum(), model.output.weight, create_graph=True)
    gradient.square().sum().backward()  # a second time
    assert model.output.weight.grad.isfinite().all()


@pytest.mark.parametrize("keep", [1.0, 0.8])
def test_a_network_equals_its_reference(cell, backend, keep):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell, output_keep_prob=keep)
    reference = copy.deepcopy(model)
    reference.use("reference")
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend.name))
    loss, gradients, state = trained_on_two_windows(model)
    expected, wanted, expected_state = trained_on_two_windows(reference)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-6)
    assert gradients.keys() == wanted.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, wanted[name], **TOLERANCE, msg=lambda m, n=name: f"{n}: {m}")
    for got, each in zip(state, expected_state, strict=True):
        torch.testing.assert_close(got, each, **TOLERANCE)


def test_each_library_is_called(scanned_cell, monkeypatch):
    called = []
    monkeypatch.setattr(
        "melgen.networks.products.backends.pack_linear", lambda *args: called.append("packed") or pack_linear(*args)
    )
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: called.append(precision))
    model = MelodyModel(VOCABULARY, WIDTH, 1, scanned_cell)
    choosing_backends.apply(model, choosing_backends.everywhere(model, "packed"))
    trained_on_two_windows(model)
    assert {"packed", "medium"} <= set(called)
    called.clear()
    choosing_backends.apply(model, choosing_backends.everywhere(model, "torch"))
    trained_on_two_windows(model)
    assert called == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_appears_where_the_reference_has_it(cell, backend, value):
    model = MelodyModel(VOCABULARY, WIDTH, 1, cell)
    with torch.no_grad():
        model.embedding.weight[3] = value
    tokens = torch.randint(4, VOCABULARY, (BATCH, STEPS))
    tokens[5, 6] = 3
    reference = copy.deepcopy(model)
    reference.use("reference")
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend.name))
    found, expected = (each(tokens)[0].isfinite().all(-1) for each in (model, reference))
    assert torch.equal(found, expected)
    if value != value:
        assert found.logical_not().nonzero().tolist() == [[5, step] for step in range(6, STEPS)]


def test_the_linear_function_equals_that_of_torch(backend):
    input, weight, bias = (torch.randn(shape, requires_grad=True) for shape in ((7, 30, 96), (50, 96), 50))
    expected = nn.functional.linear(input, weight, bias)
    towards = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, (input, weight, bias), towards)
    result = linear(backend, input, weight, bias)
    torch.testing.assert_close(result, expected, **TOLERANCE)
    for got, each in zip(torch.autograd.grad(result, (input, weight, bias), towards), wanted, strict=True):
        torch.testing.assert_close(got, each, **TOLERANCE)


@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("needs_input", [False, True])
def test_the_linear_function_multiplies_rounded_factors(has_bias, needs_input):
    """Its own gradient, on any machine: of an input that is not contiguous, and of one without a gradient."""
    torch.manual_seed(0)
    backend = BACKENDS["bfloat16_sequences"]
    input = torch.randn(30, 7, 96).transpose(0, 1).requires_grad_(needs_input)
    weight, bias = torch.randn(50, 96, requires_grad=True), torch.randn(50, requires_grad=True) if has_bias else None
    towards = torch.randn(7, 30, 50)

    def rounded(tensor):
        return tensor.detach().bfloat16().double()

    result = linear(backend, input, weight, bias)
    expected = rounded(input) @ rounded(weight).t()
    near = {"rtol": 2**-7, "atol": 0.05}  # products are rounded too, and a sum may be near zero
    torch.testing.assert_close(result.double(), expected if bias is None else expected + bias.double(), **near)
    result.backward(towards)
    if needs_input:
        torch.testing.assert_close(input.grad.double(), rounded(towards) @ rounded(weight), **near)
    of_weight = torch.einsum("bto,bti->oi", rounded(towards), rounded(input))
    torch.testing.assert_close(weight.grad.double(), of_weight, rtol=2**-7, atol=0.1)
    if bias is not None:
        torch.testing.assert_close(bias.grad, towards.sum((0, 1)), rtol=1e-5, atol=1e-5)


def test_torchs_default_is_what_it_was_outside():
    def fail():
        with onednn_products():
            assert torch.get_float32_matmul_precision() == "medium"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_names_of_the_configuration_are_those_in_single_precision():
    names = [backend.name for backend in SINGLE]
    assert list(NAMES) == [AUTO, *names]


def test_packed_products_of_few_steps_are_plain():
    weight = torch.randn(96, 96)
    kinds = [type(PACKED.of_step(weight, BATCH, steps)) for steps in (1, FEWEST_STEPS_TO_PACK)]
    assert kinds[0] is type(TORCH.of_step(weight, BATCH, STEPS)) is not kinds[1]


@needs_bfloat16
def test_bfloat16_rounds_in_windows_of_any_length(scanned_cell):
    """A window is as far from single precision as the first steps of a longer one, whose weights are packed."""
    torch.manual_seed(0)
    # With ``paper`` initialisation sLSTM's weights of the state are zero.
    model = MelodyModel(VOCABULARY, WIDTH, 1, scanned_cell, initialization="torch")
    choosing_backends.apply(model, choosing_backends.everywhere(model, "bfloat16"))
    # Both windows have more tokens than the table has rows, which are then multiplied as a whole.
    tokens, steps = torch.randint(VOCABULARY, (BATCH, FEWEST_STEPS_TO_PACK)), FEWEST_STEPS_TO_PACK - 1
    single = model.read(tokens[:, :steps])[0]
    with torch.autocast("cpu", torch.bfloat16):
        whole, short = model.read(tokens)[0][:, :steps].float(), model.read(tokens[:, :steps])[0].float()
    assert (short - whole).norm() < 0.2 * (whole - single).norm()


@needs_bfloat16
@pytest.mark.parametrize("steps", [1, FEWEST_STEPS_TO_PACK])
def test_a_step_in_bfloat16_multiplies_rounded_factors(steps):
    torch.manual_seed(0)
    left, weight = torch.randn(BATCH, WIDTH), torch.randn(WIDTH, WIDTH)
    product, sums = torch.empty(BATCH, WIDTH), torch.ones(BATCH, WIDTH)
    step = BACKENDS["bfloat16"].of_step(weight, BATCH, steps)
    step.write(left, product)
    step.add(left, sums)
    expected = (left.bfloat16().double() @ weight.bfloat16().double()).float()
    torch.testing.assert_close(product, expected, rtol=2**-8, atol=1e-4)  # itself rounded to bfloat16
    torch.testing.assert_close(sums, 1 + product)
    assert not torch.allclose(product, left @ weight, rtol=1e-4, atol=1e-4)


@needs_bfloat16
@each_rounding
def test_bfloat16_is_near_single_precision(cell, rounding):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell)
    expected, wanted, expected_state = trained_on_two_windows(model)
    wanted = {name: gradient.clone() for name, gradient in wanted.items()}
    choosing_backends.apply(model, choosing_backends.everywhere(model, rounding))
    with torch.autocast("cpu", torch.bfloat16):
        loss, gradients, state = trained_on_two_windows(model)
    assert any(not torch.equal(gradient, wanted[name]) for name, gradient in gradients.items()), "nothing was rounded"
    torch.testing.assert_close(loss.float(), expected, rtol=2e-3, atol=0)
    for name, gradient in gradients.items():
        assert gradient.dtype == torch.float32
        assert (gradient - wanted[name]).norm() < 0.03 * wanted[name].norm(), name
    for got, each in zip(state, expected_state, strict=True):
        assert got.dtype == torch.float32
        torch.testing.assert_close(got, each, rtol=0, atol=0.02)


@needs_bfloat16
@each_rounding
def test_bfloat16_is_used_only_if_autocast_asks(cell, rounding):
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell)
    tokens = torch.randint(VOCABULARY, (BATCH, STEPS))
    expected = model(tokens)[0]
    choosing_backends.apply(model, choosing_backends.everywhere(model, rounding))
    if not type(kernel_layer(model.layers[0])).__name__.startswith("LSTM"):  # whose default is torch's fused loop
        assert torch.equal(model(tokens)[0], expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert not torch.equal(model(tokens)[0].float(), expected)


@needs_bfloat16
def test_only_whole_sequences_are_rounded_by_the_backend_of_sequences():
    torch.manual_seed(0)
    left, weight, product = torch.randn(BATCH, WIDTH), torch.randn(WIDTH, WIDTH), torch.empty(BATCH, WIDTH)
    backend = BACKENDS["bfloat16_sequences"]
    backend.of_step(weight, BATCH, FEWEST_STEPS_TO_PACK).write(left, product)
    assert torch.equal(product, left @ weight)
    expected = (left.bfloat16().double() @ weight.bfloat16().double()).float()
    torch.testing.assert_close(backend.multiply(left, weight), expected, rtol=2**-8, atol=1e-4)
    assert torch.equal(backend.multiply(backend.factor(left), weight), backend.multiply(left, weight))


@needs_bfloat16
def test_autocast_uses_the_chosen_backend_if_that_rounds_and_otherwise_the_usual_one():
    tensor = torch.empty(1)
    with torch.autocast("cpu", torch.bfloat16):
        for name, used in [("bfloat16_sequences", "bfloat16_sequences"), ("torch", "bfloat16"), ("module", "bfloat16")]:
            assert backend_for(tensor, BACKENDS[name]) is BACKENDS[used]
    assert backend_for(tensor, BACKENDS["bfloat16_sequences"]) is TORCH


def test_products_of_a_cpu_are_not_used_elsewhere():
    assert backend_for(torch.empty(1), BACKENDS["onednn"]) is BACKENDS["onednn"]
    assert backend_for(torch.empty(1, device="meta"), BACKENDS["onednn"]) is TORCH
