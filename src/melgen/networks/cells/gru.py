"""The gated recurrent unit, in both of its variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from melgen.checking import require
from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, State
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.layers.state_checks import StateShape
from melgen.networks.layers.torch_module import AbstractTorchLayer
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.kernels import AbstractKernel, from_sigma, tanh_backward
from melgen.networks.stepping import AbstractStepper


class _AbstractGRUKernel(AbstractKernel):
    """Blocks r, u, n."""

    scales = (1.0, 1.0, 2.0)
    summed = sigmoid = 2
    saved = 1

    def _blend(self, argument: Tensor, gates: Sequence[Tensor], before: Tensor, after: Tensor) -> None:
        """``h' = u * h + (1 - u) * n`` from the argument of n."""
        n = from_sigma(torch.sigmoid(argument, out=argument), out=gates[2])
        torch.lerp(n, before, gates[1], out=after)

    def _blend_backward(self, gates: Sequence[Tensor], before: Tensor, dh: Tensor, du: Tensor) -> Tensor:
        """The gradient of n's argument, computed from that of ``h'`` and written over n too."""
        _, u, n = gates
        work = self.scratch[0]
        torch.sub(before, n, out=work)
        torch.mul(work, dh, out=du)
        # The argument is doubled (its scale is 2), so that n is tanh(argument / 2).
        torch.addcmul(dh, dh, u, value=-1, out=work).mul_(0.5)
        dh.mul_(u)
        return tanh_backward(work, n, grad_input=n)


class GRUKernel(_AbstractGRUKernel):
    """The reset after the product, which is kept separate."""

    separate = True

    def forward(self, gates, before, after, saved):
        """One time step."""
        argument = torch.addcmul(gates[2], gates[0], saved[0], out=self.scratch[0])
        self._blend(argument, gates, before[0], after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        dr, du = of_gates
        of_argument = self._blend_backward(gates, before[0], grad[0], du)
        torch.mul(of_argument, saved[0], out=dr)
        torch.mul(of_argument, gates[0], out=saved[0])


class ResetBeforeGRUKernel(_AbstractGRUKernel):
    """The reset before the product; saved: r * h."""

    def forward(self, gates, before, after, saved):
        """One time step."""
        torch.mul(gates[0], before[0], out=saved[0])
        argument = self.scratch[0].copy_(gates[2])
        assert self.times_last is not None
        self.times_last.add(saved[0], argument)
        self._blend(argument, gates, before[0], after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        (dh,), (dr, du), work = grad, of_gates, self.scratch[0]
        of_argument = self._blend_backward(gates, before[0], dh, du)
        assert self.times_last is not None
        self.times_last.write(of_argument, work)
        torch.mul(work, before[0], out=dr)
        dh.addcmul_(work, gates[0])

    def last_factor(self, saved):
        """``r * h``."""
        return saved[0]


class GRU(AbstractRecurrentLayer):
    """Gated recurrent unit (Cho et al., arXiv:1406.1078), in either of its two variants.

    ::

        r, u = sigma(W x + R h + b)               each with its own weights
        n = tanh(W x + b + r * (R h))             reset_after=True: torch and cuDNN
        n = tanh(W x + b + R (r * h))             reset_after=False: TensorFlow 1 and the publication
        h' = u * h + (1 - u) * n

    torch's name for u is z. With ``paper`` initialisation the biases of r and u start at 1: the cell begins by
    neither resetting nor updating. (torch's bias inside ``r * (R h + b)`` is trained with ``torch`` initialisation
    only, see `AbstractTorchLayer`.)

    Args:
        input_size: width of the input.
        hidden_size: width of output and state.
        reset_after: whether the reset gate acts after the product with the state. The reference of True is
            torch's own module, that of False a loop of steps.

    >>> output, h = GRU(3, 4, reset_after=False)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "gru"

    def __init__(self, input_size: int, hidden_size: int, reset_after: bool = True):
        super().__init__(input_size, hidden_size)
        require(isinstance(reset_after, bool), "reset_after", reset_after, "true or false")
        variant = _ResetAfterGRU if reset_after else _ResetBeforeGRU
        self.reading: AbstractRecurrentLayer = variant(input_size, hidden_size)
        """Its name is part of the names of the weights in checkpoints."""
        self.reset_after = reset_after

    @property
    def options(self) -> dict[str, Any]:
        """The variant of the cell, as plain data."""
        return {"reset_after": self.reset_after}

    @property
    def state_shape(self) -> StateShape | None:
        """That of the variant."""
        return self.reading.state_shape

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        return self.reading(input, state)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read tokens by their embedding."""
        return self.reading.forward_rows(tokens, tables, state)

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> AbstractStepper:
        """Read one time step after another."""
        return self.reading.stepper(batch_size, state, tables, backend)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        self.reading.initialize(initialization)


_GRU_START = TensorFlowInit(kernels=(2, 1), bias=(1.0, 1.0, 0.0))


class _ResetAfterGRU(AbstractTorchLayer):
    module = nn.GRU
    kernel = GRUKernel
    start = _GRU_START


class _ResetBeforeGRU(AbstractScannedLayer):
    """Blocks r, u, n; the product of n needs r."""

    blocks_of_products = (2, 1)
    kernel = ResetBeforeGRUKernel
    start = _GRU_START

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        r, u = torch.addmm(inputs[0], state, weights[0]).sigmoid().chunk(2, dim=1)
        n = torch.addmm(inputs[1], r * state, weights[1]).tanh()
        return torch.lerp(n, state, u)
