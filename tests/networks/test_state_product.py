"""One product of all blocks, and a product of each part, give the same sums and gradients."""

import pytest
import torch

from melgen.networks.cells.gru import GRUKernel, ResetBeforeGRUKernel
from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.cells.nas import NASKernel
from melgen.networks.products.backends import ONEDNN, TORCH
from melgen.networks.products.measuring import is_possible
from melgen.networks.scans.state_product import LARGEST_BATCH_JOINED, StateGradient, StateProduct

WIDTH, STEPS = 16, 3
EXACT = {"rtol": 1e-5, "atol": 1e-5}


@pytest.fixture(params=[GRUKernel, ResetBeforeGRUKernel, LSTMKernel, NASKernel], ids=lambda kernel: kernel.__name__)
def kernel(request):
    return request.param


@pytest.fixture(params=[TORCH, ONEDNN], ids=lambda backend: backend.name)
def backend(request):
    if not is_possible(request.param):
        pytest.skip("on this machine oneDNN is missing or rounds to bfloat16")
    return request.param


@pytest.fixture(params=[5, LARGEST_BATCH_JOINED + 1])
def batch_size(request):
    return request.param


def blocks(kernel, batch_size):
    """Weights, the state, and the summed and saved blocks."""
    torch.manual_seed(0)
    weight = torch.randn(len(kernel.scales) * WIDTH, WIDTH)
    return (
        weight,
        torch.randn(batch_size, WIDTH),
        torch.randn(batch_size, kernel.summed * WIDTH),
        [torch.randn(batch_size, WIDTH)],
    )


@pytest.mark.parametrize("has_bias", [False, True])
def test_the_product_is_added_and_the_separate_one_written(kernel, backend, batch_size, has_bias):
    weight, h, sums, saved = blocks(kernel, batch_size)
    bias = torch.randn(WIDTH) if has_bias and kernel.separate else None
    true = h.double() @ weight.double().t()
    expected = sums + true[:, : kernel.summed * WIDTH]
    last = true[:, -WIDTH:] + (0 if bias is None else bias) if kernel.separate else saved[0].double()
    with backend.for_steps():
        StateProduct(kernel, weight, backend, batch_size, STEPS, bias).add(h, sums, saved)
    torch.testing.assert_close(sums.double(), expected, **EXACT)
    torch.testing.assert_close(saved[0].double(), last, **EXACT)


def test_the_gradient_goes_back_through_both(kernel, backend, batch_size):
    weight, dh, of_sums, saved = blocks(kernel, batch_size)
    expected = of_sums.double() @ weight[: kernel.summed * WIDTH].double()
    if kernel.separate:
        expected += saved[0].double() @ weight[-WIDTH:].double()
    if kernel.carries:
        expected += dh
    kept = of_sums.clone(), saved[0].clone()
    with backend.for_steps():
        StateGradient(kernel, weight, backend, batch_size, STEPS).write(of_sums, saved, dh)
    torch.testing.assert_close(dh.double(), expected, **EXACT)
    assert torch.equal(of_sums, kept[0]), "the gradients of the weights are computed from it later"
    assert torch.equal(saved[0], kept[1])


def test_only_onednn_joins_and_only_in_small_batches(kernel, backend, batch_size, monkeypatch):
    made = []
    of_step = type(backend).of_step
    monkeypatch.setattr(type(backend), "of_step", lambda self, *args: made.append(1) or of_step(self, *args))
    StateProduct(kernel, blocks(kernel, batch_size)[0], backend, batch_size, STEPS)
    joins = backend is ONEDNN and batch_size <= LARGEST_BATCH_JOINED
    assert len(made) == (1 if kernel is LSTMKernel or (kernel.separate and joins) else 2)


def test_only_a_kernel_that_multiplies_something_else_has_a_product_of_the_last_block(kernel, backend, batch_size):
    weight = blocks(kernel, batch_size)[0]
    for made in (StateProduct, StateGradient):
        has_product = made(kernel, weight, backend, batch_size, STEPS).times_last is not None
        assert has_product == (kernel is ResetBeforeGRUKernel)


def test_the_last_block_of_a_kernel_that_multiplies_something_else(backend):
    weight, h, *_ = blocks(ResetBeforeGRUKernel, 5)
    out = torch.empty(5, WIDTH)
    with backend.for_steps():
        StateProduct(ResetBeforeGRUKernel, weight, backend, 5, STEPS).times_last.write(h, out)
    torch.testing.assert_close(out, h @ weight[-WIDTH:].t(), **EXACT)
