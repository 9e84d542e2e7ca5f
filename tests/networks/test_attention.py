"""Attention: its definition, its window, its ring buffer, and its gradients."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.networks import Attention, MelodyModel
from melgen.networks.cells.attention_stepping import RingStepper
from tests.networks.cell_equations import attention
from tests.networks.conftest import away_from_start

TOLERANCE = 1e-10
BATCH, TIME, INPUT, HIDDEN, HEADS = 2, 23, 5, 8, 4


def randomised(window, heads=HEADS, initialization="paper"):
    return away_from_start(Attention(INPUT, HIDDEN, heads, window), initialization)


def weights_of(layer):
    parts = [*layer.weight_qkv.t().chunk(3, dim=1), layer.distance_bias, layer.output.weight.t(), layer.output.bias]
    return [part.detach().numpy() for part in parts]


# Windows shorter than, as long as and longer than the sequence: several blocks, with and without a rest, or one.
@pytest.mark.parametrize("window", [1, 2, 6, 22, 23, 50])
@pytest.mark.parametrize("heads", [1, 4])
def test_equals_its_definition(double, window, heads):
    layer, inputs = randomised(window, heads), torch.randn(BATCH, TIME, INPUT)
    output, (keys, values, count) = layer(inputs)
    expected = attention(inputs.numpy(), heads, window, *weights_of(layer))
    np.testing.assert_allclose(output.detach(), expected, atol=TOLERANCE, rtol=0)
    last = min(window, TIME)
    assert count.tolist() == [last] * BATCH
    for ring, kernel in ((keys, weights_of(layer)[1]), (values, weights_of(layer)[2])):
        np.testing.assert_allclose(ring.detach()[:, -last:], inputs.numpy()[:, -last:] @ kernel, atol=TOLERANCE)
        assert not ring[:, :-last].any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.lists(st.integers(1, 15), min_size=1, max_size=6), st.integers(0, 2**16))
def test_any_chunks_equal_the_whole(window, sizes, seed):
    torch.manual_seed(seed)
    layer = randomised(window).double()
    inputs = torch.randn(BATCH, sum(sizes), INPUT, dtype=torch.float64)
    whole, last = layer(inputs)
    state, outputs = None, []
    for chunk in inputs.split(sizes, dim=1):
        output, state = layer(chunk, state)
        outputs.append(output)
    torch.testing.assert_close(torch.cat(outputs, 1), whole, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(state, last, atol=TOLERANCE, rtol=0)


def test_melodies_of_a_batch_may_be_of_different_lengths(double):
    """One that has just begun beside one whose window is full, as when a song ends while others go on."""
    layer, inputs = randomised(6), torch.randn(2, 15, INPUT)
    _, long = layer(inputs[:1, :9])
    _, short = layer(inputs[1:, 7:9])
    together, state = layer(inputs[:, 9:], tuple(map(torch.cat, zip(long, short, strict=True))))
    torch.testing.assert_close(together[:1], layer(inputs[:1])[0][:, 9:], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(together[1:], layer(inputs[1:, 7:])[0][:, 2:], atol=TOLERANCE, rtol=0)
    assert state[2].tolist() == [6, 6]


def test_the_zero_state_is_the_state_without_notes(double):
    layer, inputs = randomised(6), torch.randn(BATCH, 4, INPUT)
    zeros = tuple(torch.zeros_like(part) for part in layer(inputs)[1])
    torch.testing.assert_close(layer(inputs, zeros), layer(inputs), atol=0, rtol=0)


@pytest.mark.parametrize("window", [1, 2, 5, 40])
@torch.no_grad()
def test_a_ring_buffer_equals_the_call(window):
    """Several times around the ring, from no state and from melodies of different lengths; a given state stays."""
    torch.manual_seed(0)
    layer, inputs = randomised(window), torch.randn(2, TIME, INPUT)
    states = [layer(inputs[:, : 2 * row + 1])[1] for row in (0, 1)]
    uneven = tuple(torch.stack([part[0], other[1]]) for part, other in zip(*states, strict=True))
    for state in (None, uneven):
        kept = None if state is None else [part.clone() for part in state]
        stepper = layer.stepper(2, state)
        assert isinstance(stepper, RingStepper)
        outputs = torch.stack([stepper.step(x).clone() for x in inputs.unbind(1)], 1)
        torch.testing.assert_close(outputs, layer(inputs, state)[0], atol=1e-5, rtol=1e-5)
        assert state is None or all(map(torch.equal, state, kept))


@pytest.mark.parametrize("window", [3, 40])
def test_gradients_are_those_of_the_definition(double, window):
    """Of a plain loop over notes, with autograd."""
    layer, inputs = randomised(window), torch.randn(BATCH, TIME, INPUT, requires_grad=True)
    of_output = torch.randn(BATCH, TIME, HIDDEN)
    q, k, v = (inputs @ layer.weight_qkv.t()).unflatten(2, (3, HEADS, HIDDEN // HEADS)).unbind(2)
    outputs = []
    for t in range(TIME):
        first = max(0, t - window + 1)
        scores = torch.einsum("bhd,bshd->bhs", q[:, t], k[:, first : t + 1]) / (HIDDEN // HEADS) ** 0.5
        scores = scores + layer.distance_bias[:, : t + 1 - first].flip(1)
        found = torch.einsum("bhs,bshd->bhd", scores.softmax(-1), v[:, first : t + 1])
        outputs.append(layer.output(found.flatten(1)))
    given = [inputs, *layer.parameters()]
    wanted = torch.autograd.grad(torch.stack(outputs, 1), given, of_output)
    got = torch.autograd.grad(layer(inputs)[0], given, of_output)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("window", [4, 30])
def test_what_is_not_a_number_is_seen_by_the_notes_of_its_window_only(value, window):
    torch.manual_seed(0)
    layer, inputs = randomised(window), torch.randn(2, TIME, INPUT)
    inputs[1, 9, 2] = value
    output, _ = layer(inputs)
    bad = ~output.isfinite()
    assert not bad[0].any()
    assert bad[1].all(-1).tolist() == bad[1].any(-1).tolist() == [9 <= step < 9 + window for step in range(TIME)]


def test_a_value_that_is_not_a_number_is_not_hidden():
    """Its key is a number, so that the softmax alone would not show it."""
    layer = randomised(4)
    with torch.no_grad():
        layer.weight_qkv[-1, 0] = float("nan")
    assert layer(torch.randn(1, TIME, INPUT))[0].isnan().all()


@pytest.mark.slow
def test_many_notes_without_drift():
    torch.manual_seed(0)
    layer = randomised(128)
    inputs = torch.randn(1, 10_000, INPUT)
    with torch.no_grad():
        whole, last = layer(inputs)
        late, _ = layer(inputs[:, -500:])
    assert whole.isfinite().all()
    assert last[2].item() == 128
    torch.testing.assert_close(whole[:, -300:], late[:, -300:], atol=1e-5, rtol=0)


def test_time_is_not_looped_over():
    def nodes(steps):
        waiting, seen = [layer(torch.randn(1, steps, INPUT))[0].grad_fn], set()
        while waiting:
            node = waiting.pop()
            if node is not None and node not in seen:
                seen.add(node)
                waiting += [following for following, _ in node.next_functions]
        return len(seen)

    layer = randomised(6)
    assert nodes(7) == nodes(70)


def test_a_saved_state_holds_no_more_than_its_window():
    _, (keys, values, _) = randomised(6)(torch.randn(BATCH, 1000, INPUT))
    for ring in (keys, values):
        assert ring.untyped_storage().nbytes() == BATCH * 6 * HIDDEN * 4


def test_initial_weights():
    layer = Attention(60, 80)
    layer.initialize("paper")
    for weight in (*layer.weight_qkv.chunk(3), layer.output.weight):
        bound = (6 / sum(weight.shape)) ** 0.5
        assert 0.98 * bound < weight.abs().max() <= bound
    assert not layer.distance_bias.any()
    assert not layer.output.bias.any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 0}, "heads=0: must be a whole number of at least 1"),
        ({"heads": 3}, "heads=3: must be a divisor of hidden_size, which is 8"),
        ({"heads": "4"}, 'heads="4": must be a whole number'),
        ({"window": 0}, "window=0: must be a whole number of at least 1"),
        ({"window": 1.5}, "window=1.5: must be a whole number"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Attention(INPUT, HIDDEN, **options)


def test_a_checkpoint_rebuilds_its_options():
    model = MelodyModel(7, 6, 2, lambda *sizes: Attention(*sizes, heads=2, window=3))
    again = MelodyModel.from_description(model.describe())
    again.load_state_dict(model.state_dict())
    tokens = torch.randint(7, (2, 5))
    assert torch.equal(again(tokens)[0], model(tokens)[0])
    assert model.layers[0].options == {"heads": 2, "window": 3}
