"""The real-gated linear recurrent unit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from melgen.checking import check_one_of
from melgen.networks.initialization import check_initialization, torch_uniform_
from melgen.networks.layers.elementwise import AbstractLinearLayer
from melgen.networks.layers.projected import Projection
from melgen.networks.products.backends import Backend
from melgen.networks.products.linear import linear
from melgen.networks.scans.fast_path import kept_once
from melgen.networks.scans.kernels import sigmoid_backward, threshold_backward

SMALLEST_SQUARE = 1e-30
"""The least ``1 - a**2``, whose square root is a factor of the input.

The root has no finite gradient at 0. Below this bound its gradient is set to 0, which does not matter: the factor is
below 1e-15 there, so that next to nothing of the input is added."""

POWER = 8.0
"""The publication's c: of the decay where the gate r is 1."""

_DECAYS = {"fast": (2.0, 0.9**2, 0.999**2), "slow": (POWER, 0.9, 0.999)}
"""A power of ``exp(-softplus(L))``, and the range in which it begins."""


class RGLRU(AbstractLinearLayer):
    """Real-gated linear recurrent unit (De et al., Griffin, arXiv:2402.19427), with dense gates.

    ::

        u = P x + p
        r, i = sigma(W u + b)                       each with its own weights
        a = exp(-8 * r * softplus(L))
        h' = a * h + sqrt(1 - a^2) * (i * u)

    The first note of a tune is weighed by ``sqrt(1 - a^2)`` as all others are, since the zero state is a state like
    any other. (The publication's code weighs the first note of a document by 1.)

    With ``paper`` initialisation the weights are drawn from N(0, 1 / width of their input), as in the publication's
    code, and biases are 0. L has one start with both initialisations, since a uniform L has no meaning as a decay.

    Args:
        input_size: width of the input.
        hidden_size: width of output and state.
        decay: how fast the state decays at first: ``fast``, ``exp(-softplus(L))^2`` is uniform from 0.81 to 0.998, as
            in the publication's code; or ``slow``, ``exp(-8 * softplus(L))`` is uniform from 0.9 to 0.999, as in its
            text. With r = 1/2 the median unit halves its state in 3 or 27 notes.

    >>> output, h = RGLRU(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "rglru"

    def __init__(self, input_size: int, hidden_size: int, decay: str = "fast"):
        super().__init__(input_size, hidden_size)
        check_one_of("decay", decay, tuple(_DECAYS))
        self.decay = decay
        self.weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.gate_weight = nn.Parameter(torch.empty(2 * hidden_size, hidden_size))
        self.gate_bias = nn.Parameter(torch.empty(2 * hidden_size))
        self.forgetting = nn.Parameter(torch.empty(hidden_size))
        """L."""
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """The start of the decay, as plain data."""
        return {"decay": self.decay}

    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """What remains of the state, and what is added to it."""
        input = project(self.weight, self.bias)
        gates = linear(backend, input, self.gate_weight, self.gate_bias)
        rate = -POWER * F.softplus(self.forgetting)
        if fast:
            return _fast_coefficients(gates, input, rate)
        recurrence, entry = gates.sigmoid().chunk(2, dim=-1)
        exponent = recurrence * rate
        share = (-torch.expm1(2 * exponent)).clamp(min=SMALLEST_SQUARE).sqrt()
        return exponent.exp(), share * (entry * input)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            nn.init.normal_(self.weight, std=self.input_size**-0.5)
            nn.init.normal_(self.gate_weight, std=self.hidden_size**-0.5)
            nn.init.zeros_(self.bias)
            nn.init.zeros_(self.gate_bias)
        else:
            for parameter in (self.weight, self.bias, self.gate_weight, self.gate_bias):
                torch_uniform_(parameter, self.hidden_size)
        power, least, most = _DECAYS[self.decay]
        with torch.no_grad():
            nn.init.uniform_(self.forgetting, least, most)
            if not self.forgetting.is_meta:
                # softplus(L) = -log(v) / power for v that was drawn.
                self.forgetting.log_().div_(-power).expm1_().log_()


def _fast_coefficients(gates: Tensor, input: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """``a = exp(rate * r)`` and ``sqrt(1 - a^2) * i * input`` with sigma of the gates r, i, which are overwritten.

    Autograd would need three times as many buffers. At these sizes the memory of a new buffer costs more time than the
    arithmetic. So this overwrites the gates and what it kept, and allows one backward pass.

    Shape:
        gates ``[..., 2 * H]``, input ``[..., H]``, rate ``[H]``, both results ``[..., H]``.
    """
    keep, written = _Coefficients.apply(gates, input, rate)
    return keep, written


class _Coefficients(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, input: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        gates = gates.detach().sigmoid_()  # overwritten without autograd's knowledge, which does not need them any more
        recurrence, entry = gates.chunk(2, dim=-1)
        keep = recurrence * rate
        share = torch.mul(keep, 2).expm1_().neg_().clamp_(min=SMALLEST_SQUARE).sqrt_()
        keep.exp_()
        entered = entry * input
        ctx.buffers = gates, share, entered
        ctx.save_for_backward(input, rate, keep)
        return keep, share * entered

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_keep: Tensor, of_written: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        gates, share, entered = kept_once(ctx)
        input, rate, keep = ctx.saved_tensors
        recurrence, entry = gates.chunk(2, dim=-1)
        gradient = torch.empty_like(gates)
        of_recurrence, of_entry = gradient.chunk(2, dim=-1)
        of_input = of_written * share
        torch.mul(of_input, input, out=of_entry)
        of_input.mul_(entry)
        # The slope of the share by the exponent is -a^2 / share, and 0 where the share has its smallest value.
        of_exponent = entered.mul_(of_written).mul_(keep).div_(share)
        threshold_backward(of_exponent, share, SMALLEST_SQUARE**0.5, grad_input=of_exponent)
        torch.sub(of_keep, of_exponent, out=of_exponent).mul_(keep)
        of_rate = torch.mul(of_exponent, recurrence, out=of_recurrence).flatten(0, -2).sum(0)
        torch.mul(of_exponent, rate, out=of_recurrence)
        sigmoid_backward(gradient, gates, grad_input=gradient)
        return gradient, of_input, of_rate
