from functools import partial

import pytest
import torch

from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN

CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "rnn": RNN,
    "ugrnn": UGRNN,
    "nas": NAS,
}


@pytest.fixture(params=CELLS.values(), ids=CELLS)
def cell(request):
    """Each kind of layer in turn, as a factory."""
    return request.param


@pytest.fixture
def double():
    """All of torch in float64, for comparisons to rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
