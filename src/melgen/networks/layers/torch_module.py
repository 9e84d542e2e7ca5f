"""Layers that torch has: its module is the reference. On a GPU it is always used, since cuDNN is faster."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks.initialization import TensorFlowInit, check_initialization
from melgen.networks.layers.kernel import AbstractKernelLayer, KernelWeights
from melgen.networks.layers.recurrent import State, map_state


class AbstractTorchLayer(AbstractKernelLayer):
    """A layer that torch has: its reference is torch's module, which computes all time steps in one call.

    torch has two biases for each gate. Only their sum matters, except for the candidate of its GRU.
    If both are trained, a step of Adam moves the sum twice as far as TensorFlow's single bias. So with
    ``paper`` initialisation the second, ``bias_hh``, is zero and not trained; with ``torch`` both are
    trained, as usual.
    """

    module: ClassVar[Callable[..., nn.RNNBase]]
    start: ClassVar[TensorFlowInit]

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.rnn = self.module(input_size, hidden_size, batch_first=True)

    def is_fast(self, tensor: Tensor, is_table: bool) -> bool:
        """Whether to use the kernel: not on a GPU, where torch calls cuDNN's fused loops."""
        return tensor.device.type == "cpu" and not self.backend.by_module and super().is_fast(tensor, is_table)

    def kernel_weights(self) -> KernelWeights:
        """The module's weights, with the sum of its biases where only the sum matters."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.rnn.parameters()
        assert self.kernel is not None
        if not self.kernel.separate:
            return KernelWeights(weight_ih, weight_hh, bias_ih + bias_hh)
        summed, separate = bias_hh.split([len(bias_hh) - self.hidden_size, self.hidden_size])
        bias = bias_ih + F.pad(summed, (0, self.hidden_size))
        # With ``paper`` initialisation it is zero and untrained, and then not worth an addition in each step.
        is_needed = separate.requires_grad or bool(separate.any())
        return KernelWeights(weight_ih, weight_hh, bias, separate if is_needed else None)

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Call torch's module, whose states have an axis for layers, which ours lack."""
        output, last = self.rnn(input, map_state(lambda tensor: tensor.unsqueeze(0), state))
        return output, map_state(lambda tensor: tensor.squeeze(0), last)

    def initialize(self, initialization: str) -> None:
        """Draw new weights; the class explains the second bias."""
        check_initialization(initialization)
        weight_ih, weight_hh, bias_ih, bias_hh = self.rnn.parameters()
        if initialization == "paper":
            self.start.fill_(weight_ih, weight_hh, bias_ih)
            nn.init.zeros_(bias_hh)
        else:
            self.rnn.reset_parameters()
        bias_hh.requires_grad_(initialization != "paper")
