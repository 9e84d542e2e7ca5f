"""Layers that multiply their input by weights before anything else, so that one product is enough for all steps.

Letters as in `melgen.networks.model`; I is the width of a layer's input.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from melgen.networks.layers.recurrent import AbstractRecurrentLayer, State, embedded, map_state
from melgen.networks.products.backends import TORCH, Products, linear
from melgen.networks.scans.fast_path import can_be_fast, products_for

Projection: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""Multiplies a layer's input by a weight and adds a bias."""


def in_float32(
    run: Callable[[State], tuple[Tensor, State]], state: State, products: Products, input: Tensor
) -> tuple[Tensor, State]:
    """Run a layer on this input from a state: without autocast, if its products round to bfloat16 themselves."""
    if not products.in_bfloat16:
        return run(state)
    with torch.autocast(input.device.type, enabled=False):
        return run(map_state(Tensor.float, state))


class AbstractProjectedLayer(AbstractRecurrentLayer):
    """A layer that multiplies its input by weights before anything else.

    It has a reference by autograd alone, and a fast implementation, `read`, which gets the input as a function that
    multiplies it. A subclass whose input does not fit that replaces `forward` and `forward_rows`.
    """

    backend: Products = TORCH
    """Who computes its products."""

    @abstractmethod
    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """`forward` by autograd alone, one step after another or by torch's module."""

    @abstractmethod
    def read(self, project: Projection, state: State, products: Products) -> tuple[Tensor, State]:
        """The fast implementation of `forward`, in single precision.

        Args:
            project: multiplies the input by a weight ``[N, I]`` and adds a bias; time first, ``[T, B, N]``.
            state: the state before, None for zeros.
            products: who computes further products.

        Returns:
            The output, batch first, ``[B, T, H]``, and the state after the last step.
        """

    def is_fast(self, tensor: Tensor, rows: bool) -> bool:
        """Whether to use `read` for an input like this tensor; ``rows``: if it is a table whose rows are read."""
        return self.implementation != "reference" and can_be_fast(tensor)

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        if not self.is_fast(input, rows=False):
            return self.forward_reference(input, state)
        products = products_for(input, self.backend)

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            return linear(products, input.transpose(0, 1).contiguous().float(), weight, bias)

        return in_float32(lambda before: self.read(project, before, products), state, products, input)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read tokens by their embedding; tables with fewer rows than there are tokens are multiplied as a whole."""
        if tokens.numel() <= sum(map(len, tables)) or not self.is_fast(tables[0], rows=True):
            return self(embedded(tokens, tables), state)
        products = products_for(tables[0], self.backend)
        time_first = tokens.transpose(0, 1)
        return in_float32(
            lambda before: self.read_rows(time_first, tables, before, products), state, products, tables[0]
        )

    def read_rows(
        self, tokens: Tensor, tables: Sequence[Tensor], state: State, products: Products
    ) -> tuple[Tensor, State]:
        """The fast implementation of `forward_rows`, in single precision.

        Shape:
            tokens ``[T, B]`` or ``[T, B, tables]``, time first.
        """

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            lowest, *others = tables
            # The bias is added once, to the rows of the first table.
            return embedded(tokens, [F.linear(lowest, weight, bias), *(F.linear(table, weight) for table in others)])

        return self.read(project, state, products)
