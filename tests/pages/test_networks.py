"""The networks of a page that can be played with."""

from types import SimpleNamespace

import pytest

from melgen.music import Control, Melody, NoRhythm
from melgen.pages.content import Content
from melgen.pages.sections import play
from tests.builders import untrained, write_checkpoint

STAGES = ("step-00000010.ckpt", "step-00000020.ckpt")


@pytest.fixture
def study(tmp_path):
    """A study that selected two checkpoints of one run, worse than its best."""
    run = tmp_path / "control-lstm-1-seed0"
    for size, name in enumerate((*STAGES, "best.ckpt"), 8):
        network = untrained(Control(), NoRhythm(), [Melody.from_pitches([60, 62, 64])], hidden_size=size)
        write_checkpoint(run / "checkpoints" / name, network)
    (tmp_path / "study").mkdir()
    models = {name: {"runs": [f"../{run.name}"], "checkpoints": [name]} for name in STAGES}
    tools = SimpleNamespace(network_bytes=10**8)
    return SimpleNamespace(directory=tmp_path / "study", models=models, opening_model=None, tunes=None, tools=tools)


def weights_of(study, content):
    found = play.of_study(study, content)
    return {one["name"]: content.packs[one["pack"]]["network"]["weights"] for one in found["networks"]}


def test_each_selected_checkpoint_of_a_run_is_another_network(study):
    stages = weights_of(study, Content("study", "a"))
    study.models = {"best": study.models[STAGES[0]] | {"checkpoints": ["best.ckpt"]}}
    study.models["of an earlier melgen"] = {"runs": study.models["best"]["runs"]}
    best, earlier = weights_of(study, Content("study", "a")).values()
    assert best == earlier
    assert len({*stages.values(), best}) == 3


def test_a_selected_checkpoint_that_is_gone_is_named(study):
    (study.directory.parent / "control-lstm-1-seed0" / "checkpoints" / STAGES[1]).unlink()
    content = Content("study", "a")
    assert [*weights_of(study, content)] == [STAGES[0]]
    assert content.unplayable[0].startswith(f"{STAGES[1]} cannot be played with: ")
    assert content.unplayable[0].count(STAGES[1]) == 2
