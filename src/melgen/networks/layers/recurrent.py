"""The interface of a recurrent layer, and the helpers that all layers share.

Letters as in `melgen.networks.model`; I is the width of a layer's input.

Every layer is called like ``torch.nn.LSTM`` with ``batch_first``: ``(input, state) -> (output, state)``. The
state is opaque: a tensor or a tuple of such states, which the caller hands back unchanged. To detach, move or
save it, use `map_state`. Callers may rely only on the first axis of its tensors, the batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

from torch import Tensor, nn

from melgen.networks.embedding_tables import embed
from melgen.networks.layers.state_checks import StateShape
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.registry import register, stored_name
from melgen.networks.size_checks import check_count
from melgen.networks.stepping import AbstractStepper, CallStepper

IMPLEMENTATIONS = ("fast", "graphs", "reference")
"""``fast``: steps whose gradient melgen computes, if the layer has them and `melgen.networks.scans.fast_path` allows
it; on a GPU, scans of kernels are recorded as CUDA graphs. ``graphs``: a former name of the same. ``reference``:
torch's module, or one step after another with autograd. All compute the same, except for rounding."""

State: TypeAlias = Any
"""A tensor whose first axis is the batch, or a tuple of states. `Any`, because each layer knows only its own."""

LayerFactory: TypeAlias = Callable[..., "AbstractRecurrentLayer"]
"""A callable that builds a layer from ``input_size`` and ``hidden_size``: a class, or a partial with its options.

It also takes the options `AbstractRecurrentLayer.inside_block` of the class."""


def map_state(function: Callable[[Tensor], Tensor], state: State) -> State:
    """Apply a function to each tensor of a state; None, the state before the first note, stays None.

    >>> import torch
    >>> state = (torch.ones(1, 2), (torch.ones(1, 2), torch.zeros(1, 2)))
    >>> map_state(lambda tensor: tensor + 1, state)[1]
    (tensor([[2., 2.]]), tensor([[1., 1.]]))
    """
    if state is None:
        return None
    if isinstance(state, Tensor):
        return function(state)
    return tuple(map_state(function, part) for part in state)


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

    inside_block: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Options that the layer takes inside a block that mixes its output nonlinearly, whatever its own are: a layer that
    adds such a mixer by itself switches it off there."""

    implementation: str = "fast"
    """One of ``IMPLEMENTATIONS``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls.known, cls, "cell")

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size = check_count("input_size", input_size)
        self.hidden_size = check_count("hidden_size", hidden_size)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments other than the sizes, as plain data, from which a checkpoint rebuilds the layer."""
        return {}

    @property
    def state_shape(self) -> StateShape | None:
        """The shape of the state of one melody, by which a stack checks a state that it is given.

        `torch.Size` for a tensor, without the axis of the batch; a tuple of these for a tuple. None if the layer does
        not declare it: then only the axis of the batch is checked.
        """
        return None

    @classmethod
    def stored_name(cls) -> str:
        """The name of the class in a checkpoint: its ``name``, or its dotted path if it has none."""
        return stored_name(cls)

    @abstractmethod
    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""

    def forward_rows(self, tokens: Tensor, tables: Sequence[Tensor], state: State = None) -> tuple[Tensor, State]:
        """Read tokens by their embedding, the sum of a row of each table; for the lowest layer.

        A subclass may multiply the rows of a table instead of those of a sequence.

        Shape:
            tokens ``[B, T]`` int64 for one table, ``[B, T, tables]`` for several; each table ``[V, I]``.
        """
        return self(embed(tokens, tables), state)

    def stepper(
        self,
        batch_size: int,
        state: State = None,
        tables: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> AbstractStepper:
        """What reads one time step after another, without gradients, with the weights of this moment.

        It calls the layer for each step. A subclass may replace it with a faster stepper.

        Args:
            batch_size: B.
            state: the state before the first step, None for zeros.
            tables: those of `forward_rows`, if the stepper reads tokens; None if it reads inputs.
            backend: who computes the products of a layer with faster steps.
        """
        if tables is None:
            return CallStepper(self, state)
        return CallStepper(lambda tokens, before: self.forward_rows(tokens, tables, before), state)

    def has_calls_of(self, owner: type[Any]) -> bool:
        """Whether `forward` and `forward_rows` are those of `owner`, so that its `stepper` computes the same."""
        own = type(self)
        return own.forward is owner.forward and own.forward_rows is owner.forward_rows

    @abstractmethod
    def initialize(self, initialization: str) -> None:
        """Draw new weights, ``paper`` or ``torch`` (see `melgen.networks.initialization`)."""

    def extra_repr(self) -> str:
        """Both sizes, as torch prints its layers."""
        return f"{self.input_size}, {self.hidden_size}"
