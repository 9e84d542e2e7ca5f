"""The update gate recurrent network."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.scans.kernels import AbstractKernel, from_sigma


class UGRNNKernel(AbstractKernel):
    """Blocks g, c, with sigma in place of the tanh of c; saved: c itself."""

    scales = (1.0, 2.0)
    summed = sigmoid = 2
    saved = 1

    def forward(self, gates, before, after, saved):
        """One time step."""
        g, c = gates
        torch.lerp(from_sigma(c, out=saved[0]), before[0], g, out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        (dh,), (dg, dc), work = grad, of_gates, self.scratch[0]
        torch.sub(before[0], saved[0], out=work)
        torch.mul(work, dh, out=dg)
        torch.addcmul(dh, dh, gates[0], value=-1, out=work)
        torch.add(work, work, out=dc)
        dh.mul_(gates[0])


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
    blocks_of_products = (2,)
    kernel = UGRNNKernel
    start = TensorFlowInit(kernels=(2,), bias=(1.0, 0.0))

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """One time step."""
        g, c = torch.addmm(inputs[0], state, weights[0]).chunk(2, dim=1)
        return torch.lerp(c.tanh(), state, g.sigmoid())
