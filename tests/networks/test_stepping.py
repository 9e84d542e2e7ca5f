"""Step after step, a network gives what its ordinary call gives for the whole sequence."""

import copy

import pytest
import torch
from torch import nn

from melgen.networks import (
    LSTM,
    AbstractRecurrentLayer,
    AbstractScannedLayer,
    MelodyModel,
    ResidualBlock,
    TensorFlowInit,
    model_stepping,
)
from melgen.networks.cells.attention_stepping import RingStepper
from melgen.networks.layers.kernel import AbstractKernelLayer
from melgen.networks.model_stepping import ModelStepper
from melgen.networks.products import measuring
from melgen.networks.products.backends import ONEDNN, TORCH
from melgen.networks.scans.kernel_stepping import KernelStepper
from melgen.networks.stepping import CallStepper
from tests.networks.conftest import CELLS
from tests.tiers import quick_rows

VOCABULARY, WIDTH, SONGS, STEPS = 11, 24, 5, 9
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}


class OwnCell(AbstractScannedLayer):
    """Without a kernel, as in docs/extending.md."""

    blocks_of_products = (1,)
    start = TensorFlowInit(kernels=(1,), bias=(0.0,))

    @staticmethod
    def step(inputs, state, weights):
        return torch.addmm(inputs[0], state, weights[0]).tanh()


class Own(AbstractRecurrentLayer):
    """Of another shape: its state is a tuple in a tuple."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, hidden_size)

    def forward(self, input, state=None):
        before = input.new_zeros(len(input), self.hidden_size) if state is None else state[0][0]
        sums = 0.1 * self.linear(input).cumsum(1) + before[:, None]
        return sums.sin(), ((sums[:, -1],),)

    def initialize(self, initialization):
        nn.init.normal_(self.linear.weight)


class Doubled(LSTM):
    """A call of its own, with the kernel of its parent."""

    def forward(self, input, state=None):
        output, state = super().forward(input, state)
        return 2 * output, state


ALL = {**CELLS, "own scanned": OwnCell, "own": Own, "own call": [LSTM, Doubled]}
WITHOUT_KERNEL = ("mingru", "minlstm", "rglru", "lru", "indrnn", "hgrn2", "mogrifier")
KINDS = {
    **{cell: [CallStepper, CallStepper] for cell in WITHOUT_KERNEL},
    "attention": [RingStepper, RingStepper],
    "own scanned": [CallStepper, CallStepper],
    "own": [CallStepper, CallStepper],
    "own call": [KernelStepper, CallStepper],
}
each_kind = quick_rows(3, "kind", list(ALL))


def network(kind, **options):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, ALL[kind], initialization="torch", **options).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model


def by_steps(model, tokens, state=None):
    stepper = ModelStepper(model, len(tokens), state)
    return torch.stack([stepper.logits(stepper.read(column)) for column in tokens.unbind(1)], 1), stepper


def kinds_of(stepper):
    return [type(layer) for layer in stepper._steppers]


@each_kind
@pytest.mark.parametrize("is_carried", [False, True], ids=["from zero", "carried"])
@torch.inference_mode()
def test_steps_equal_the_reference_in_double_precision(kind, is_carried):
    model = network(kind)
    exact = copy.deepcopy(model).double()
    exact.use("reference")
    before, tokens = torch.randint(VOCABULARY, (SONGS, 4)), torch.randint(VOCABULARY, (SONGS, STEPS))
    state = exact_state = None
    if is_carried:
        _, state = model(before)
        _, exact_state = exact(before)
        kept = copy.deepcopy(state)
    got, stepper = by_steps(model, tokens, state)
    expected, _ = exact(tokens, exact_state)
    torch.testing.assert_close(got.double(), expected, **TOLERANCE)
    assert kinds_of(stepper) == KINDS.get(kind, [KernelStepper, KernelStepper])
    if is_carried:
        torch.testing.assert_close(state, kept, rtol=0, atol=0)  # the steps keep a state of their own


@torch.inference_mode()
def test_a_network_with_blocks_is_called_as_a_whole():
    model = network("gru", block=ResidualBlock)
    before, tokens = torch.randint(VOCABULARY, (SONGS, 4)), torch.randint(VOCABULARY, (SONGS, STEPS))
    _, state = model(before)
    got, stepper = by_steps(model, tokens, state)
    torch.testing.assert_close(got, model(tokens, state)[0], **TOLERANCE)
    assert kinds_of(stepper) == [CallStepper]


@quick_rows(2, "kind", list(CELLS))
@torch.inference_mode()
def test_durations_are_read_and_scored(kind):
    durations = 4
    model = network(kind, output_size=VOCABULARY - 2, duration_size=durations)
    tokens = torch.stack([torch.randint(VOCABULARY, (SONGS, STEPS)), torch.randint(durations, (SONGS, STEPS))], -1)
    following = torch.randint(VOCABULARY - 2, (SONGS, STEPS))
    output, _ = model.read(tokens)
    stepper = ModelStepper(model, SONGS)
    for step in range(STEPS):
        found = stepper.read(tokens[:, step])
        torch.testing.assert_close(found, output[:, step], **TOLERANCE)
        expected = model.duration_logits(output, following)[:, step]
        torch.testing.assert_close(stepper.duration_logits(found, following[:, step]), expected, **TOLERANCE)


@torch.inference_mode()
def test_many_songs_with_the_products_of_stepping():
    """So many that oneDNN multiplies, where it may."""
    model = MelodyModel(VOCABULARY, 128, 2, CELLS["lstm"]).eval()
    tokens = torch.randint(VOCABULARY, (300, 3))
    got, _ = by_steps(model, tokens)
    expected, _ = copy.deepcopy(model).double()(tokens)
    torch.testing.assert_close(got.double(), expected, **TOLERANCE)
    assert torch.equal(got, by_steps(model, tokens)[0])


def test_the_ordinary_call_is_used_where_the_kernel_may_not():
    model = network("gru")

    def kinds():
        return set(kinds_of(ModelStepper(model, SONGS)))

    assert kinds() == {CallStepper}, "gradients may be asked for"
    with torch.inference_mode():
        assert kinds() == {KernelStepper}
        with torch.autocast("cpu", torch.bfloat16):
            assert kinds() == {CallStepper}
        model.use("reference")
        assert kinds() == {CallStepper}
        model.use("fast")
        model.double()
        assert kinds() == {CallStepper}


def test_the_products_follow_from_exactness_alone(monkeypatch):
    decide = measuring.backend_of_stepping.__wrapped__
    for is_available, is_exact, expected in [(True, True, ONEDNN), (True, False, TORCH), (False, True, TORCH)]:
        monkeypatch.setattr(measuring.torch.backends.mkldnn, "is_available", lambda answer=is_available: answer)
        monkeypatch.setattr(measuring, "is_exact", lambda *_, answer=is_exact, **__: answer)
        assert decide() is expected


@torch.inference_mode()
def test_what_a_subclass_of_the_network_does_is_done():
    class Negative(MelodyModel):
        def read(self, tokens, state=None):
            output, state = super().read(tokens, state)
            return -output, state

        def logits(self, output):
            return super().logits(output) + 1

    model = Negative(VOCABULARY, WIDTH, 2).eval()
    tokens = torch.randint(VOCABULARY, (SONGS, STEPS))
    torch.testing.assert_close(by_steps(model, tokens)[0], model(tokens)[0], **TOLERANCE)


@torch.inference_mode()
def test_elsewhere_than_on_a_cpu_torch_multiplies(monkeypatch):
    monkeypatch.setattr(model_stepping, "backend_of_stepping", lambda: ONEDNN)
    model = MelodyModel(60, 128, 2).eval()
    assert ModelStepper(model, 1000)._backend is ONEDNN
    elsewhere = ModelStepper(model.to("meta"), 1000)
    assert elsewhere._backend is TORCH
    assert kinds_of(elsewhere) == [CallStepper, CallStepper]


@torch.inference_mode()
def test_few_songs_are_multiplied_by_torch():
    layer = CELLS["lstm"](128, 128)
    assert isinstance(layer, AbstractKernelLayer)
    few, many = (layer.stepper(batch_size, backend=ONEDNN) for batch_size in (1, 300))
    assert few._backend is TORCH
    assert many._backend is ONEDNN
