"""The steps of the Mogrifier LSTM, forwards and backwards, without recording each step in autograd.

It is like `melgen.networks.scans.kernel_scan`, which does not suit a cell that modulates its input, since it gets the
products of the whole input. Letters as in `melgen.networks.model`; I is the width of the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from melgen.networks.cells.lstm import LSTMKernel
from melgen.networks.products.backends import Backend
from melgen.networks.scans.fast_path import kept_once
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
    backend = backend.for_size(batch_size * weight_hh.numel())
    h, c = zero_states(LSTMKernel, weight_hh, batch_size) if state is None else state
    output, h, c = _MogrifierScan.apply(backend, input, h, c, weight_ih, weight_hh, bias, *gates)
    return output, h, c


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
        # Both sequences after each of their rounds; the first are the input, and the state before each step.
        both: list[list[Tensor]] = [[input], [input.new_empty(steps + 1, batch_size, width)]]
        memory = input.new_empty(steps + 1, batch_size, width)
        both[1][0][0], memory[0] = h, c
        sigmas = []
        for turn, weight in enumerate(gates):
            sigmas.append(input.new_empty(steps, batch_size, len(weight)))
            both[turn % 2].append(torch.empty_like(sigmas[-1]))
        sums = bias.detach().expand(steps, batch_size, -1).contiguous()
        saved = input.new_empty(2, steps, batch_size, width)
        times_input, times_state = (backend.of_step(each.t(), batch_size, steps) for each in (weight_ih, weight_hh))
        times_gates = [backend.of_step(each.t(), batch_size, steps) for each in gates]
        cell = LSTMKernel(input.new_empty(2, batch_size, width).unbind(0), times_state)
        views = _views(both, memory, sigmas, sums, saved)
        with backend.for_steps():
            for xs, hs, rounds, (before, after), gathered, parts, kept in views:
                for turn, (sigma, times) in enumerate(zip(rounds, times_gates, strict=True)):
                    own, other = (hs, xs) if turn % 2 else (xs, hs)
                    # Round 1 reads h as it was, round 2 x after one round, round 3 h after one round.
                    times.write(other[(turn + 1) // 2], sigma)
                    sigma.sigmoid_()
                    torch.mul(own[turn // 2], sigma, out=own[turn // 2 + 1]).mul_(2)
                times_input.add(xs[-1], gathered)
                times_state.add(hs[-1], gathered)
                gathered.sigmoid_()
                cell.forward(parts, before, after, kept)
        ctx.backend, ctx.buffers = backend, (both, sigmas, sums, views)
        ctx.save_for_backward(weight_ih, weight_hh, *gates)
        ctx.set_materialize_grads(False)
        return both[1][0][1:], both[1][0][-1], memory[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, *of_last: Tensor | None) -> tuple[Any, ...]:
        both, sigmas, sums, views = kept_once(ctx)
        backend: Backend = ctx.backend
        weight_ih, weight_hh, *gates = ctx.saved_tensors
        steps, batch_size, _ = sums.shape
        dh, dc = (
            sums.new_zeros(batch_size, weight_hh.shape[1])
            if of is None
            else of.clone(memory_format=torch.contiguous_format)
            for of in of_last
        )
        of_input, of_sums = torch.empty_like(both[0][0]), torch.empty_like(sums[0])
        of_parts, works = (
            of_sums.chunk(4, 1),
            {len(weight): sums.new_empty(batch_size, len(weight)) for weight in gates},
        )
        times_input, times_state = (backend.of_step(each, batch_size, steps) for each in (weight_ih, weight_hh))
        times_gates = [backend.of_step(each, batch_size, steps) for each in gates]
        cell = LSTMKernel(sums.new_empty(2, *dh.shape).unbind(0), times_state)
        outputs = [None] * steps if of_output is None else of_output.unbind(0)
        with backend.for_steps():
            for output, dx, (xs, hs, rounds, (before, after), gathered, parts, kept) in zip(
                reversed(outputs), reversed(of_input.unbind(0)), reversed(views), strict=True
            ):
                if output is not None:
                    dh.add_(output)
                cell.backward(parts, before, after, kept, (dh, dc), of_parts)
                sigmoid_backward(of_sums, gathered, grad_input=gathered)
                times_input.write(gathered, dx)
                times_state.write(gathered, dh)
                for turn in reversed(range(len(gates))):
                    own, gradient, of_other = (hs, dh, dx) if turn % 2 else (xs, dx, dh)
                    sigma, work = rounds[turn], works[len(gates[turn])]
                    torch.mul(gradient, own[turn // 2], out=work).mul_(2)
                    gradient.mul_(sigma).mul_(2)
                    sigmoid_backward(work, sigma, grad_input=sigma)
                    times_gates[turn].add(sigma, of_other)

        def of_weight(gradients: Tensor, factors: Tensor) -> Tensor:
            return backend.multiply(gradients.flatten(0, 1).t(), factors[:steps].flatten(0, 1))

        of_gates = [of_weight(of, both[1 - turn % 2][(turn + 1) // 2]) for turn, of in enumerate(sigmas)]
        of_weights = of_weight(sums, both[0][-1]), of_weight(sums, both[1][-1])
        return None, of_input, dh, dc, *of_weights, sums.sum((0, 1)), *of_gates


def _views(
    both: Sequence[Sequence[Tensor]], memory: Tensor, sigmas: Sequence[Tensor], sums: Tensor, saved: Tensor
) -> list[Any]:
    """The parts of each step: x and h after each of their rounds, sigma of each round, states, the LSTM's blocks."""

    def of_steps(sequences: Sequence[Tensor]) -> list[Any]:
        return list(zip(*(sequence.unbind(0) for sequence in sequences), strict=False)) or [()] * len(sums)

    states = of_steps([both[1][0], memory])
    blocks = of_steps(sums.chunk(4, 2))
    return list(
        zip(
            *map(of_steps, both),
            of_steps(sigmas),
            pairwise(states),
            sums.unbind(0),
            blocks,
            of_steps(saved.unbind(0)),
            strict=False,
        )
    )
