"""Training with Lightning: the module, its callbacks and loggers, checkpoints that resume exactly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from melgen.old_targets import former_names

if TYPE_CHECKING:
    from melgen.errors import DivergenceError
    from melgen.training.checkpointing import Checkpoints
    from melgen.training.module import MelodyModule

__all__ = ["Checkpoints", "DivergenceError", "MelodyModule"]

_MODULES = {"Checkpoints": "checkpointing", "DivergenceError": "divergence", "MelodyModule": "module"}
_former = former_names(__name__)


def __getattr__(name: str) -> Any:
    """Import a class when it is asked for: `melgen.training.checks` needs neither torch nor Lightning."""
    if name not in _MODULES:
        return _former(name)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
