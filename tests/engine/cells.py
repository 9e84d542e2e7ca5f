"""Cells as a user may write them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks import RNN, AbstractRecurrentLayer, AbstractScannedLayer, TensorFlowInit


class Forgetful(RNN):
    """The cell of the tests of a user's own parts."""

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(input, None if state is None else state / 2)


class MGU(AbstractScannedLayer):
    """The cell of docs/extending.md."""

    products = (1, 1)
    start = TensorFlowInit(kernels=(1, 1), bias=(0.0, 0.0))

    @staticmethod
    def step(inputs: Any, state: Any, weights: Any) -> Any:
        f = torch.addmm(inputs[0], state, weights[0]).sigmoid()
        n = torch.addmm(inputs[1], f * state, weights[1]).tanh()
        return torch.lerp(state, n, f)


class Own(AbstractRecurrentLayer):
    """A layer with a normalised, gated step, and a nested state."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.read = nn.Linear(input_size, hidden_size)
        self.keep = nn.Linear(hidden_size, hidden_size, bias=False)
        self.norm = nn.LayerNorm(hidden_size)

    def initialize(self, initialization: str) -> None:
        pass

    def begin(self, input: Tensor) -> Any:
        zeros = input.new_zeros(len(input), self.hidden_size)
        return zeros, (zeros, zeros)

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        h, (c, total) = self.begin(input) if state is None else state
        outputs = []
        for x in input.unbind(1):
            c = torch.tanh(self.read(x)) + F.softmax(c, dim=-1) * 0.3
            h = F.gelu(self.norm(self.keep(h) + c))
            total = total * 0.5 + h.mean(dim=1, keepdim=True)
            outputs.append(h + total.clamp(-1, 1))
        return torch.stack(outputs, dim=1), (h, (c, total))


class TrainedStart(Own):
    """A layer that begins with a state of its own."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.first = nn.Parameter(torch.randn(hidden_size))

    def begin(self, input: Tensor) -> Any:
        zeros = input.new_zeros(len(input), self.hidden_size)
        return self.first.expand(len(input), -1).clone(), (zeros, zeros)


class Sums(RNN):
    """A layer with an operation that the interpreter lacks."""

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        output, last = super().forward(input, state)
        return output.cumsum(-1), last


class Counts(RNN):
    """A layer that counts its steps in a buffer."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.register_buffer("count", torch.zeros(1))

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        self.count += 1
        output, last = super().forward(input, state)
        return output * self.count, last


class Decides(RNN):
    """A layer whose operations depend on its numbers."""

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return super().forward(-input if input.sum() > 0 else input, state)
