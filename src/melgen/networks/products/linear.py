"""The product of a whole sequence with a weight, by any backend, and its gradient."""

from __future__ import annotations

from typing import Any

from torch import Tensor, autograd
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from melgen.networks.products.backends import Backend


def linear(backend: Backend, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear`, computed by a backend, and its gradients too.

    Shape:
        input ``[..., K]``, weight ``[N, K]``, bias ``[N]``, result ``[..., N]``.
    """
    if not (backend.onednn_for_sequences or backend.in_bfloat16):
        return F.linear(input, weight, bias)
    return _Linear.apply(backend, input, weight, bias)


class _Linear(autograd.Function):
    @staticmethod
    def forward(ctx: Any, backend: Backend, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        flat = input.reshape(-1, weight.shape[1])
        result = backend.multiply(flat, weight.t())
        if bias is not None:
            result.add_(bias)
        ctx.backend, ctx.has_bias = backend, bias is not None
        ctx.save_for_backward(input, weight)
        return result.view(*input.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        input, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, len(weight))
        _, needs_input, needs_weight, _ = ctx.needs_input_grad
        of_input = ctx.backend.multiply(flat, weight).view_as(input) if needs_input else None
        of_weight = ctx.backend.multiply(flat.t(), input.reshape(-1, weight.shape[1])) if needs_weight else None
        return None, of_input, of_weight, flat.sum(0) if ctx.has_bias else None
