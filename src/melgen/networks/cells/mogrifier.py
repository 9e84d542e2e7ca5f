"""The LSTM whose input and state modulate each other before each step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from melgen.checking import check_whole
from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.cells.mogrifier_scan import mogrifier_scan
from melgen.networks.initialization import TensorFlowInit, check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.fast import AbstractFastLayer
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.products.backends import Backend
from melgen.networks.scans.kernel_scan import scaled


class Mogrifier(AbstractFastLayer):
    """Mogrifier LSTM (Melis, Kočiský & Blunsom, arXiv:1909.01792), which changes its input before it multiplies it.

    Before each step of an LSTM, input and state are multiplied by gates of each other in turns, x first::

        x <- 2 sigma(Q h) * x     rounds 1, 3, 5
        h <- 2 sigma(R x) * h     rounds 2, 4

        i, f, o = sigma(W x + R h + b)    each with its own weights
        g = tanh(W x + R h + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    Each round has its own weights, without a bias. With ``paper`` initialisation they and the LSTM are drawn as
    other cells are, and the forget bias starts at 1.

    Args:
        input_size: width of the input.
        hidden_size: width of output and state.
        rounds: how many times input or state is multiplied by a gate; with 0 the cell is the LSTM.

    Attributes:
        weight_ih, weight_hh, bias: of the LSTM, blocks i, f, g, o.
        gates: the weights of each round, in turns ``[I, H]`` and ``[H, I]``.

    >>> output, (h, c) = Mogrifier(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "mogrifier"
    start = TensorFlowInit(kernels=(4,), bias=(0.0, 1.0, 0.0, 0.0))

    def __init__(self, input_size: int, hidden_size: int, rounds: int = 5):
        check_whole("rounds", rounds, least=0)
        super().__init__(input_size, hidden_size)
        self.rounds = rounds
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        shapes = [(hidden_size, input_size) if turn % 2 else (input_size, hidden_size) for turn in range(rounds)]
        self.gates = nn.ParameterList(nn.Parameter(torch.empty(shape)) for shape in shapes)
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """The number of rounds, as plain data."""
        return {"rounds": self.rounds}

    @property
    def state_shape(self) -> StateShape:
        """H numbers each for h and c."""
        return several_states(self.hidden_size, 2)

    @property
    def step_columns(self) -> int:
        """The columns for the LSTM's blocks; the products of the rounds have fewer."""
        return len(self.weight_hh)

    def forward_fast(self, input: Tensor, state: State, backend: Backend) -> tuple[Tensor, State]:
        """Scan the input itself, since each step modulates it before it is multiplied."""
        weight_ih, weight_hh, bias = scaled(LSTMKernel, self.weight_ih, self.weight_hh, self.bias)
        gates, time_first = list(self.gates), input.float().transpose(0, 1)
        output, h, c = mogrifier_scan(backend, time_first, state, weight_ih, weight_hh, bias, gates)
        return output.transpose(0, 1), (h, c)

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read the sequence step by step."""
        zeros = input.new_zeros(input.shape[0], self.hidden_size)
        h, c = (zeros, zeros) if state is None else state
        outputs = []
        for x in input.transpose(0, 1).unbind(0):
            for turn, weight in enumerate(self.gates):
                if turn % 2:
                    h = 2 * torch.mm(x, weight.t()).sigmoid() * h
                else:
                    x = 2 * torch.mm(h, weight.t()).sigmoid() * x
            sums = torch.addmm(torch.addmm(self.bias, x, self.weight_ih.t()), h, self.weight_hh.t())
            i, f, g, o = sums.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs).transpose(0, 1), (h, c)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            self.start.fill_(self.weight_ih, self.weight_hh, self.bias)
            for weight in self.gates:
                glorot_uniform_(weight, fan_in=weight.shape[1], fan_out=weight.shape[0])
        else:
            for parameter in self.parameters():
                torch_uniform_(parameter, self.hidden_size)
