"""One time step after another, without gradients: how songs are written.

The call of a layer is made for windows: for a single step it scales the weights and allocates every buffer again. A
stepper does both once. It keeps the state and all buffers, so that only the operations of a step are left.

Letters as in `melgen.networks.model`; N is the number of blocks of H rows that a cell's weights have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from melgen.internals.torch import is_transforming
from melgen.networks.products.backends import Products
from melgen.networks.scans.kernel_scan import read_step, views_of_steps
from melgen.networks.scans.kernels import AbstractKernel
from melgen.networks.scans.state_product import StateProduct


class AbstractStepper(ABC):
    """A layer that has read something, and reads one more time step with each call."""

    @abstractmethod
    def read(self, input: Tensor) -> Tensor:
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

    def read(self, input: Tensor) -> Tensor:
        """The output after one more time step."""
        output, self._state = self._call(input.unsqueeze(1), self._state)
        return output[:, -1]


class StepProjection(Protocol):
    """The products of a step's input with the input weights."""

    def write(self, input: Tensor, out: Tensor) -> None:
        """Write them into ``out``, ``[B, N * H]``."""


class ProjectedInput:
    """The projection of an input ``[B, I]``."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self._weight, self._bias = weight.t(), bias

    def write(self, input: Tensor, out: Tensor) -> None:
        """Multiply."""
        if self._bias is None:
            torch.mm(input, self._weight, out=out)
        else:
            torch.addmm(self._bias, input, self._weight, out=out)


class ProjectedRows:
    """The projection of sums of rows, one of each table; the rows are multiplied in advance."""

    def __init__(self, tables: Sequence[Tensor], weight: Tensor, bias: Tensor | None):
        lowest, *others = tables
        # The bias is added once, to the rows of the first table.
        self._tables = [F.linear(lowest, weight, bias), *(F.linear(table, weight) for table in others)]

    def write(self, input: Tensor, out: Tensor) -> None:
        """Look up and add."""
        lowest, *others = self._tables
        first, *columns = [input] if input.ndim == 1 else input.unbind(-1)
        torch.index_select(lowest, 0, first, out=out)
        for table, column in zip(others, columns, strict=True):
            out.add_(F.embedding(column, table))


class KernelStepper(AbstractStepper):
    """The steps of a kernel.

    Args:
        kernel: the arithmetic of a step.
        projection: of the input.
        weight: the weights of the state.
        bias: the bias of a product that the kernel keeps separate.
        states: the state before.
        products: who computes the products.

    All weights and biases must be `scaled`.

    Shape:
        weight ``[N * H, H]``, bias ``[H]``, states ``[B, H]``.
    """

    def __init__(
        self,
        kernel: type[AbstractKernel],
        projection: StepProjection,
        weight: Tensor,
        bias: Tensor | None,
        states: Sequence[Tensor],
        products: Products,
    ):
        rows, width = states[0].shape
        gates = weight.new_empty(1, rows, len(weight))
        both = [weight.new_empty(2, rows, width) for _ in states]
        for pair, state in zip(both, states, strict=True):
            pair[0] = state
        kernel.begin([pair[0] for pair in both])
        saved = [weight.new_empty(1, rows, width) for _ in range(kernel.saved)]
        self._projection, self._products = projection, products
        self._gates = gates[0]
        self._times_state = StateProduct(kernel, weight, products, rows, 1, bias)
        self._cell = kernel(weight.new_empty(2, rows, width).unbind(0), self._times_state.times_last)
        # The state moves back and forth between two buffers, since a kernel may read it while it writes the next.
        (sums, sigmas, blocks, one, other, kept), *_ = views_of_steps(kernel, gates, both, saved)
        self._next, self._after_next = (
            (sums, sigmas, blocks, before, after, kept) for before, after in ((one, other), (other, one))
        )

    def read(self, input: Tensor) -> Tensor:
        """The output after one more time step."""
        with self._products.for_steps():
            self._projection.write(input, self._gates)
            read_step(self._cell, self._times_state, self._next)
        self._next, self._after_next = self._after_next, self._next
        return self._after_next[4][0]


def can_step(weight: Tensor) -> bool:
    """Whether the steps of a kernel can be used for a layer with this weight.

    On a CPU in single precision, where nothing records or rewrites the operations; elsewhere the ordinary call is used.
    """
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not is_transforming()
        and not torch.compiler.is_compiling()
    )
