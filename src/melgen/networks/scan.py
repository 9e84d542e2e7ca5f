"""The fast scan: all time steps of a layer, forwards and backwards, without recording each step in autograd.

Letters as in `melgen.networks.model`; N is the number of blocks of H rows that a cell's weights have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.internals.torch import is_transforming
from melgen.networks.kernels import AbstractKernel, sigmoid_backward


def can_scan(tensor: Tensor) -> bool:
    """Whether the fast scan can be used: in single precision, outside autocast, ``torch.func``, ``torch.compile``.

    Otherwise the plain steps are used, which need only autograd.
    """
    return (
        tensor.dtype == torch.float32
        and not torch.is_autocast_enabled(tensor.device.type)
        and not is_transforming()
        and not torch.compiler.is_compiling()
    )


def scan(
    kernel: type[AbstractKernel],
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    states: Sequence[Tensor] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Read a sequence.

    Args:
        kernel: the arithmetic of a step.
        projected: the products of the input with the input weights; overwritten.
        weight: the weights of the state.
        bias: the bias of a product that the kernel keeps separate.
        states: the state before, None for zeros.

    Both weights, and their biases, must be `scaled`.

    Shape:
        projected ``[T, B, N * H]``, weight ``[N * H, H]``, bias ``[H]``, states ``[B, H]``; output ``[T, B, H]``.

    Returns:
        The output, and the state after the last step.
    """
    if states is None:
        states = (projected.new_zeros(projected.shape[1], weight.shape[1]),) * kernel.states
    output, *last = _Scan.apply(kernel, projected, weight, bias, *states)
    return output, last


def scaled(kernel: type[AbstractKernel], *parameters: Tensor | None) -> list[Any]:
    """Weights and biases, ``[N * H, ...]``, multiplied by the kernel's scales."""
    scales = torch.tensor(kernel.scales)
    return [
        None
        if parameter is None
        else (parameter.unflatten(0, (len(scales), -1)) * scales.to(parameter).view(-1, *[1] * parameter.ndim)).flatten(
            0, 1
        )
        for parameter in parameters
    ]


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, kernel: type[AbstractKernel], projected: Tensor, weight: Tensor, bias: Tensor | None, *states: Tensor
    ) -> tuple[Tensor, ...]:
        # Overwritten without autograd's knowledge: the operation that made it (a product or a look-up) does not need
        # its result any more.
        projected = projected.detach()
        steps, batch_size, _ = projected.shape
        width = weight.shape[1]
        sequences = [projected.new_empty(steps + 1, batch_size, width) for _ in states]
        for sequence, state in zip(sequences, states, strict=True):
            sequence[0] = state
        saved = [projected.new_empty(steps, batch_size, width) for _ in range(kernel.saved)]
        cell = kernel(weight.chunk(len(kernel.scales)), projected.new_empty(2, batch_size, width).unbind(0))
        summed, separate = weight[: kernel.summed * width].t(), weight[-width:].t()
        for sums, sigmas, gates, before, after, kept in _steps(kernel, projected, sequences, saved):
            torch.addmm(sums, before[0], summed, out=sums)
            torch.sigmoid(sigmas, out=sigmas)
            if kernel.separate:
                torch.mm(before[0], separate, out=kept[0])
                if bias is not None:
                    kept[0].add_(bias)
            cell.forward(gates, before, after, kept)
        ctx.kernel, ctx.has_bias, ctx.buffers = kernel, bias is not None, (projected, sequences, saved)
        ctx.save_for_backward(weight)
        ctx.set_materialize_grads(False)
        return sequences[0][1:], *(sequence[-1] for sequence in sequences)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, *of_last: Tensor | None) -> tuple[Any, ...]:
        if ctx.buffers is None:
            raise RuntimeError("the fast scan allows one backward pass; for more, use model.implementation=reference")
        (projected, sequences, saved), ctx.buffers = ctx.buffers, None
        kernel: type[AbstractKernel] = ctx.kernel
        (weight,) = ctx.saved_tensors
        steps, batch_size, _ = projected.shape
        width = weight.shape[1]
        cell = kernel(weight.chunk(len(kernel.scales)), projected.new_empty(2, batch_size, width).unbind(0))
        grad = [
            torch.zeros_like(sequence[0]) if of is None else of.clone(memory_format=torch.contiguous_format)
            for sequence, of in zip(sequences, of_last, strict=True)
        ]
        outputs = [None] * steps if of_output is None else of_output.unbind(0)
        of_sigmas = projected.new_empty(batch_size, kernel.sigmoid * width)
        of_gates = of_sigmas.chunk(kernel.sigmoid, 1)
        summed, separate = weight[: kernel.summed * width], weight[-width:]
        dh = grad[0]
        each = list(zip(outputs, _steps(kernel, projected, sequences, saved), strict=True))
        for output, (sums, sigmas, gates, before, after, kept) in reversed(each):
            if output is not None:
                dh.add_(output)
            cell.backward(gates, before, after, kept, grad, of_gates)
            sigmoid_backward(of_sigmas, sigmas, grad_input=sigmas)
            if kernel.carries:
                torch.addmm(dh, sums, summed, out=dh)
            else:
                torch.mm(sums, summed, out=dh)
            if kernel.separate:
                torch.addmm(dh, kept[0], separate, out=dh)
        of_weight = torch.empty_like(weight)
        flat, states = projected.flatten(0, 1), sequences[0][:-1].flatten(0, 1)
        torch.mm(flat[:, : kernel.summed * width].t(), states, out=of_weight[: kernel.summed * width])
        if kernel.separate:
            torch.mm(saved[0].flatten(0, 1).t(), states, out=of_weight[-width:])
        elif kernel.summed < len(kernel.scales):
            torch.mm(flat[:, -width:].t(), cell.last_factor(saved).flatten(0, 1), out=of_weight[-width:])
        return None, projected, of_weight, saved[0].sum((0, 1)) if ctx.has_bias else None, *grad


def _steps(
    kernel: type[AbstractKernel], projected: Tensor, sequences: Sequence[Tensor], saved: Sequence[Tensor]
) -> Any:
    """The parts of each step: summed and sigmoid blocks, each block, the states before and after, saved blocks."""
    width = sequences[0].shape[2]
    sums = projected[:, :, : kernel.summed * width].unbind(0)
    sigmas = projected[:, :, : kernel.sigmoid * width].unbind(0)
    gates = zip(*(block.unbind(0) for block in projected.split(width, 2)), strict=True)
    states = list(zip(*(sequence.unbind(0) for sequence in sequences), strict=True))
    kept = zip(*(block.unbind(0) for block in saved), strict=True) if saved else [()] * len(sums)
    return zip(sums, sigmas, gates, states[:-1], states[1:], kept, strict=True)
