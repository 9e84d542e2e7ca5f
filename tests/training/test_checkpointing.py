"""The checkpoints that a run keeps. Each can be used without other files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
import torch

from melgen.checkpoint import load_model
from melgen.generation.sampling import sample_melodies
from melgen.music import DB12, REPRESENTATIONS, Control, Interval
from melgen.networks import GRU
from melgen.scoring.scores import Scores
from melgen.train import train
from melgen.training import Checkpoints
from tests.builders import full_disk
from tests.data.melodies import walks, write_songs
from tests.tiers import quick_rows
from tests.training.small import (
    CELLS,
    FEW_UPDATES,
    LEAF_SPEC,
    plain_trainer,
    same,
    small_config,
    small_data,
    small_module,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings(LEAF_SPEC), pytest.mark.filterwarnings(FEW_UPDATES)]


def trained(folder, data=None, cell=None, steps=20, validate_first=True, **options):
    """A module trained for 20 updates, its checkpoints in ``folder``."""
    data = data or small_data()
    module = small_module(data, **({} if cell is None else {"cell": cell}))
    trainer = plain_trainer(
        max_steps=steps,
        callbacks=[Checkpoints(folder, **options)],
        enable_checkpointing=True,
        val_check_interval=5,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=2 * validate_first,
    )
    trainer.fit(module, data)
    return module, data


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_best_and_last_are_kept(tmp_path):
    trained(tmp_path)
    assert names(tmp_path) == ["best.ckpt", "last.ckpt"]


def test_numbered_checkpoints_are_kept_as_asked_the_newest(tmp_path):
    trained(tmp_path, keep_every_n_steps=3, keep=2)
    assert names(tmp_path) == ["best.ckpt", "last.ckpt", "step-00000015.ckpt", "step-00000018.ckpt"]


@pytest.mark.slow
def test_all_numbered_checkpoints_can_be_kept(tmp_path):
    trained(tmp_path, keep_every_n_steps=6, keep=None)
    numbered = [name for name in names(tmp_path) if name.startswith("step")]
    assert numbered == [f"step-{step:08d}.ckpt" for step in (6, 12, 18)]
    for name in numbered:
        assert load_model(tmp_path / name).updates == int(name[5:13])


@pytest.mark.slow
def test_foreign_files_are_not_removed(tmp_path):
    for name in ("step-mine.ckpt", "step-00000001.ckpt.bak", "notes.txt"):
        (tmp_path / name).write_text("mine")
    trained(tmp_path, keep_every_n_steps=2, keep=1)
    assert {"step-mine.ckpt", "step-00000001.ckpt.bak", "notes.txt"} <= set(names(tmp_path))


def test_last_is_written_every_so_often(tmp_path, monkeypatch):
    written = []
    save = Checkpoints._save

    def watch(self, trainer, name, weights_only=False):
        written.append((name, trainer.global_step))
        save(self, trainer, name, weights_only)

    monkeypatch.setattr(Checkpoints, "_save", watch)
    trained(tmp_path, every_n_steps=7)
    assert [step for name, step in written if name == "last.ckpt"] == [7, 14, 20]


def test_best_is_the_validation_with_the_lowest_loss(tmp_path, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.25])
    monkeypatch.setattr(Scores, "metrics", lambda self: {"loss": next(losses)})
    trained(tmp_path, validate_first=False)
    assert list(losses) == []
    assert load_model(tmp_path).updates == 10
    assert load_model(tmp_path).metrics["val/loss"] == 2.0
    assert load_model(tmp_path / "last.ckpt").updates == 20


def test_the_best_score_is_the_same_before_and_after_a_resume(tmp_path, monkeypatch):
    losses = iter([3.0, 2.1, 2.5, 2.25])  # in single precision 2.1 is smaller
    monkeypatch.setattr(Scores, "metrics", lambda self: {"loss": next(losses)})
    trained(tmp_path, validate_first=False)
    assert torch.load(tmp_path / "last.ckpt")["callbacks"]["Checkpoints"] == {"best_score": 2.1, "monitor": "val/loss"}
    again = Checkpoints(tmp_path)
    again.on_fit_start(None, None)
    assert again.best_score == 2.1


def test_the_last_comes_last_so_that_a_killed_training_writes_the_others_too(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Checkpoints, "_save", lambda self, trainer, name, **options: written.append(name))
    monkeypatch.setattr(Checkpoints, "_save_numbered", lambda self, trainer, step: written.append(step))
    trained(tmp_path, keep_every_n_steps=10)
    assert written[-2:] == [20, "last.ckpt"]


def test_a_monitor_that_nobody_publishes_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"callbacks\.checkpoint\.monitor=val/los: .*known are .*val/loss"):
        trained(tmp_path, monitor="val/los")


def test_a_best_score_is_compared_with_scores_of_its_metric_only(tmp_path):
    known, other = Checkpoints(tmp_path), Checkpoints(tmp_path, monitor="val/bits_per_note")
    known.best_score = 1.9
    with pytest.raises(ValueError, match=r"callbacks\.checkpoint\.monitor=val/bits_per_note: must be val/loss"):
        other.load_state_dict(known.state_dict())
    other.load_state_dict({"best_score": 1.9})  # of an earlier melgen
    assert other.best_score == 1.9


def test_a_monitor_whose_higher_values_are_better_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"callbacks\.checkpoint\.monitor=val/accuracy: must be .* lower value"):
        Checkpoints(tmp_path, monitor="val/accuracy")


@pytest.mark.parametrize("key", ["every_n_steps", "keep_every_n_steps", "keep"])
def test_numbers_below_one_are_refused(tmp_path, key):
    with pytest.raises(ValueError, match=rf"callbacks\.checkpoint\.{key}=0: must be a whole number of at least 1"):
        Checkpoints(tmp_path, **{key: 0})


@quick_rows(2, "cell", CELLS.values(), ids=CELLS)
def test_a_checkpoint_rebuilds_the_network_and_all_it_needs(tmp_path, cell):
    module, data = trained(tmp_path / "here", cell=cell)
    shutil.move(tmp_path / "here", tmp_path / "elsewhere")
    again = load_model(tmp_path / "elsewhere" / "last.ckpt")
    assert again.model.describe() == module.model.describe()
    assert same(dict(again.model.state_dict()), dict(module.model.state_dict()))
    assert again.vocabulary == data.vocabulary
    assert again.representation == data.representation
    assert again.updates == 20
    assert again.metrics["val/loss"] == module.latest["val/loss"]
    assert not again.model.training
    tokens = next(iter(data.val_dataloader())).tokens
    module.eval()
    assert torch.equal(again.model(tokens)[0], module(tokens)[0])


@quick_rows(1, "representation", [Control(), Interval(), DB12()])
def test_each_representation_travels_in_the_checkpoint(tmp_path, representation):
    module, data = trained(tmp_path, small_data(representation=representation))
    again = load_model(tmp_path / "last.ckpt")
    assert type(again.representation) is REPRESENTATIONS[representation.name]
    options = {"songs": 3, "notes": 6, "seed": 1}
    ours, theirs = (
        sample_melodies(model, representation, data.vocabulary, [60, 62], **options)
        for model in (module.model, again.model)
    )
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt", "step-00000010.ckpt"])
def test_a_checkpoint_holds_plain_data_only(tmp_path, name):
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    train(small_config(tmp_path, "trainer.max_steps=12", "callbacks.checkpoint.keep_every_n_steps=10"))
    file = tmp_path / "run" / "checkpoints" / name
    checkpoint = torch.load(file, weights_only=True)  # it refuses everything except tensors and plain containers
    ours = checkpoint["melgen"]
    assert ours["config"]["hidden_size"] == 8
    assert ours["config"]["dataset"]["representation"]["_target_"] == "melgen.music.Control"
    assert "${" not in str(ours["config"])
    assert re.fullmatch(r"\d+\.\d+.*", ours["version"])
    assert ("optimizer_states" in checkpoint) == (name == "last.ckpt")
    assert not re.search(r"[\s=/]", name)


@pytest.mark.slow
def test_another_process_needs_nothing_but_the_file(tmp_path):
    module, data = trained(tmp_path / "run", cell=GRU)
    file = shutil.copy(tmp_path / "run" / "best.ckpt", tmp_path / "mailed.ckpt")
    shutil.rmtree(tmp_path / "run")
    script = (
        "import sys; from melgen.checkpoint import load_model; t = load_model(sys.argv[1]); "
        "print(t.representation.name, len(t.vocabulary), [layer.stored_name() for layer in t.model.layers])"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(file)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = [layer.stored_name() for layer in module.model.layers]
    assert told.stdout.strip() == f"control {len(data.vocabulary)} {expected}"


def test_a_full_disk_leaves_the_checkpoint_that_was_there(tmp_path, monkeypatch):
    trained(tmp_path)
    before = (tmp_path / "last.ckpt").read_bytes()

    monkeypatch.setattr("torch.save", full_disk)
    with pytest.raises(OSError, match="No space left"):
        trained(tmp_path, every_n_steps=1)
    assert (tmp_path / "last.ckpt").read_bytes() == before
    assert names(tmp_path) == ["best.ckpt", "last.ckpt"]
