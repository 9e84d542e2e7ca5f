"""Scans that are recorded and replayed give the same results as plain scans.

No GPU is needed: a substitute does what `torch.cuda.make_graphed_callables` documents, in the same memory each time. It
therefore detects a value that is read too late or written too soon. `test_gpu.py` needs a GPU.
"""

import copy

import pytest
import torch
from torch import nn
from torch.utils import _pytree as pytree

from melgen.networks import MelodyModel, find_layer, map_state
from melgen.networks.scans.graphs import MOST_SHAPES, RecordedScans, recorded_scans
from tests.networks.conftest import CELLS
from tests.networks.test_backends import needs_bfloat16
from tests.networks.test_kernel_scan import TOLERANCE, VOCABULARY, WIDTH, randomise

NOT_LEFT_TO_CUDNN = ("nas", "ugrnn", "slstm")


def stand_in(function, samples):
    """Static inputs, outputs and gradients. Every call overwrites them and the intermediate values."""
    stand_in.recorded += 1
    inputs = samples
    outputs, gradients = [], []

    class Played(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *given):
            stand_in.replayed += 1
            with torch.no_grad():
                for static, value in zip(inputs, given, strict=True):
                    static.copy_(value)
            with torch.enable_grad():
                made = function(*inputs)
            if not outputs:
                outputs.extend(each.detach().clone() for each in made)
            for static, value in zip(outputs, made, strict=True):
                static.copy_(value.detach())
            Played.graph = made  # one only: a second call forgets the first
            return tuple(static.detach() for static in outputs)

        @staticmethod
        def backward(ctx, *of_outputs):
            wanted = [each for each in inputs if each.requires_grad]
            # A second pass over the same memory is not refused.
            found = gradients if Played.graph is None else torch.autograd.grad(Played.graph, wanted, of_outputs)
            Played.graph = None
            if not gradients:
                gradients.extend(each.clone() for each in found)
            for static, value in zip(gradients, found, strict=True):
                static.copy_(value)
            rest = iter(gradients)
            return tuple(next(rest) if each.requires_grad else None for each in inputs)

    assert all(isinstance(each, torch.Tensor) and each.is_leaf for each in pytree.tree_leaves(samples))
    return Played.apply


@pytest.fixture
def played(monkeypatch):
    def can_record(projected, weight, states):
        return torch.is_grad_enabled() and projected.requires_grad and not any(each.requires_grad for each in states)

    stand_in.recorded = stand_in.replayed = 0
    monkeypatch.setattr("melgen.networks.layers.kernel.records_on", lambda device: True)
    monkeypatch.setattr("melgen.networks.scans.graphs.can_record", can_record)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", stand_in)


def train(model, windows):
    """Losses and gradients of some windows, each with its own backward pass."""
    state, rows = None, []
    for window in windows:
        model.zero_grad()
        logits, state = model(window[:, :-1], state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        loss.backward()
        state = map_state(torch.Tensor.detach, state)
        rows.append([loss.detach(), *(p.grad.clone() for p in model.parameters() if p.requires_grad)])
    return rows, state


def models(name, device="cpu"):
    torch.manual_seed(0)
    reference = MelodyModel(VOCABULARY, WIDTH, 2, CELLS[name]).to(device)
    randomise(reference)
    graphs = copy.deepcopy(reference)
    reference.use("reference")
    graphs.use("graphs")
    return reference, graphs


def assert_same(one, other):
    for row, expected in zip(one, other, strict=True):
        for got, wanted in zip(row, expected, strict=True):
            torch.testing.assert_close(got, wanted, **TOLERANCE)


@pytest.mark.parametrize("name", NOT_LEFT_TO_CUDNN)
def test_windows_with_carried_state_equal_the_reference(name, played):
    reference, graphs = models(name)
    windows = torch.randint(VOCABULARY, (6, 4, 13))
    (wanted, last), (got, state) = (train(model, windows) for model in (reference, graphs))
    assert_same(got, wanted)
    assert stand_in.recorded == 2, "one graph for each layer, at the second window"
    for a, b in zip(pytree.tree_leaves(state), pytree.tree_leaves(last), strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE)


@pytest.mark.parametrize("name", NOT_LEFT_TO_CUDNN)
def test_two_windows_before_the_gradient_of_the_first(name, played):
    reference, graphs = models(name)
    windows = torch.randint(VOCABULARY, (6, 4, 13))
    train(graphs, windows[:3])
    found = []
    for model in (reference, graphs):
        model.zero_grad()
        logits = [model(window)[0] for window in windows]
        sum(each.square().mean() for each in logits).backward()
        found.append([[p.grad for p in model.parameters() if p.requires_grad]])
    assert_same(*found)


def test_a_returned_state_is_not_overwritten(played):
    _, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (4, 4, 13))
    _, state = train(graphs, windows[:3])
    before = [each.clone() for each in pytree.tree_leaves(state)]
    train(graphs, windows[3:])
    assert all(torch.equal(*pair) for pair in zip(pytree.tree_leaves(state), before, strict=True))


def test_a_kept_output_is_not_overwritten(played):
    _, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (4, 4, 13))
    train(graphs, windows[:3])
    output, _ = graphs.read(windows[2][:, :-1])
    output.sum().backward()
    before = output.detach().clone()
    train(graphs, windows[3:])
    assert torch.equal(output, before)


def test_a_gradient_through_the_state_is_not_played(played):
    reference, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (4, 4, 13))
    rows = []
    for model in (reference, graphs):
        model.zero_grad()
        state, total = None, 0.0
        for window in windows:
            logits, state = model(window, state)
            total = total + logits.square().mean()
        total.backward()
        rows.append([[p.grad for p in model.parameters() if p.requires_grad]])
    assert_same(*rows)


def test_a_second_backward_pass_is_refused(played):
    _, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (4, 4, 13))
    train(graphs, windows[:3])
    loss = graphs(windows[3][:, :-1])[0].square().mean()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="one backward pass"):
        loss.backward()


def test_an_output_that_is_dropped_is_not_awaited(played):
    _, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (6, 4, 13))
    train(graphs, windows[:3])
    graphs(windows[3][:, :-1])  # with gradients, which nobody asks for
    before = stand_in.replayed
    train(graphs, windows[4:])
    assert stand_in.replayed == before + 2 * len(graphs.layers)


def test_without_gradients_nothing_is_recorded(played):
    _, graphs = models("ugrnn")
    tokens = torch.randint(VOCABULARY, (4, 12))
    with torch.no_grad():
        for _ in range(3):
            graphs(tokens)
    assert stand_in.recorded == 0


def test_only_some_shapes_are_recorded(played):
    _, graphs = models("ugrnn")
    for steps in range(3, 3 + 2 * MOST_SHAPES):
        train(graphs, torch.randint(VOCABULARY, (3, 4, steps + 20)))
    assert stand_in.recorded == 2 * MOST_SHAPES


@needs_bfloat16
def test_graphs_in_bfloat16_equal_the_scan(played, monkeypatch):
    _, graphs = models("nas")
    windows = torch.randint(VOCABULARY, (4, 4, 13))
    with torch.autocast("cpu", torch.bfloat16):
        recorded, _ = train(graphs, windows)
        assert stand_in.recorded == len(graphs.layers)
        monkeypatch.setattr("melgen.networks.scans.graphs.can_record", lambda *_: False)
        scanned, _ = train(graphs, windows)
    exact, _ = train(graphs, windows)
    for ours, theirs, others in zip(recorded, scanned, exact, strict=True):
        assert all(map(torch.equal, ours, theirs))
        assert not torch.equal(ours[0], others[0]), "nothing was rounded"


def test_recorded_graphs_are_not_in_copies_and_checkpoints(played):
    _, graphs = models("nas")
    train(graphs, torch.randint(VOCABULARY, (3, 4, 13)))
    assert set(graphs.state_dict()) == set(models("nas")[0].state_dict())
    copied = copy.deepcopy(graphs)
    assert recorded_scans(copied.layers[0]) is not recorded_scans(graphs.layers[0])


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", *NOT_LEFT_TO_CUDNN])
def test_without_a_gpu_it_is_the_fast_scan(name, monkeypatch):
    monkeypatch.setattr(RecordedScans, "scan_or_replay", None)
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, find_layer(name))
    tokens = torch.randint(VOCABULARY, (3, 4, 13))
    rows = []
    for implementation in ("fast", "graphs"):
        model.use(implementation)
        rows.append(train(model, tokens)[0])
    assert all(torch.equal(a, b) for row, other in zip(*rows, strict=True) for a, b in zip(row, other, strict=True))
