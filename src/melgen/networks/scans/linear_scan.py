"""The scan of a linear recurrence, ``h' = a * h + b``: one elementwise operation a step, forwards and backwards.

Autograd would record every step. Here one function has the gradient of all steps: with ``dh'`` the gradient of the
state after a step, ``dh += a * dh'``, ``da = dh' * h`` and ``db = dh'``. There is no logarithm anywhere, so a and b may
have any sign, and a may be 0.

Letters as in `melgen.networks.model`; ``...`` is the shape of a state without its batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_scan(a: Tensor, b: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute ``h_t = a_t * h_(t-1) + b_t`` for all t.

    Args:
        a: the factor of each step; it is broadcast to b.
        b: what each step adds.
        state: the state before the first step; None for zeros.

    Shape:
        a and b ``[T, B, ...]``, state ``[B, ...]``.

    Returns:
        The states after each step, ``[T, B, ...]``, and the last of them.

    >>> linear_scan(torch.tensor([[[0.5]], [[0.0]], [[2.0]]]), torch.ones(3, 1, 1))[0].flatten()
    tensor([1., 1., 3.])
    """
    states, last = _LinearScan.apply(a, b, b.new_zeros(b.shape[1:]) if state is None else state)
    return states, last


def linear_steps(a: Tensor, b: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """`linear_scan` by autograd, one step after another: its reference.

    >>> linear_steps(torch.tensor([[[0.5]], [[0.0]], [[2.0]]]), torch.ones(3, 1, 1))[0].flatten()
    tensor([1., 1., 3.])
    """
    state = b.new_zeros(b.shape[1:]) if state is None else state
    states = []
    for factor, added in zip(a.unbind(0), b.unbind(0), strict=True):
        state = factor * state + added
        states.append(state)
    return torch.stack(states), state


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        states = b.new_empty(len(b) + 1, *b.shape[1:])
        states[0] = state
        views = states.unbind(0)
        for before, after, factor, added in zip(views[:-1], views[1:], a.unbind(0), b.unbind(0), strict=True):
            torch.addcmul(added, factor, before, out=after)
        ctx.save_for_backward(a, states)
        ctx.set_materialize_grads(False)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor | None, of_last: Tensor | None) -> tuple[Tensor | None, ...]:
        a, states = ctx.saved_tensors
        before = states[:-1]
        gradient = torch.empty_like(before)
        outer = [torch.zeros_like(before[0])] * len(before) if of_states is None else of_states.unbind(0)
        factors = a.unbind(0)
        views = gradient.unbind(0)
        torch.add(outer[-1], 0 if of_last is None else of_last, out=views[-1])
        for now, after, factor, added in zip(
            reversed(views[:-1]), reversed(views[1:]), reversed(factors[1:]), reversed(outer[:-1]), strict=True
        ):
            torch.addcmul(added, factor, after, out=now)
        needs_a, _, needs_state = ctx.needs_input_grad
        of_a = (gradient * before).sum_to_size(a.shape) if needs_a else None
        return of_a, gradient, factors[0] * views[0] if needs_state else None
