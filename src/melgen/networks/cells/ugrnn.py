"""The update gate recurrent network."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.kernel_layers import AbstractScannedLayer
from melgen.networks.kernels import UGRNNKernel
from melgen.networks.recurrent import State


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
