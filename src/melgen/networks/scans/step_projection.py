"""The products of the input of a single step with the input weights, without gradients.

They are what the steps of a kernel and those of attention have in common, when songs are written.

Letters as in `melgen.networks.model`; I is the width of a layer's input, N the number of rows of its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from melgen.networks.embedding_tables import embed_into, projected_tables


class StepProjection(Protocol):
    """The products of a step's input with the input weights."""

    def write(self, input: Tensor, out: Tensor) -> None:
        """Write them into ``out``, ``[B, N]``."""


class ProjectedInput:
    """The projection of an input ``[B, I]`` by a weight ``[N, I]`` and a bias ``[N]``."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        self._weight, self._bias = weight.t(), bias

    def write(self, input: Tensor, out: Tensor) -> None:
        """Multiply."""
        if self._bias is None:
            torch.mm(input, self._weight, out=out)
        else:
            torch.addmm(self._bias, input, self._weight, out=out)


class ProjectedTables:
    """The projection of sums of rows, one of each table; the tables are multiplied in advance."""

    def __init__(self, tables: Sequence[Tensor], weight: Tensor, bias: Tensor | None):
        self._tables = projected_tables(tables, weight, bias)

    def write(self, input: Tensor, out: Tensor) -> None:
        """Look up and add."""
        embed_into(out, input, self._tables)
