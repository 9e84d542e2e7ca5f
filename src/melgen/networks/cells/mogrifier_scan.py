"""The steps of the Mogrifier LSTM, forwards and backwards, without recording each step in autograd.

It is like `melgen.networks.scans.kernel_scan`, which does not suit a cell that modulates its input, since it gets the
products of the whole input. Letters as in `melgen.networks.model`; I is the width of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.products.backends import Backend
from melgen.networks.scans.fast_path import gradients_of_steps, kept_once, last_gradients
from melgen.networks.scans.kernel_scan import zero_states
from melgen.networks.scans.kernels import sigmoid_backward


def mogrifier_scan(
    backend: Backend,
    input: Tensor,
    state: tuple[Tensor, Tensor] | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    gates: Sequence[Tensor],
) -> tuple[Tensor, Tensor, Tensor]:
    """Read a sequence.

    Args:
        backend: who computes the products.
        input: the sequence.
        state: h and c before it, None for zeros.
        weight_ih, weight_hh, bias: of the LSTM, scaled for `LSTMKernel`.
        gates: the weights of each round, in turns of x and h.

    Shape:
        input ``[T, B, I]``, h and c ``[B, H]``, weight_ih ``[4 * H, I]``, weight_hh ``[4 * H, H]``, bias ``[4 * H]``,
        gates in turns ``[I, H]`` and ``[H, I]``; output ``[T, B, H]``.

    Returns:
        The output, and h and c after the last step.
    """
    batch_size = input.shape[1]
    backend = backend.or_default_if_small(batch_size * weight_hh.numel())
    h, c = zero_states(LSTMKernel, weight_hh, batch_size) if state is None else state
    output, h, c = _MogrifierScan.apply(backend, input, h, c, weight_ih, weight_hh, bias, *gates)
    return output, h, c


class _StepViews(NamedTuple):
    """The buffers of a step.

    Attributes:
        xs, hs: input and state before their first round and after each.
        sigmas: sigma of each round.
        before, after: h and c before and after the step, each ``[B, H]``.
        sums: the LSTM's blocks together, ``[B, 4 * H]``; blocks: each.
        saved: what the LSTM's kernel keeps for its gradient.
    """

    xs: Sequence[Tensor]
    hs: Sequence[Tensor]
    sigmas: Sequence[Tensor]
    before: Sequence[Tensor]
    after: Sequence[Tensor]
    sums: Tensor
    blocks: Sequence[Tensor]
    saved: Sequence[Tensor]


class _MogrifierScan(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        backend: Backend,
        input: Tensor,
        h: Tensor,
        c: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor,
        *gates: Tensor,
    ) -> tuple[Tensor, ...]:
        input = input.detach().contiguous()
        steps, batch_size, _ = input.shape
        width = weight_hh.shape[1]
        # x and h of all steps, before their first round and after each; then c.
        xs, hs = [input], [input.new_empty(steps + 1, batch_size, width)]
        memory = input.new_empty(steps + 1, batch_size, width)
        hs[0][0], memory[0] = h, c
        sigmas = []
        for turn, weight in enumerate(gates):
            sigmas.append(input.new_empty(steps, batch_size, len(weight)))
            (hs if turn % 2 else xs).append(torch.empty_like(sigmas[-1]))
        sums = bias.detach().expand(steps, batch_size, -1).contiguous()
        saved = input.new_empty(2, steps, batch_size, width)
        times_input, times_state = (backend.of_step(each.t(), batch_size, steps) for each in (weight_ih, weight_hh))
        times_gates = [backend.of_step(each.t(), batch_size, steps) for each in gates]
        arithmetic = LSTMKernel(input.new_empty(2, batch_size, width).unbind(0))
        views = _views(xs, hs, memory, sigmas, sums, saved)
        with backend.for_steps():
            for step in views:
                for turn, (sigma, times) in enumerate(zip(step.sigmas, times_gates, strict=True)):
                    own, other = (step.hs, step.xs) if turn % 2 else (step.xs, step.hs)
                    # Round 1 reads h as it was, round 2 x after one round, round 3 h after one round.
                    times.write(other[(turn + 1) // 2], sigma)
                    sigma.sigmoid_()
                    torch.mul(own[turn // 2], sigma, out=own[turn // 2 + 1]).mul_(2)
                times_input.add(step.xs[-1], step.sums)
                times_state.add(step.hs[-1], step.sums)
                step.sums.sigmoid_()
                arithmetic.forward(step.blocks, step.before, step.after, step.saved)
        ctx.backend, ctx.buffers = backend, (xs, hs, sigmas, sums, views)
        ctx.save_for_backward(weight_ih, weight_hh, *gates)
        ctx.set_materialize_grads(False)
        # Not views, which would keep the memory of the whole sequence, and save it with a checkpoint.
        return hs[0][1:], hs[0][-1].clone(), memory[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, *of_last: Tensor | None) -> tuple[Any, ...]:
        xs, hs, sigmas, sums, views = kept_once(ctx)
        backend: Backend = ctx.backend
        weight_ih, weight_hh, *gates = ctx.saved_tensors
        steps, batch_size, _ = sums.shape
        dh, dc = last_gradients(of_last, views[0].before)
        of_input, of_sums = torch.empty_like(xs[0]), torch.empty_like(sums[0])
        of_blocks = of_sums.chunk(4, 1)
        works = {len(weight): sums.new_empty(batch_size, len(weight)) for weight in gates}
        times_input, times_state = (backend.of_step(each, batch_size, steps) for each in (weight_ih, weight_hh))
        times_gates = [backend.of_step(each, batch_size, steps) for each in gates]
        arithmetic = LSTMKernel(sums.new_empty(2, *dh.shape).unbind(0))
        outputs = gradients_of_steps(of_output, steps)
        with backend.for_steps():
            for output, dx, step in zip(reversed(outputs), reversed(of_input.unbind(0)), reversed(views), strict=True):
                if output is not None:
                    dh.add_(output)
                arithmetic.backward(step.blocks, step.before, step.after, step.saved, (dh, dc), of_blocks)
                sigmoid_backward(of_sums, step.sums, grad_input=step.sums)
                times_input.write(step.sums, dx)
                times_state.write(step.sums, dh)
                for turn in reversed(range(len(gates))):
                    own, gradient, of_other = (step.hs, dh, dx) if turn % 2 else (step.xs, dx, dh)
                    sigma, work = step.sigmas[turn], works[len(gates[turn])]
                    torch.mul(gradient, own[turn // 2], out=work).mul_(2)
                    gradient.mul_(sigma).mul_(2)
                    sigmoid_backward(work, sigma, grad_input=sigma)
                    times_gates[turn].add(sigma, of_other)

        def of_weight(gradients: Tensor, factors: Tensor) -> Tensor:
            return backend.multiply(gradients.t(), factors[:steps].flatten(0, 1))

        of_gates = [
            of_weight(of.flatten(0, 1), (xs if turn % 2 else hs)[(turn + 1) // 2]) for turn, of in enumerate(sigmas)
        ]
        of_sums = backend.factor(sums.flatten(0, 1))
        of_weights = of_weight(of_sums, xs[-1]), of_weight(of_sums, hs[-1])
        return None, of_input, dh, dc, *of_weights, sums.sum((0, 1)), *of_gates


def _views(
    xs: Sequence[Tensor],
    hs: Sequence[Tensor],
    memory: Tensor,
    sigmas: Sequence[Tensor],
    sums: Tensor,
    saved: Tensor,
) -> list[_StepViews]:
    """The buffers of each step, as parts of those of a sequence; the states h and c have one more, that before it."""

    def of_steps(sequences: Sequence[Tensor]) -> list[Any]:
        return list(zip(*(sequence.unbind(0) for sequence in sequences), strict=True)) or [()] * len(sums)

    states = of_steps([hs[0], memory])
    fields = (
        of_steps(xs),
        of_steps([hs[0][:-1], *hs[1:]]),
        of_steps(sigmas),
        states[:-1],
        states[1:],
        sums.unbind(0),
        of_steps(sums.chunk(4, 2)),
        of_steps(saved.unbind(0)),
    )
    return [_StepViews(*step) for step in zip(*fields, strict=True)]
