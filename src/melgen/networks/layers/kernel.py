"""Layers with a kernel: the arithmetic of a step with a product with the state, for scans and for single steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from melgen.networks.layers.fast import AbstractFastLayer
from melgen.networks.layers.projected import AbstractProjectedLayer, Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.graphs import recorded_scans
from melgen.networks.scans.kernel_scan import scaled, zero_states
from melgen.networks.scans.kernel_stepping import KernelStepper, ProjectedInput, ProjectedTables, can_step
from melgen.networks.scans.kernels import AbstractKernel
from melgen.networks.stepping import AbstractStepper


class AbstractKernelLayer(AbstractProjectedLayer):
    """A layer that has a kernel in addition to its reference implementation.

    Attributes:
        kernel: its arithmetic for the fast scan; None for a layer that has only its reference.
    """

    kernel: ClassVar[type[AbstractKernel] | None] = None

    @abstractmethod
    def parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The weights of input and state, the bias, and the bias of a separate product, for the kernel."""

    @property
    def has_fast(self) -> bool:
        """Whether the layer has a kernel."""
        return self.kernel is not None

    @property
    def step_weight(self) -> Tensor | None:
        """The weight by which each step multiplies the state."""
        return self.parts()[1]

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> AbstractStepper:
        """What reads one time step after another: the kernel, unless a subclass has a `forward` or `forward_rows`."""
        calls = (type(self).forward, type(self).forward_rows)
        is_ours = calls == (AbstractFastLayer.forward, AbstractProjectedLayer.forward_rows)
        if not is_ours or self.implementation == "reference" or self.kernel is None or not can_step(self.parts()[0]):
            return super().stepper(batch_size, state, tables, backend)
        weight_ih, weight_hh, bias, separate = self._scaled_parts()
        projection = ProjectedInput(weight_ih, bias) if tables is None else ProjectedTables(tables, weight_ih, bias)
        states = zero_states(self.kernel, weight_hh, batch_size) if state is None else _tensors_of(state)
        return KernelStepper(self.kernel, projection, weight_hh, separate, states, backend)

    def forward_projected(self, project: Projection, state: State, backend: Backend) -> tuple[Tensor, State]:
        """Scan the products of the input with both weights scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate = self._scaled_parts()
        # On a CPU it scans; on a GPU it replays a recorded scan.
        run = recorded_scans(self).scan_or_replay
        states = None if state is None else _tensors_of(state)
        output, last = run(self.kernel, project(weight_ih, bias), weight_hh, separate, states, backend)
        return output.transpose(0, 1), last[0] if self.kernel.states == 1 else tuple(last)

    def _scaled_parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The `parts`, scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate = self.parts()
        weight_ih, weight_hh, bias = scaled(self.kernel, weight_ih, weight_hh, bias)
        if separate is not None:
            separate = separate * self.kernel.scales[-1]
        return weight_ih, weight_hh, bias, separate


def _tensors_of(state: State) -> Sequence[Tensor]:
    """The tensors of a state, which is one or a tuple of them."""
    return (state,) if isinstance(state, Tensor) else state
