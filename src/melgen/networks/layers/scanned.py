"""Layers that torch lacks: a cell with a product with the state, given by one step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks.initialization import TensorFlowInit, check_initialization, torch_uniform_
from melgen.networks.layers.kernel import AbstractKernelLayer, KernelWeights
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.state_checks import StateShape, several_states
from melgen.networks.scans.kernels import AbstractKernel


class AbstractScannedLayer(AbstractKernelLayer):
    """A layer that torch lacks: one product of the whole input, then one `step` after another.

    A subclass gives `step` and the attributes below, nothing else. With a ``kernel`` the steps are a scan, which is
    faster; without one, autograd records each. A subclass with a `step` of its own does not inherit the kernel, which
    is the arithmetic of another step.

    Attributes:
        blocks_of_products: how many blocks each product with the state has. Most cells need one product; GRU needs its
            gates before it can compute the second. ``products`` is its former name.
        states: how many tensors make up the state: one, or several as a tuple whose first is the output. A cell with a
            kernel has those of its kernel.
        start: the initial weights of TensorFlow 1.
        weight_ih: ``[blocks * H, I]``, weight_hh: ``[blocks * H, H]``, bias: ``[blocks * H]`` or None.

    Raises:
        ValueError: when a class is defined with a kernel that has other blocks or states.
    """

    blocks_of_products: ClassVar[tuple[int, ...]]
    products: ClassVar[tuple[int, ...]]
    states: ClassVar[int] = 1
    start: ClassVar[TensorFlowInit]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        named = (vars(kind).get(name) for kind in cls.__mro__ for name in ("blocks_of_products", "products"))
        if (blocks := next((each for each in named if each is not None), None)) is not None:
            cls.blocks_of_products = cls.products = blocks
        if cls.kernel is not None and _is_newer("step", "kernel", cls):
            cls.kernel = None
        if cls.kernel is not None:
            _check_kernel(cls, cls.kernel, blocks)
            cls.states = cls.kernel.states

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        gates_size = sum(self.blocks_of_products) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(gates_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(gates_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(gates_size)) if self.start.bias else None
        self.initialize("torch")

    @property
    def state_shape(self) -> StateShape:
        """H numbers for each tensor of the state."""
        return several_states(self.hidden_size, self.states)

    @staticmethod
    @abstractmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """The state after one more time step: a pure function.

        Shape:
            for each product of n blocks: inputs ``[B, n * H]``, already multiplied by the input weights and
            with the bias added, and weights ``[H, n * H]``, by which to multiply the state; state ``[B, H]``.
        """

    def kernel_weights(self) -> KernelWeights:
        """All parameters; there is no bias of a separate product."""
        return KernelWeights(self.weight_ih, self.weight_hh, self.bias)

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read the sequence step by step, with time as the first axis, so that each step's input is contiguous."""
        columns = [blocks * self.hidden_size for blocks in self.blocks_of_products]
        weight_ih, weight_hh, bias, _ = self.kernel_weights()
        projected = F.linear(input.transpose(0, 1).contiguous(), weight_ih, bias)
        sequences = [part.unbind(0) for part in projected.split(columns, dim=-1)]
        weights = weight_hh.t().split(columns, dim=-1)
        if state is None:
            zeros = projected.new_zeros(input.shape[0], self.hidden_size)
            state = zeros if self.states == 1 else (zeros,) * self.states
        outputs = []
        for inputs in zip(*sequences, strict=True):
            state = self.step(inputs, state, weights)
            outputs.append(state if self.states == 1 else state[0])
        return torch.stack(outputs).transpose(0, 1), state

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization == "paper":
            self.start.fill_(self.weight_ih, self.weight_hh, self.bias)
        else:
            for parameter in self.parameters():
                torch_uniform_(parameter, self.hidden_size)


def _is_newer(name: str, other: str, cell: type) -> bool:
    """Whether a class has the first attribute from a class nearer to it than the second."""
    first, second = (next(at for at, each in enumerate(cell.__mro__) if key in vars(each)) for key in (name, other))
    return first < second


def _check_kernel(cell: type[AbstractScannedLayer], kernel: type[AbstractKernel], blocks: object) -> None:
    """Check that a kernel has the blocks and the states of its cell."""
    wanted, states = len(kernel.scales), vars(cell).get("states", kernel.states)
    if isinstance(blocks, tuple) and sum(blocks) != wanted:
        raise ValueError(
            f"blocks_of_products={blocks} of {cell.__qualname__}: must be {wanted} in all, the blocks of "
            f"{kernel.__qualname__}"
        )
    if states != kernel.states:
        raise ValueError(
            f"states={states} of {cell.__qualname__}: must be {kernel.states}, as in {kernel.__qualname__}"
        )
