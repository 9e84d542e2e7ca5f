from functools import partial

import pytest
import torch

from melgen.networks import GRU, HGRN2, LRU, LSTM, NAS, RGLRU, RNN, UGRNN, IndRNN, MinGRU

SCANNED_CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "rnn": RNN,
    "ugrnn": UGRNN,
    "nas": NAS,
}
"""Cells with a product with the state."""

ELEMENTWISE_CELLS = {
    "mingru": MinGRU,
    "minlstm": partial(MinGRU, variant="lstm"),
    "rglru": RGLRU,
    "lru": LRU,
    "indrnn": IndRNN,
    "hgrn2": partial(HGRN2, heads=2),
}
"""Cells without one."""

CELLS = {**SCANNED_CELLS, **ELEMENTWISE_CELLS}


@pytest.fixture(params=CELLS.values(), ids=CELLS)
def cell(request):
    """Each kind of layer in turn, as a factory."""
    return request.param


@pytest.fixture(params=SCANNED_CELLS.values(), ids=SCANNED_CELLS)
def scanned_cell(request):
    """Each kind of layer with a product with the state in turn, as a factory."""
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
