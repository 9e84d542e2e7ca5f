from functools import partial

import pytest
import torch

from melgen.networks import GRU, LSTM, NAS, RNN, SLSTM, UGRNN, Attention, Mogrifier

CELLS = {
    "lstm": LSTM,
    "gru": GRU,
    "gru_reset_before": partial(GRU, reset_after=False),
    "rnn": RNN,
    "ugrnn": UGRNN,
    "nas": NAS,
    "slstm": SLSTM,
    "mogrifier": Mogrifier,
    "attention": partial(Attention, heads=1, window=5),  # any width, and windows shorter than the sequences
}
WITH_KERNEL = {name: kind for name, kind in CELLS.items() if name != "attention"}
SCANNED = {name: kind for name, kind in WITH_KERNEL.items() if name != "mogrifier"}
"""Those with a kernel for `melgen.networks.scan`."""


def each_of(cells):
    """A fixture, ``cell``: each of these kinds of layers in turn, as a factory."""

    @pytest.fixture(params=cells.values(), ids=cells, name="cell")
    def each(request):
        return request.param

    return each


each_cell = each_of(CELLS)


@pytest.fixture
def double():
    """All of torch in float64, for comparisons to rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
