"""What computes a layer is what the table in `melgen.networks.layers.fast` has."""

import re
from functools import partial

import pytest
import torch

from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN, Attention, MelodyModel, MinGRU, Mogrifier, choosing_backends
from melgen.networks.cells.attention_stepping import RingStepper
from melgen.networks.layers import fast
from melgen.networks.layers.fast import AbstractFastLayer
from melgen.networks.layers.recurrent import AbstractRecurrentLayer
from melgen.networks.model_stepping import ModelStepper
from melgen.networks.scans.kernel_stepping import KernelStepper
from melgen.networks.stepping import CallStepper

VOCABULARY, WIDTH = 11, 16


class Stepwise(UGRNN):
    """A cell without a kernel."""

    kernel = None


class Plain(AbstractRecurrentLayer):
    """A layer with nothing but a call."""

    def forward(self, input, state=None):
        return input.cumsum(1), input[:, -1]

    def initialize(self, initialization):
        pass


TABLE = {
    layer: (window, note)
    for layer, window, note in (
        re.split(" {2,}", line.strip())
        for line in (fast.__doc__ or "").partition("---\n")[2].partition("\n\n")[0].splitlines()
    )
}
"""What computes a window and a note of a song, by the rows of the table."""

WINDOWS = {"its forward": None, "reference": "reference", "scan of the kernel": "fast", "scan of the layer": "fast"}
"""What the fixture `windows` returns for a layer; only layers with a reference are watched."""

STEPPERS = {"kernel": KernelStepper, "ring buffer": RingStepper}
"""What computes a note; elsewhere it is a window of one note."""

DOUBLE = "can_be_fast is false: float64, torch.func, ..."


@pytest.fixture
def windows(monkeypatch):
    """Runs a network, and returns what computed each of its layers, lowest first."""

    def run(model, tokens):
        found = [None] * len(model.layers)
        for number, layer in enumerate(model.layers):
            for inner in layer.modules():  # a GRU contains its layer
                if isinstance(inner, AbstractFastLayer):
                    found[number] = "fast"
                    called = partial(found.__setitem__, number, "reference")
                    monkeypatch.setattr(inner, "forward_reference", after(called, inner.forward_reference))
        model(tokens)
        return found

    return run


def after(first, then):
    """A function that calls both."""
    return lambda *args: first() or then(*args)


KERNEL, MODULE = "others with a kernel", "products=module: LSTM, RNN, GRU (torch's module)"
ROWS = [
    (Attention, "torch", {"implementation": "reference"}, "Attention with implementation=reference"),
    (Attention, "torch", {}, "Attention"),
    (Plain, "torch", {}, "other layers without this base class"),
    (Stepwise, "onednn", {}, "has_fast is false: AbstractScannedLayer without kernel"),
    (NAS, "onednn", {"implementation": "reference"}, "implementation=reference"),
    (LSTM, "module", {}, MODULE),
    (GRU, "module", {}, MODULE),
    (RNN, "module", {}, MODULE),
    (LSTM, "torch", {}, "products=torch: LSTM, except on tables in float32"),
    (LSTM, "onednn", {}, KERNEL),
    (GRU, "torch", {}, KERNEL),
    (NAS, "module", {}, KERNEL),
    (partial(GRU, reset_after=False), "module", {}, KERNEL),
    (MinGRU, "torch", {}, "elementwise layers, Mogrifier"),
    (Mogrifier, "onednn", {}, "elementwise layers, Mogrifier"),
]


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here")
@pytest.mark.parametrize(("cell", "backend", "options", "row"), ROWS)
def test_a_row_of_the_table(cell, backend, options, row, windows):
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell, **options)
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend))
    tokens = torch.randint(VOCABULARY, (4, 15))
    lowest = TABLE[KERNEL if "except on tables" in row else row]  # which reads tables
    assert windows(model, tokens) == [WINDOWS[window] for window, _ in (lowest, TABLE[row])]
    with torch.inference_mode():
        steppers = ModelStepper(model, 4)._steppers
        assert [type(each) for each in steppers] == [STEPPERS.get(TABLE[row][1], CallStepper)] * 2
    in_double = "its forward" if TABLE[row][0] == "its forward" else TABLE[DOUBLE][0]
    assert windows(model.double(), tokens) == [WINDOWS[in_double]] * 2
    with torch.inference_mode():
        assert {type(each) for each in ModelStepper(model, 4)._steppers} == {CallStepper}


def test_each_row_of_the_table_for_a_cpu_is_tested():
    assert {row for *_, row in ROWS} | {DOUBLE} == {row for row in TABLE if not row.startswith("on a GPU: ")}
