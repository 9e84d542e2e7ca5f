"""The interface of what reads one time step after another, without gradients: how songs are written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from torch import Tensor


class AbstractStepper(ABC):
    """A layer that has read something, and reads one more time step with each call."""

    @abstractmethod
    def step(self, input: Tensor) -> Tensor:
        """The output after one more time step; the call after the next may overwrite it.

        Shape:
            input ``[B, I]``, or tokens ``[B]`` or ``[B, tables]`` for rows of tables; output ``[B, H]``.
        """


class CallStepper(AbstractStepper):
    """The ordinary call of any layer, for one time step.

    Args:
        call: ``(input, state) -> (output, state)``, as a layer is called.
        state: the state before.
    """

    def __init__(self, call: Callable[[Tensor, Any], tuple[Tensor, Any]], state: Any):
        self._call, self._state = call, state

    def step(self, input: Tensor) -> Tensor:
        """The output after one more time step."""
        output, self._state = self._call(input.unsqueeze(1), self._state)
        return output[:, -1]
