"""The independently recurrent neural network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from melgen.networks.initialization import check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.elementwise import AbstractElementwiseLayer
from melgen.networks.layers.projected import Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.products.backends import Backend
from melgen.networks.scans.fast_path import gradients_of_steps, kept_once, last_gradients
from melgen.networks.scans.kernels import threshold_backward


class IndRNN(AbstractElementwiseLayer):
    """Independently recurrent neural network (Li et al., arXiv:1803.04831): each unit reads only its own state.

    ::

        h' = relu(W x + b + u * h)                  |u| <= 1

    The publication allows u up to the T-th root of 2 for sequences of T steps. A state that is carried from window to
    window has no such T, so the bound here is 1, without which the state would overflow. u is clamped where it is used
    (see `held`).

    u starts uniform from 0 to 1, as in the publication, with both initialisations: around 0, as torch would draw it,
    no unit would remember anything.

    >>> output, h = IndRNN(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]))
    """

    name = "indrnn"

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.recurrence = nn.Parameter(torch.empty(hidden_size))
        """u."""
        self.initialize("torch")

    @property
    def state_shape(self) -> StateShape:
        """H numbers."""
        return several_states(self.hidden_size, 1)

    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """``W x + b``."""
        return (project(self.weight, self.bias),)

    def scan(
        self, coefficients: tuple[Tensor, ...], state: State, backend: Backend, fast: bool
    ) -> tuple[Tensor, State]:
        """Run all steps in place, or by autograd."""
        (projected,) = coefficients
        factor = held(self.recurrence)
        state = projected.new_zeros(projected.shape[1:]) if state is None else state
        if fast:
            output, last = _IndependentScan.apply(projected, factor, state)
            return output, last
        outputs = []
        for added in projected.unbind(0):
            state = torch.relu(added + factor * state)
            outputs.append(state)
        return torch.stack(outputs), state

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            glorot_uniform_(self.weight, fan_in=self.input_size, fan_out=self.hidden_size)
            nn.init.zeros_(self.bias)
        else:
            torch_uniform_(self.weight, self.hidden_size)
            torch_uniform_(self.bias, self.hidden_size)
        nn.init.uniform_(self.recurrence, 0, 1)


def held(factor: Tensor) -> Tensor:
    """A factor clamped to [-1, 1], which a gradient can lead back from beyond.

    The gradient of torch's ``clamp`` is 0 beyond the bounds: a unit that an update has moved there would never change
    again. Here it is 0 only where a step against it leads further away. The publication's code moves the weight itself
    back to the bound, with the same effect.

    >>> factor = torch.tensor([-1.5, 0.5, 1.5, 1.5], requires_grad=True)
    >>> held(factor).backward(torch.tensor([1.0, 1.0, 1.0, -1.0]))
    >>> factor.grad
    tensor([0., 1., 1., 0.])
    """
    held_factor: Tensor = _Held.apply(factor)
    return held_factor


class _Held(torch.autograd.Function):
    generate_vmap_rule = True  # so that torch.func can be used

    @staticmethod
    def forward(factor: Tensor) -> Tensor:
        return factor.clamp(-1, 1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (factor,) = ctx.saved_tensors
        leads_away = ((factor > 1) & (gradient < 0)) | ((factor < -1) & (gradient > 0))
        return gradient.masked_fill(leads_away, 0)


class _IndependentScan(torch.autograd.Function):
    """All steps, with one node of autograd; the projected input is overwritten by the gradient."""

    @staticmethod
    def forward(ctx: Any, projected: Tensor, factor: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        projected = projected.detach()  # the operation that made it does not need its result any more
        states = projected.new_empty(len(projected) + 1, *state.shape)
        states[0] = state
        views = states.unbind(0)
        for before, after, added in zip(views[:-1], views[1:], projected.unbind(0), strict=True):
            torch.addcmul(added, factor, before, out=after).relu_()
        ctx.buffers = states, projected
        ctx.save_for_backward(factor)
        ctx.set_materialize_grads(False)
        return states[1:], states[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_states: Tensor | None, of_last: Tensor | None) -> tuple[Tensor | None, ...]:
        states, gradient = kept_once(ctx)
        (factor,) = ctx.saved_tensors
        (of_state,) = last_gradients([of_last], [states[0]])
        outer = gradients_of_steps(of_states, len(gradient))
        for output, after, of_sum in zip(
            reversed(outer), reversed(states.unbind(0)[1:]), reversed(gradient.unbind(0)), strict=True
        ):
            if output is not None:
                of_state.add_(output)
            threshold_backward(of_state, after, 0, grad_input=of_sum)
            torch.mul(of_sum, factor, out=of_state)
        return gradient, (gradient * states[:-1]).sum((0, 1)), of_state
