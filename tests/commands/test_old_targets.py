"""Paths that classes had in earlier versions: a user's YAML and an old run may still contain them."""

import json
from pathlib import Path

import pytest
from hydra.utils import get_object

from melgen import old_targets
from melgen.files import read_json
from melgen.runs.directory import RunDirectory
from tests.commands.calling import TINY, call

CALLBACKS_YAML = """
sampling:
  _target_: melgen.training.callbacks.SongSampling
  directory: ${run_dir}
  songs: 2
  notes: 8
checkpoint:
  _target_: melgen.training.checkpoints.Checkpoints
  directory: ${run_dir}/checkpoints
  every_n_steps: 2
"""
LOGGER_YAML = """
csv:
  _target_: melgen.training.history.HistoryLogger
  save_dir: ${run_dir}
wandb:
  _target_: melgen.training.weights_and_biases.RunLogger
  project: mine
  save_dir: ${run_dir}
  offline: true
"""
CHECK_YAML = "mine:\n  _target_: melgen.composition.CommandCheck\n"


@pytest.mark.parametrize(("old", "new"), old_targets.OLD_TARGETS.items())
def test_an_old_path_leads_to_the_class(old, new):
    assert get_object(old) is get_object(new)
    assert old_targets.present_path(new) == new


def test_a_name_that_never_was_is_still_an_error():
    with pytest.raises(ImportError, match=r"melgen\.training\.nonsense"):
        get_object("melgen.training.nonsense.HistoryLogger")
    with pytest.raises(ImportError, match=r"melgen\.training\.history"):
        get_object("melgen.training.history.Nonsense")


@pytest.fixture
def with_old_paths(here, monkeypatch):
    """A command line with a user's own YAML, written for an earlier version."""
    monkeypatch.setenv("WANDB_SILENT", "true")
    for group, text in {"callbacks": CALLBACKS_YAML, "logger": LOGGER_YAML, "hydra/callbacks": CHECK_YAML}.items():
        file = here / "conf" / group / "mine.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    kept = [option for option in TINY if not option.startswith(("callbacks", "logger"))]
    return ["--config-dir=conf", *kept, "callbacks=mine", "logger=mine", "hydra/callbacks=mine"]


@pytest.mark.slow
def test_a_yaml_with_old_paths_trains(with_old_paths):
    answer = call("train", *with_old_paths)
    assert answer.code == 0, answer.text
    (run,) = (path.parent for path in Path("multirun").rglob("result.json"))
    assert (run / "checkpoints" / "last.ckpt").exists()
    assert (run / "metrics.csv").exists()
    assert (run / "songs" / "song_002.mid").exists()
    assert list((run / "wandb").glob("offline-run-*"))


@pytest.mark.slow
def test_keys_of_a_part_with_an_old_path_are_checked(with_old_paths):
    answer = call("train", *with_old_paths, "+callbacks.checkpoint.often=3")
    assert answer.code == 1
    assert "callbacks.checkpoint.often" in answer.text


@pytest.mark.slow
def test_a_run_whose_identity_holds_an_old_path_goes_on(here, monkeypatch):
    options = [option for option in TINY if not option.startswith("trainer.max_steps")]
    assert call("train", *options, "trainer.max_steps=2").code == 0
    (run,) = (path.parent for path in Path("multirun").rglob("result.json"))
    identity = read_json(run / "identity.json")
    now, before = identity["cell._target_"], "melgen.older_networks.Cell"
    (run / "identity.json").write_text(json.dumps(identity | {"cell._target_": before}))
    refused = call("train", *options, "trainer.max_steps=4")
    assert refused.code == 1
    assert f"cell._target_: {before} there, {now} now" in refused.text
    monkeypatch.setattr(old_targets, "OLD_TARGETS", {before: now})
    answer = call("train", *options, "trainer.max_steps=4")
    assert answer.code == 0, answer.text
    assert RunDirectory(run).result["updates"] == 4
    assert read_json(run / "identity.json")["cell._target_"] == now
