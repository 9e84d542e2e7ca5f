"""A kernel fits its cell, and any share of its blocks may be sigmoid blocks."""

import pytest
import torch

from melgen.networks import NAS, UGRNN, AbstractScannedLayer, MelodyModel, TensorFlowInit
from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.cells.nas import NASKernel
from melgen.networks.cells.ugrnn import UGRNNKernel
from melgen.networks.scans.kernels import AbstractKernel, threshold_backward
from tests.networks.test_kernel_scan import TOLERANCE, randomise

VOCABULARY, WIDTH = 11, 24


class RectifiedKernel(AbstractKernel):
    """``h' = relu(W x + R h)``, without a sigmoid block."""

    scales = (1.0,)
    summed = 1
    sigmoid = 0
    carries = False

    def forward(self, gates, before, after, saved):
        after[0].copy_(gates[0]).relu_()

    def backward(self, gates, before, after, saved, grad, of_gates):
        assert len(of_gates) == 0
        threshold_backward(grad[0], after[0], 0, grad_input=gates[0])


class Rectified(AbstractScannedLayer):
    blocks_of_products = (1,)
    kernel = RectifiedKernel
    start = TensorFlowInit(kernels=(1,), bias=(0.0,))

    @staticmethod
    def step(inputs, state, weights):
        return torch.addmm(inputs[0], state, weights[0]).relu()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_kernel_without_sigmoid_blocks_equals_its_steps(batch_size):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, Rectified)
    randomise(model.output)
    tokens, found = torch.randint(VOCABULARY, (batch_size, 15)), []
    for implementation in ("fast", "reference"):
        model.use(implementation)
        model.zero_grad()
        logits, state = model(tokens)
        logits.square().sum().backward()
        found.append([logits, *state, *(parameter.grad for parameter in model.parameters())])
    for got, wanted in zip(*found, strict=True):
        torch.testing.assert_close(got, wanted, **TOLERANCE)


def cell_with(kernel, blocks, **attributes):
    """A class of a cell with this kernel and this many blocks in each product."""
    return type("Mine", (AbstractScannedLayer,), {"kernel": kernel, "blocks_of_products": blocks, **attributes})


@pytest.mark.parametrize(
    ("kernel", "blocks", "attributes", "message"),
    [
        (UGRNNKernel, (1,), {}, r"blocks_of_products=\(1,\) of Mine: must be 2 in all, the blocks of UGRNNKernel"),
        (NASKernel, (7, 2), {}, r"blocks_of_products=\(7, 2\) of Mine: must be 8 in all, the blocks of NASKernel"),
        (LSTMKernel, (4,), {"states": 1}, "states=1 of Mine: must be 2, as in LSTMKernel"),
        (UGRNNKernel, (2,), {"states": 2}, "states=2 of Mine: must be 1, as in UGRNNKernel"),
    ],
)
def test_a_kernel_that_does_not_fit_is_refused_with_the_class(kernel, blocks, attributes, message):
    with pytest.raises(ValueError, match=message):
        cell_with(kernel, blocks, **attributes)


def test_a_cell_has_the_states_of_its_kernel():
    assert [cell_with(kernel, blocks).states for kernel, blocks in ((LSTMKernel, (4,)), (UGRNNKernel, (2,)))] == [2, 1]
    assert cell_with(None, (2,), states=3).states == 3
    assert type("Heir", (NAS,), {"kernel": None}).states == 2


def test_the_former_name_of_the_blocks_of_each_product_has_effect():
    former = type("Former", (AbstractScannedLayer,), {"products": (2, 1)})
    assert former.blocks_of_products == (2, 1)
    assert cell_with(None, (2, 1)).products == (2, 1)
    assert NAS.products == NAS.blocks_of_products == (7, 1)
    assert type("Heir", (former,), {"blocks_of_products": (3,)}).products == (3,)
    assert type("Heir", (former,), {}).blocks_of_products == (2, 1)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"summed": 1}, r"summed=1 of Mine: must be 2 or 3 with 3 blocks, because only the last block can have"),
        ({"summed": 1, "separate": True}, "summed=1 of Mine: must be 2 with 3 blocks and separate=True, because"),
        ({"summed": 3, "separate": True}, "summed=3 of Mine: must be 2 with 3 blocks and separate=True, because"),
        ({"summed": 4}, "summed=4 of Mine: must be 2 or 3 with 3 blocks"),
    ],
)
def test_a_kernel_with_a_block_that_no_product_reaches_is_refused(attributes, message):
    with pytest.raises(ValueError, match=message):
        type("Mine", (AbstractKernel,), {"scales": (1.0, 1.0, 2.0), "sigmoid": 1, **attributes})


class Slow(UGRNN):
    """The state moves half as far."""

    @staticmethod
    def step(inputs, state, weights):
        return torch.lerp(state, UGRNN.step(inputs, state, weights), 0.5)


def test_a_cell_with_another_step_does_not_inherit_the_kernel():
    torch.manual_seed(0)
    layer, input = Slow(3, WIDTH), torch.randn(2, 5, 3)
    fast, _ = layer(input)
    layer.implementation = "reference"
    torch.testing.assert_close(fast, layer(input)[0], **TOLERANCE)
    assert not layer.has_fast
    assert type("Heir", (UGRNN,), {}).kernel is UGRNNKernel
    assert type("Heir", (Slow,), {"kernel": UGRNNKernel}).kernel is UGRNNKernel
