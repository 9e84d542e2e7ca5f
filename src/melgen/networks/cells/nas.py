"""The cell found by neural architecture search."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.scans.kernels import (
    AbstractKernel,
    fast_tanh,
    from_sigma,
    sigmoid_backward,
    tanh_backward,
    threshold_backward,
)


class NASKernel(AbstractKernel):
    """TensorFlow's blocks 0, 2, 5, 7, 4, 6, 1, 3, with sigma in place of the tanh of 4 and 6.

    Saved: the product of block 3, p, q, s, t, tanh(p + c), tanh(s + t).
    """

    scales = (1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0)
    summed = 7
    sigmoid = 6
    separate = True
    saved = 7
    states = 2
    carries = False

    def forward(self, gates, before, after, saved):
        """One time step."""
        a0, a2, a5, a7, sigma4, sigma6, a1, x3 = gates
        h3, p, q, s, t, pc, st = saved
        a4, a6 = from_sigma(sigma4, out=self.scratch[0]), from_sigma(sigma6, out=self.scratch[1])
        a1.relu_()
        fast_tanh(torch.mul(a0, a1, out=p), out=p)
        fast_tanh(torch.mul(x3, h3, out=q).relu_().add_(a2), out=q)
        fast_tanh(torch.mul(a4, a5, out=s), out=s)
        torch.sigmoid(torch.add(a6, a7, out=t), out=t)
        fast_tanh(torch.add(p, before[1], out=pc), out=pc)
        fast_tanh(torch.add(s, t, out=st), out=st)
        torch.mul(pc, q, out=after[1])
        fast_tanh(torch.mul(after[1], st, out=after[0]), out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        a0, _, a5, _, sigma4, _, a1, x3 = gates
        h3, p, q, s, t, pc, st = saved
        da0, da2, da5, da7, da4, da6 = of_gates
        (dh, dc), (one, two) = grad, self.scratch
        # From here on, each of st, s, t, q, p is overwritten with the gradient of its argument, and dc with pc's.
        tanh_backward(dh, after[0], grad_input=dh)
        dc.addcmul_(dh, st)
        tanh_backward(torch.mul(dh, after[1], out=one), st, grad_input=st)
        tanh_backward(st, s, grad_input=s)
        sigmoid_backward(st, t, grad_input=t)
        torch.mul(dc, pc, out=one)
        tanh_backward(dc.mul_(q), pc, grad_input=dc)
        tanh_backward(one, q, grad_input=q)
        tanh_backward(dc, p, grad_input=p)

        torch.mul(p, a1, out=da0)
        torch.mul(p, a0, out=one)
        threshold_backward(one, a1, 0, grad_input=a1)
        da2.copy_(q)
        threshold_backward(q, torch.mul(x3, h3, out=one), 0, grad_input=one)
        torch.mul(one, h3, out=two)
        torch.mul(one, x3, out=h3)
        x3.copy_(two)
        torch.mul(s, from_sigma(sigma4, out=one), out=da5)
        torch.mul(s, a5, out=da4)
        da4.add_(da4)
        da7.copy_(t)
        torch.add(t, t, out=da6)


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
    blocks_of_products = (7, 1)
    kernel = NASKernel
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
