"""Layers with a kernel: the arithmetic of a step with a product with the state, for scans and for single steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from torch import Tensor

from melgen.networks.layers.projected import AbstractProjectedLayer, Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.fast_path import can_step
from melgen.networks.scans.graphs import recorded_scans, records_on
from melgen.networks.scans.kernel_scan import scaled, scan, zero_states
from melgen.networks.scans.kernel_stepping import KernelStepper
from melgen.networks.scans.kernels import AbstractKernel
from melgen.networks.scans.step_projection import ProjectedInput, ProjectedTables
from melgen.networks.stepping import AbstractStepper


class KernelWeights(NamedTuple):
    """What a kernel needs of a layer's parameters; G is the number of blocks of H rows that the weights have.

    Attributes:
        weight_ih: the weights of the input, ``[G * H, I]``; weight_hh: those of the state, ``[G * H, H]``.
        bias: ``[G * H]``; separate_bias: that of a product that the kernel keeps separate, ``[H]``; None for zeros.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias: Tensor | None
    separate_bias: Tensor | None = None


class AbstractKernelLayer(AbstractProjectedLayer):
    """A layer that has a kernel in addition to its reference implementation.

    Attributes:
        kernel: its arithmetic for the fast scan; None for a layer that has only its reference.
    """

    kernel: ClassVar[type[AbstractKernel] | None] = None

    @abstractmethod
    def kernel_weights(self) -> KernelWeights:
        """The layer's parameters as the kernel needs them."""

    @property
    def state_shape(self) -> StateShape | None:
        """H numbers for each tensor of the kernel."""
        return None if self.kernel is None else several_states(self.hidden_size, self.kernel.states)

    @property
    def has_fast(self) -> bool:
        """Whether the layer has a kernel."""
        return self.kernel is not None

    @property
    def step_columns(self) -> int | None:
        """The columns for all blocks."""
        return len(self.kernel_weights().weight_hh)

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> AbstractStepper:
        """What reads one time step after another: the kernel, unless a subclass has a `forward` or `forward_rows`."""
        if self.kernel is None or not self.has_calls_of(AbstractKernelLayer) or self.implementation == "reference":
            return super().stepper(batch_size, state, tables, backend)
        if not can_step(self.kernel_weights().weight_hh):
            return super().stepper(batch_size, state, tables, backend)
        weight_ih, weight_hh, bias, separate_bias = self._scaled_weights()
        projection = ProjectedInput(weight_ih, bias) if tables is None else ProjectedTables(tables, weight_ih, bias)
        states = zero_states(self.kernel, weight_hh, batch_size) if state is None else _tensors_of(state)
        return KernelStepper(self.kernel, projection, weight_hh, separate_bias, states, backend)

    def forward_projected(self, project: Projection, state: State, backend: Backend) -> tuple[Tensor, State]:
        """Scan the products of the input with both weights scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate_bias = self._scaled_weights()
        projected = project(weight_ih, bias)
        run = recorded_scans(self).scan_or_replay if records_on(projected.device) else scan
        states = None if state is None else _tensors_of(state)
        output, last = run(self.kernel, projected, weight_hh, separate_bias, states, backend)
        return output.transpose(0, 1), last[0] if self.kernel.states == 1 else tuple(last)

    def _scaled_weights(self) -> KernelWeights:
        """The `kernel_weights`, scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate_bias = self.kernel_weights()
        if separate_bias is not None:  # of the last block
            separate_bias = separate_bias * self.kernel.scales[-1]
        weight_ih, weight_hh, bias = scaled(self.kernel, weight_ih, weight_hh, bias)
        return KernelWeights(weight_ih, weight_hh, bias, separate_bias)


def _tensors_of(state: State) -> Sequence[Tensor]:
    """The tensors of a state, which is one or a tuple of them."""
    return (state,) if isinstance(state, Tensor) else state
