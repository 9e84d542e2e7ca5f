"""The update gate recurrent network."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.scans.kernels import AbstractKernel, from_sigma


class UGRNNKernel(AbstractKernel):
    """Blocks g, c, with sigma in place of the tanh of c; saved: c itself.

    A worked example of what a kernel computes. The scan has added the product with the state to both blocks, that of c
    with doubled weights, and applied sigma: the blocks are g and ``s = sigma(2 a)``, with ``c = tanh(a) = 2 s - 1``.
    With dh' the gradient of the state after the step::

        h' = g * h + (1 - g) * c
        dg = dh' * (h - c)
        ds = dh' * (1 - g) * 2                 the slope of c by s is 2
        dh = dh' * g                           without what comes through the products

    The scan takes the gradients of g and s back through sigma, ``ds * s * (1 - s)``, and through the product with the
    state, which it adds to dh. The factor 2 of the weights of c, in `melgen.networks.scans.kernel_scan.scaled`, is left
    to autograd.
    """

    scales = (1.0, 2.0)
    summed = sigmoid = 2
    saved = 1

    def forward(self, gates, before, after, saved):
        """One time step."""
        g, s = gates
        c = from_sigma(s, out=saved[0])
        torch.lerp(c, before[0], g, out=after[0])  # c + g * (h - c)

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        (dh,), (dg, ds), work = grad, of_gates, self.scratch[0]
        g, (c,) = gates[0], saved
        torch.sub(before[0], c, out=work)
        torch.mul(work, dh, out=dg)  # dh' * (h - c)
        torch.addcmul(dh, dh, g, value=-1, out=work)
        torch.add(work, work, out=ds)  # 2 * (dh' - dh' * g)
        dh.mul_(g)


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
