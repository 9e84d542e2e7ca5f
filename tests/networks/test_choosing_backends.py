"""The fastest products are found by time, kept for the machine, and never at the cost of exactness."""

import copy
import json
import logging
import pickle
from functools import partial

import pytest
import torch

from melgen.locks import locked
from melgen.networks import (
    GRU,
    LRU,
    LSTM,
    RNN,
    SLSTM,
    UGRNN,
    AbstractRecurrentLayer,
    Attention,
    MelodyModel,
    MinGRU,
    Mogrifier,
    backend_candidates,
    choosing_backends,
)
from melgen.networks.backend_candidates import parts_of
from melgen.networks.products import measuring
from melgen.networks.products.backends import BACKENDS, MODULE, ONEDNN, PACKED, SEQUENCES, TORCH, Backend, _Plain
from tests.networks.conftest import FAST_CELLS, each_of
from tests.networks.test_backends import needs_bfloat16

VOCABULARY, WIDTH, BATCH, STEPS = 11, 96, 40, 12

each_cell = each_of(FAST_CELLS)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "cache" / "products.json"


@pytest.fixture
def measured(monkeypatch):
    """What was measured, instead of a measurement: the last candidate is always the fastest."""
    seen = []

    def fastest(candidates):
        seen.append(list(candidates))
        return list(candidates)[-1]

    monkeypatch.setattr(choosing_backends, "fastest", fastest)
    return seen


def model_of(cell, width=WIDTH, **options):
    return MelodyModel(VOCABULARY, width, 3, cell, **options)


def test_what_is_known_serves_networks_of_other_tunes_without_a_measurement(file, measured):
    assert choosing_backends.known_choice(model_of(LSTM), BATCH, STEPS, file) == {}
    chosen = choosing_backends.choose(model_of(LSTM), BATCH, STEPS, file)
    count = len(measured)
    other = MelodyModel(VOCABULARY + 5, WIDTH, 3, LSTM)
    assert choosing_backends.known_choice(other, BATCH, STEPS + 7, file) == chosen
    assert choosing_backends.known_choice(model_of(LSTM, WIDTH + 32), BATCH, STEPS, file) == {}
    assert choosing_backends.known_choice(other, BATCH + 1, STEPS, file) == {}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert choosing_backends.known_choice(other, BATCH, STEPS, file) == {}
    assert len(measured) == count


def test_each_part_is_measured_once_for_a_machine(cell, file, measured):
    model = model_of(cell)
    first = choosing_backends.choose(model, BATCH, STEPS, file)
    assert list(first) == ["layer 1", "layer 2", "layer 3", "output"]
    assert len(measured) == 3  # the layers above the lowest are alike
    assert choosing_backends.choose(model_of(cell), BATCH, STEPS, file) == first
    assert len(measured) == 3
    choosing_backends.choose(model_of(cell), BATCH + 1, STEPS, file)
    assert len(measured) == 6
    assert all(TORCH in candidates or MODULE in candidates for candidates in measured)


def test_the_choice_is_used_and_changes_nothing_else(cell, file):
    torch.manual_seed(0)
    model = model_of(cell)
    before, random = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    choice = choosing_backends.choose(model, BATCH, STEPS, file)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    choosing_backends.apply(model, choice)
    assert model.backend is BACKENDS[choice["output"]]
    assert "backend" not in str(model.state_dict().keys()) + str(model.describe())


@pytest.mark.parametrize("cell", [LSTM, GRU])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("backend", ["torch", "module", "onednn"])
def test_a_copy_of_a_network_computes_the_same_bits(cell, copied, backend):
    """It has an equal backend, which is another object."""
    torch.manual_seed(0)
    model = MelodyModel(VOCABULARY, WIDTH, 2, cell)
    choosing_backends.apply(model, choosing_backends.everywhere(model, backend))
    tokens = torch.randint(VOCABULARY, (BATCH, STEPS))
    assert torch.equal(copied(model)(tokens)[0], model(tokens)[0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (MinGRU, partial(MinGRU, variant="lstm")),
        (partial(Mogrifier, rounds=0), Mogrifier),
        (LRU, partial(LRU, mixer=False)),
        (SLSTM, partial(SLSTM, heads=2)),
        (GRU, partial(GRU, reset_after=False)),
    ],
)
def test_layers_with_different_options_are_measured_apart(one, other):
    keys = [
        {part.key for part in parts_of(model_of(cell), BATCH, STEPS) if part.name != "output"} for cell in (one, other)
    ]
    assert not set.intersection(*keys)


class Plain(RNN):
    """A cell without a kernel."""

    kernel = None


@pytest.mark.parametrize("cell", [Attention, Plain])
def test_only_parts_that_use_a_backend_are_recorded_with_one(cell, file, measured):
    model = MelodyModel(VOCABULARY, WIDTH, 3, [cell, GRU, cell])
    assert choosing_backends.everywhere(model, "onednn") == {"layer 2": "onednn", "output": "onednn"}
    assert list(choosing_backends.choose(model, BATCH, STEPS, file)) == ["layer 2", "output"]
    before = model(tokens := torch.randint(VOCABULARY, (BATCH, STEPS)))[0]
    # As recorded by a melgen that named every layer.
    choosing_backends.apply(model, {"layer 1": "onednn", "layer 2": "torch", "layer 3": "packed", "output": "torch"})
    assert torch.equal(model(tokens)[0], before)


def test_the_fastest_is_the_one_that_takes_the_least_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: now[0])
    calls = []

    def taking(name, *seconds):
        waits = iter([*seconds, *[seconds[-1]] * 100])

        def run():
            calls.append(name)
            now[0] += next(waits)

        return run

    # One busy moment, and one slow first call, must not decide.
    assert measuring.fastest({TORCH: taking("a", 1, 1, 1), ONEDNN: taking("b", 9, 0.5, 9, 0.5)}) is ONEDNN
    assert len(calls) == 2 * (measuring.WARM_UP + measuring.ROUNDS)
    calls.clear()
    assert measuring.fastest({TORCH: taking("a", 1.01), ONEDNN: taking("b", 1.0)}) is TORCH, "equally fast"
    assert len(calls) == 2 * (measuring.WARM_UP + measuring.MOST_ROUNDS), "a close result is measured again"
    calls.clear()
    assert measuring.fastest({PACKED: taking("a", 1)}) is PACKED
    assert calls == []


def test_products_that_round_are_no_candidates(cell, file, measured, monkeypatch):
    """As on a processor where oneDNN rounds to bfloat16."""
    multiply = Backend.multiply

    def rounding(self, left, right, out=None):
        if self.onednn_for_sequences:
            left = left.bfloat16().float()
        return multiply(self, left, right, out)

    monkeypatch.setattr(Backend, "multiply", rounding)
    choice = choosing_backends.choose(model_of(cell), BATCH, STEPS, file)
    assert {each.name for candidates in measured for each in candidates} <= {"torch", "module"}
    assert set(choice.values()) <= {"torch", "module"}


def test_what_rounds_is_not_possible(monkeypatch):
    monkeypatch.setattr(measuring, "is_exact", lambda *_, **__: False)
    assert [
        name for name, backend in BACKENDS.items() if measuring.is_possible(backend) and not backend.in_bfloat16
    ] == [
        "torch",
        "module",
    ]


def test_what_rounds_large_products_only_is_no_candidate(file, measured, monkeypatch):
    multiply = Backend.multiply

    def rounding(self, left, right, out=None):
        if self.onednn_for_sequences and left.numel() > 64 * 128:
            left = left.bfloat16().float()
        return multiply(self, left, right, out)

    monkeypatch.setattr(Backend, "multiply", rounding)
    monkeypatch.setattr(torch, "set_float32_matmul_precision", lambda precision: None)  # oneDNN is exact, or not used
    assert measuring.is_possible(ONEDNN)
    choosing_backends.choose(model_of(GRU), 3 * BATCH, STEPS, file)
    assert {each.name for candidates in measured[:-1] for each in candidates} <= {"torch", "module"}


@pytest.mark.parametrize("surroundings", ["autocast", "double precision"])
def test_exactness_does_not_depend_on_the_surroundings(surroundings, monkeypatch):
    before = torch.get_default_dtype()
    try:
        if surroundings == "double precision":
            torch.set_default_dtype(torch.float64)
        with torch.autocast("cpu", torch.bfloat16, enabled=surroundings == "autocast"):
            assert measuring.is_exact(TORCH, 64, 128, 512)
            monkeypatch.setattr(
                _Plain, "write", lambda self, left, out: out.copy_(left.bfloat16() @ self.weight.bfloat16())
            )
            assert not measuring.is_exact(TORCH, 64, 128, 512)
            monkeypatch.undo()
            seen = []
            monkeypatch.setattr(Backend, "multiply", lambda self, left, right: seen.append(left.dtype) or left @ right)
            measuring.is_exact(TORCH, 64, 128, 512)
            assert seen == [torch.float32]
    finally:
        torch.set_default_dtype(before)


def test_steps_that_round_are_not_exact(monkeypatch):
    assert measuring.is_exact(TORCH, 40, 96, 96)
    monkeypatch.setattr(_Plain, "write", lambda self, left, out: out.copy_(left.bfloat16() @ self.weight.bfloat16()))
    assert not measuring.is_exact(TORCH, 40, 96, 96)


def test_a_torch_without_an_operator_or_without_onednn_has_fewer_candidates(scanned_cell, file, measured, monkeypatch):
    for module in (measuring, backend_candidates):  # as on a processor where oneDNN is exact
        monkeypatch.setattr(module, "is_exact", lambda *_, **__: True)
    monkeypatch.setattr("melgen.internals.torch._pack", None)
    choosing_backends.choose(model_of(scanned_cell), BATCH, STEPS, file)
    assert {each for candidates in measured for each in candidates} >= {TORCH, SEQUENCES, ONEDNN}
    assert all(PACKED not in candidates for candidates in measured)
    measured.clear()
    file.unlink()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    choosing_backends.choose(model_of(scanned_cell), BATCH, STEPS, file)
    assert {each for candidates in measured for each in candidates} <= {TORCH, MODULE}


def test_small_networks_have_few_candidates(cell, file, measured):
    choice = choosing_backends.choose(model_of(cell, width=16), 5, STEPS, file)
    assert {choice[f"layer {number}"] for number in (2, 3)} == {"torch"}
    lowest = [[TORCH, MODULE]] if cell is LSTM else []  # torch's fused loop reads no tables
    assert all(len(candidates) == 1 or candidates in ([TORCH, ONEDNN], *lowest) for candidates in measured)
    assert all(candidates in measured for candidates in lowest)


class Both(AbstractRecurrentLayer):
    """A layer that contains one with and one without a fast implementation."""

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size)
        self.first, self.second = UGRNN(input_size, hidden_size), Plain(hidden_size, hidden_size)

    def forward(self, input, state=None):
        first, second = (None, None) if state is None else state
        output, first = self.first(input, first)
        output, second = self.second(output, second)
        return output, (first, second)

    def initialize(self, initialization):
        self.first.initialize(initialization)
        self.second.initialize(initialization)


def test_a_layer_that_contains_one_fast_layer_is_measured(file):
    choice = choosing_backends.choose(MelodyModel(VOCABULARY, WIDTH, 1, Both), BATCH, STEPS, file)
    assert list(choice) == ["layer 1", "output"]


@pytest.mark.parametrize(
    ("options", "reads_tables"),
    [({}, True), ({"output_keep_prob": 0.9}, True), ({"input_keep_prob": 0.9}, False)],
)
def test_the_lowest_layer_is_measured_as_it_reads_in_training(options, reads_tables):
    model = model_of(GRU, **options).eval()
    (key,) = (part.key for part in parts_of(model, BATCH, STEPS) if part.name == "layer 1")
    assert ("rows of" in key) is reads_tables


@needs_bfloat16
@pytest.mark.parametrize(
    ("cell", "names"),
    [
        (UGRNN, ["bfloat16", "bfloat16_sequences"]),
        (LSTM, ["module", "bfloat16", "bfloat16_sequences"]),
        (MinGRU, ["bfloat16"]),  # without products of steps both are the same
    ],
)
def test_under_autocast_the_candidates_round(cell, names, file, measured):
    with torch.autocast("cpu", torch.bfloat16):
        choosing_backends.choose(model_of(cell), BATCH, STEPS, file)
    assert [[backend.name for backend in candidates] for candidates in measured] == [names, names, ["bfloat16"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        f'{{"format_version": {choosing_backends.FORMAT_VERSION - 1}, "products": {{}}}}',
        f'{{"format_version": {choosing_backends.FORMAT_VERSION}}}',
        f'{{"format_version": {choosing_backends.FORMAT_VERSION + 1}, "products": {{}}}}',
        "\0",
        '{"products": 1}',
        "[" * 9000,
    ],
)
def test_a_damaged_file_is_written_anew(file, text, measured):
    model = model_of(GRU)
    file.parent.mkdir()
    file.write_text(text)
    choice = choosing_backends.choose(model, BATCH, STEPS, file)
    assert set(choice) == {"layer 1", "layer 2", "layer 3", "output"}
    assert json.loads(file.read_text())["format_version"] == choosing_backends.FORMAT_VERSION
    assert choosing_backends.choose(model, BATCH, STEPS, file) == choice


def test_the_choices_of_other_machines_and_unknown_products_do_not_count(file, measured, monkeypatch):
    model = model_of(GRU)
    choosing_backends.choose(model, BATCH, STEPS, file)
    count = len(measured)
    monkeypatch.setattr(measuring, "processor", lambda: "another")
    choosing_backends.choose(model, BATCH, STEPS, file)
    assert len(measured) == 2 * count
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "products": dict.fromkeys(kept["products"], "of tomorrow")}))
    choosing_backends.choose(model, BATCH, STEPS, file)
    assert len(measured) == 3 * count


def test_a_file_that_cannot_be_written_costs_only_time(tmp_path, measured, caplog):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with caplog.at_level(logging.WARNING):
        choice = choosing_backends.choose(model_of(GRU), BATCH, STEPS, tmp_path / "cache" / "products.json")
    assert set(choice) == {"layer 1", "layer 2", "layer 3", "output"}
    assert f"{tmp_path}/cache/products.json: cannot be kept" in caplog.text


def test_what_another_process_measured_meanwhile_counts(file, measured, monkeypatch):
    model = model_of(GRU)
    parts = parts_of(model, BATCH, STEPS)

    def other(path, **options):
        choosing_backends._write_file(file, {part.key: "onednn" for part in parts})
        return locked(path, **options)

    monkeypatch.setattr(choosing_backends, "locked", other)
    assert set(choosing_backends.choose(model, BATCH, STEPS, file).values()) == {"onednn"}
    assert measured == []


def test_unknown_products_are_refused():
    model = model_of(GRU)
    with pytest.raises(ValueError, match="products of layer 1: 'fast' is unknown; known are torch"):
        choosing_backends.apply(model, {"layer 1": "fast"})
