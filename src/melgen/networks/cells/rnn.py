"""Elman's network."""

from __future__ import annotations

import torch
from torch import nn

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.torch_module import AbstractTorchLayer
from melgen.networks.scans.kernels import AbstractKernel, from_sigma


class RNNKernel(AbstractKernel):
    """Elman's network."""

    scales = (2.0,)
    summed = sigmoid = 1
    carries = False

    def forward(self, gates, before, after, saved):
        """One time step."""
        from_sigma(gates[0], out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        torch.add(grad[0], grad[0], out=of_gates[0])


class RNN(AbstractTorchLayer):
    """Elman's network, ``h' = tanh(W x + R h + b)``, as ``torch.nn.RNN`` defines it.

    >>> output, h = RNN(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "rnn"
    module = nn.RNN
    kernel = RNNKernel
    start = TensorFlowInit(kernels=(1,), bias=(0.0,))
