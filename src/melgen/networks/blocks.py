"""Blocks: what surrounds the cell of each layer, alike for every cell.

Letters as in `melgen.networks.model`; I is the width of what a block reads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.checking import check_one_of
from melgen.networks.initialization import glorot_uniform_
from melgen.networks.registry import imported, register, stored_name

EPSILON = 1e-6
"""Added to the mean square in a normalisation, so that a stream of zeros stays zero."""

BlockFactory: TypeAlias = Callable[[int, int], "AbstractBlock"]
"""A callable that builds a block from ``input_size`` and ``hidden_size``: a class, or a partial with its options."""


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2)) * g, with a trained gain g that begins at 1 (Zhang & Sennrich, arXiv:1910.07467).

    Shape:
        ``[..., width]`` to ``[..., width]``.

    >>> RMSNorm(2)(torch.tensor([3.0, 4.0])).detach()
    tensor([0.8485, 1.1314])
    """

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last axis."""
        return input * torch.rsqrt(input.square().mean(-1, keepdim=True) + EPSILON) * self.weight

    def extra_repr(self) -> str:
        """The width."""
        return str(len(self.weight))


class AbstractBlock(nn.Module, ABC):
    """The surroundings of one layer's cell: what the cell reads, and what becomes of its output.

    A checkpoint finds a subclass by its ``name``, or by its dotted path if it has no name of its own.

    Args:
        input_size: width of what the block reads, I.
        hidden_size: width of the cell's output, H.

    Attributes:
        output_size: width of what the block returns.
        mixes: whether it mixes the cell's output nonlinearly. A cell then takes its options
            `melgen.networks.layers.recurrent.AbstractRecurrentLayer.inside_block`.

    Raises:
        ValueError: when a class is defined with another class's name.
    """

    name: ClassVar[str]
    mixes: ClassVar[bool] = False
    known: ClassVar[dict[str, type[AbstractBlock]]] = {}

    output_size: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls.known, cls, "block")

    @classmethod
    def stored_name(cls) -> str:
        """The name of the class in a checkpoint: its ``name``, or its dotted path if it has none of its own."""
        return stored_name(cls)

    @abstractmethod
    def before(self, stream: Tensor) -> Tensor:
        """What the cell reads, ``[..., I]``, of what the block reads, ``[..., I]``: each step by itself."""

    @abstractmethod
    def after(self, stream: Tensor, cell_input: Tensor, output: Tensor) -> Tensor:
        """What the block returns.

        Shape:
            stream ``[..., I]``, which the block reads; cell_input ``[..., I]``, which the cell read, with dropout;
            output of the cell ``[..., H]``, with dropout; returned ``[..., output_size]``.
        """

    @abstractmethod
    def last(self) -> nn.Module:
        """What the output of the highest block passes before the output layers."""

    @abstractmethod
    def initialize(self, initialization: str) -> None:
        """Draw new weights, ``paper`` or ``torch`` (see `melgen.networks.initialization`)."""


class NoBlock(AbstractBlock):
    """Nothing around a cell: the next layer reads its output.

    >>> NoBlock(3, 4).output_size
    4
    """

    name = "none"

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.output_size = hidden_size

    def before(self, stream: Tensor) -> Tensor:
        """The same."""
        return stream

    def after(self, stream: Tensor, cell_input: Tensor, output: Tensor) -> Tensor:
        """The cell's output."""
        return output

    def last(self) -> nn.Module:
        """Nothing."""
        return nn.Identity()

    def initialize(self, initialization: str) -> None:
        """There are no weights."""


class ResidualBlock(AbstractBlock):
    """A gated cell beside a stream that passes it unchanged.

    ::

        n = RMSNorm(x)
        x' = x + Wo (cell(n) * silu(Wg n))

    and an RMSNorm before the output layers. It is the recurrent half of the block of Griffin (De et al.,
    arXiv:2402.19427), with SiLU as the activation of the gate and without a convolution.

    The stream has the width of the embedding in every layer. Dropout acts on n and on the cell's output; the stream is
    never dropped. ``paper`` initialisation is Glorot's.

    >>> block = ResidualBlock(3, 4)
    >>> block.output_size, sum(weight.numel() for weight in block.parameters())
    (3, 27)
    """

    name = "residual"
    mixes = True

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.output_size = input_size
        self.norm = RMSNorm(input_size)
        self.gate = nn.Linear(input_size, hidden_size, bias=False)
        self.output = nn.Linear(hidden_size, input_size, bias=False)

    def before(self, stream: Tensor) -> Tensor:
        """The normalised stream."""
        normalised: Tensor = self.norm(stream)
        return normalised

    def after(self, stream: Tensor, cell_input: Tensor, output: Tensor) -> Tensor:
        """The stream with what the gate lets through."""
        added: Tensor = self.output(output * F.silu(self.gate(cell_input)))
        return stream + added

    def last(self) -> nn.Module:
        """A normalisation of the stream."""
        return RMSNorm(self.output_size)

    def initialize(self, initialization: str) -> None:
        """Draw new weights; those of a new block are torch's already."""
        if initialization == "paper":
            for linear in (self.gate, self.output):
                glorot_uniform_(linear.weight, fan_in=linear.in_features, fan_out=linear.out_features)


def find_block(name: str) -> type[AbstractBlock]:
    """A block by its `AbstractBlock.stored_name`, among those already imported.

    Raises:
        ValueError: if there is none.

    >>> find_block("residual").__name__
    'ResidualBlock'
    """
    if "." not in name:
        check_one_of("block", name, tuple(AbstractBlock.known))
    return imported(AbstractBlock, name, "block")
