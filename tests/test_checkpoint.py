"""Reading checkpoints that are damaged, foreign, of a later version, or hostile."""

from __future__ import annotations

import os
import pickle
import warnings
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.checkpoint import find_checkpoint, load_model, read_checkpoint
from melgen.errors import CheckpointError
from tests.training.small import FEW_UPDATES, LEAF_SPEC, plain_trainer, small_data, small_module

pytestmark = pytest.mark.filterwarnings(LEAF_SPEC)


GOOD = []  # the value of the fixture below: as an argument, hypothesis would print its hundred kilobytes


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a checkpoint of melgen."""
    path = tmp_path_factory.mktemp("good") / "good.ckpt"
    data = small_data()
    trainer = plain_trainer(max_steps=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LEAF_SPEC and FEW_UPDATES do not apply to a fixture
        trainer.fit(small_module(data), data)
    trainer.save_checkpoint(path)
    GOOD.append(path.read_bytes())
    return GOOD[0]


@pytest.fixture
def file(tmp_path, good):
    path = tmp_path / "a.ckpt"
    path.write_bytes(good)
    return path


def changed(file, change):
    checkpoint = torch.load(file, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, file)
    return file


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def assert_refused(path, match=None):
    with pytest.raises(CheckpointError, match=match) as refusal:
        load_model(path)
    assert str(path) in str(refusal.value), "the message names the file"


def test_the_undamaged_checkpoint_can_be_read(file):
    assert load_model(file).updates == 1


def with_old_names(checkpoint):
    """A checkpoint with the names that an earlier melgen gave the bits of a network with rhythm."""
    bits = {f"{split}/{kind}": 4.0 for split in ("val", "test") for kind in ("bits_per_note", "pitch_bits_per_note")}
    checkpoint["melgen"]["metrics"] = bits


def test_bits_with_rhythm_of_an_earlier_melgen_get_their_present_name(file):
    changed(file, with_old_names)
    names = {"bits_per_note_with_rhythm", "pitch_bits_per_note"}
    assert {*load_model(file).metrics} == {f"{split}/{name}" for split in ("val", "test") for name in names}


@pytest.mark.filterwarnings(FEW_UPDATES)
@pytest.mark.filterwarnings("ignore:.*your dataloader is not resumable.*")
def test_a_training_that_goes_on_does_not_keep_the_name_of_an_earlier_melgen(file, tmp_path):
    data, trainer = small_data(), plain_trainer(max_steps=2)
    trainer.fit(small_module(data), data, ckpt_path=str(changed(file, with_old_names)), weights_only=True)
    trainer.save_checkpoint(tmp_path / "later.ckpt")
    metrics = torch.load(tmp_path / "later.ckpt", weights_only=True)["melgen"]["metrics"]
    assert "test/bits_per_note_with_rhythm" in metrics
    assert "test/bits_per_note" not in metrics


@pytest.mark.parametrize("where", ["whole", "config", "state_dict"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_checkpoint_is_refused_and_runs_nothing(file, tmp_path, where, legacy):
    trace = tmp_path / "executed"
    bomb = Hostile(f"touch {trace}")
    checkpoint = torch.load(file, weights_only=True)
    if where == "whole":
        checkpoint = bomb
    elif where == "config":
        checkpoint["melgen"]["config"] = {"a": bomb}
    else:
        checkpoint["state_dict"]["model.output.bias"] = bomb
    torch.save(checkpoint, file, _use_new_zipfile_serialization=not legacy)
    assert_refused(file, r"contains more than plain data \(\w+\.system\)")
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists(), "the pickle does run code when it is loaded"


@pytest.mark.parametrize("content", [b"ht.", b"text", b"not a checkpoint"])
def test_the_steps_of_the_unpickler_are_not_shown(content, tmp_path):
    """The first asks for value 116, which was never stored; to the last torch would advise an unsafe load."""
    path = tmp_path / "text.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        load_model(path)
    assert str(refused.value).endswith("or it contains more than plain data"), str(refused.value)


def test_a_bare_pickle_is_refused_and_runs_nothing(file, tmp_path):
    trace = tmp_path / "executed"
    file.write_bytes(pickle.dumps(Hostile(f"touch {trace}"), protocol=2))
    assert_refused(file, "not a checkpoint")
    assert not trace.exists()


def test_a_description_cannot_make_us_import_or_call_anything(file):
    def point_elsewhere(checkpoint):
        checkpoint["melgen"]["model"]["stack"][0]["cell"] = "os.system"

    assert_refused(changed(file, point_elsewhere), "parts do not match")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_checkpoint_is_refused(file, share):
    content = GOOD[0]
    file.write_bytes(content[: int(share * len(content))])
    assert_refused(file)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(file, content):
    file.write_bytes(content)
    assert_refused(file, "not a checkpoint|not written by melgen")


@pytest.mark.slow
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_damaged_byte_is_refused_or_harmless(file, position, change):
    content = bytearray(GOOD[0])
    content[position % len(content)] ^= change
    file.write_bytes(content)
    with suppress(CheckpointError):
        load_model(file)


@pytest.mark.parametrize(
    "content", [{}, {"state_dict": {}}, {"melgen": {}}, {"melgen": None}, [1, 2], 7, torch.zeros(3)], ids=str
)
def test_a_foreign_checkpoint_is_refused(file, content):
    torch.save(content, file)
    assert_refused(file, "not written by melgen")


def test_a_zip_that_is_not_a_checkpoint_is_refused(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert_refused(file, "not a checkpoint")


@pytest.mark.parametrize("version", [3, 99, 0, -1, "1", None, 1.5, torch.ones(2)], ids=str)
def test_a_format_that_we_do_not_know_is_refused(file, version):
    def set_version(checkpoint):
        checkpoint["melgen"]["format_version"] = version

    assert_refused(changed(file, set_version), "format version")


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["melgen"].pop("vocabulary"),
        lambda c: c["melgen"].pop("model"),
        lambda c: c["melgen"].update(representation="solfège"),
        lambda c: c["melgen"].update(vocabulary={"values": [60, 62]}),
        lambda c: c["melgen"].update(vocabulary={"values": [3, 2, 1]}),
        lambda c: c["melgen"].update(vocabulary=None),
        lambda c: c["melgen"].update(model=None),
        lambda c: c["melgen"]["model"].update(hidden_size=16),
        lambda c: c["melgen"]["model"].update(hidden_size=-1),
        lambda c: c["melgen"]["model"].update(hidden_size="wide"),
        lambda c: c["melgen"]["model"].update(stack=[]),
        lambda c: c["melgen"]["model"].update(unheard_of=1),
        lambda c: c.pop("state_dict"),
        lambda c: c["state_dict"].pop("model.output.bias"),
        lambda c: c["state_dict"].update({"model.output.bias": torch.zeros(2)}),
        lambda c: c["state_dict"].update({"model.output.bias": "none"}),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(file, change):
    assert_refused(changed(file, change), "its parts do not match each other")


def test_a_run_is_found_by_its_directory_the_best_first(tmp_path, good):
    checkpoints = tmp_path / "run" / "checkpoints"
    checkpoints.mkdir(parents=True)
    with pytest.raises(CheckpointError, match="contains no checkpoint yet"):
        find_checkpoint(tmp_path / "run")
    (checkpoints / "last.ckpt").write_bytes(good)
    assert find_checkpoint(tmp_path / "run") == checkpoints / "last.ckpt"
    (checkpoints / "best.ckpt").write_bytes(good)
    assert find_checkpoint(tmp_path / "run") == find_checkpoint(checkpoints) == checkpoints / "best.ckpt"
    assert find_checkpoint(str(checkpoints / "last.ckpt")) == checkpoints / "last.ckpt"
    with pytest.raises(CheckpointError, match="no such file or directory"):
        find_checkpoint(tmp_path / "nowhere")


def test_a_directory_is_not_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("part", ["data.pkl", "version", ".data/serialization_id"])
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(file, part):
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, bytes(2**20) if name.endswith(f"/{part}") else content)
    assert_refused(file, "would unpack to [0-9]+ bytes")


@pytest.mark.parametrize(
    "change",
    [
        {"vocab_size": 10**9},
        {"hidden_size": 10**6},
        {"hidden_size": 2**40},
        {"hidden_size": 2**70},
        {"embedding_size": 10**8},
        {"hidden_size": 4.5},
        {"stack": []},
        {"nonsense": 1},
    ],
    ids=str,
)
def test_a_description_of_another_network_takes_no_memory(file, change):
    """Ten bytes of a file can describe a network that is larger than the memory of the machine."""

    def describe(checkpoint):
        checkpoint["melgen"]["model"].update(change)

    built = []
    changed(file, describe)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("melgen.networks.model.nn.Embedding.reset_parameters", lambda table: built.append(table.weight))
        assert_refused(file, "parts do not match")
    assert all(weight.is_meta for weight in built)


def test_a_million_layers_are_not_built(file):
    def describe(checkpoint):
        checkpoint["melgen"]["model"]["stack"] *= 10_000

    assert_refused(changed(file, describe), "layers, but only [0-9]+ weights")


@pytest.mark.parametrize(
    "weight",
    [
        torch.zeros(1).expand(10**6),
        torch.zeros(9).to_sparse(),
        torch.empty(9, device="meta"),
        torch.zeros(3, 3),
        None,
        [0.0],
    ],
    ids=["stretched", "sparse", "without numbers", "of another shape", "none", "a list"],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants:UserWarning")  # torch.load from 2.14 on
def test_values_that_are_not_weights_are_refused(file, weight):
    def replace(checkpoint):
        checkpoint["state_dict"]["model.output.bias"] = weight

    assert_refused(changed(file, replace), "parts do not match")


@pytest.mark.parametrize("name", ["model.output.bias", "model.more"])
def test_weights_that_are_missing_or_unexpected_are_named(file, name):
    def change(checkpoint):
        checkpoint["state_dict"] |= {"model.more": torch.zeros(1)}
        del checkpoint["state_dict"]["model.output.bias" if name.endswith("bias") else "model.output.weight"]

    assert_refused(changed(file, change), "either in the network or in the file, but not in both")


@pytest.mark.parametrize("key", ["model", "vocabulary", "representation"])
@pytest.mark.parametrize("tensor", [torch.zeros(()), torch.zeros(3), torch.zeros(0)], ids=["number", "row", "nothing"])
def test_tensors_in_the_place_of_other_parts_are_refused(file, key, tensor):
    def replace(checkpoint):
        checkpoint["melgen"][key] = tensor

    assert_refused(changed(file, replace), "parts do not match")
