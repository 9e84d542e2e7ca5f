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
    if not (backend.onednn_for_sequences or backend.bfloat16_for_sequences):
        return F.linear(input, weight, bias)
    return _Linear.apply(backend, input, weight, bias)


class _Linear(autograd.Function):
    @staticmethod
    def forward(ctx: Any, backend: Backend, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        factor = backend.factor(input.reshape(-1, weight.shape[1]))
        result = backend.multiply(factor, weight.t())
        if bias is not None:
            result.add_(bias)
        ctx.backend, ctx.has_bias, ctx.shape = backend, bias is not None, input.shape
        ctx.save_for_backward(factor, weight)
        return result.view(*input.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_result: Tensor) -> tuple[Any, ...]:
        input_factor, weight = ctx.saved_tensors
        flat = of_result.reshape(-1, len(weight))
        factor = ctx.backend.factor(flat)
        _, needs_input, needs_weight, _ = ctx.needs_input_grad
        of_input = ctx.backend.multiply(factor, weight).view(ctx.shape) if needs_input else None
        of_weight = ctx.backend.multiply(factor.t(), input_factor) if needs_weight else None
        return None, of_input, of_weight, flat.sum(0) if ctx.has_bias else None
