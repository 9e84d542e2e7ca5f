"""Layers without a product with the state, most of them linear recurrences: weights multiply whole sequences only.

What a step needs of its input (*coefficients*) does not depend on the state, so it is computed for all steps at once,
and in the lowest layer once for each row of the embedding. What remains of a step is elementwise, except in HGRN2,
whose state is a matrix that multiplies a coefficient.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from melgen.networks.embedding_tables import embed
from melgen.networks.layers.projected import AbstractProjectedLayer, Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.linear_scan import linear_scan, linear_steps


class AbstractElementwiseLayer(AbstractProjectedLayer):
    """A layer without a product with the state: no matrix of weights multiplies it in a step.

    The steps of most are elementwise. A step of IndRNN or LRU multiplies each number of the state by a weight.
    """

    @abstractmethod
    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """What each step needs of its input.

        Each row must depend on the same row of the input alone.

        Args:
            project: multiplies the input by a weight ``[N, I]``, of any number of rows N, and adds a bias; the result
                is ``[T, B, N]``.
            backend: who computes further products.
            fast: whether to use functions with a gradient of their own instead of autograd.

        Returns:
            Tensors ``[T, B, ...]``.
        """

    @abstractmethod
    def scan(
        self, coefficients: tuple[Tensor, ...], state: State, backend: Backend, fast: bool
    ) -> tuple[Tensor, State]:
        """Run all steps.

        Args:
            coefficients: as `coefficients` returns them.
            state: the state before, None for zeros.
            backend: who computes further products.
            fast: whether to use a function with a gradient of its own instead of autograd.

        Returns:
            The output, time first, ``[T, B, H]``, and the state after the last step.
        """

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read the sequence step by step, time first."""
        time_first = input.transpose(0, 1).contiguous()
        coefficients = self.coefficients(lambda weight, bias: F.linear(time_first, weight, bias), TORCH, False)
        output, last = self.scan(coefficients, state, TORCH, fast=False)
        return output.transpose(0, 1), last

    def forward_projected(self, project: Projection, state: State, backend: Backend) -> tuple[Tensor, State]:
        """Compute the coefficients of all steps, and scan them."""
        output, last = self.scan(self.coefficients(project, backend, True), state, backend, fast=True)
        return output.transpose(0, 1), last

    def forward_rows_fast(
        self, tokens: Tensor, tables: Sequence[Tensor], state: State, backend: Backend
    ) -> tuple[Tensor, State]:
        """Read tokens by their embedding; a row of a single table has the same coefficients wherever it is read."""
        if len(tables) > 1:  # a step reads the sum of several rows
            return super().forward_rows_fast(tokens, tables, state, backend)
        (table,) = tables
        of_rows = self.coefficients(lambda weight, bias: F.linear(table, weight, bias).unsqueeze(0), TORCH, True)
        coefficients = tuple(embed(tokens, [each.squeeze(0)]) for each in of_rows)
        output, last = self.scan(coefficients, state, backend, fast=True)
        return output.transpose(0, 1), last


class AbstractLinearLayer(AbstractElementwiseLayer):
    """A linear recurrence, ``h' = a * h + b``, with a and b from the input; h is the output.

    A subclass computes a and b in `coefficients`.
    """

    @property
    def state_shape(self) -> StateShape:
        """H numbers."""
        return several_states(self.hidden_size, 1)

    def scan(
        self, coefficients: tuple[Tensor, ...], state: State, backend: Backend, fast: bool
    ) -> tuple[Tensor, State]:
        """Run all steps in place, or by autograd."""
        keep, written = coefficients
        return (linear_scan if fast else linear_steps)(keep, written, state)
