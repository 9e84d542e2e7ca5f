"""Internals of Lightning."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer import call

from melgen.internals import UnknownInternalsError

PACKAGE = "pytorch-lightning"

HOOK_NAME = "_current_fx_name"
"""The attribute of a module in which Lightning notes the running hook, some forty times an update.

`torch.nn.Module.__setattr__` looks for a parameter of that name each time, which takes a noticeable part of a small
network's update. Looked for: Lightning has no switch for these notes, which only `LightningModule.log` reads.
"""

_COUNTERS = frozenset({"ready", "started", "processed", "completed"})
_STEPPED = "_batches_that_stepped"


def check_hook_name(module: pl.LightningModule) -> None:
    """Check that Lightning still notes the running hook under `HOOK_NAME`.

    Raises:
        UnknownInternalsError: it does not.
    """
    if not hasattr(module, HOOK_NAME):
        raise UnknownInternalsError(PACKAGE, f"LightningModule has no {HOOK_NAME}")


HOOKS_OF_AN_UPDATE = (
    "on_train_batch_start",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)
"""The hooks that Lightning calls in every update, of the module and of each callback."""


def skip_empty_hooks(part: pl.LightningModule | pl.Callback) -> None:
    """Let Lightning pass over the hooks of an update that a module or callback leaves empty.

    Lightning prepares every call of a hook, which takes longer than an empty hook itself. It calls no hook that is
    None. Looked for: the trainer has no list of the hooks that are used.

    Args:
        part: is changed, unless this Lightning would call None.
    """
    base = pl.LightningModule if isinstance(part, pl.LightningModule) else pl.Callback
    if not _passes_over_none():
        return
    for name in HOOKS_OF_AN_UPDATE:
        if name not in vars(part) and getattr(type(part), name) is getattr(base, name):
            setattr(part, name, None)


def _passes_over_none() -> bool:
    """Whether this Lightning passes over a hook that is None; one that does not calls empty hooks."""
    part: Any = SimpleNamespace(hook=None, state_key="", **{HOOK_NAME: None})
    profiler = SimpleNamespace(profile=lambda _: nullcontext())
    trainer: Any = SimpleNamespace(callbacks=[part], lightning_module=part, profiler=profiler)
    try:
        call._call_callback_hooks(trainer, "hook")
        call._call_lightning_module_hook(trainer, "hook")
    except (AttributeError, TypeError):
        return False
    return True


def monitor(trainer: pl.Trainer, metrics: Mapping[str, float]) -> None:
    """Give metrics of a training to callbacks that monitor them, until the next values.

    `LightningModule.log` does that too, and Lightning then collects the values again in every update of the epoch.
    Looked for: `log` has no option against it.

    Raises:
        UnknownInternalsError: callbacks would not see them.
    """
    device = trainer.strategy.root_device
    trainer.callback_metrics.update({key: torch.tensor(float(value), device=device) for key, value in metrics.items()})
    if not metrics.keys() <= trainer.callback_metrics.keys():
        raise UnknownInternalsError(PACKAGE, "Trainer.callback_metrics is a copy")


def rewrite_loops(fit_loop: dict[str, Any], *, epoch: int, windows: int, updates: int) -> None:
    """Rewrite the saved counters of Lightning's loops: between two updates, nothing is pending.

    Lightning restores its loops from counters that mean different things in different hooks, and then steps over or
    repeats a batch, a validation or an epoch's end. Looked for: `Trainer.fit(ckpt_path=...)` takes no position, and
    a stateful loader restores the batches but not the loops.

    Args:
        fit_loop: ``checkpoint["loops"]["fit_loop"]``; is changed.
        epoch: completed epochs.
        windows: updates within the epoch after those.
        updates: all updates.

    Raises:
        UnknownInternalsError: the counters have other names.
    """
    begun = epoch + (windows > 0)
    try:
        epochs, batches = fit_loop["epoch_progress"], fit_loop["epoch_loop.batch_progress"]
        state = fit_loop["epoch_loop.state_dict"]
        for scope in ("total", "current"):
            _set(epochs[scope], ready=begun, started=begun, processed=epoch, completed=epoch)
        for scope, done in (("total", updates), ("current", windows)):
            _set(batches[scope], ready=done, started=done, processed=done, completed=done)
        _replace(batches, "is_last_batch", False)
        _replace(state, _STEPPED, updates)
    except KeyError as error:
        raise UnknownInternalsError(PACKAGE, f"the saved loops have no counter {error}") from error


def check_loops(trainer: pl.Trainer, *, epoch: int, windows: int, updates: int) -> None:
    """Check that the loops of a resumed training are where `rewrite_loops` has set them.

    Raises:
        UnknownInternalsError: they are elsewhere; going on would repeat or leave out updates.
    """
    loop = trainer.fit_loop.epoch_loop
    found = {"epoch": trainer.current_epoch, "windows": loop.batch_progress.current.ready, "updates": loop.global_step}
    expected = {"epoch": epoch, "windows": windows, "updates": updates}
    if found != expected:
        raise UnknownInternalsError(PACKAGE, f"resumed at {found} instead of {expected}")


def _set(counters: dict[str, int], **values: int) -> None:
    if counters.keys() != _COUNTERS:
        raise UnknownInternalsError(PACKAGE, f"its loops count {sorted(counters)} instead of {sorted(_COUNTERS)}")
    counters.update(values)


def _replace(values: dict[str, Any], key: str, value: Any) -> None:
    if key not in values:
        raise KeyError(key)
    values[key] = value
