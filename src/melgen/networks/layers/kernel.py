"""Layers with a product with the state: a kernel computes their steps, or torch's module all of them.

Letters as in `melgen.networks.model`; I is the width of a layer's input.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks.initialization import TensorFlowInit, check_initialization, torch_uniform_
from melgen.networks.layers.projected import AbstractProjectedLayer, Projection
from melgen.networks.layers.recurrent import State, map_state
from melgen.networks.products.backends import FEWEST_MULTIPLICATIONS, TORCH, Products
from melgen.networks.scans.graphs import recorded_scans
from melgen.networks.scans.kernel_scan import scaled
from melgen.networks.scans.kernel_stepping import (
    AbstractStepper,
    KernelStepper,
    ProjectedInput,
    ProjectedRows,
    can_step,
)
from melgen.networks.scans.kernels import AbstractKernel


class AbstractKernelLayer(AbstractProjectedLayer):
    """A layer that has a kernel in addition to its reference implementation.

    Attributes:
        kernel: its arithmetic for the fast scan; None for a layer that has only its reference.
    """

    kernel: ClassVar[type[AbstractKernel] | None] = None

    @abstractmethod
    def parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The weights of input and state, the bias, and the bias of a separate product, for the kernel."""

    def is_fast(self, tensor: Tensor, rows: bool) -> bool:
        """Whether to use the kernel for an input like this tensor; ``rows``: if it is a table whose rows are read."""
        return self.kernel is not None and super().is_fast(tensor, rows)

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        products: Products = TORCH,
    ) -> AbstractStepper:
        """Read one time step after another: with the kernel, unless a subclass has a `forward` or `forward_rows`."""
        calls = (type(self).forward, type(self).forward_rows)
        is_ours = calls == (AbstractProjectedLayer.forward, AbstractProjectedLayer.forward_rows)
        if not is_ours or self.implementation == "reference" or self.kernel is None or not can_step(self.parts()[0]):
            return super().stepper(batch_size, state, tables, products)
        weight_ih, weight_hh, bias, separate = self._scaled_parts()
        if state is None:
            states: Sequence[Tensor] = [weight_hh.new_zeros(batch_size, self.hidden_size)] * self.kernel.states
        else:
            states = (state,) if isinstance(state, Tensor) else state
        if batch_size * weight_hh.numel() < FEWEST_MULTIPLICATIONS:
            products = TORCH
        projection = ProjectedInput(weight_ih, bias) if tables is None else ProjectedRows(tables, weight_ih, bias)
        return KernelStepper(self.kernel, projection, weight_hh, separate, states, products)

    def read(self, project: Projection, state: State, products: Products) -> tuple[Tensor, State]:
        """Scan the products of the input with both weights scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate = self._scaled_parts()
        states = (state,) if isinstance(state, Tensor) else state
        # On a CPU it scans; on a GPU it replays a recorded scan.
        run = recorded_scans(self).scan_or_replay
        output, last = run(self.kernel, project(weight_ih, bias), weight_hh, separate, states, products)
        return output.transpose(0, 1), last[0] if self.kernel.states == 1 else tuple(last)

    def _scaled_parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The `parts`, scaled for the kernel."""
        assert self.kernel is not None
        weight_ih, weight_hh, bias, separate = self.parts()
        weight_ih, weight_hh, bias = scaled(self.kernel, weight_ih, weight_hh, bias)
        if separate is not None:
            separate = separate * self.kernel.scales[-1]
        return weight_ih, weight_hh, bias, separate


class AbstractTorchLayer(AbstractKernelLayer):
    """A layer that torch has: torch's module computes all time steps in one call.

    torch has two biases for each gate, of which only the sum matters (except for the candidate of its GRU).
    If both are trained, a step of Adam moves the sum twice as far as TensorFlow's single bias. So with
    ``paper`` initialisation the second, ``bias_hh``, is zero and not trained; with ``torch`` both are
    trained, as usual.
    """

    module: ClassVar[Callable[..., nn.RNNBase]]
    start: ClassVar[TensorFlowInit]

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        self.rnn = self.module(input_size, hidden_size, batch_first=True)

    def is_fast(self, tensor: Tensor, rows: bool) -> bool:
        """Whether to use the kernel: not on a GPU, where torch calls cuDNN's fused loops."""
        return tensor.device.type == "cpu" and not self.backend.by_module and super().is_fast(tensor, rows)

    def parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """The module's weights, with the sum of its biases where only the sum matters."""
        weight_ih, weight_hh, bias_ih, bias_hh = self.rnn.parameters()
        assert self.kernel is not None
        if not self.kernel.separate:
            return weight_ih, weight_hh, bias_ih + bias_hh, None
        summed, separate = bias_hh.split([len(bias_hh) - self.hidden_size, self.hidden_size])
        bias = bias_ih + F.pad(summed, (0, self.hidden_size))
        # With ``paper`` initialisation it is zero and untrained, and then not worth an addition in each step.
        return weight_ih, weight_hh, bias, separate if separate.requires_grad or bool(separate.any()) else None

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Call torch's module, whose states have an axis for layers, which ours lack."""
        output, last = self.rnn(input, map_state(lambda tensor: tensor.unsqueeze(0), state))
        return output, map_state(lambda tensor: tensor.squeeze(0), last)

    def initialize(self, initialization: str) -> None:
        """Draw new weights; the class explains the second bias."""
        check_initialization(initialization)
        weight_ih, weight_hh, bias_ih, bias_hh = self.rnn.parameters()
        if initialization == "paper":
            self.start.fill_(weight_ih, weight_hh, bias_ih)
            nn.init.zeros_(bias_hh)
        else:
            self.rnn.reset_parameters()
        bias_hh.requires_grad_(initialization != "paper")


class AbstractScannedLayer(AbstractKernelLayer):
    """A layer that torch lacks: one product of the whole input, then one `step` after another.

    A subclass gives `step` and the attributes below, nothing else. With a ``kernel`` the steps are a scan, which is
    faster; without one, autograd records each.

    Attributes:
        products: how many blocks each product with the state has. Most cells need one product; GRU needs its gates
            before it can compute the second. (`backend` is who computes them.)
        states: how many tensors make up the state: one, or several as a tuple whose first is the output.
        start: the initial weights of TensorFlow 1.
        weight_ih: ``[blocks * H, I]``, weight_hh: ``[blocks * H, H]``, bias: ``[blocks * H]`` or None.
    """

    products: ClassVar[tuple[int, ...]]
    states: ClassVar[int] = 1
    start: ClassVar[TensorFlowInit]

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        rows = sum(self.products) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows)) if self.start.bias else None
        self.initialize("torch")

    @staticmethod
    @abstractmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """The state after one more time step: a pure function.

        Shape:
            for each product of n blocks: inputs ``[B, n * H]``, already multiplied by the input weights and
            with the bias added, and weights ``[H, n * H]``, by which to multiply the state; state ``[B, H]``.
        """

    def parts(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """All parameters; there is no bias of a separate product."""
        return self.weight_ih, self.weight_hh, self.bias, None

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read the sequence step by step, with time as the first axis, so that each step's input is contiguous."""
        columns = [blocks * self.hidden_size for blocks in self.products]
        weight_ih, weight_hh, bias, _ = self.parts()
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
