"""The minimal gated recurrent unit, and the minimal LSTM."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from melgen.checking import check_one_of
from melgen.networks.initialization import check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.elementwise import AbstractLinearLayer
from melgen.networks.layers.projected import Projection
from melgen.networks.products.backends import Backend
from melgen.networks.scans.fast_path import kept_once
from melgen.networks.scans.kernels import sigmoid_backward, threshold_backward

_KEEPING_BIAS = {"gru": (-1.0, 0.0), "lstm": (1.0, 0.0, 0.0)}
"""The initial bias of each block."""

_ONE = torch.tensor(1.0)


class MinGRU(AbstractLinearLayer):
    """Minimal GRU or minimal LSTM (Feng et al., arXiv:2410.01201): gates that do not read the state.

    ::

        g(v) = v + 0.5 if v >= 0, else sigma(v)

        z = sigma(W x + b)                        variant=gru
        h' = (1 - z) * h + z * g(W x + b)

        f, i = sigma(W x + b)                     variant=lstm
        h' = f / (f + i) * h + i / (f + i) * g(W x + b)

    Each block has its own weights. Since g is positive, so is the state, unless it begins otherwise. With ``paper``
    initialisation the bias of z starts at -1 and that of f at 1, so that the cell begins by remembering, as melgen's
    GRU and LSTM do. (The publication has torch's initialisation.)

    Args:
        input_size: width of the input.
        hidden_size: width of output and state.
        variant: ``gru`` or ``lstm``.

    >>> output, h = MinGRU(3, 4, variant="lstm")(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "mingru"

    def __init__(self, input_size: int, hidden_size: int, variant: str = "gru"):
        super().__init__(input_size, hidden_size)
        check_one_of("variant", variant, tuple(_KEEPING_BIAS))
        self.variant = variant
        rows = len(_KEEPING_BIAS[variant]) * hidden_size
        self.weight = nn.Parameter(torch.empty(rows, input_size))
        self.bias = nn.Parameter(torch.empty(rows))
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """The variant of the cell, as plain data."""
        return {"variant": self.variant}

    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """What remains of the state, and what is added to it."""
        projected = project(self.weight, self.bias)
        if self.variant == "gru":
            if fast:
                return _fast_coefficients(projected)
            gate, candidate = projected.chunk(2, dim=-1)
            write = torch.sigmoid(gate)
            return 1 - write, write * positive(candidate)
        forget, entry, candidate = projected.chunk(3, dim=-1)
        # sigma(f) / (sigma(f) + sigma(i)), without a quotient of two zeros.
        difference = F.logsigmoid(forget) - F.logsigmoid(entry)
        return torch.sigmoid(difference), torch.sigmoid(-difference) * positive(candidate)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "torch":
            torch_uniform_(self.weight, self.hidden_size)
            torch_uniform_(self.bias, self.hidden_size)
            return
        glorot_uniform_(self.weight, fan_in=self.input_size, fan_out=len(self.weight))
        for block, value in zip(self.bias.split(self.hidden_size), _KEEPING_BIAS[self.variant], strict=True):
            nn.init.constant_(block, value)


def positive(input: Tensor) -> Tensor:
    """``v + 0.5`` for v of at least 0, ``sigma(v)`` below.

    >>> positive(torch.tensor([-200.0, 0.0, 2.0]))
    tensor([0.0000, 0.5000, 2.5000])
    """
    return F.relu(input) + torch.sigmoid(input.clamp(max=0))


def _fast_coefficients(projected: Tensor) -> tuple[Tensor, Tensor]:
    """``1 - z`` and ``z * g(v)`` with ``z = sigma(w)``, for pre-activations w, v that are overwritten.

    Autograd would need three times as many buffers. At these sizes the memory of a new buffer costs more time than the
    arithmetic. So this overwrites its arguments and what it kept, and allows one backward pass.

    Shape:
        projected ``[..., 2 * H]``, both results ``[..., H]``.
    """
    keep, written = _Coefficients.apply(projected)
    return keep, written


class _Coefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor) -> tuple[Tensor, Tensor]:
        # Overwritten without autograd's knowledge: the operation that made it does not need its result any more.
        projected = projected.detach()
        write, argument = projected.chunk(2, dim=-1)
        candidate = argument.clamp(min=0)
        argument.clamp_(max=0)
        projected.sigmoid_()
        candidate.add_(argument)
        ctx.buffers = projected, candidate
        return torch.add(_ONE, write, alpha=-1), write * candidate

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_keep: Tensor, of_written: Tensor) -> Tensor:
        projected, candidate = kept_once(ctx)
        write, _ = projected.chunk(2, dim=-1)
        gradient = torch.empty_like(projected)
        of_write, of_candidate = gradient.chunk(2, dim=-1)
        torch.mul(of_written, candidate, out=of_write).sub_(of_keep)
        torch.mul(of_written, write, out=of_candidate)
        # Where v was positive, g has the slope 1. There sigma was 1/2, whose slope is 1/4.
        rest = threshold_backward(of_candidate, candidate, 0.5, grad_input=candidate)
        sigmoid_backward(gradient, projected, grad_input=gradient)
        of_candidate.add_(rest, alpha=0.75)
        return gradient
