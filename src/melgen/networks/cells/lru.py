"""The linear recurrent unit, whose state is complex."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from melgen.checking import check_number, require
from melgen.networks.initialization import check_initialization, glorot_uniform_, torch_uniform_
from melgen.networks.layers.elementwise import AbstractElementwiseLayer
from melgen.networks.layers.projected import Projection
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.products.backends import Backend
from melgen.networks.products.linear import linear
from melgen.networks.scans.fast_path import kept_once

SMALLEST_DRAW = 1e-6
"""Of a share of the circle: the logarithm of 0 is not a weight."""


class LRU(AbstractElementwiseLayer):
    """Linear recurrent unit (Orvieto et al., arXiv:2303.06349), a time-invariant filter with complex states.

    ::

        l = exp(-exp(nu) + i exp(th))               |l| < 1
        h' = l * h + exp(gamma) * (B x)             complex; H states
        y = Re(C h') + D x                          D is a matrix
        output = V gelu(y) + v                      with mixer

    Two such layers without anything between them would be one linear filter, so a nonlinear mixer is part of the layer.

    With ``paper`` initialisation l is uniform on the ring between the radii ``r_min`` and ``r_max``, gamma makes
    each state's variance that of its input, B is drawn from N(0, 1 / (2 I)) and C from N(0, 1 / H), each in both parts;
    D and V as TensorFlow draws them. nu, th and gamma have one start with both initialisations, since a uniform one has
    no meaning as a decay or a frequency.

    Args:
        input_size: width of the input.
        hidden_size: width of the output, and the number of complex states, H.
        mixer: whether a GELU and a linear layer follow. Without them the layer is linear.
        r_min, r_max: radii between which l starts, from 0 to below 1.

    The state is a pair of tensors ``[B, H]``, the real and the imaginary parts. So the arithmetic of a step is real.

    >>> output, (real, imaginary) = LRU(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, real.shape, imaginary.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "lru"
    inside_block: ClassVar[Mapping[str, Any]] = MappingProxyType({"mixer": False})

    def __init__(self, input_size: int, hidden_size: int, mixer: bool = True, r_min: float = 0.9, r_max: float = 0.999):
        super().__init__(input_size, hidden_size)
        require(isinstance(mixer, bool), "mixer", mixer, "true or false")
        check_number("r_max", r_max, above=0, below=1)
        check_number("r_min", r_min, least=0, below=r_max)
        self.r_min, self.r_max = r_min, r_max
        self.nu = nn.Parameter(torch.empty(hidden_size))
        self.theta = nn.Parameter(torch.empty(hidden_size))
        self.gamma = nn.Parameter(torch.empty(hidden_size))
        # Both parts of a number are neighbours in memory, as in torch's complex numbers.
        self.input_weight = nn.Parameter(torch.empty(hidden_size, 2, input_size))
        self.output_weight = nn.Parameter(torch.empty(hidden_size, hidden_size, 2))
        self.skip_weight = nn.Parameter(torch.empty(hidden_size, input_size))
        self.mixer = nn.Linear(hidden_size, hidden_size) if mixer else None
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """Whether there is a mixer, and the radii, as plain data."""
        return {"mixer": self.mixer is not None, "r_min": self.r_min, "r_max": self.r_max}

    @property
    def state_shape(self) -> StateShape:
        """H real and H imaginary parts."""
        return several_states(self.hidden_size, 2)

    def coefficients(self, project: Projection, backend: Backend, fast: bool) -> tuple[Tensor, ...]:
        """What is added to the state, both parts of a number next to each other, and what is added to the output."""
        scale = self.gamma.exp().view(-1, 1, 1)
        return project((scale * self.input_weight).flatten(0, 1), None), project(self.skip_weight, None)

    def scan(
        self, coefficients: tuple[Tensor, ...], state: State, backend: Backend, fast: bool
    ) -> tuple[Tensor, State]:
        """Run all steps, with complex numbers if ``fast``; then the output layers."""
        added, skipped = coefficients
        if fast:
            output, last = self._filtered(added, skipped, state, backend)
        else:
            output, last = self._steps(added, skipped, state)
        if self.mixer is not None:
            output = linear(backend, F.gelu(output), self.mixer.weight, self.mixer.bias)
        return output, last

    def _filtered(self, added: Tensor, skipped: Tensor, state: State, backend: Backend) -> tuple[Tensor, State]:
        decay = torch.complex(-self.nu.exp(), self.theta.exp()).exp()
        start = decay.new_zeros(added.shape[1], self.hidden_size) if state is None else torch.complex(*state)
        output, last = _Filter.apply(backend, added, skipped, decay, self.output_weight, start)
        return output, (last.real.contiguous(), last.imag.contiguous())

    def _steps(self, added: Tensor, skipped: Tensor, state: State) -> tuple[Tensor, State]:
        added = added.unflatten(-1, (self.hidden_size, 2))
        size, angle = torch.exp(-self.nu.exp()), self.theta.exp()
        cosine, sine = size * angle.cos(), size * angle.sin()
        zeros = added.new_zeros(added.shape[1:3])
        real, imaginary = (zeros, zeros) if state is None else state
        states = []
        for step in added.unbind(0):
            real, imaginary = (
                cosine * real - sine * imaginary + step[..., 0],
                cosine * imaginary + sine * real + step[..., 1],
            )
            states.append(torch.stack([real, imaginary], dim=-1))
        # Re(C h) = Re C Re h - Im C Im h.
        weight = (self.output_weight * self.output_weight.new_tensor([1.0, -1.0])).flatten(1)
        return F.linear(torch.stack(states).flatten(-2), weight) + skipped, (real, imaginary)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            nn.init.normal_(self.input_weight, std=(2 * self.input_size) ** -0.5)
            nn.init.normal_(self.output_weight, std=self.hidden_size**-0.5)
            glorot_uniform_(self.skip_weight, fan_in=self.input_size, fan_out=self.hidden_size)
            if self.mixer is not None:
                glorot_uniform_(self.mixer.weight, fan_in=self.hidden_size, fan_out=self.hidden_size)
                nn.init.zeros_(self.mixer.bias)
        else:
            of_mixer = [] if self.mixer is None else self.mixer.parameters()
            for parameter in (self.input_weight, self.output_weight, self.skip_weight, *of_mixer):
                torch_uniform_(parameter, self.hidden_size)
        nn.init.uniform_(self.nu, self.r_min**2, self.r_max**2)
        nn.init.uniform_(self.theta, SMALLEST_DRAW, 1)
        if self.nu.is_meta:
            return
        with torch.no_grad():
            self.gamma.copy_(0.5 * torch.log1p(-self.nu))  # nu is still the square of |l|
            self.nu.log_().mul_(-0.5).log_()
            self.theta.mul_(2 * math.pi).log_()


class _Filter(torch.autograd.Function):
    """``Re(C h) + D x`` of all steps, with the states in the memory of what is added to them.

    Autograd would need memory of its own for states, gradients and what is computed of them. At these sizes new memory
    costs as much time as the arithmetic. So this overwrites what it gets and what it kept, and allows one backward
    pass.

    Shape:
        added ``[T, B, 2 * H]``, skipped and output ``[T, B, H]``, weight ``[H, H, 2]``; complex are decay ``[H]``, and
        the states before and after, ``[B, H]``.
    """

    @staticmethod
    def forward(
        ctx: Any, backend: Backend, added: Tensor, skipped: Tensor, decay: Tensor, weight: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        flat = added.detach().flatten(0, 1)  # the operation that made it does not need its result any more
        states = _complex(flat).unflatten(0, added.shape[:2])
        last = state
        for step in states.unbind(0):
            last = step.addcmul_(decay, last)
        # Re(C h) = Re C Re h - Im C Im h: a product with the parts of the conjugate of C.
        conjugate = torch.view_as_complex(weight).conj_physical()
        output = backend.multiply(flat, _real(conjugate).t()).view_as(skipped).add_(skipped)
        ctx.backend, ctx.buffers = backend, (flat, states)
        ctx.save_for_backward(decay, conjugate, state)
        ctx.set_materialize_grads(False)
        return output, last.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_output: Tensor | None, of_last: Tensor | None) -> tuple[Tensor | None, ...]:
        flat, states = kept_once(ctx)
        decay, conjugate, state = ctx.saved_tensors
        if of_output is None:
            of_flat, of_weight = torch.zeros_like(flat), None
        else:
            factor = ctx.backend.factor(of_output.flatten(0, 1))
            of_flat = ctx.backend.multiply(factor, _real(conjugate))
            of_conjugate = _complex(ctx.backend.multiply(factor.t(), flat))
            of_weight = torch.view_as_real(of_conjugate.conj_physical_())
        gradient = _complex(of_flat).view_as(states)
        steps = gradient.unbind(0)
        if of_last is not None:
            steps[-1].add_(of_last)
        of_before = decay.conj_physical()
        for before, after in pairwise(reversed(steps)):
            after.addcmul_(of_before, before)
        states.conj_physical_()
        of_decay = states[:-1].mul_(gradient[1:]).sum((0, 1)) + (state.conj() * steps[0]).sum(0)
        of_added = of_flat.view(*states.shape[:2], -1)
        return None, of_added, of_output, of_decay, of_weight, of_before * steps[0]


def _complex(parts: Tensor) -> Tensor:
    """A matrix whose columns are real and imaginary parts in turns, as complex numbers in the same memory."""
    return torch.view_as_complex(parts.unflatten(-1, (-1, 2)))


def _real(numbers: Tensor) -> Tensor:
    """The opposite of `_complex`."""
    return torch.view_as_real(numbers).flatten(-2)
