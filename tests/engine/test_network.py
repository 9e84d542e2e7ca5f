"""A network's data, interpreted in NumPy and in JavaScript, equal torch."""

from __future__ import annotations

import base64
import json
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import torch

from melgen.engine.network import network_data, rounded
from melgen.errors import EngineError
from melgen.networks import HGRN2, SLSTM, Attention, MelodyModel, ResidualBlock, estimate_parameters
from tests.engine.cells import MGU, Counts, Decides, Forgetful, Own, Sums, TrainedStart
from tests.engine.engines import check_continuation, check_equal, in_node
from tests.networks.conftest import CELLS

pytestmark = pytest.mark.slow

STREAMS = {
    "no rhythm": {"vocab_size": 13},
    "one stream": {"vocab_size": 17, "output_size": 11},
    "two streams": {"vocab_size": 17, "output_size": 11, "duration_size": 5},
}


def network(cell, *, scale=1.0, layers=None, **sizes):
    stack = cell if isinstance(cell, list) else [cell] * (layers or 2)
    torch.manual_seed(1)
    model = MelodyModel(cell=stack, layers=len(stack), **{"hidden_size": 7, **sizes}).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.endswith("theta"):  # the logarithm of an angle, whose sine would have few exact digits
                weight.mul_(scale)
    return model


@pytest.fixture(scope="module")
def small():
    """A small network with durations, and its data."""
    model = network([CELLS["gru"], CELLS["nas"]], embedding_size=5, **STREAMS["two streams"])
    return model, network_data(model)


def test_a_small_network_equals_torch_and_continues_like_it(small):
    check_equal(*small)
    check_continuation(*small)


@pytest.mark.slow
def test_equal_networks_have_equal_data(small):
    model, data = small
    assert network_data(model) == data


def test_the_data_are_plain_json_without_numbers_that_json_lacks(small):
    _, data = small
    assert json.loads(json.dumps(data, allow_nan=False)) == data


@pytest.mark.slow
def test_the_data_contain_each_weight_once_and_nothing_larger():
    sizes = {"vocab_size": 60, "hidden_size": 128, "layers": 2}
    data = network_data(MelodyModel(**sizes, initialization="torch"))
    assert len(data["weights"]) == pytest.approx(
        estimate_parameters(**sizes, initialization="torch") * 2 * 4 / 3, abs=4
    )
    assert len(json.dumps({**data, "weights": ""})) < 8000


def test_every_cell_of_the_configuration_is_tested():
    names = {path.stem for path in (Path(__file__).parents[2] / "conf" / "cell").glob("*.yaml")}
    assert names == CELLS.keys() - {"gru_reset_before", "minlstm"} | {"mixed"}


@pytest.mark.slow
@pytest.mark.parametrize("streams", STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("cell", [*CELLS.values(), Forgetful, MGU, Own], ids=[*CELLS, "forgetful", "mgu", "own"])
def test_each_cell_equals_torch_and_continues_like_it(cell, streams):
    # A Mogrifier multiplies gates of gates. With larger weights it amplifies rounding from note to note, in torch too.
    model = network(cell, scale=2.0 if cell is CELLS["mogrifier"] else 4.0, hidden_size=12, **streams)
    data = network_data(model)
    check_equal(model, data)
    check_continuation(model, data)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [partial(Attention, window=4), partial(Attention, heads=3, window=1), partial(SLSTM, heads=3)],
    ids=["attention of four heads", "attention to one note", "slstm of three heads"],
)
def test_heads_and_windows_equal_torch(cell):
    model = network(cell, scale=4.0, hidden_size=12, **STREAMS["no rhythm"])
    data = network_data(model)
    check_equal(model, data)
    check_continuation(model, data)


@pytest.mark.slow
@pytest.mark.parametrize("hidden_size", [1, 7, 33])
@pytest.mark.parametrize("layers", [1, 3])
def test_each_size_equals_torch(hidden_size, layers):
    cells = {**CELLS, "hgrn2": partial(HGRN2, heads=1)}
    for first in (hidden_size % 5, hidden_size % 5 + 6):
        stack = list(islice(cycle(cells.values()), first, first + layers))
        for streams in (STREAMS["no rhythm"], STREAMS["two streams"]):
            model = network(stack, scale=2.0, hidden_size=hidden_size, embedding_size=3, **streams)
            data = network_data(model)
            check_equal(model, data)
            check_continuation(model, data)


@pytest.mark.slow
def test_a_stack_of_all_cells_equals_torch_and_continues_like_it():
    model = network([*CELLS.values(), Forgetful, MGU, Own], hidden_size=8, embedding_size=5, **STREAMS["two streams"])
    data = network_data(model)
    check_equal(model, data)
    check_continuation(model, data)


@pytest.mark.slow
@pytest.mark.parametrize("streams", STREAMS.values(), ids=STREAMS)
def test_cells_in_a_residual_block_equal_torch_and_continue_like_it(streams):
    model = network([*CELLS.values(), Own], hidden_size=8, scale=2.0, embedding_size=5, block=ResidualBlock, **streams)
    data = network_data(model)
    check_equal(model, data)
    check_continuation(model, data)


@pytest.mark.slow
def test_a_layer_may_begin_with_a_state_of_its_own():
    model = network([TrainedStart], **STREAMS["no rhythm"])
    data = network_data(model)
    assert data["first"] is not None
    check_equal(model, data)


def test_javascript_decodes_every_number_of_half_precision():
    halves = np.arange(65536, dtype="<u2")
    halves = halves[(halves & 0x7C00) != 0x7C00]  # JSON has neither infinity nor NaN
    value = {"shape": [1, halves.size], "constant": 0}
    step = {"values": [{"shape": [1, 1]}, value], "inputs": [0], "prepared": [], "operations": [], "outputs": [1, 1]}
    data = {
        "format": 1,
        "vocab_size": 1,
        "output_size": 1,
        "duration_size": None,
        "weights": base64.b64encode(halves.tobytes()).decode(),
        "constants": [{"shape": [halves.size], "offset": 0}],
        "step": step,
        "first": None,
        "durations": None,
    }
    body = "const network = new Network(given.data); return [...network.step(0, network.start()).logits];"
    expected = halves.view("<f2").astype(np.float64)
    np.testing.assert_array_equal(np.array(in_node(body, data=data)), expected)


def test_a_state_can_be_read_again_after_others(small):
    _, data = small
    body = """
    const network = new Network(given.data);
    const { state } = network.step([3, 1], network.start()), before = state.map((each) => [...each]);
    const one = [...network.step([4, 2], state).logits];
    network.step([9, 0], network.step([5, 5], state).state);
    const again = [...network.step([4, 2], state).logits];
    return { one, again, before, after: state.map((each) => [...each]), frozen: Object.isFrozen(state) };
    """
    found = in_node(body, data=data)
    assert found["one"] == found["again"]
    assert found["before"] == found["after"]
    assert found["frozen"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("network.step(3, network.start())", "a step reads 2 tokens, not 1"),
        ("network.step([17, 0], network.start())", "token 17 is not from 0 to 16"),
        ("network.step([0, 6], network.start())", "token 6 is not from 0 to 5"),
        ("network.step([0.5, 0], network.start())", "token 0.5 is not from 0 to 16"),
        ("network.step([0, 0], network.start().slice(1))", "a state must have arrays of"),
        ("network.durationLogits(new Float32Array(7), 11)", "token 11 is not from 0 to 10"),
        (
            "const operation = { name: 'fold', inputs: [0], output: 0 };"
            "new Network({ ...given.data, step: { ...given.data.step, operations: [operation] } })",
            "operation fold is not among those of this engine",
        ),
        ("new Network({ ...given.data, format: 2 })", "a network of format 2 cannot be read, only format 1"),
    ],
)
def test_javascript_refuses(small, call, message):
    body = f"const network = new Network(given.data); try {{ {call}; }} catch (error) {{ return error.message; }}"
    assert message in in_node(body, data=small[1])


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        pytest.param(
            Sums,
            r"operation aten\.cumsum\.default of layer 2 \(tests\.engine\.cells\.Sums\) is not among those",
            marks=pytest.mark.slow,
        ),
        pytest.param(Counts, "changes a weight or a buffer", marks=pytest.mark.slow),
        (Decides, r"torch cannot record the operations of the network \(rnn, tests\.engine\.cells\.Decides\)"),
    ],
)
def test_a_network_that_cannot_run_in_a_page_is_refused(cell, message):
    with pytest.raises(EngineError, match=message):
        network_data(network([CELLS["rnn"], cell], vocab_size=5))


@pytest.mark.parametrize(("number", "shown"), [(65505.0, "65505"), (-1e9, "-1e\\+09"), (float("nan"), "nan")])
def test_a_weight_that_half_precision_cannot_represent_is_named(number, shown):
    model = network([CELLS["rnn"]], vocab_size=5)
    with torch.no_grad():
        model.output.weight[2, 3] = number
    with pytest.raises(EngineError, match=rf"weight output\.weight contains {shown}, which half precision"):
        network_data(model)


def test_rounded_weights_are_those_of_numpy_and_the_network_is_unchanged():
    model = network([CELLS["lstm"]], vocab_size=5, scale=1000.0)
    model.output.weight.data[0, 0] = 65504.0
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    for name, weight in rounded(model).state_dict().items():
        np.testing.assert_array_equal(weight.numpy(), before[name].numpy().astype("<f2").astype(np.float32))
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.slow
def test_a_network_in_training_with_dropout_and_double_precision_is_exported_as_in_evaluation():
    model = network([CELLS["gru"]], vocab_size=6, input_keep_prob=0.5, output_keep_prob=0.5).double().train()
    data = network_data(model)
    assert model.training
    assert model.output.weight.dtype == torch.float64
    assert model.stack.layers[0].implementation == "fast"
    check_equal(model, data)
