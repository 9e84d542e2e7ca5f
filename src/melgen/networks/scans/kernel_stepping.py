"""The steps of a kernel, one after another, without gradients: how songs are written.

The call of a layer is made for windows: for a single step it scales the weights and allocates every buffer again. A
stepper does both once. It keeps the state and all buffers, so that only the operations of a step are left.

Letters as in `melgen.networks.model`; G is the number of blocks of H rows that a cell's weights have.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from melgen.networks.products.backends import Backend
from melgen.networks.scans.kernel_scan import run_step, views_of_steps
from melgen.networks.scans.kernels import AbstractKernel
from melgen.networks.scans.state_product import StateProduct
from melgen.networks.scans.step_projection import StepProjection
from melgen.networks.stepping import AbstractStepper


class KernelStepper(AbstractStepper):
    """The steps of a kernel.

    Args:
        kernel: the arithmetic of a step.
        projection: of the input.
        weight: the weights of the state.
        bias: the bias of a product that the kernel keeps separate.
        states: the state before.
        backend: who computes the products.

    The weight and the bias, and those of ``projection``, must be multiplied by the kernel's scales (`scaled`).

    Shape:
        weight ``[G * H, H]``, bias ``[H]``, states ``[B, H]``.
    """

    def __init__(
        self,
        kernel: type[AbstractKernel],
        projection: StepProjection,
        weight: Tensor,
        bias: Tensor | None,
        states: Sequence[Tensor],
        backend: Backend,
    ):
        batch_size, width = states[0].shape
        backend = backend.or_default_if_small(batch_size * weight.numel())
        gates = weight.new_empty(1, batch_size, len(weight))
        both = [weight.new_empty(2, batch_size, width) for _ in states]
        for pair, state in zip(both, states, strict=True):
            pair[0] = state
        kernel.begin([pair[0] for pair in both])
        saved = [weight.new_empty(1, batch_size, width) for _ in range(kernel.saved)]
        self._projection, self._backend = projection, backend
        self._gates = gates[0]
        self._times_state = StateProduct(kernel, weight, backend, batch_size, 1, bias)
        self._arithmetic = kernel(weight.new_empty(2, batch_size, width).unbind(0), self._times_state.times_last)
        # The state moves back and forth between two buffers, since a kernel may read it while it writes the next.
        (self._next,) = views_of_steps(kernel, gates, both, saved)
        self._after_next = self._next._replace(before=self._next.after, after=self._next.before)

    def step(self, input: Tensor) -> Tensor:
        """The output after one more time step."""
        with self._backend.for_steps():
            self._projection.write(input, self._gates)
            run_step(self._arithmetic, self._times_state, self._next)
        self._next, self._after_next = self._after_next, self._next
        return self._after_next.after[0]
