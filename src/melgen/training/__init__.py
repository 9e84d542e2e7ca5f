"""Training with Lightning: the module, its callbacks and loggers, checkpoints that resume exactly."""

from melgen.training.checkpoints import Checkpoints
from melgen.training.module import DivergenceError, MelodyModule

__all__ = ["Checkpoints", "DivergenceError", "MelodyModule"]
