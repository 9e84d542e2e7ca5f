"""A release of a library that lacks the internals melgen uses is refused; the error names its version."""

import copy
import importlib
import logging
from importlib.metadata import version

import pytest
import pytorch_lightning as pl
import torch
from hydra._internal import utils
from hydra._internal.core_plugins import basic_launcher, basic_sweeper
from hydra_plugins.hydra_joblib_launcher import _core as joblib_launcher
from pytorch_lightning.trainer import call

import melgen.internals.hydra
import melgen.internals.torch
from melgen.internals import UnknownInternalsError
from melgen.internals.hydra import LauncherLines
from melgen.internals.lightning import (
    HOOKS_OF_AN_UPDATE,
    check_hook_name,
    check_loops,
    monitor,
    rewrite_loops,
    skip_empty_hooks,
)

COUNTERS = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
LOOPS = {
    "epoch_progress": {"total": COUNTERS, "current": COUNTERS},
    "epoch_loop.batch_progress": {"total": COUNTERS, "current": COUNTERS, "is_last_batch": True},
    "epoch_loop.state_dict": {"_batches_that_stepped": 0},
}


@pytest.fixture
def loops():
    return copy.deepcopy(LOOPS)


@pytest.mark.parametrize("name", ["split_arguments", "validate_batch_is_legal", "split_overrides_to_chunks"])
def test_a_hydra_without_a_method_of_its_basic_sweeper(monkeypatch, name):
    # Hydra executes the module again when it looks for plugins, so the current class is found only in the module.
    owner = next(cls for cls in basic_sweeper.BasicSweeper.__mro__ if name in vars(cls))
    monkeypatch.delattr(owner, name)
    with pytest.raises(UnknownInternalsError, match=f"hydra-core {version('hydra-core')}: BasicSweeper has no {name}"):
        melgen.internals.hydra.basic_sweeper()


JOBS = (["cell=gru", "seed=1", "split_seed=12"], ["cell=gru", "seed=1", "split_seed=13"])


@pytest.mark.parametrize(
    ("jobs", "level", "line", "shown"),
    [
        (JOBS, logging.INFO, "\t#0 : cell=gru seed=1 split_seed=12", "  #0: split_seed=12"),
        (JOBS, logging.INFO, "\t#1 : cell=gru seed=1 split_seed=13", "  #1: split_seed=13"),
        (JOBS[:1], logging.INFO, "\t#0 : cell=gru seed=1 split_seed=12", None),
        ([[], []], logging.INFO, "\t#0 : ", None),
        ((), logging.INFO, "\t#0 : seed=3", "  #0: seed=3"),
        (JOBS, logging.INFO, "Launching jobs, sweep output dir : multirun/folk", None),
        (JOBS, logging.WARNING, "Launching failed", "Launching failed"),
    ],
)
def test_lines_of_launchers(jobs, level, line, shown):
    record = logging.LogRecord("launcher", level, __file__, 1, line, (), None)
    is_shown = LauncherLines(jobs).filter(record)
    assert (record.getMessage() if is_shown else None) == shown


def test_the_loggers_of_launchers_are_those_of_hydra():
    """A launcher that logs under another name would not be filtered."""
    LauncherLines(JOBS).install()
    last = LauncherLines(JOBS)
    last.install()
    for launcher in (basic_launcher, joblib_launcher):
        assert launcher.log.filters == [last], launcher.__name__
        launcher.log.removeFilter(last)


def test_a_hydra_without_its_parser(monkeypatch):
    monkeypatch.delattr(utils, "get_args_parser")
    refused(melgen.internals.hydra, "hydra-core", "get_args_parser")


@pytest.mark.parametrize("flag", ["--multirun", "--config-dir"])
def test_a_hydra_with_other_flags(monkeypatch, flag):
    parser = utils.get_args_parser()
    action = next(action for action in parser._actions if flag in action.option_strings)
    action.option_strings.remove(flag)
    monkeypatch.setattr(melgen.internals.hydra, "get_args_parser", lambda: parser)
    with pytest.raises(UnknownInternalsError, match=f"hydra-core {version('hydra-core')}: its flags are"):
        melgen.internals.hydra.flags()


def test_a_torch_without_its_question_for_transforms(monkeypatch):
    monkeypatch.delattr(torch._C, "_are_functorch_transforms_active")
    refused(melgen.internals.torch, "torch", "_are_functorch_transforms_active")


def refused(module, package, problem):
    with pytest.raises(UnknownInternalsError, match=problem) as caught:
        importlib.reload(module)
    assert f"{package} {version(package)}" in str(caught.value)


@pytest.mark.parametrize("place", ["epoch_progress", "epoch_loop.batch_progress"])
def test_a_lightning_that_counts_otherwise(loops, place):
    loops[place]["current"]["pending"] = 0
    with pytest.raises(UnknownInternalsError, match=f"pytorch-lightning {version('pytorch-lightning')}: .*'pending'"):
        rewrite_loops(loops, epoch=0, windows=0, updates=0)


@pytest.mark.parametrize(
    ("place", "key"),
    [
        (None, "epoch_progress"),
        (None, "epoch_loop.state_dict"),
        ("epoch_progress", "current"),
        ("epoch_loop.batch_progress", "is_last_batch"),
        ("epoch_loop.state_dict", "_batches_that_stepped"),
    ],
)
def test_a_lightning_without_a_counter(loops, place, key):
    del (loops if place is None else loops[place])[key]
    with pytest.raises(UnknownInternalsError, match=f"no counter '{key}'"):
        rewrite_loops(loops, epoch=0, windows=0, updates=0)


def test_a_lightning_that_notes_the_hook_elsewhere(monkeypatch):
    module = pl.LightningModule()
    check_hook_name(module)
    monkeypatch.delattr(module, "_current_fx_name")
    with pytest.raises(UnknownInternalsError, match="_current_fx_name"):
        check_hook_name(module)


def test_a_lightning_that_resumes_elsewhere():
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    check_loops(trainer, epoch=0, windows=0, updates=0)
    for expected in ({"epoch": 1}, {"windows": 1}, {"updates": 1}):
        with pytest.raises(UnknownInternalsError, match="resumed at"):
            check_loops(trainer, **{"epoch": 0, "windows": 0, "updates": 0, **expected})


@pytest.mark.parametrize("package", ["hydra-core", "pytorch-lightning", "torch"])
def test_the_error_names_the_package_and_its_version(package):
    assert str(UnknownInternalsError(package, "gone")).startswith(f"{package} {version(package)}: gone; ")


class OneHook(pl.Callback):
    def on_train_batch_end(self, *_):
        raise InterruptedError


class ModuleWithOneHook(pl.LightningModule):
    def on_train_batch_end(self, *_):
        raise InterruptedError


@pytest.mark.parametrize("kind", [OneHook, ModuleWithOneHook])
def test_only_empty_hooks_are_skipped(kind):
    part, other = kind(), kind()
    part.on_after_backward = other.on_train_batch_end  # as `pl.callbacks.LambdaCallback` sets hooks
    skip_empty_hooks(part)
    used = {"on_train_batch_end", "on_after_backward"}
    assert {name for name in HOOKS_OF_AN_UPDATE if callable(getattr(part, name))} == used
    assert all(callable(getattr(other, name)) for name in HOOKS_OF_AN_UPDATE)
    assert callable(part.on_train_start), "it is no hook of an update"


def test_a_lightning_that_calls_hooks_that_are_none(monkeypatch):
    def call_all(trainer, hook):
        for callback in trainer.callbacks:
            getattr(callback, hook)()

    monkeypatch.setattr(call, "_call_callback_hooks", call_all)
    part = OneHook()
    skip_empty_hooks(part)
    assert all(callable(getattr(part, name)) for name in HOOKS_OF_AN_UPDATE)


def test_monitored_values_are_where_callbacks_look_for_them():
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    stopping = pl.callbacks.EarlyStopping("train/loss", patience=1)
    for loss in (0.1, 0.2, 0.3):
        monitor(trainer, {"train/loss": loss, "epoch": 0})
        stopping._run_early_stopping_check(trainer)
    assert (trainer.should_stop, stopping.best_score) == (True, torch.tensor(0.1))
    assert set(trainer.callback_metrics) == {"train/loss", "epoch"}


def test_a_lightning_that_copies_what_is_monitored(monkeypatch):
    monkeypatch.setattr(pl.Trainer, "callback_metrics", property(lambda self: {}))
    trainer = pl.Trainer(logger=False, enable_checkpointing=False, accelerator="cpu")
    with pytest.raises(UnknownInternalsError, match="callback_metrics is a copy"):
        monitor(trainer, {"train/loss": 0.1})
