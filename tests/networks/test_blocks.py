"""The block around each cell: its equations in NumPy, its state, its rows of tables, its description."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from melgen.networks import (
    GRU,
    LRU,
    LSTM,
    RNN,
    AbstractBlock,
    MelodyModel,
    NoBlock,
    RecurrentStack,
    ResidualBlock,
    estimate_parameters,
    map_state,
    mixed,
)
from melgen.networks.blocks import EPSILON
from melgen.networks.model_stepping import ModelStepper
from melgen.networks.sizes import count_parameters
from tests.networks.cell_equations import rnn as rnn_step
from tests.networks.cell_equations import scan, sigma

TOLERANCE = 1e-10
SIZES = {"vocab_size": 11, "hidden_size": 8, "embedding_size": 6}
DURATIONS = {"output_size": 9, "duration_size": 5}


class Mixer(RNN):
    """A cell that would add a layer of its own, except inside a block that mixes."""

    inside_block: ClassVar[dict[str, Any]] = {"mixer": False}

    def __init__(self, input_size: int, hidden_size: int, mixer: bool = True):
        super().__init__(input_size, hidden_size)
        self.mixer = mixer

    @property
    def options(self) -> dict[str, Any]:
        return {"mixer": self.mixer}


def network(cell=GRU, layers=2, **options):
    torch.manual_seed(0)
    model = MelodyModel(**{**SIZES, "cell": cell, "layers": layers, "block": ResidualBlock, **options})
    with torch.no_grad():  # gains that are all one would hide a gain that is left out
        for name, weight in model.named_parameters():
            if name.endswith("norm.weight") or name == "stack.last.weight":
                weight.uniform_(0.5, 1.5)
    return model


def tokens_of(model, steps=12):
    if model.duration_size is None:
        return torch.randint(model.vocab_size, (3, steps))
    return torch.stack([torch.randint(size, (3, steps)) for size in (model.vocab_size, model.duration_size)], -1)


def normalised(x, gain):
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + EPSILON) * gain


@pytest.mark.parametrize("sizes", [{}, DURATIONS], ids=["pitches", "rhythm"])
def test_it_equals_its_equations(double, sizes):
    model = network(RNN, **sizes)
    tokens = tokens_of(model)
    weights = {name: weight.detach().numpy() for name, weight in model.named_parameters()}
    notes = tokens.numpy()
    if sizes:  # the block reads the sum of two rows
        x = weights["embedding.weight"][notes[..., 0]] + weights["duration_embedding.weight"][notes[..., 1]]
    else:
        x = weights["embedding.weight"][notes]
    for number in range(2):
        cell, block = (f"stack.{part}.{number}." for part in ("layers", "blocks"))
        read = normalised(x, weights[f"{block}norm.weight"])
        kernel = np.concatenate([weights[f"{cell}rnn.weight_ih_l0"], weights[f"{cell}rnn.weight_hh_l0"]], 1).T
        output, _ = scan(rnn_step, read, (np.zeros((3, 8)),), kernel, weights[f"{cell}rnn.bias_ih_l0"])
        gate = read @ weights[f"{block}gate.weight"].T
        x = x + (output * gate * sigma(gate)) @ weights[f"{block}output.weight"].T
    expected = normalised(x, weights["stack.last.weight"]) @ weights["output.weight"].T + weights["output.bias"]
    np.testing.assert_allclose(model(tokens)[0].detach().numpy(), expected, atol=TOLERANCE)


@pytest.mark.parametrize("stack", [["lstm", "lstm"], ["gru", "nas", "rnn"]], ids=str)
@pytest.mark.parametrize("sizes", [{}, DURATIONS], ids=["pitches", "rhythm"])
def test_one_pass_equals_two_chunks_equals_note_by_note(double, stack, sizes):
    model = network(mixed(stack), len(stack), **sizes)
    tokens = tokens_of(model)
    whole, last = model(tokens)
    for lengths in ([5, 7], [1] * 12):
        state, logits = None, []
        for chunk in tokens.split(lengths, dim=1):
            output, state = model(chunk, map_state(torch.Tensor.detach, state))
            logits.append(output)
        torch.testing.assert_close(torch.cat(logits, 1), whole, atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(state, last, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("sizes", [{}, DURATIONS], ids=["pitches", "rhythm"])
def test_rows_of_tables_give_what_embedded_notes_give(cell, sizes):
    """In single precision, in which the lowest layer multiplies each row of a table once."""
    model, exact = (network(cell, **sizes) for _ in range(2))
    exact.use("reference")
    exact.double()
    tokens = tokens_of(model, steps=20)
    found = []
    for each in (model, exact):
        output, _ = each.read(tokens)
        logits = each.logits(output)
        loss = F.cross_entropy(
            logits.flatten(0, 1), tokens.flatten(2)[..., 0].flatten() % 9 if sizes else tokens.flatten()
        )
        if sizes:
            scores = each.duration_logits(output, tokens[..., 0] % 9)
            loss = loss + F.cross_entropy(scores.flatten(0, 1), tokens[..., 1].flatten())
        loss.backward()
        found.append([logits.double(), *(weight.grad.double() for weight in each.parameters() if weight.requires_grad)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


def test_dropout_leaves_the_stream_alone():
    model = network(input_keep_prob=1e-6, output_keep_prob=1e-6).train()  # drops nearly everything that it may
    tokens = tokens_of(model)
    x = model.embedding(tokens)
    expected = model.output(model.stack.last(x))
    torch.testing.assert_close(model(tokens)[0], expected)
    assert not torch.allclose(model.eval()(tokens)[0], expected, atol=1e-3)


def test_dropout_of_the_input_acts_on_what_cell_and_gate_read():
    model = network(input_keep_prob=0.5, layers=1).train()
    tokens = tokens_of(model)
    block, layer, stream = model.stack.blocks[0], model.stack.layers[0], model.embedding(tokens)
    torch.manual_seed(3)
    found, _ = model(tokens)
    torch.manual_seed(3)
    read = F.dropout(block.norm(stream), 0.5)
    mixed_in = block.output(layer(read)[0] * F.silu(block.gate(read)))
    torch.testing.assert_close(found, model.output(model.stack.last(stream + mixed_in)))


@pytest.mark.parametrize("sizes", [{}, DURATIONS], ids=["pitches", "rhythm"])
def test_a_description_rebuilds_the_network(sizes):
    model = network(mixed(["lstm", "gru"]), **sizes)
    description = model.describe()
    assert description["block"] == "residual"
    again = MelodyModel.from_description(copy.deepcopy(description))
    again.load_state_dict(model.state_dict())
    tokens = tokens_of(model)
    assert again.describe() == description
    assert torch.equal(again(tokens)[0], model(tokens)[0])
    assert model.output.in_features == SIZES["embedding_size"]


def test_a_network_without_a_block_is_described_and_stored_as_before():
    model = MelodyModel(**SIZES)
    assert list(model.describe()) == [
        *("vocab_size", "hidden_size", "embedding_size", "input_keep_prob", "output_keep_prob"),
        *("initialization", "stack"),
    ]
    assert not [name for name in model.state_dict() if "block" in name or "last" in name]
    assert model.block == "none"


def test_an_unknown_block_is_refused():
    description = network().describe() | {"block": "transformer"}
    with pytest.raises(ValueError, match="block=transformer: must be none or residual"):
        MelodyModel.from_description(description)
    with pytest.raises(ValueError, match="block must build an AbstractBlock, got LSTM"):
        MelodyModel(**SIZES, block=LSTM)


def test_two_blocks_of_one_name_are_refused():
    with pytest.raises(ValueError, match="'residual' of Again is taken by ResidualBlock"):
        type("Again", (NoBlock,), {"name": "residual"})


class Doubled(ResidualBlock):
    """A block without a name of its own."""

    def after(self, stream, cell_input, output):
        return super().after(stream, cell_input, 2 * output)


class Negated(NoBlock):
    """A block without weights that is not `NoBlock`."""

    def after(self, stream, cell_input, output):
        return -output


@pytest.mark.parametrize("kind", [Doubled, Negated])
def test_a_block_without_a_name_is_stored_by_its_path(kind):
    model, parent = network(block=kind), network(block=kind.__base__)
    assert AbstractBlock.known[kind.__base__.name] is kind.__base__
    assert model.block == model.describe()["block"] == f"{kind.__module__}.{kind.__qualname__}"
    again = MelodyModel.from_description(model.describe())
    again.load_state_dict(model.state_dict())
    tokens = tokens_of(model)
    assert torch.equal(again(tokens)[0], model(tokens)[0])
    assert not torch.allclose(parent(tokens)[0], model(tokens)[0])
    model.use("reference")
    torch.testing.assert_close(again(tokens)[0], model(tokens)[0])
    with torch.inference_mode():
        stepper = ModelStepper(again, len(tokens))
        steps = [stepper.logits(stepper.read(column)) for column in tokens.unbind(1)]
    torch.testing.assert_close(torch.stack(steps, 1), model(tokens)[0])


def test_a_block_that_is_not_imported_is_refused():
    with pytest.raises(ValueError, match=r"unknown block 'my_blocks.Mine': import the module that defines it first"):
        MelodyModel.from_description(network().describe() | {"block": "my_blocks.Mine"})


def test_a_cell_takes_its_options_for_a_block_that_mixes():
    for factory in (Mixer, partial(Mixer, mixer=True)):
        assert [layer.mixer for layer in MelodyModel(**SIZES, cell=factory, block=ResidualBlock).layers] == [False] * 2
        assert [layer.mixer for layer in MelodyModel(**SIZES, cell=factory).layers] == [True] * 2
    assert MelodyModel(**SIZES, cell=LRU, block=ResidualBlock).layers[0].mixer is None
    inside = MelodyModel(**SIZES, cell=Mixer, block=ResidualBlock)
    assert MelodyModel.from_description(inside.describe()).describe() == inside.describe()
    options = {**SIZES, "cell": Mixer, "block": ResidualBlock}
    assert estimate_parameters(**options) == count_parameters(MelodyModel(**options))


def test_each_layer_needs_a_block_that_fits():
    layers = [GRU(6, 8), GRU(6, 8)]
    with pytest.raises(ValueError, match="1 blocks for 2 layers"):
        RecurrentStack(layers, blocks=[ResidualBlock(6, 8)])
    with pytest.raises(ValueError, match="got input_size 6 on top of hidden_size 8"):
        RecurrentStack(layers)
    assert RecurrentStack(layers, blocks=[ResidualBlock(6, 8), ResidualBlock(6, 8)]).output_size == 6


def test_a_block_may_be_changed_and_defined_again():
    known = dict(AbstractBlock.known)
    try:
        made = [type("Mine", (NoBlock,), {"name": "mine", "__module__": "my_blocks"}) for _ in range(2)]
        assert AbstractBlock.known["mine"] is made[1]
    finally:
        AbstractBlock.known.clear()
        AbstractBlock.known.update(known)
