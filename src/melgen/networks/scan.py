"""The fast scan: all time steps of a layer, forwards and backwards, without autograd's notes on each of them.

Letters as in `melgen.networks.model`; N is the number of blocks of H rows that a cell's weights have. The
pre-activations lie as ``[N, T, B, H]``, so that each block of each step is one piece of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.networks.kernels import AbstractKernel, sigmoid_backward


def can_scan(tensor: Tensor) -> bool:
    """Whether the fast scan serves: single precision, outside autocast, ``torch.func`` and ``torch.compile``.

    Elsewhere the plain steps serve, which need nothing but autograd.
    """
    return (
        tensor.dtype == torch.float32
        and not torch.is_autocast_enabled(tensor.device.type)
        and not torch._C._are_functorch_transforms_active()
        and not torch.compiler.is_compiling()
    )


def project(input: Tensor, weight: Tensor, bias: Tensor | None, kernel: type[AbstractKernel]) -> Tensor:
    """The products of a whole sequence with the input weights.

    Shape:
        input ``[T, B, I]``, weight ``[N * H, I]``, bias ``[N * H]``; result ``[N, T, B, H]``.
    """
    return _Project.apply(input, *_scaled(kernel, weight, bias))


def project_tokens(
    tokens: Tensor, table: Tensor, weight: Tensor, bias: Tensor | None, kernel: type[AbstractKernel]
) -> Tensor:
    """The same for an input that is rows of a table: the table is multiplied, and its products are looked up.

    There are a few dozen rows, and thousands of tokens in a window.

    Shape:
        tokens ``[T, B]``, table ``[V, I]``, weight ``[N * H, I]``, bias ``[N * H]``; result ``[N, T, B, H]``.
    """
    products = _Project.apply(table.unsqueeze(1), *_scaled(kernel, weight, bias))
    blocks, rows, _, width = products.shape
    offsets = torch.arange(0, blocks * rows, rows, device=tokens.device).view(-1, 1, 1)
    return F.embedding(tokens + offsets, products.view(blocks * rows, width))


def scan(
    kernel: type[AbstractKernel],
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    states: Sequence[Tensor] | None,
) -> tuple[Tensor, list[Tensor]]:
    """Read a sequence.

    Args:
        kernel: the arithmetic of a step.
        projected: what `project` or `project_tokens` has made; overwritten.
        weight: the weights of the state.
        bias: that of a product which the kernel keeps apart.
        states: the state before, None for zeros.

    Shape:
        projected ``[N, T, B, H]``, weight ``[N * H, H]``, bias ``[H]``, states ``[B, H]``; output ``[T, B, H]``.

    Returns:
        The output, and the state after the last step.
    """
    _, _, batch_size, width = projected.shape
    weight, _ = _scaled(kernel, weight, None)
    if kernel.apart:
        bias = projected.new_zeros(width) if bias is None else bias * kernel.scales[-1]
    if states is None:
        states = (projected.new_zeros(batch_size, width),) * kernel.states
    output, *last = _Scan.apply(kernel, projected, weight, bias, *states)
    return output, last


def _scaled(kernel: type[AbstractKernel], weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Weights, as ``[N, H, I]``, and biases, as ``[N, H]``, as the kernel wants them."""
    blocks = len(kernel.scales)
    scales = torch.tensor(kernel.scales, dtype=weight.dtype, device=weight.device)
    weight = weight.view(blocks, -1, weight.shape[1]) * scales.view(-1, 1, 1)
    return weight, None if bias is None else bias.view(blocks, -1) * scales.view(-1, 1)


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = input.reshape(-1, input.shape[2])
        output = input.new_empty(len(weight), *input.shape[:2], weight.shape[1])
        for block, (out, part) in enumerate(zip(output.flatten(1, 2), weight, strict=True)):
            if bias is None:
                torch.mm(rows, part.t(), out=out)
            else:
                torch.addmm(bias[block], rows, part.t(), out=out)
        ctx.save_for_backward(rows, weight)
        ctx.has_bias = bias is not None
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        rows, weight = ctx.saved_tensors
        gradients = grad.contiguous().flatten(1, 2)
        of_weight, of_rows = torch.empty_like(weight), None
        for gradient, out in zip(gradients, of_weight, strict=True):
            torch.mm(gradient.t(), rows, out=out)
        if ctx.needs_input_grad[0]:
            of_rows = torch.mm(gradients[0], weight[0])
            for gradient, part in zip(gradients[1:], weight[1:], strict=True):
                of_rows.addmm_(gradient, part)
            of_rows = of_rows.view(*grad.shape[1:3], -1)
        return of_rows, of_weight, gradients.sum(1) if ctx.has_bias else None


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, kernel: type[AbstractKernel], projected: Tensor, weight: Tensor, bias: Tensor | None, *states: Tensor
    ) -> tuple[Tensor, ...]:
        # Overwritten behind autograd's back: whoever made it (a product, a look-up) needs its result no more.
        projected = projected.detach()
        _, steps, batch_size, width = projected.shape
        sequences = [projected.new_empty(steps + 1, batch_size, width) for _ in states]
        for sequence, state in zip(sequences, states, strict=True):
            sequence[0] = state
        saved = [projected.new_empty(steps, batch_size, width) for _ in range(kernel.saved)]
        cell = kernel(weight, projected.new_empty(2, batch_size, width).unbind(0))
        summed = [part.t() for part in weight[: kernel.summed]]
        apart = weight[-1].t() if kernel.apart else None
        for joint, gates, before, after, kept in _steps(kernel, projected, sequences, saved):
            h = before[0]
            for gate, part in zip(gates, summed, strict=False):
                torch.addmm(gate, h, part, out=gate)
            torch.sigmoid(joint, out=joint)
            if apart is not None:
                torch.addmm(bias, h, apart, out=kept[0])
            cell.forward(gates, before, after, kept)
        ctx.kernel, ctx.buffers = kernel, (projected, sequences, saved)
        ctx.save_for_backward(weight)
        ctx.set_materialize_grads(False)
        return sequences[0][1:], *(sequence[-1] for sequence in sequences)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, *of_last: Tensor | None) -> tuple[Any, ...]:
        if ctx.buffers is None:
            raise RuntimeError("the fast scan goes back once; for more, use model.implementation=reference")
        (projected, sequences, saved), ctx.buffers = ctx.buffers, None
        kernel: type[AbstractKernel] = ctx.kernel
        (weight,) = ctx.saved_tensors
        cell = kernel(weight, torch.empty_like(projected[:2, 0]).unbind(0))
        grad = [
            torch.zeros_like(sequence[0]) if of is None else of.clone(memory_format=torch.contiguous_format)
            for sequence, of in zip(sequences, of_last, strict=True)
        ]
        outputs = None if of_output is None else of_output.unbind(0)
        of_joint = torch.empty_like(projected[: kernel.logistic, 0])
        of_gates = of_joint.unbind(0)
        dh = grad[0]
        for now, (joint, gates, before, after, kept) in reversed(
            list(enumerate(_steps(kernel, projected, sequences, saved)))
        ):
            if outputs is not None:
                dh.add_(outputs[now])
            cell.backward(gates, before, after, kept, grad, of_gates)
            sigmoid_backward(of_joint, joint, grad_input=joint)
            if not kernel.carries:
                dh.zero_()
            for gate, part in zip(gates[: kernel.summed], weight, strict=False):
                torch.addmm(dh, gate, part, out=dh)
            if kernel.apart:
                torch.addmm(dh, kept[0], weight[-1], out=dh)
        of_weight = torch.empty_like(weight)
        states = sequences[0][:-1]
        for block, out in enumerate(of_weight):
            is_summed = block < kernel.summed
            factor = states if is_summed or kernel.apart else cell.factor(states, saved)
            gradient = projected[block] if is_summed or not kernel.apart else saved[0]
            torch.mm(gradient.flatten(0, 1).t(), factor.flatten(0, 1), out=out)
        return None, projected, of_weight, saved[0].sum((0, 1)) if kernel.apart else None, *grad


def _steps(kernel: type[AbstractKernel], projected: Tensor, sequences: Sequence[Tensor], saved: Sequence[Tensor]) -> Any:
    """For each step: its logistic blocks in one, its blocks, the state before and after, what is saved."""
    joint = projected[: kernel.logistic].unbind(1)
    gates = zip(*(block.unbind(0) for block in projected), strict=True)
    states = list(zip(*(sequence.unbind(0) for sequence in sequences), strict=True))
    kept = zip(*(block.unbind(0) for block in saved), strict=True) if saved else [()] * len(joint)
    return zip(joint, gates, states[:-1], states[1:], kept, strict=True)
