"""The kernels compute what the references compute: torch's own modules, and steps by autograd."""

import copy
import math

import pytest
import torch
from torch import nn

from melgen.networks import RGLRU, SLSTM, IndRNN, MelodyModel, MinGRU, find_layer, map_state, mixed
from melgen.networks.layers.kernel import AbstractKernelLayer
from melgen.networks.scans.kernel_scan import scaled, scan
from tests.networks.conftest import FAST_CELLS, SCANNED_CELLS, each_of

# Float32 sums of a hundred terms, through a dozen steps, in another order; sigma for tanh adds 2e-7 a step.
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
VOCABULARY, WIDTH = 11, 24

each_cell = each_of(FAST_CELLS)


def flat(state):
    return [state] if isinstance(state, torch.Tensor) else [part for each in state for part in flat(each)]


def kernel_layer(layer) -> AbstractKernelLayer:
    return getattr(layer, "reading", layer)


def randomise(module):
    """Wider than any initialisation: every gate leaves its linear range."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)


def with_gradients(run, inputs, module):
    """Output, last state, and all gradients under random weights of both."""
    inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    module.zero_grad()
    output, state = run(*inputs)
    generator = torch.Generator().manual_seed(5)
    results = [output, *flat(state)]
    loss = sum(
        (result * torch.randn(result.shape, generator=generator, dtype=result.dtype)).sum() for result in results
    )
    loss.backward()
    return results, [tensor.grad for tensor in inputs] + [p.grad for p in module.parameters() if p.requires_grad]


@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_output_state_and_gradients_equal_the_reference(scanned_cell, initialization):
    torch.manual_seed(0)
    layer = scanned_cell(WIDTH, WIDTH)
    layer.initialize(initialization)
    randomise(layer)
    fast = kernel_layer(layer)
    start = [torch.randn(3, WIDTH) for _ in range(fast.kernel.states)]
    if isinstance(layer, SLSTM):
        start[2] = start[2].abs() + 0.5  # a sum of exponentials

    def state_of(tensors):
        return tensors[0] if len(tensors) == 1 else tuple(tensors)

    def by_reference(input, *state):
        return fast.forward_reference(input, state_of(state))

    def by_kernel(input, *state):
        # Not `layer(...)`: the LSTM leaves an input that is not a table to torch.
        weight_ih, weight_hh, bias, apart = fast.kernel_weights()
        weight_ih, weight_hh, bias = scaled(fast.kernel, weight_ih, weight_hh, bias)
        projected = nn.functional.linear(input.transpose(0, 1).contiguous(), weight_ih, bias)
        apart = None if apart is None else apart * fast.kernel.scales[-1]
        output, last = scan(fast.kernel, projected, weight_hh, apart, state)
        return output.transpose(0, 1), state_of(last)

    inputs = [torch.randn(3, 12, WIDTH), *start]
    expected, expected_gradients = with_gradients(by_reference, inputs, layer)
    results, gradients = with_gradients(by_kernel, inputs, layer)
    for got, wanted in zip(results + gradients, expected + expected_gradients, strict=True):
        torch.testing.assert_close(got, wanted, **TOLERANCE)


@pytest.mark.parametrize("initialization", ["paper", "torch"])
def test_a_model_equals_its_reference(cell, initialization):
    """Embedding looked up or multiplied as a table, two layers, carried state, loss and every gradient."""
    torch.manual_seed(0)
    fast = MelodyModel(VOCABULARY, WIDTH, 2, cell, initialization=initialization)
    randomise(fast)
    reference = copy.deepcopy(fast)
    reference.use("reference")
    tokens = torch.randint(VOCABULARY, (5, 21))
    losses = []
    for model in (fast, reference):
        state, total = None, 0.0
        for chunk in tokens.split(7, dim=1):  # the end of the window is not the end of a tune
            logits, state = model(chunk[:, :-1], state)
            total = total + nn.functional.cross_entropy(logits.flatten(0, 1), chunk[:, 1:].flatten())
        total.backward()
        losses.append(total)
    torch.testing.assert_close(*losses, rtol=1e-6, atol=1e-6)
    for (name, got), wanted in zip(fast.named_parameters(), reference.parameters(), strict=True):
        if wanted.requires_grad:
            tolerance = {**TOLERANCE, "atol": TOLERANCE["atol"] * max(1.0, wanted.grad.abs().max().item())}
            torch.testing.assert_close(got.grad, wanted.grad, **tolerance, msg=lambda m, n=name: f"{n}: {m}")


def test_chunks_equal_one_pass(cell):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell)
    tokens = torch.randint(VOCABULARY, (4, 40))
    whole, last = model(tokens)
    state, parts = None, []
    for chunk in tokens.split((1, 20, 19), dim=1):
        logits, state = model(chunk, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole, **TOLERANCE)
    for got, wanted in zip(flat(state), flat(last), strict=True):
        torch.testing.assert_close(got, wanted, **TOLERANCE)


@pytest.mark.parametrize("keep", [{"input_keep_prob": 0.7}, {"output_keep_prob": 0.7}])
def test_dropout_draws_the_same_masks(cell, keep):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell, **keep).train()
    tokens = torch.randint(VOCABULARY, (4, 15))
    logits = []
    for implementation in ("fast", "reference"):
        model.use(implementation)
        torch.manual_seed(1)
        logits.append(model(tokens)[0])
    torch.testing.assert_close(*logits, **TOLERANCE)


def test_the_same_bits_twice(cell):
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 3, cell)
    tokens = torch.randint(VOCABULARY, (4, 15))
    runs = []
    for filled in (True, False):  # reading memory before it is written would give other bits
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = filled
        model.zero_grad()
        try:
            logits, _ = model(tokens)
            logits.square().sum().backward()
        finally:
            torch.use_deterministic_algorithms(False)
            torch.utils.deterministic.fill_uninitialized_memory = True
        runs.append([logits, *(p.grad for p in model.parameters() if p.requires_grad)])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_saturated_gates_stay_finite(cell):
    model = MelodyModel(VOCABULARY, WIDTH, 1, cell)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("theta"):  # the logarithm of an angle, of which a large one has no meaning
                parameter.mul_(1e4)
    tokens = torch.randint(VOCABULARY, (4, 15))
    logits, state = model(tokens)
    logits.mean().backward()
    assert all(part.isfinite().all() for part in flat(state))
    assert all(p.grad.isfinite().all() for p in model.stack.parameters() if p.requires_grad)


def autograd_nodes(tensor):
    names, waiting, seen = [], [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        names.append(type(node).__name__)
        waiting += [following for following, _ in node.next_functions]
    return names


@pytest.mark.parametrize("layers", [1, 3])
def test_autograd_notes_do_not_grow_with_time(scanned_cell, layers):
    """The scan is fast because each layer has a few autograd nodes, for any length of the window."""
    model = MelodyModel(VOCABULARY, WIDTH, layers, scanned_cell)
    short, long = (autograd_nodes(model(torch.randint(VOCABULARY, (4, steps)))[0]) for steps in (10, 60))
    assert len(long) == len(short) <= 10 + 25 * layers
    scans = sum(name.startswith("_Scan") for name in long)
    assert scans == (1 if isinstance(kernel_layer(model.layers[0]), find_layer("lstm")) else layers)


def test_the_first_layer_multiplies_the_table_not_the_notes(scanned_cell, monkeypatch):
    seen = []
    linear = nn.functional.linear

    def watched(input, weight, bias=None):
        if len(weight) != VOCABULARY:  # not the output layer
            seen.append(tuple(input.shape))
        return linear(input, weight, bias)

    monkeypatch.setattr("melgen.networks.embedding_tables.F.linear", watched)
    model = MelodyModel(VOCABULARY, WIDTH, 1, scanned_cell)
    model(torch.randint(VOCABULARY, (4, 15)))
    assert seen == [(VOCABULARY, WIDTH)]


@pytest.mark.parametrize("case", ["double", "func", "autocast", "own choice"])
def test_the_reference_replaces_the_scan_of_a_kernel_where_that_does_not_apply(scanned_cell, case, monkeypatch):
    def refuse(*_):
        raise AssertionError("scanned")

    monkeypatch.setattr("melgen.networks.layers.kernel.scan", refuse)
    model = MelodyModel(VOCABULARY, WIDTH, 2, scanned_cell)
    tokens = torch.randint(VOCABULARY, (4, 15))
    with pytest.raises(AssertionError, match="scanned"):
        model(tokens)
    if case == "double":
        assert model.double()(tokens)[0].dtype == torch.float64
    elif case == "func":
        state = {name: value.detach() for name, value in model.named_parameters()}

        def loss(parameters):
            return torch.func.functional_call(model, parameters, (tokens,))[0].square().mean()

        gradients = torch.func.grad(loss)(state)
        assert gradients["embedding.weight"].abs().sum() > 0
    elif case == "autocast":  # a processor without bfloat16; one that has it: see test_backends.py
        monkeypatch.setattr("melgen.networks.products.autocast.onednn_multiplies", lambda _: False)
        with torch.autocast("cpu", torch.bfloat16):
            assert model(tokens)[0].isfinite().all()
    else:
        model.use("reference")
        model(tokens)


@pytest.mark.parametrize("cell", [*SCANNED_CELLS.values(), MinGRU, RGLRU, IndRNN])
def test_a_second_way_back_is_refused_with_advice(cell):
    model = MelodyModel(VOCABULARY, WIDTH, 1, cell)
    logits, _ = model(torch.randint(VOCABULARY, (4, 15)))
    logits.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="implementation=reference"):
        logits.sum().backward()


def test_unknown_implementations_are_refused():
    with pytest.raises(ValueError, match="implementation=quick: must be one of fast, graphs, reference"):
        MelodyModel(VOCABULARY, implementation="quick")


def test_a_mixed_stack_uses_each_kernel():
    model = MelodyModel(VOCABULARY, WIDTH, 4, mixed(["nas", "gru", "rnn", "ugrnn"]))
    logits, state = model(torch.randint(VOCABULARY, (4, 15)))
    assert sum(name.startswith("_Scan") for name in autograd_nodes(logits)) == 4
    assert len(flat(map_state(torch.Tensor.detach, state))) == 5


@pytest.mark.slow
def test_training_with_either_implementation_gives_the_same_loss(cell):
    """Thirty updates on one batch give the same loss to four digits, not only the same first gradient."""
    losses = []
    for implementation in ("fast", "reference"):
        torch.manual_seed(0)
        model = MelodyModel(VOCABULARY, WIDTH, 2, cell, implementation=implementation)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        tokens = torch.randint(VOCABULARY, (4, 16))
        for _ in range(30):
            loss = nn.functional.cross_entropy(model(tokens[:, :-1])[0].flatten(0, 1), tokens[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert math.isclose(*losses, rel_tol=2e-3)
