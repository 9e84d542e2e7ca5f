"""Reading model files that are truncated, hostile, of a later version, or whose parts do not match each other."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from contextlib import suppress

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melgen.checkpoint import load_model
from melgen.errors import CheckpointError
from melgen.generation.song_files import read_song_folder
from melgen.model_files.archive import is_model_file
from tests.model_files.making import described, members_of, with_description, with_members

CHANGED_FILES = [HealthCheck.function_scoped_fixture]
WHOLE = {}
"""The bytes of a model file: as an argument, hypothesis would print them."""


@pytest.fixture
def whole(exported):
    WHOLE["bytes"] = (exported / "rhythm.melgen").read_bytes()
    WHOLE["weights"] = load_model(exported / "rhythm.melgen").model.state_dict()
    return WHOLE


def assert_refused(path, match=None):
    with pytest.raises(CheckpointError, match=match) as refusal:
        load_model(path)
    assert str(refusal.value).startswith(f"checkpoint={path}: "), "the message names the file"
    assert len(str(refusal.value)) < 1000


def assert_equal_or_refused(path):
    with suppress(CheckpointError):
        read = load_model(path).model.state_dict()
        assert read.keys() == WHOLE["weights"].keys()
        assert all(torch.equal(read[name], weight) for name, weight in WHOLE["weights"].items())
    with suppress(ValueError):  # the songs are read by themselves
        read_song_folder(path)


@settings(deadline=None, max_examples=40, suppress_health_check=CHANGED_FILES)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(share, file, whole):
    file.write_bytes(whole["bytes"][: int(share * len(whole["bytes"]))])
    assert_refused(file, "a model file that is damaged or incomplete")


@settings(deadline=None, max_examples=40, suppress_health_check=CHANGED_FILES)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(content, file):
    file.write_bytes(content)
    assert_refused(file, "a model file that is damaged or incomplete")


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=CHANGED_FILES)
@given(changes=st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_damaged_byte_is_refused_or_harmless(changes, file, whole):
    content = bytearray(whole["bytes"])
    for position, change in changes:
        content[position % len(content)] ^= change
    file.write_bytes(content)
    assert_equal_or_refused(file)


@pytest.mark.slow
@settings(deadline=None, max_examples=300, suppress_health_check=CHANGED_FILES)
@given(position=st.integers(0, 10**9), change=st.integers(1, 255))
def test_a_damaged_directory_is_refused_or_harmless(position, change, file, whole):
    """The directory of a ZIP is at its end, and it is what hostile files change."""
    content = bytearray(whole["bytes"])
    start = content.find(b"PK\x01\x02")
    content[start + position % (len(content) - start)] ^= change
    file.write_bytes(content)
    assert_equal_or_refused(file)


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("essen"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=40, suppress_health_check=CHANGED_FILES)
@given(data=st.data(), part=PARTS)
def test_a_description_with_an_odd_part_is_refused_or_read(data, part, file, whole):
    """One value, at any depth, becomes another."""
    file.write_bytes(whole["bytes"])

    def change(content):
        place = content
        while True:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
                place[key] = part
                return
            place = place[key]

    with_description(file, change)
    with suppress(CheckpointError):
        load_model(file)


def test_a_truncated_copy_under_another_name_is_no_checkpoint_either(file, whole):
    other = file.with_name("net.ckpt")
    other.write_bytes(whole["bytes"])
    assert is_model_file(other)
    assert load_model(other).shared is not None
    other.write_bytes(whole["bytes"][:-100])
    assert_refused(other)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (2, r"format version 2, written by melgen .*; melgen .* reads version 1 only, a newer melgen is needed"),
        (0, "must be a whole number of at least 1"),
        (True, "must be a whole number of at least 1"),
        ("1", "must be a whole number of at least 1"),
        (None, "must be a whole number of at least 1"),
    ],
)
def test_another_version(version, message, file):
    assert_refused(with_description(file, lambda content: content.update(format_version=version)), message)


@pytest.mark.parametrize("name", ["card", "description", "weights", "songs"])
def test_a_part_that_is_missing(name, file):
    assert_refused(with_members(file, **{name: None}), "not a model file: it lacks")


@pytest.mark.parametrize(
    "name",
    ["../escape", "/tmp/escape", "songs/../../escape.mid", "songs/song_1.mid", "model.pkl", "songs/song_001.mid.exe"],
)
def test_a_member_that_does_not_belong(name, file):
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(name, "hello")
    assert_refused(file, "does not belong in a model file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice(file):
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("model.json", "{}")
    assert_refused(file, "'model.json' is in it twice")


def test_a_bomb_is_not_unpacked(file):
    members = members_of(file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content + b" " * (2**22 if name == "model.json" else 0))
    assert_refused(file, "claim more bytes than the file has")


def test_compressed_members_are_refused(file):
    members = members_of(file)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            packed = zipfile.ZIP_DEFLATED if name == "README.md" else zipfile.ZIP_STORED
            archive.writestr(name, content, packed)
        archive.comment = b"x" * 10_000
    assert_refused(file, "README.md is compressed")


def test_a_card_beyond_its_size(file):
    assert_refused(with_members(file, card=b" " * (2**20 + 1)), "README.md has 1,048,577 bytes; at most 1,048,576")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("vocabulary"), "'vocabulary' is missing"),
        (lambda c: c.update(more=1), "'more' is not a key of this format version"),
        (lambda c: c.update(format="another"), 'lacks "format"'),
        (lambda c: c.update(updates=-1), "updates=-1: must be a whole number"),
        (lambda c: c.update(updates=True), "updates=True: must be a whole number"),
        (lambda c: c.update(name="../a"), "name="),
        (lambda c: c.update(metrics={"val/loss": "low"}), "metrics="),
        (lambda c: c.update(config=[]), "config="),
        (lambda c: c.update(corpora=[]), "corpora="),
        (lambda c: c.update(corpora=[{"name": "airds"}]), "corpora: each must be an object"),
        (lambda c: c["corpora"][0].update(excludes_commercial_use="no"), "must be true or false"),
        (lambda c: c.update(training_tunes={"own": ["1"], "inherited": [], "is_complete": True}), "training_tunes="),
        (lambda c: c.update(representation="solfège"), "parts do not match"),
        (lambda c: c["model"].update(hidden_size=5), "parts do not match"),
        (lambda c: c["model"].update(hidden_size=2**40), "parts do not match"),
        (lambda c: c["model"].update(stack=[]), "parts do not match"),
        (lambda c: c["model"].update(stack=c["model"]["stack"] * 100_000), "layers, but only"),
        (lambda c: c["model"]["stack"][0].update(cell="os.system"), "import the module that defines it"),
        (lambda c: c["model"].update(unheard_of=1), "parts do not match"),
        (lambda c: c["vocabulary"].update(symbols=[60, 62]), "parts do not match"),
        (lambda c: c.update(rhythm=None), "parts do not match"),
        (lambda c: c.update(rhythm={"name": "waltz"}), "parts do not match"),
    ],
)
def test_a_description_that_is_wrong(change, message, file):
    assert_refused(with_description(file, change), message)


def test_a_licence_that_the_corpus_does_not_allow(file):
    def forge(content):
        content["licence"] = "MIT"
        content["corpora"][0] |= {"name": "essen", "excludes_commercial_use": False}

    assert_refused(with_description(file, forge), "trained on essen, which permits non-commercial use only")


@pytest.mark.parametrize(
    "text", ["", "null", "[1]", "[" * 100_000, '{"format": 1, "format": 2}', '{"a": NaN}', "\ufeff{}", "9" * 10_000]
)
def test_a_description_that_is_not_one(text, file):
    assert_refused(with_members(file, description=text.encode()))


def changed_weights(file, change):
    weights = safetensors.torch.load(members_of(file)["weights.safetensors"])
    change(weights)
    return with_members(file, weights=safetensors.torch.save(weights))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("output.bias"), "output.bias is either in the network or in the file, but not in both"),
        (lambda w: w.update(more=torch.zeros(1)), "more is either in the network or in the file, but not in both"),
        (lambda w: w.update({"output.bias": torch.zeros(3)}), r"output.bias has the shape \[3\]"),
        (lambda w: w.update({"output.bias": w["output.bias"].double()}), "output.bias has the type F64"),
        (lambda w: w.update({"output.bias": w["output.bias"].int()}), "output.bias has the type I32"),
        (lambda w: w["output.bias"].fill_(torch.nan), "output.bias contains numbers that are not finite"),
        (lambda w: w["output.bias"].fill_(torch.inf), "output.bias contains numbers that are not finite"),
    ],
)
def test_weights_that_do_not_match(change, message, file):
    assert_refused(changed_weights(file, change), message)


def test_weights_that_claim_more_than_they_have(file):
    """The header alone is compared with the description: nothing is allocated for what it claims."""
    weights = members_of(file)["weights.safetensors"]
    (length,) = struct.unpack("<Q", weights[:8])
    header = json.loads(weights[8 : 8 + length])
    header["output.bias"]["shape"] = [2**40]
    text = json.dumps(header).encode()
    assert_refused(with_members(file, weights=struct.pack("<Q", len(text)) + text), "parts do not match")
    assert_refused(with_members(file, weights=struct.pack("<Q", 2**60) + text), "its header claims")
    assert_refused(with_members(file, weights=weights[:-4]), "bytes of numbers, but the network needs")
    assert_refused(with_members(file, weights=weights + bytes(4)), "bytes of numbers, but the network needs")
    assert_refused(with_members(file, weights=b"\x80\x02]q\x00."), "damaged or incomplete|its header claims")


def test_an_encrypted_file_is_refused(file):
    content = bytearray(file.read_bytes())
    start = content.find(b"PK\x01\x02")
    while start >= 0:
        content[start + 8] |= 1
        start = content.find(b"PK\x01\x02", start + 1)
    file.write_bytes(content)
    assert_refused(file, "encrypted")


def test_songs_that_are_damaged_are_refused_by_name(file):
    with_members(file, songs=b"{}")
    with pytest.raises(ValueError, match=f"songs={file}: .*songs.json is not a list of songs"):
        read_song_folder(file)
    assert load_model(file).updates == 8, "the network does not depend on them"


def test_a_folder_is_not_a_model_file(tmp_path):
    (tmp_path / "net.melgen").mkdir()
    assert not is_model_file(tmp_path / "net.melgen")
    assert_refused(tmp_path / "net.melgen", "contains no checkpoint yet")


def test_the_file_that_was_changed_by_nothing_is_read(file):
    """The changes above are what is refused, not the way in which they are written."""
    content = described(file)
    assert load_model(with_description(file, lambda same: same.update(content))).updates == 8
    assert load_model(changed_weights(file, lambda weights: None)).updates == 8
    assert io.BytesIO(file.read_bytes()).read(2) == b"PK"
