"""The cell found by neural architecture search."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.kernel_layers import AbstractScannedLayer
from melgen.networks.kernels import NASKernel
from melgen.networks.recurrent import State


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
