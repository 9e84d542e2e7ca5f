"""A resumed run equals an undisturbed one to the last bit."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from melgen.errors import CheckpointError, IdentityError
from melgen.runs.history import read_history
from melgen.train import train
from melgen.training import MelodyModule, steps
from melgen.training.resume import ExactResume, Position
from melgen.training.update_log import UpdateLog
from tests.training.small import CELL_OVERRIDES, same, small_config

DROPOUT = ["model.input_keep_prob=0.8", "model.output_keep_prob=0.8"]
SPEED = "train/tokens_per_second"
CHECKOUT = Path(__file__).parents[2]


def run(folder, name, *overrides):
    """Start a run once, and return its directory."""
    config = small_config(folder, f"run_dir={folder}/{name}", *overrides)
    train(config)
    return folder / name


def with_rhythm(rhythm):
    """Overrides for a network with rhythm; the tunes of `folder` have equal notes."""
    return ["corpus=misc_folk", "path=null", f"rhythm={rhythm}", "batch_size=20"]


def last(directory):
    return torch.load(directory / "checkpoints" / "last.ckpt", weights_only=True)


def history(directory):
    return {
        (row["step"], key): value
        for row in read_history(directory / "metrics.csv")
        for key, value in row.items()
        if key != SPEED
    }


def assert_equal_runs(resumed, undisturbed, paused_at=()):
    """Check that the state for the next update and the logged values are the same.

    A run validates and tests its weights where it pauses. Only these values may be logged in addition.
    """
    ours, theirs = last(resumed), last(undisturbed)
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "position", "carried", "random_state"):
        assert same(ours[part], theirs[part]), part
    for part in ("epoch_progress", "epoch_loop.batch_progress", "epoch_loop.state_dict"):
        assert ours["loops"]["fit_loop"][part] == theirs["loops"]["fit_loop"][part], part
    logged, expected = history(resumed), history(undisturbed)
    assert {key: logged.get(key) for key in expected} == expected
    beyond = {(step, key.partition("/")[0]) for step, key in logged.keys() - expected.keys()}
    assert beyond <= {(step, kind) for step in paused_at for kind in ("step", "val", "test", "tonality")}


def updates(directory):
    return last(directory)["position"]["updates"]


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELL_OVERRIDES)
def test_one_and_two_epochs_equal_three(folder, cell):
    overrides = [*CELL_OVERRIDES[cell], *DROPOUT]
    resumed = run(folder, "resumed", *overrides, "trainer.max_epochs=1")
    paused = updates(resumed)
    run(folder, "resumed", *overrides, "trainer.max_epochs=3")
    undisturbed = run(folder, "undisturbed", *overrides, "trainer.max_epochs=3")
    assert updates(undisturbed) == 3 * paused
    assert_equal_runs(resumed, undisturbed, [paused])


@pytest.mark.slow
@pytest.mark.parametrize("pauses", [[7], [5], [15], [16], [1, 2, 14, 15, 29, 30, 31]], ids=str)
def test_pauses_anywhere_change_nothing(folder, pauses):
    """Within an epoch, at its end, where a validation is due, where a log is due, and one after another."""
    for pause in pauses:
        resumed = run(folder, "resumed", *DROPOUT, f"trainer.max_steps={pause}")
        assert updates(resumed) == pause
    run(folder, "resumed", *DROPOUT, "trainer.max_steps=37")
    undisturbed = run(folder, "undisturbed", *DROPOUT, "trainer.max_steps=37")
    assert last(undisturbed)["position"] == {"epoch": 2, "windows": 7, "updates": 37}, "15 updates an epoch"
    assert_equal_runs(resumed, undisturbed, pauses)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["interval", "db12"])
def test_other_representations_resume_too(folder, dataset):
    overrides = [f"dataset={dataset}", *DROPOUT]
    resumed = run(folder, "resumed", *overrides, "trainer.max_steps=20")
    run(folder, "resumed", *overrides, "trainer.max_steps=50")
    undisturbed = run(folder, "undisturbed", *overrides, "trainer.max_steps=50")
    assert_equal_runs(resumed, undisturbed, [20])


@pytest.mark.slow
@pytest.mark.parametrize("rhythm", ["joint", "factored", "grid", "interleaved"])
def test_networks_with_rhythm_resume_too(folder, rhythm):
    overrides = [*with_rhythm(rhythm), *DROPOUT]
    resumed = run(folder, "resumed", *overrides, "trainer.max_steps=7")
    assert updates(resumed) == 7
    run(folder, "resumed", *overrides, "trainer.max_steps=12")
    undisturbed = run(folder, "undisturbed", *overrides, "trainer.max_steps=12")
    assert_equal_runs(resumed, undisturbed, paused_at=(7,))


@pytest.mark.slow
def test_songs_and_pictures_on_the_way_change_nothing(folder):
    """Callbacks draw random numbers of their own, which must not change the training."""
    shown = ["callbacks=default", "callbacks.sampling.every_n_steps=4", "callbacks.sampling.songs=3"]
    watched = run(folder, "watched", *DROPOUT, *shown, "trainer.max_steps=10")
    run(folder, "watched", *DROPOUT, *shown, "trainer.max_steps=20")
    alone = run(folder, "alone", *DROPOUT, "trainer.max_steps=20")
    for part in ("state_dict", "optimizer_states", "random_state"):
        assert same(last(watched)[part], last(alone)[part]), part


@pytest.mark.slow
def test_another_seed_is_another_run(folder):
    """The comparisons above can fail: the compared values differ between seeds."""
    one = run(folder, "one", *DROPOUT, "trainer.max_steps=6")
    other = run(folder, "other", *DROPOUT, "trainer.max_steps=6", "seed=1")
    for part in ("state_dict", "optimizer_states", "carried", "random_state"):
        assert not same(last(one)[part], last(other)[part]), part


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(folder, monkeypatch):
    directory = run(folder, "run", "trainer.max_steps=6")
    before = (directory / "checkpoints" / "last.ckpt").stat().st_mtime_ns
    value = train(small_config(folder, f"run_dir={directory}", "trainer.max_steps=6"))
    assert value == pytest.approx(read_history(directory / "metrics.csv")[-1]["val/loss"])
    assert (directory / "checkpoints" / "last.ckpt").stat().st_mtime_ns == before


@pytest.fixture
def fails_at_update(monkeypatch):
    """A function that starts a run whose training fails after some updates."""
    end_of_update = MelodyModule.on_train_batch_end

    def start(update, *arguments):
        def fail(self, *args):
            end_of_update(self, *args)
            if self.global_step == update:
                raise RuntimeError("power failure")

        with monkeypatch.context() as patch:
            patch.setattr(MelodyModule, "on_train_batch_end", fail)
            with pytest.raises(RuntimeError, match="power failure"):
                run(*arguments)

    return start


@pytest.fixture
def fails_at_nine(fails_at_update):
    return partial(fails_at_update, 9)


@pytest.mark.slow
def test_a_run_that_failed_before_its_first_checkpoint_starts_its_history_again(folder, fails_at_nine):
    fails_at_nine(folder, "resumed", "trainer.max_steps=37")
    assert {step for step, _ in history(folder / "resumed")} == {2, 4, 5, 6, 8}
    resumed = run(folder, "resumed", "trainer.max_steps=6")
    assert_equal_runs(resumed, run(folder, "undisturbed", "trainer.max_steps=6"))


@pytest.mark.slow
@pytest.mark.parametrize(("interval", "kept"), [(4, {2, 4, 5, 6, 8}), (7, {2, 4, 5, 6}), (20, set())])
def test_loggers_find_no_update_that_is_made_again(folder, fails_at_nine, interval, kept, monkeypatch):
    overrides = ("trainer.max_steps=37", f"callbacks.checkpoint.every_n_steps={interval}")
    fails_at_nine(folder, "resumed", *overrides)
    found = []
    monkeypatch.setattr(
        steps, "announce", lambda config, *others: found.extend(history(Path(config.run_dir)) or [(None, None)])
    )
    run(folder, "resumed", *overrides)

    assert {step for step, _ in found} - {None} == kept


@pytest.mark.slow
def test_a_run_whose_history_is_damaged_has_failed(folder, fails_at_nine):
    fails_at_nine(folder, "resumed", "trainer.max_steps=37")
    (folder / "resumed" / "metrics.csv").write_text("step,a\n1,one\n")
    (folder / "resumed" / "train.log").write_text("")
    with pytest.raises(ValueError, match=r"metrics\.csv, line 2: not a table of metrics"):
        run(folder, "resumed", "trainer.max_steps=37")

    assert "not a table of metrics" in (folder / "resumed" / "status.json").read_text()


def settings(directory):
    return [(directory / name).read_text() for name in ("config.yaml", "identity.json", "status.json")]


@pytest.mark.slow
def test_a_run_whose_tunes_are_split_in_another_way_now_is_refused_and_not_changed(folder, fails_at_nine):
    overrides = ("trainer.max_steps=37", "callbacks.checkpoint.every_n_steps=4")
    fails_at_nine(folder, "resumed", *overrides)
    directory = folder / "resumed"
    splits = (directory / "splits.tsv").read_text()
    (directory / "splits.tsv").write_text(splits.replace("train", "another").replace("test", "train"))
    (directory / "splits.tsv").write_text((directory / "splits.tsv").read_text().replace("another", "test"))
    before = settings(directory)
    with pytest.raises(IdentityError, match="would now be in another split"):
        run(folder, "resumed", *overrides, "trainer.max_steps=40")
    assert settings(directory) == before
    with pytest.raises(IdentityError, match="belongs to another run"):  # the seed of the splits, for example
        run(folder, "resumed", *overrides, "split_seed=1")
    with pytest.raises(IdentityError, match="belongs to another run"):
        run(folder, "resumed", *overrides, "layers=2")
    run(folder, "resumed", *overrides, "force=true")
    assert (directory / "splits.tsv").read_text() == splits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interval", "limit", "rule"),
    [
        (16, "trainer.max_epochs=1", "must be at least 2, the epoch that"),
        (31, "trainer.max_epochs=1", "must be at least 3, the epoch that"),
        (16, "trainer.max_steps=15", "must be at least 16, the update that"),
    ],
)
def test_a_budget_that_an_interrupted_run_has_passed_is_refused(folder, fails_at_update, interval, limit, rule):
    """An epoch has 15 updates."""
    overrides = (f"callbacks.checkpoint.every_n_steps={interval}", "trainer.max_epochs=3")
    fails_at_update(interval + 2, folder, "resumed", *overrides)
    directory = folder / "resumed"
    before = settings(directory)
    checkpoint = directory / "checkpoints" / "last.ckpt"
    with pytest.raises(ValueError, match=re.escape(f"{limit}: {rule} {checkpoint} has reached; ")):
        run(folder, "resumed", *overrides, limit)
    assert settings(directory) == before
    run(folder, "resumed", *overrides, f"trainer.max_steps={interval}")
    assert updates(directory) == interval, "with exactly that budget it ends there"


@pytest.mark.slow
def test_a_damaged_checkpoint_is_the_failure_of_the_run_that_resumes_from_it(folder, fails_at_nine):
    overrides = ("callbacks.checkpoint.every_n_steps=4", "trainer.max_steps=37")
    fails_at_nine(folder, "resumed", *overrides)
    (folder / "resumed" / "checkpoints" / "last.ckpt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError):
        run(folder, "resumed", *overrides)
    assert "not a checkpoint, or damaged" in (folder / "resumed" / "status.json").read_text()


KILLED = """
import os, signal, sys
from melgen.train import train
from melgen.training import MelodyModule
from tests.training.small import small_config

folder, update, *overrides = sys.argv[1:]
end_of_update = MelodyModule.on_train_batch_end

def kill(self, *args):
    end_of_update(self, *args)
    if self.global_step == int(update):
        os.kill(os.getpid(), signal.SIGKILL)

MelodyModule.on_train_batch_end = kill
train(small_config(folder, *overrides))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("update", "updates_in_all", "kind"),
    [(23, 37, []), (2, 37, []), (30, 37, []), (7, 12, with_rhythm("factored")), (7, 12, with_rhythm("grid"))],
    ids=["23", "2", "30", "7-factored", "7-grid"],
)
def test_a_run_that_was_killed_resumes_from_its_last_checkpoint(folder, update, updates_in_all, kind):
    overrides = [*kind, *DROPOUT, "callbacks.checkpoint.every_n_steps=4", f"trainer.max_steps={updates_in_all}"]
    arguments = [
        sys.executable,
        "-c",
        KILLED,
        str(folder),
        str(update),
        *overrides,
        f"run_dir={folder}/killed",
    ]
    ended = subprocess.run(arguments, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    directory = folder / "killed"
    if update >= 5:
        assert updates(directory) == (update - 1) // 4 * 4, "the kill came between two checkpoints"
    else:
        assert not (directory / "checkpoints" / "last.ckpt").exists()
    run(folder, "killed", *overrides)
    undisturbed = run(folder, "undisturbed", *overrides)
    assert_equal_runs(directory, undisturbed)
    assert not [name for name in os.listdir(directory / "checkpoints") if name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("batch_idx", "expected"), [(0, Position(2, 1, 31)), (13, Position(2, 14, 31)), (14, Position(3, 0, 31))]
)
def test_an_epoch_ends_with_its_last_window(batch_idx, expected):
    assert Position(2, 0, 30).after(batch_idx, 31, 15) == expected


@pytest.mark.slow
def test_a_numbered_checkpoint_that_a_kill_has_prevented_is_written_with_its_metrics(folder):
    """A kill between the two checkpoints of update 10: `last.ckpt` exists, `step-00000010.ckpt` does not."""
    kept = [
        "callbacks=checkpoint",
        "callbacks.checkpoint.every_n_steps=10",
        "callbacks.checkpoint.keep_every_n_steps=10",
    ]
    undisturbed = run(folder, "undisturbed", *kept, "trainer.max_steps=20")
    resumed = run(folder, "resumed", *kept, "trainer.max_steps=10")
    name = "checkpoints/step-00000010.ckpt"
    (resumed / name).unlink()
    run(folder, "resumed", *kept, "trainer.max_steps=20")
    one, other = (torch.load(each / name, weights_only=True)["melgen"] for each in (resumed, undisturbed))
    assert one["metrics"].keys() == other["metrics"].keys() >= {"val/loss", "train/loss"}
    assert one["metrics"]["val/loss"] == other["metrics"]["val/loss"]
    assert "loops" not in torch.load(resumed / name, weights_only=True)


def test_the_sum_of_losses_goes_on_in_the_precision_of_the_training():
    for precision in (torch.float32, torch.float64):
        losses = torch.tensor([0.1, 0.7, 1 / 3], dtype=precision)
        whole, first, second = UpdateLog(), UpdateLog(), UpdateLog()
        for loss in losses:
            whole.add(loss, 7)
        first.add(losses[0], 7)
        second.go_on_from(**first.sums())
        for loss in losses[1:]:
            second.add(loss, 7)
        assert second.sums() == whole.sums(), precision


def test_generators_of_gpus_that_are_not_there_are_named(monkeypatch, caplog):
    resume = ExactResume()
    resume._random_state = {"cpu": torch.get_rng_state(), "cuda": [torch.get_rng_state()] * 2}
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    resume.on_train_start(None, None)
    assert "generators of 2 GPUs cannot be restored, since this machine has 1 GPU" in caplog.text
