"""The cells: three that torch has, and the cells of the paper that torch lacks, as TensorFlow 1 defines them.

Adding a cell takes one class here and one file in ``conf/cell/``. Notation: x is the input of a step, h
the state before it, h' the state after it; sigma is the logistic function, * the elementwise product; W and R
multiply input and state.

A constant that TensorFlow adds to a gate at run time (LSTM's and UGRNN's forget bias of +1) is here the
initial value of that gate's trained bias. The initial function is the same, and so is every gradient.
Gradient descent, Adam and clipping then change both in the same way, since the two parametrisations differ
by a constant. (Weight decay would not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from melgen.checking import require
from melgen.internals.torch import onednn_multiplies
from melgen.networks.initialization import TensorFlowInit
from melgen.networks.kernels import (
    GRUKernel,
    LSTMKernel,
    NASKernel,
    ResetBeforeGRUKernel,
    RNNKernel,
    UGRNNKernel,
)
from melgen.networks.products import TORCH
from melgen.networks.recurrent import (
    AbstractRecurrentLayer,
    AbstractScannedLayer,
    AbstractTorchLayer,
    State,
    map_state,
)
from melgen.networks.scan import multiplies_in_bfloat16


class LSTM(AbstractTorchLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997), by ``torch.nn.LSTM``.

    ::

        i, f, o = sigma(W x + R h + b)    each with its own weights
        g = tanh(W x + R h + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    With ``paper`` initialisation the forget bias starts at 1, so that the cell remembers until it learns
    to forget; TensorFlow's ``BasicLSTMCell`` adds that 1 at run time to a bias of 0. Gates are in torch's
    order i, f, g, o; TensorFlow's i, j, f, o has j for our g.

    >>> output, (h, c) = LSTM(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "lstm"
    module = nn.LSTM
    kernel = LSTMKernel
    start = TensorFlowInit(kernels=(4,), bias=(0.0, 1.0, 0.0, 0.0))

    def is_fast(self, tensor: Tensor, rows: bool) -> bool:
        """Whether to use the kernel; with torch's products only for rows, since its fused loop is otherwise faster."""
        fused = torch.backends.mkldnn.is_available() and (not rows or multiplies_in_bfloat16(tensor))
        return not (self.backend is TORCH and fused) and super().is_fast(tensor, rows)

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Use torch's loop; in single precision if oneDNN lacks autocast's type, as on a CPU without AVX-512."""
        half = torch.get_autocast_dtype("cpu")
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or onednn_multiplies(half):
            return super().forward_reference(input, state)
        with torch.autocast("cpu", enabled=False):
            output, last = super().forward_reference(input.float(), map_state(Tensor.float, state))
        return output.to(half), map_state(lambda tensor: tensor.to(half), last)


class RNN(AbstractTorchLayer):
    """Elman's network, ``h' = tanh(W x + R h + b)``, by ``torch.nn.RNN``.

    >>> output, h = RNN(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "rnn"
    module = nn.RNN
    kernel = RNNKernel
    start = TensorFlowInit(kernels=(1,), bias=(0.0,))


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
        reading = _ResetAfterGRU if reset_after else _ResetBeforeGRU
        self.reading: AbstractRecurrentLayer = reading(input_size, hidden_size)
        self.reset_after = reset_after

    @property
    def options(self) -> dict[str, Any]:
        """The variant of the cell, as plain data."""
        return {"reset_after": self.reset_after}

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        return self.reading(input, state)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read a sequence of rows of a table."""
        return self.reading.forward_rows(tokens, tables, state)

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

    products = (2, 1)
    kernel = ResetBeforeGRUKernel
    start = _GRU_START

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        r, u = torch.addmm(inputs[0], state, weights[0]).sigmoid().chunk(2, dim=1)
        n = torch.addmm(inputs[1], r * state, weights[1]).tanh()
        return torch.lerp(n, state, u)


class UGRNN(AbstractScannedLayer):
    """Update gate recurrent network (Collins, Sohl-Dickstein & Sussillo, arXiv:1611.09913).

    ::

        g = sigma(W x + R h + b)
        c = tanh(W x + R h + b)    with its own weights
        h' = g * h + (1 - g) * c

    With ``paper`` initialisation the bias of g starts at 1; TensorFlow's ``UGRNNCell`` adds that 1 at run
    time to a bias of 0. Blocks: g, c.

    >>> output, h = UGRNN(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "ugrnn"
    products = (2,)
    kernel = UGRNNKernel
    start = TensorFlowInit(kernels=(2,), bias=(1.0, 0.0))

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """One time step."""
        g, c = torch.addmm(inputs[0], state, weights[0]).chunk(2, dim=1)
        return torch.lerp(c.tanh(), state, g.sigmoid())


class NAS(AbstractScannedLayer):
    """The cell found by neural architecture search (Zoph & Le, arXiv:1611.01578), as in TensorFlow's
    ``NASCell``.

    With ``x_k = W_k x`` and ``h_k = R_k h`` for eight blocks k, and no biases::

        a_0, a_2, a_5, a_7 = sigma(x_k + h_k)
        a_4, a_6 = tanh(x_k + h_k)
        a_1 = relu(x_1 + h_1)
        a_3 = relu(x_3 * h_3)

        p = tanh(a_0 * a_1)
        q = tanh(a_2 + a_3)
        s = tanh(a_4 * a_5)
        t = sigma(a_6 + a_7)

        c' = tanh(p + c) * q
        h' = tanh(c' * tanh(s + t))

    The blocks k are TensorFlow's. Our weights have them in the order 0, 2, 5, 7, 4, 6, 1, 3, so that
    blocks with the same function are adjacent and one call computes them. TensorFlow has one kernel for the
    input and another for the state, each with its own fans.

    >>> output, (h, c) = NAS(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "nas"
    products = (7, 1)
    kernel = NASKernel
    states = 2
    start = TensorFlowInit(kernels=(8,), joint=False)

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """One time step."""
        h, c = state
        width = h.shape[1]
        sums = torch.addmm(inputs[0], h, weights[0])
        of_sigmoids, of_tanhs, of_relu = sums.split((4 * width, 2 * width, width), dim=1)
        a0, a2, a5, a7 = of_sigmoids.sigmoid().chunk(4, dim=1)
        a4, a6 = of_tanhs.tanh().chunk(2, dim=1)
        a1 = of_relu.relu()
        a3 = (inputs[1] * torch.mm(h, weights[1])).relu()
        p = (a0 * a1).tanh()
        q = (a2 + a3).tanh()
        s = (a4 * a5).tanh()
        t = (a6 + a7).sigmoid()
        c = (p + c).tanh() * q
        return (c * (s + t).tanh()).tanh(), c
