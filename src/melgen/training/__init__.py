"""Training with Lightning: the module, its callbacks and loggers, checkpoints that resume exactly."""

from typing import TYPE_CHECKING

from melgen.errors import DivergenceError
from melgen.old_targets import former_names
from melgen.training.checkpointing import Checkpoints
from melgen.training.module import MelodyModule

__all__ = ["Checkpoints", "DivergenceError", "MelodyModule"]

if not TYPE_CHECKING:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)
