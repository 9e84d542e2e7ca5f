from functools import partial

import pytest
import torch

from melgen.networks import (
    GRU,
    HGRN2,
    LRU,
    LSTM,
    NAS,
    RGLRU,
    RNN,
    SLSTM,
    UGRNN,
    Attention,
    IndRNN,
    MinGRU,
    Mogrifier,
)

SCANNED_CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "rnn": RNN,
    "ugrnn": UGRNN,
    "nas": NAS,
    "slstm": SLSTM,
}
"""Cells with a product with the state, and a kernel for `melgen.networks.scans.kernel_scan`."""

ELEMENTWISE_CELLS = {
    "mingru": MinGRU,
    "minlstm": partial(MinGRU, variant="lstm"),
    "rglru": RGLRU,
    "lru": LRU,
    "indrnn": IndRNN,
    "hgrn2": partial(HGRN2, heads=2),
}
"""Cells without a product with the state, and without a kernel."""

FAST_CELLS = {**SCANNED_CELLS, "mogrifier": Mogrifier, **ELEMENTWISE_CELLS}
"""Cells with a fast implementation."""

CELLS = {
    **FAST_CELLS,
    "attention": partial(Attention, heads=1, window=5),  # any width, and windows shorter than the sequences
}


def away_from_start(layer, initialization):
    """A layer with weights that are neither 0 nor 1, so that a missing one is noticed."""
    layer.initialize(initialization)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.7)
    return layer


def each_of(cells):
    """A fixture, ``cell``: each of these kinds of layers in turn, as a factory."""

    @pytest.fixture(params=cells.values(), ids=cells, name="cell")
    def each(request):
        return request.param

    return each


each_cell = each_of(CELLS)


@pytest.fixture(params=SCANNED_CELLS.values(), ids=SCANNED_CELLS)
def scanned_cell(request):
    """Each kind of layer with a kernel for the scan in turn, as a factory."""
    return request.param


@pytest.fixture(params=ELEMENTWISE_CELLS.values(), ids=ELEMENTWISE_CELLS)
def elementwise_cell(request):
    """Each kind of layer without such a product in turn, as a factory."""
    return request.param


@pytest.fixture
def double():
    """All of torch in float64, for comparisons to rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
