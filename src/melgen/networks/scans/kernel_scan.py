"""The scan of a kernel: all time steps of a layer, forwards and backwards, without recording each step in autograd.

Letters as in `melgen.networks.model`; G is the number of blocks of H rows that a cell's weights have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.fast_path import gradients_of_steps, kept_once, last_gradients
from melgen.networks.scans.kernels import AbstractKernel, sigmoid_backward
from melgen.networks.scans.state_product import StateGradient, StateProduct


class StepViews(NamedTuple):
    """The buffers of a step, as parts of those of a sequence.

    Attributes:
        sums: the summed blocks, ``[B, summed * H]``; sigmas: the sigmoid blocks, ``[B, sigmoid * H]``.
        gates: each block, ``[B, H]``, in the same memory.
        before, after: the state, ``[B, H]`` for each of its tensors.
        saved: what the kernel keeps for its gradient, ``[B, H]``.
    """

    sums: Tensor
    sigmas: Tensor
    gates: Sequence[Tensor]
    before: Sequence[Tensor]
    after: Sequence[Tensor]
    saved: Sequence[Tensor]


def scan(
    kernel: type[AbstractKernel],
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    states: Sequence[Tensor] | None = None,
    backend: Backend = TORCH,
) -> tuple[Tensor, list[Tensor]]:
    """Read a sequence.

    Args:
        kernel: the arithmetic of a step.
        projected: the products of the input with the input weights; overwritten.
        weight: the weights of the state.
        bias: the bias of a product that the kernel keeps separate.
        states: the state before, None for zeros.
        backend: who computes the products.

    The weight and the bias, and those that made ``projected``, must be multiplied by the kernel's scales (`scaled`).

    Shape:
        projected ``[T, B, G * H]``, weight ``[G * H, H]``, bias ``[H]``, states ``[B, H]``; output ``[T, B, H]``.

    Returns:
        The output, and the state after the last step.
    """
    batch_size = projected.shape[1]
    if states is None:
        states = zero_states(kernel, weight, batch_size)
    output, *last = _Scan.apply(
        kernel, backend.or_default_if_small(batch_size * weight.numel()), projected, weight, bias, *states
    )
    return output, last


def zero_states(kernel: type[AbstractKernel], weight: Tensor, batch_size: int) -> list[Tensor]:
    """The state before the first step: a tensor of its own, ``[B, H]``, for each part."""
    return [weight.new_zeros(batch_size, weight.shape[1]) for _ in range(kernel.states)]


def scaled(kernel: type[AbstractKernel], *parameters: Tensor | None) -> list[Any]:
    """Weights and biases, ``[G * H, ...]``, multiplied by the kernel's scales."""
    return [None if parameter is None else _scaled(kernel.scales, parameter) for parameter in parameters]


def _scaled(scales: tuple[float, ...], parameter: Tensor) -> Tensor:
    factors = _factors(scales, parameter.device, parameter.dtype).view(-1, *[1] * parameter.ndim)
    return (parameter.unflatten(0, (len(scales), -1)) * factors).flatten(0, 1)


@cache
def _factors(scales: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """The scales as a tensor, made once for a device: a copy from the CPU would wait for a GPU."""
    with torch.inference_mode(False):  # autograd saves it
        return torch.tensor(scales, device=device, dtype=dtype)


class _Scan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        kernel: type[AbstractKernel],
        backend: Backend,
        projected: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        *states: Tensor,
    ) -> tuple[Tensor, ...]:
        # Overwritten without autograd's knowledge: the operation that made it (a product or a look-up) does not need
        # its result any more.
        projected = projected.detach()
        steps, batch_size, _ = projected.shape
        width = weight.shape[1]
        sequences = [projected.new_empty(steps + 1, batch_size, width) for _ in states]
        for sequence, state in zip(sequences, states, strict=True):
            sequence[0] = state
        kernel.begin([sequence[0] for sequence in sequences])
        saved = [projected.new_empty(steps, batch_size, width) for _ in range(kernel.saved)]
        times_state = StateProduct(kernel, weight, backend, batch_size, steps, bias)
        arithmetic = kernel(projected.new_empty(2, batch_size, width).unbind(0), times_state.times_last)
        views = list(views_of_steps(kernel, projected, sequences, saved))
        with backend.for_steps():
            for step in views:
                run_step(arithmetic, times_state, step)
        ctx.kernel, ctx.backend, ctx.has_bias = kernel, backend, bias is not None
        ctx.buffers = projected, sequences, saved, views
        ctx.save_for_backward(weight)
        ctx.set_materialize_grads(False)
        # Not views, which would keep the memory of the whole sequence, and save it with a checkpoint.
        return sequences[0][1:], *(sequence[-1].clone() for sequence in sequences)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, *of_last: Tensor | None) -> tuple[Any, ...]:
        projected, sequences, saved, views = kept_once(ctx)
        backend: Backend = ctx.backend
        kernel: type[AbstractKernel] = ctx.kernel
        (weight,) = ctx.saved_tensors
        steps, batch_size, _ = projected.shape
        width = weight.shape[1]
        grad = last_gradients(of_last, [sequence[0] for sequence in sequences])
        outputs = gradients_of_steps(of_output, steps)
        of_sigmas = projected.new_empty(batch_size, kernel.sigmoid * width)
        of_gates = of_sigmas.split([width] * kernel.sigmoid, 1)
        of_state = StateGradient(kernel, weight, backend, batch_size, steps)
        arithmetic = kernel(projected.new_empty(2, batch_size, width).unbind(0), of_state.times_last)
        dh = grad[0]
        with backend.for_steps():
            for output, step in zip(reversed(outputs), reversed(views), strict=True):
                if output is not None:
                    dh.add_(output)
                arithmetic.backward(step.gates, step.before, step.after, step.saved, grad, of_gates)
                sigmoid_backward(of_sigmas, step.sigmas, grad_input=step.sigmas)
                of_state.write(step.sums, step.saved, dh)
        of_weight = torch.empty_like(weight)
        flat, states = projected.flatten(0, 1), backend.factor(sequences[0][:-1].flatten(0, 1))
        backend.multiply(flat[:, : kernel.summed * width].t(), states, of_weight[: kernel.summed * width])
        if kernel.separate:
            backend.multiply(saved[0].flatten(0, 1).t(), states, of_weight[-width:])
        elif kernel.summed < len(kernel.scales):
            backend.multiply(flat[:, -width:].t(), arithmetic.last_factor(saved).flatten(0, 1), of_weight[-width:])
        return None, None, projected, of_weight, saved[0].sum((0, 1)) if ctx.has_bias else None, *grad


def run_step(arithmetic: AbstractKernel, times_state: StateProduct, step: StepViews) -> None:
    """Compute a step forwards, in place: the state after it, from the state before and the products of the input.

    Args:
        arithmetic: the kernel.
        times_state: the product of the state with its weights.
        step: its buffers.
    """
    times_state.add(step.before[0], step.sums, step.saved)
    torch.sigmoid(step.sigmas, out=step.sigmas)
    arithmetic.forward(step.gates, step.before, step.after, step.saved)


def views_of_steps(
    kernel: type[AbstractKernel], projected: Tensor, sequences: Sequence[Tensor], saved: Sequence[Tensor]
) -> Iterator[StepViews]:
    """The buffers of each step, as parts of those of a sequence.

    Shape:
        projected ``[T, B, G * H]``, sequences of states ``[T + 1, B, H]``, saved blocks ``[T, B, H]``.
    """
    width = sequences[0].shape[2]
    sums = projected[:, :, : kernel.summed * width].unbind(0)
    sigmas = projected[:, :, : kernel.sigmoid * width].unbind(0)
    gates = zip(*(block.unbind(0) for block in projected.split(width, 2)), strict=True)
    states = list(zip(*(sequence.unbind(0) for sequence in sequences), strict=True))
    kept = zip(*(block.unbind(0) for block in saved), strict=True) if saved else [()] * len(sums)
    return map(StepViews._make, zip(sums, sigmas, gates, states[:-1], states[1:], kept, strict=True))
