"""Elman's network."""

from __future__ import annotations

from torch import nn

from melgen.networks.initialization import TensorFlowInit
from melgen.networks.kernel_layers import AbstractTorchLayer
from melgen.networks.kernels import RNNKernel


class RNN(AbstractTorchLayer):
    """Elman's network, ``h' = tanh(W x + R h + b)``, by ``torch.nn.RNN``.

    >>> import torch
    >>> output, h = RNN(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "rnn"
    module = nn.RNN
    kernel = RNNKernel
    start = TensorFlowInit(kernels=(1,), bias=(0.0,))
