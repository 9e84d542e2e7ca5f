"""The interface of a recurrent layer, and its loops over time: torch's own, a scan of steps, and the fast scan.

Letters as in `melgen.networks.model`; I is the width of a layer's input.

Every layer is called like ``torch.nn.LSTM`` with ``batch_first``: ``(input, state) -> (output, state)``. The
state is opaque: a tensor or a tuple of such states, which the caller hands back unchanged. To detach, move or
save it, use `map_state`. Callers may rely only on the first axis of its tensors, the batch.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.checking import check_whole, require
from melgen.networks.graphs import recorded_scans
from melgen.networks.initialization import TensorFlowInit, check_initialization, torch_uniform_
from melgen.networks.kernels import AbstractKernel
from melgen.networks.products import FEWEST_MULTIPLICATIONS, TORCH, Products, linear
from melgen.networks.scan import can_scan, products_for, scaled, scan
from melgen.networks.stepping import (
    AbstractStepper,
    CallStepper,
    KernelStepper,
    ProjectedInput,
    ProjectedRows,
    can_step,
)

IMPLEMENTATIONS = ("fast", "graphs", "reference")
"""``fast``: a kernel of `melgen.networks.kernels`, if the layer has one and `can_scan` allows it; ``graphs``: the
same, recorded as CUDA graphs on a GPU; ``reference``: torch's module, or one step after another with autograd. All
compute the same, except for rounding."""

State: TypeAlias = Any
"""A tensor whose first axis is the batch, or a tuple of states. `Any`, because each layer knows only its own."""

LayerFactory: TypeAlias = Callable[[int, int], "AbstractRecurrentLayer"]
"""A callable that builds a layer from ``input_size`` and ``hidden_size``: a class, or a partial with its options."""

Projection: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""Multiplies a layer's input by a weight and adds a bias."""


def check_count(key: str, value: object) -> int:
    """Check that a value, such as a size or a number of layers, is a whole number of at least 1, and return it.

    Raises:
        ValueError: if it is not; names key, value and rule.

    >>> check_count("layers", 0)
    Traceback (most recent call last):
        ...
    ValueError: layers=0: must be a whole number of at least 1
    """
    check_whole(key, value)
    assert isinstance(value, int)
    require(value <= sys.maxsize, key, value, f"at most {sys.maxsize}, the largest number in torch")
    return value


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state; None, the state before the first note, stays None.

    >>> state = (torch.ones(1, 2), (torch.ones(1, 2), torch.zeros(1, 2)))
    >>> map_state(lambda tensor: tensor + 1, state)[1]
    (tensor([[2., 2.]]), tensor([[1., 1.]]))
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    return tuple(map_state(function, part) for part in state)


def embedded(tokens: Tensor, tables: Sequence[Tensor]) -> Tensor:
    """The sum of a row of each table.

    Shape:
        tokens ``[...]`` for one table, ``[..., tables]`` for several; each table ``[V, E]``; the sums ``[..., E]``.

    >>> embedded(torch.tensor([[0, 1]]), [torch.tensor([[1.0], [2.0]]), torch.tensor([[10.0], [20.0]])])
    tensor([[21.]])
    """
    if len(tables) == 1:
        return F.embedding(tokens, tables[0])
    first, *others = (F.embedding(column, table) for column, table in zip(tokens.unbind(-1), tables, strict=True))
    for rows in others:
        first = first + rows
    return first


def _in_float32(run: Callable[[State], tuple[Tensor, State]], state: State, products: Products) -> tuple[Tensor, State]:
    """Run a layer without autocast, whose rounding its products in bfloat16 do not need."""
    if not products.in_bfloat16:
        return run(state)
    with torch.autocast("cpu", enabled=False):
        return run(map_state(Tensor.float, state))


class AbstractRecurrentLayer(nn.Module, ABC):
    """One recurrent layer. A subclass with a ``name`` can be given by this name in `mixed`.

    Args:
        input_size: width of the input, I.
        hidden_size: width of output and state, H.

    Shape:
        input ``[B, T, I]``, output ``[B, T, H]``, each tensor of the state ``[B, ...]``, of most cells ``[B, H]``.

    Raises:
        ValueError: for a size below 1, and when a class is defined with another class's name.
    """

    name: ClassVar[str]
    known: ClassVar[dict[str, type[AbstractRecurrentLayer]]] = {}

    implementation: str = "fast"
    """One of ``IMPLEMENTATIONS``."""

    backend: Products = TORCH
    """Who computes the products of an `AbstractProjectedLayer`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name = vars(cls).get("name")  # not getattr: a subclass does not inherit its parent's name
        if name is None:
            return
        holder = cls.known.setdefault(name, cls)
        if (holder.__module__, holder.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(f"the cell name {name!r} of {cls.__qualname__} is taken by {holder.__qualname__}")
        cls.known[name] = cls  # the same class again, when a module or notebook cell ran again

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size = check_count("input_size", input_size)
        self.hidden_size = check_count("hidden_size", hidden_size)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments other than the sizes, as plain data, from which a checkpoint rebuilds the layer."""
        return {}

    @classmethod
    def reference(cls) -> str:
        """The layer's name in a checkpoint: its ``name``, or the dotted path of a class without one."""
        return vars(cls).get("name") or f"{cls.__module__}.{cls.__qualname__}"

    @abstractmethod
    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read a sequence of sums of rows, one of each table: the embedded notes that are the lowest layer's input.

        Shape:
            tokens ``[B, T]`` int64 for one table, ``[B, T, tables]`` for several; each table ``[V, I]``.
        """
        return self(embedded(tokens, tables), state)

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        products: Products = TORCH,
    ) -> AbstractStepper:
        """Read one time step after another, without gradients, with the weights that the layer has at this moment.

        This one calls the layer for each step, so that it is right for every layer. One that is faster may replace it.

        Args:
            batch_size: B.
            state: the state before the first step, None for zeros.
            tables: those of `forward_rows`, if rows of them are read.
            products: who computes the products of a layer with faster steps.
        """
        if tables is None:
            return CallStepper(self, state)
        return CallStepper(lambda tokens, before: self.forward_rows(tokens, tables, before), state)

    @abstractmethod
    def initialize(self, initialization: str) -> None:
        """Draw new weights, ``paper`` or ``torch`` (see `melgen.networks.initialization`)."""

    def extra_repr(self) -> str:
        """Both sizes, as torch prints its layers."""
        return f"{self.input_size}, {self.hidden_size}"


class AbstractProjectedLayer(AbstractRecurrentLayer):
    """A layer that its input enters by products only, with a fast implementation in addition to its reference."""

    @abstractmethod
    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """`forward` by autograd alone, one step after another or by torch's module."""

    @abstractmethod
    def read(self, project: Projection, state: State, products: Products) -> tuple[Tensor, State]:
        """`forward` in single precision.

        Args:
            project: multiplies the input by a weight ``[N, I]`` and adds a bias; time first, ``[T, B, N]``.
            state: the state before, None for zeros.
            products: who computes further products.
        """

    def is_fast(self, tensor: Tensor, rows: bool) -> bool:
        """Whether to use `read` for an input like this tensor; ``rows``: if it is a table whose rows are read."""
        return self.implementation != "reference" and can_scan(tensor)

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        if not self.is_fast(input, rows=False):
            return self.forward_reference(input, state)
        products = products_for(input, self.backend)

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            return linear(products, input.transpose(0, 1).contiguous().float(), weight, bias)

        return _in_float32(lambda before: self.read(project, before, products), state, products)

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read a sequence of rows; if the tables have fewer rows than tokens, each row is multiplied only once."""
        if tokens.numel() <= sum(map(len, tables)) or not self.is_fast(tables[0], rows=True):
            return self(embedded(tokens, tables), state)
        products = products_for(tables[0], self.backend)
        time_first = tokens.transpose(0, 1)
        return _in_float32(lambda before: self.read_rows(time_first, tables, before, products), state, products)

    def read_rows(
        self, tokens: Tensor, tables: Sequence[Tensor], state: State, products: Products
    ) -> tuple[Tensor, State]:
        """`forward_rows` in single precision; tokens are time first, ``[T, B]`` or ``[T, B, tables]``."""

        def project(weight: Tensor, bias: Tensor | None) -> Tensor:
            lowest, *others = tables
            # The bias is added once, to the rows of the first table.
            return embedded(tokens, [F.linear(lowest, weight, bias), *(F.linear(table, weight) for table in others)])

        return self.read(project, state, products)


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
        """Read one time step after another: with the kernel, if the layer uses it and has no call of its own."""
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
        run = recorded_scans(self).scan if self.implementation == "graphs" else scan
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

    A subclass gives the arithmetic of a step and the attributes below, nothing else. A ``kernel`` makes it faster.

    Attributes:
        products: how many blocks of H columns each product with the state has. Most cells need one
            product; GRU needs its gates before it can compute the second.
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
        """Read the sequence step by step, time first, so that each step's input is contiguous."""
        columns = [blocks * self.hidden_size for blocks in self.products]
        projected = F.linear(input.transpose(0, 1).contiguous(), self.weight_ih, self.bias)
        sequences = [part.unbind(0) for part in projected.split(columns, dim=-1)]
        weights = self.weight_hh.t().split(columns, dim=-1)
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
