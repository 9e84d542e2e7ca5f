"""Training with Lightning: the module, its callbacks and loggers, checkpoints that resume exactly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from melgen.errors import DivergenceError
    from melgen.training.checkpointing import Checkpoints
    from melgen.training.module import MelodyModule

__all__ = ["Checkpoints", "DivergenceError", "MelodyModule"]

_MODULES = {"Checkpoints": "checkpointing", "DivergenceError": "divergence", "MelodyModule": "module"}


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: `melgen.training.checks` needs neither torch nor Lightning."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
