"""The gates of linear recurrences for a whole sequence, forwards and backwards, in place.

Autograd would compute the same with three times as many buffers. At these sizes the memory that a new buffer needs
costs more time than the arithmetic. Each function overwrites what it is given and what it kept, so it allows one
backward pass.

Letters as in `melgen.networks.model`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.networks.kernels import sigmoid_backward
from melgen.networks.scan import kept_once

threshold_backward = torch.ops.aten.threshold_backward.grad_input

SMALLEST_SQUARE = 1e-30
"""Of a factor of the input, `1 - a**2`: the square root has no gradient at 0, and loses none that counts here."""

_ONE = torch.tensor(1.0)


def min_gru_coefficients(projected: Tensor) -> tuple[Tensor, Tensor]:
    """``1 - z`` and ``z * g(v)`` with ``z = sigma(w)``, for pre-activations w, v that are overwritten.

    Shape:
        projected ``[..., 2 * H]``, both results ``[..., H]``.
    """
    keep, written = _MinGRU.apply(projected)
    return keep, written


def rg_lru_coefficients(gates: Tensor, input: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
    """``a = exp(rate * r)`` and ``sqrt(1 - a^2) * i * input`` with sigma of the gates r, i, which are overwritten.

    Shape:
        gates ``[..., 2 * H]``, input ``[..., H]``, rate ``[H]``, both results ``[..., H]``.
    """
    keep, written = _RGLRU.apply(gates, input, rate)
    return keep, written


class _MinGRU(torch.autograd.Function):
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


class _RGLRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, input: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        gates = gates.detach().sigmoid_()  # overwritten, as above
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
