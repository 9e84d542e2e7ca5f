"""What computes a layer is what the table in `melgen.networks.layers.fast` has."""

from functools import partial

import pytest
import torch

from melgen.networks import GRU, LSTM, NAS, RNN, UGRNN, MelodyModel, MinGRU, Mogrifier, choosing_backends
from melgen.networks.layers.fast import AbstractFastLayer
from melgen.networks.model_stepping import ModelStepper
from melgen.networks.products.backends import ONEDNN
from melgen.networks.products.measuring import is_possible
from melgen.networks.scans.kernel_stepping import KernelStepper

VOCABULARY, WIDTH = 11, 16


class Stepwise(UGRNN):
    """A cell without a kernel."""

    kernel = None


def fast_layers(model):
    return [each for each in model.modules() if isinstance(each, AbstractFastLayer)]


@pytest.fixture
def windows(monkeypatch):
    """Runs a network, and returns what computed each of its layers, lowest first."""

    def run(model, tokens):
        called = []
        for number, layer in enumerate(fast_layers(model)):
            reference = layer.forward_reference
            monkeypatch.setattr(
                layer,
                "forward_reference",
                lambda *args, number=number, reference=reference: called.append(number) or reference(*args),
            )
        model(tokens)
        return ["reference" if number in called else "fast" for number, _ in enumerate(fast_layers(model))]

    return run


ROWS = [
    (Stepwise, "onednn", {}, ["reference"] * 2, False),
    (NAS, "onednn", {"implementation": "reference"}, ["reference"] * 2, False),
    (LSTM, "module", {}, ["reference"] * 2, True),
    (GRU, "module", {}, ["reference"] * 2, True),
    (RNN, "module", {}, ["reference"] * 2, True),
    (LSTM, "torch", {}, ["fast", "reference"], True),
    (LSTM, "onednn", {}, ["fast"] * 2, True),
    (GRU, "torch", {}, ["fast"] * 2, True),
    (NAS, "module", {}, ["fast"] * 2, True),
    (partial(GRU, reset_after=False), "module", {}, ["fast"] * 2, True),
    (MinGRU, "torch", {}, ["fast"] * 2, False),
    (Mogrifier, "onednn", {}, ["fast"] * 2, False),
]


@pytest.mark.skipif(not is_possible(ONEDNN), reason="torch has no oneDNN here")
@pytest.mark.parametrize(("cell", "backend", "options", "expected", "has_steps"), ROWS)
def test_a_row_of_the_table(cell, backend, options, expected, has_steps, windows):
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell, **options)
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend))
    tokens = torch.randint(VOCABULARY, (4, 15))
    assert windows(model, tokens) == expected
    with torch.inference_mode():
        stepper = ModelStepper(model, 4)
        assert [isinstance(each, KernelStepper) for each in stepper._steppers] == [has_steps] * 2
    exact = model.double()
    assert windows(exact, tokens) == ["reference"] * 2
