"""Backends: who computes a layer on a CPU, by the configuration's ``products``.

That is a library for its matrix products (torch's default or oneDNN), or torch's module for the layer as a whole. A
backend computes products of two kinds: of whole sequences (with the weights of an input or of the output, and for the
gradients of all weights), and, in each step, of one state with the weights of the state. torch's default computes all
others: of the few rows of an embedding's tables (for the lowest layer in float32 even under autocast), of attention,
and in the blocks around layers.

Which library is the fastest depends on the processor: torch's default is MKL, which on some processors runs at half
their width; oneDNN also comes with torch. `melgen.networks.choosing_backends` measures them.

Letters as in `melgen.networks.model`; K is the number of columns that a product sums over, N that of its result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from melgen.internals.torch import linear_of_packed, pack_linear

FEWEST_MULTIPLICATIONS = 2**18
"""Of a product. In smaller ones the calls take most of the time, and torch's default has the cheapest."""
FEWEST_STEPS_TO_PACK = 8
"""For fewer steps than these, it takes longer to pack a weight than packing saves."""


class StepProduct(Protocol):
    """The product of a matrix ``[B, K]`` with a weight ``[K, N]``, once for each step of a sequence."""

    def write(self, left: Tensor, out: Tensor) -> None:
        """Write the product into ``out``."""

    def add(self, left: Tensor, out: Tensor) -> None:
        """Add the product to ``out``."""


class _Plain:
    def __init__(self, weight: Tensor):
        self.weight = weight

    def write(self, left: Tensor, out: Tensor) -> None:
        torch.mm(left, self.weight, out=out)

    def add(self, left: Tensor, out: Tensor) -> None:
        torch.addmm(out, left, self.weight, out=out)


class _Packed:
    def __init__(self, weight: Tensor, batch_size: int):
        self.packed = pack_linear(weight.t(), batch_size)

    def write(self, left: Tensor, out: Tensor) -> None:
        out.copy_(linear_of_packed(left, self.packed))

    def add(self, left: Tensor, out: Tensor) -> None:
        out.add_(linear_of_packed(left, self.packed))


class _PackedBfloat16(_Packed):
    def __init__(self, weight: Tensor, batch_size: int):
        super().__init__(weight.bfloat16(), batch_size)

    def write(self, left: Tensor, out: Tensor) -> None:
        super().write(left.bfloat16(), out)

    def add(self, left: Tensor, out: Tensor) -> None:
        super().add(left.bfloat16(), out)


class _Bfloat16:
    """Of a weight that is not packed: the factors are rounded, and the product is added in float32."""

    def __init__(self, weight: Tensor):
        self.weight = weight.bfloat16()

    def write(self, left: Tensor, out: Tensor) -> None:
        out.copy_(torch.mm(left.bfloat16(), self.weight))

    def add(self, left: Tensor, out: Tensor) -> None:
        out.add_(torch.mm(left.bfloat16(), self.weight))


@dataclass(frozen=True)
class Backend:
    """Who computes a layer: the library for its products, or torch's module for the whole of it.

    A backend with ``by_module`` leaves to torch's default what no module computes: the output, and layers that torch
    lacks.

    Attributes:
        name: its name in ``products``, in a configuration and in what a run records.
        onednn_for_sequences: whether oneDNN computes the products of whole sequences; otherwise torch's default does.
        onednn_for_steps: the same for the products of each step.
        packs: whether the weights of the state are brought into oneDNN's own order once for each window, instead of in
            every step.
        bfloat16_for_sequences: whether the factors of the products of whole sequences are rounded to bfloat16. Sums,
            states, gates and weights stay in float32.
        bfloat16_for_steps: the same for the products of each step, in addition to those of sequences.
        by_module: whether torch's own module computes a layer as a whole, if torch has one.
    """

    name: str
    onednn_for_sequences: bool = False
    onednn_for_steps: bool = False
    packs: bool = False
    bfloat16_for_sequences: bool = False
    bfloat16_for_steps: bool = False
    by_module: bool = False

    @property
    def in_bfloat16(self) -> bool:
        """Whether it is a backend for autocast: it rounds factors to bfloat16."""
        return self.bfloat16_for_sequences

    def or_default_if_small(self, multiplications: int) -> Backend:
        """This backend, or torch's default if a product is so small that its call takes most of the time.

        A backend in bfloat16 stays, since its results are other numbers, and so does torch's module, which makes its
        products by itself.

        >>> ONEDNN.or_default_if_small(1000 * 128 * 128).name, ONEDNN.or_default_if_small(1 * 128 * 128).name
        ('onednn', 'torch')
        """
        return self if self.in_bfloat16 or self.by_module or multiplications >= FEWEST_MULTIPLICATIONS else TORCH

    def for_sequences(self) -> AbstractContextManager[None]:
        """A context for products of whole sequences."""
        return onednn_products() if self.onednn_for_sequences else nullcontext()

    def for_steps(self) -> AbstractContextManager[None]:
        """A context for products of single steps."""
        return onednn_products() if self.onednn_for_steps else nullcontext()

    def of_step(self, weight: Tensor, batch_size: int, steps: int) -> StepProduct:
        """The product of each step with a weight; call it within `for_steps`.

        Args:
            weight: ``[K, N]``.
            batch_size: B, the rows of each left factor.
            steps: how many products there will be.
        """
        rounds = self.bfloat16_for_steps
        if (self.packs or rounds) and weight.device.type == "cpu" and steps >= FEWEST_STEPS_TO_PACK:
            return (_PackedBfloat16 if rounds else _Packed)(weight, batch_size)
        return _Bfloat16(weight) if rounds else _Plain(weight)

    def factor(self, tensor: Tensor) -> Tensor:
        """A factor of `multiply`, rounded if the backend rounds: once for all products that it is a factor of."""
        return tensor.bfloat16() if self.bfloat16_for_sequences else tensor

    def multiply(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        """The product of two matrices in float32; one of them is a whole sequence. Either may be a `factor`."""
        if self.bfloat16_for_sequences:
            product = torch.mm(self.factor(left), self.factor(right))
            return product.float() if out is None else out.copy_(product)
        with self.for_sequences():
            return torch.mm(left, right) if out is None else torch.mm(left, right, out=out)


TORCH = Backend("torch")
"""torch's default library. An LSTM that reads a sequence is then torch's fused loop, not a scan (`LSTM.is_fast`)."""
MODULE = Backend("module", by_module=True)
"""torch's module for the whole layer, such as its fused LSTM; for a layer without one, torch's default."""
SEQUENCES = Backend("sequences", onednn_for_sequences=True)
"""oneDNN for whole sequences, and torch's default for single steps."""
ONEDNN = Backend("onednn", onednn_for_sequences=True, onednn_for_steps=True)
"""oneDNN for both."""
PACKED = Backend("packed", onednn_for_sequences=True, onednn_for_steps=True, packs=True)
"""oneDNN, which reads a weight in its own order in each step."""
BFLOAT16 = Backend("bfloat16", bfloat16_for_sequences=True, bfloat16_for_steps=True)
"""The products of autocast in bfloat16, where the processor or the GPU has them; elsewhere torch's default."""
BFLOAT16_SEQUENCES = Backend("bfloat16_sequences", bfloat16_for_sequences=True)
"""Whole sequences in bfloat16, single steps in float32 by torch's default.

On a CPU with AMX a call of oneDNN takes 20 us before it multiplies anything, so that a product of a step is faster in
float32 unless the network is large.
"""

_ALL = (TORCH, MODULE, SEQUENCES, ONEDNN, PACKED, BFLOAT16, BFLOAT16_SEQUENCES)
BACKENDS = {backend.name: backend for backend in _ALL}


@contextmanager
def onednn_products() -> Iterator[None]:
    """A context in which torch leaves float32 products to oneDNN.

    torch does so where it may also round to bfloat16. Whether oneDNN rounds depends on the processor, so
    `melgen.networks.products.measuring` checks the accuracy before these products are used.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
