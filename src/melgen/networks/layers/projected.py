"""Layers that multiply their input by weights before anything else, so that one product is enough for all steps.

Letters as in `melgen.networks.model`; I is the width of a layer's input, N the number of rows of a weight.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from torch import Tensor

from melgen.networks.embedding_tables import embed, projected_tables
from melgen.networks.layers.fast import AbstractFastLayer, outside_autocast
from melgen.networks.layers.recurrent import State
from melgen.networks.products.autocast import backend_for
from melgen.networks.products.backends import Backend
from melgen.networks.products.linear import linear

Projection: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""Multiplies a layer's input by a weight and adds a bias."""


class AbstractProjectedLayer(AbstractFastLayer):
    """A layer that multiplies its input by weights before anything else.

    Its fast implementation, `forward_projected`, gets the input as a function that multiplies it. So the lowest layer
    can multiply each row of the embedding once, instead of each token.
    """

    @abstractmethod
    def forward_projected(self, project: Projection, state: State, backend: Backend) -> tuple[Tensor, State]:
        """`forward` by the fast implementation, in single precision.

        Args:
            project: multiplies the input by a weight ``[N, I]`` and adds a bias; time first, ``[T, B, N]``.
            state: the state before, None for zeros.
            backend: who computes further products.

        Returns:
            The output, batch first, ``[B, T, H]``, and the state after the last step.
        """

    def forward_fast(self, input: Tensor, state: State, backend: Backend) -> tuple[Tensor, State]:
        """`forward` by the fast implementation."""

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            return linear(backend, input.transpose(0, 1).contiguous().float(), weight, bias)

        return self.forward_projected(project, state, backend)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read tokens by their embedding; tables with fewer rows than there are tokens are multiplied as a whole."""
        if tokens.numel() <= sum(map(len, tables)) or not self.is_fast(tables[0], is_table=True):
            return super().forward_rows(tokens, tables, state)
        backend, time_first = backend_for(tables[0], self.backend), tokens.transpose(0, 1)
        return outside_autocast(
            lambda before: self.forward_rows_fast(time_first, tables, before, backend), state, backend, tables[0]
        )

    def forward_rows_fast(
        self, tokens: Tensor, tables: Sequence[Tensor], state: State, backend: Backend
    ) -> tuple[Tensor, State]:
        """`forward_rows` by the fast implementation, in single precision.

        Shape:
            tokens ``[T, B]`` or ``[T, B, tables]``, time first.
        """

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            return embed(tokens, projected_tables(tables, weight, bias))

        return self.forward_projected(project, state, backend)
