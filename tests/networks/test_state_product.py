"""One product of all blocks, and a product of each part, give the same sums and gradients."""

import pytest
import torch

from melgen.networks import choosing_backends
from melgen.networks.cells.gru import GRUKernel, ResetBeforeGRUKernel
from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.cells.nas import NASKernel
from melgen.networks.products.backends import ONEDNN, TORCH
from melgen.networks.scans.state_product import MOST_ROWS_JOINED, StateGradient, StateProduct

WIDTH, STEPS = 16, 3
EXACT = {"rtol": 1e-5, "atol": 1e-5}

pytestmark = pytest.mark.skipif(not choosing_backends.is_possible(ONEDNN), reason="torch has no oneDNN here")


@pytest.fixture(params=[GRUKernel, ResetBeforeGRUKernel, LSTMKernel, NASKernel], ids=lambda kernel: kernel.__name__)
def kernel(request):
    return request.param


@pytest.fixture(params=[TORCH, ONEDNN], ids=lambda products: products.name)
def products(request):
    return request.param


@pytest.fixture(params=[5, MOST_ROWS_JOINED + 1])
def rows(request):
    return request.param


def blocks(kernel, rows):
    """Weights, the state, and the summed and saved blocks."""
    torch.manual_seed(0)
    weight = torch.randn(len(kernel.scales) * WIDTH, WIDTH)
    return weight, torch.randn(rows, WIDTH), torch.randn(rows, kernel.summed * WIDTH), [torch.randn(rows, WIDTH)]


@pytest.mark.parametrize("has_bias", [False, True])
def test_the_product_is_added_and_the_separate_one_written(kernel, products, rows, has_bias):
    weight, h, sums, saved = blocks(kernel, rows)
    bias = torch.randn(WIDTH) if has_bias and kernel.separate else None
    true = h.double() @ weight.double().t()
    expected = sums + true[:, : kernel.summed * WIDTH]
    last = true[:, -WIDTH:] + (0 if bias is None else bias) if kernel.separate else saved[0].double()
    with products.for_steps():
        StateProduct(kernel, weight, products, rows, STEPS, bias).add(h, sums, saved)
    torch.testing.assert_close(sums.double(), expected, **EXACT)
    torch.testing.assert_close(saved[0].double(), last, **EXACT)


def test_the_gradient_goes_back_through_both(kernel, products, rows):
    weight, dh, of_sums, saved = blocks(kernel, rows)
    expected = of_sums.double() @ weight[: kernel.summed * WIDTH].double()
    if kernel.separate:
        expected += saved[0].double() @ weight[-WIDTH:].double()
    if kernel.carries:
        expected += dh
    kept = of_sums.clone(), saved[0].clone()
    with products.for_steps():
        StateGradient(kernel, weight, products, rows, STEPS).write(of_sums, saved, dh)
    torch.testing.assert_close(dh.double(), expected, **EXACT)
    assert torch.equal(of_sums, kept[0]), "the gradients of the weights are computed from it later"
    assert torch.equal(saved[0], kept[1])


def test_only_onednn_joins_and_only_in_small_batches(kernel, products, rows, monkeypatch):
    made = []
    of_step = type(products).of_step
    monkeypatch.setattr(type(products), "of_step", lambda self, *args: made.append(1) or of_step(self, *args))
    StateProduct(kernel, blocks(kernel, rows)[0], products, rows, STEPS)
    joins = products is ONEDNN and rows <= MOST_ROWS_JOINED
    assert len(made) == (1 if kernel is LSTMKernel or (kernel.separate and joins) else 2)


def test_the_last_block_of_a_kernel_that_multiplies_something_else(products):
    weight, h, *_ = blocks(ResetBeforeGRUKernel, 5)
    out = torch.empty(5, WIDTH)
    with products.for_steps():
        StateProduct(ResetBeforeGRUKernel, weight, products, 5, STEPS).times_last.write(h, out)
    torch.testing.assert_close(out, h @ weight[-WIDTH:].t(), **EXACT)
