"""Data modules that the jobs of a sweep share in one process."""

from __future__ import annotations

import pytest

from melgen.data import from_config
from melgen.data.from_config import build_data
from melgen.music.representations import Interval
from melgen.music.rhythms import Joint
from tests.training.small import small_config

KINDS = [
    (f"dataset={dataset}", f"rhythm={rhythm}")
    for dataset in ("control", "interval")
    for rhythm in ("none", "factored", "grid")
]


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A function that builds the data module of a job with these overrides."""
    monkeypatch.setattr(from_config, "_shared", {})

    def build(kind, sweep="sweep"):
        overrides = ("corpus=misc_folk", "path=null", "batch_size=20", *kind)
        return build_data(small_config(tmp_path, *overrides), sweep=sweep)

    return build


class Namesake(Interval):
    """Another representation with the name of one of ours."""

    def encode(self, pitches):
        return -super().encode(pitches)


class RhythmicNamesake(Joint):
    """Another rhythm with the name of one of ours."""


@pytest.mark.parametrize(
    "override", [f"dataset.representation._target_={__name__}.Namesake", f"rhythm._target_={__name__}.RhythmicNamesake"]
)
def test_a_class_that_a_checkpoint_would_read_back_as_ours_is_refused(build, override):
    kind = ("dataset=interval", "rhythm=joint", override)
    name, ours = ("interval", "Interval") if "Rhythmic" not in override else ("joint", "Joint")
    with pytest.raises(ValueError, match=rf'name="{name}" of .*Namesake: .* differ from the name of melgen.*\.{ours},'):
        build(kind)


@pytest.mark.slow
def test_a_sweep_over_rhythms_and_representations_encodes_each_once(build):
    first = [build(kind) for kind in KINDS]
    assert [build(kind) for kind in KINDS] == first
    assert len({id(data) for data in first}) == len(KINDS)
    assert build(KINDS[0], sweep="another") is not first[0]


@pytest.mark.slow
def test_the_data_modules_used_last_are_kept_while_they_fit_into_memory(build, monkeypatch):
    one, other = build(KINDS[0]), build(KINDS[3])
    assert build(KINDS[0]) is one
    monkeypatch.setattr(from_config, "SHARED_BYTES", one.nbytes + other.nbytes)
    large = build(KINDS[1])
    assert build(KINDS[1]) is large, "the last is always kept"
    assert list(from_config._shared.values()) == [large], "it takes the room of both"
    monkeypatch.setattr(from_config, "SHARED_BYTES", large.nbytes + one.nbytes)
    again = build(KINDS[0])
    assert again is not one
    assert build(KINDS[1]) is large
    build(KINDS[3])
    assert build(KINDS[1]) is large, "it was used after the other"
    assert build(KINDS[0]) is not again


def test_the_memory_of_a_data_module_is_counted(build):
    pitches, rhythm = build(KINDS[0]), build(KINDS[1])
    tokens = pitches.statistics["training_tokens_per_epoch"]
    assert pitches.nbytes > 4 * tokens, "a token takes four bytes"
    # Each event has two tokens and two targets.
    assert rhythm.nbytes > 16 * rhythm.statistics["training_tokens_per_epoch"]
