"""Training with Lightning: the module, its callbacks and loggers, checkpoints that resume exactly."""

from melgen.errors import DivergenceError
from melgen.training.checkpointing import Checkpoints
from melgen.training.module import MelodyModule

__all__ = ["Checkpoints", "DivergenceError", "MelodyModule"]
