"""The matrix products of a network on a CPU, and who computes them.

A network makes products of two kinds: of whole sequences (with the weights of an input or of the output, and for the
gradients of all weights), and, in each step, of one state with the weights of the state. Which library is the fastest
depends on the processor: torch's default is MKL, which on some processors runs at half their width; oneDNN also comes
with torch. `melgen.networks.choosing_backends` measures them.

Letters as in `melgen.networks.model`; K is the number of columns that a product sums over, N that of its result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from melgen.internals.torch import linear_of_packed, pack_linear

FEWEST_MULTIPLICATIONS = 2**18
"""Of a step. In smaller products the calls take most of the time, and torch's default has the cheapest."""
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
    def __init__(self, weight: Tensor, rows: int):
        self.packed = pack_linear(weight.t(), rows)

    def write(self, left: Tensor, out: Tensor) -> None:
        out.copy_(linear_of_packed(left, self.packed))

    def add(self, left: Tensor, out: Tensor) -> None:
        out.add_(linear_of_packed(left, self.packed))


class _PackedBfloat16(_Packed):
    def __init__(self, weight: Tensor, rows: int):
        super().__init__(weight.bfloat16(), rows)

    def write(self, left: Tensor, out: Tensor) -> None:
        super().write(left.bfloat16(), out)

    def add(self, left: Tensor, out: Tensor) -> None:
        super().add(left.bfloat16(), out)


class _Bfloat16:
    """As on a GPU, which packs no weights: the factors are rounded, and the product is added in float32."""

    def __init__(self, weight: Tensor):
        self.weight = weight.bfloat16()

    def write(self, left: Tensor, out: Tensor) -> None:
        out.copy_(torch.mm(left.bfloat16(), self.weight))

    def add(self, left: Tensor, out: Tensor) -> None:
        out.add_(torch.mm(left.bfloat16(), self.weight))


@dataclass(frozen=True)
class Products:
    """Who computes the products of a layer.

    Attributes:
        name: its name in a configuration.
        onednn_for_sequences: whether oneDNN computes the products of whole sequences; otherwise torch's default does.
        onednn_for_steps: the same for the products of each step.
        packs: whether the weights of the state are brought into oneDNN's own order once for each window, instead of in
            every step.
        in_bfloat16: whether the factors are rounded to bfloat16. Sums, states, gates and weights stay in float32.
        by_module: whether torch's own module computes the layer as a whole, if torch has one.
    """

    name: str
    onednn_for_sequences: bool = False
    onednn_for_steps: bool = False
    packs: bool = False
    in_bfloat16: bool = False
    by_module: bool = False

    def for_sequences(self) -> AbstractContextManager[None]:
        """A context for products of whole sequences."""
        return onednn_products() if self.onednn_for_sequences else nullcontext()

    def for_steps(self) -> AbstractContextManager[None]:
        """A context for products of single steps."""
        return onednn_products() if self.onednn_for_steps else nullcontext()

    def of_step(self, weight: Tensor, rows: int, steps: int) -> StepProduct:
        """The product with a weight, for a sequence of as many steps.

        Shape:
            weight ``[K, N]``; each factor has as many rows.
        """
        if weight.device.type != "cpu":
            return _Bfloat16(weight) if self.in_bfloat16 else _Plain(weight)
        if steps < FEWEST_STEPS_TO_PACK or not (self.packs or self.in_bfloat16):
            return _Plain(weight)
        return (_PackedBfloat16 if self.in_bfloat16 else _Packed)(weight, rows)

    def multiply(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        """The product of two matrices in float32; one of them is a whole sequence."""
        if self.in_bfloat16:
            product = torch.mm(left.bfloat16(), right.bfloat16())
            return product.float() if out is None else out.copy_(product)
        with self.for_sequences():
            return torch.mm(left, right) if out is None else torch.mm(left, right, out=out)


TORCH = Products("torch")
"""torch's default."""
MODULE = Products("module", by_module=True)
"""torch's module for the whole layer, such as its fused LSTM; for a layer without one, torch's default."""
SEQUENCES = Products("sequences", onednn_for_sequences=True)
"""oneDNN for whole sequences, and torch's default for single steps."""
ONEDNN = Products("onednn", onednn_for_sequences=True, onednn_for_steps=True)
"""oneDNN for both."""
PACKED = Products("packed", onednn_for_sequences=True, onednn_for_steps=True, packs=True)
"""oneDNN, which reads a weight in its own order in each step."""
BFLOAT16 = Products("bfloat16", in_bfloat16=True)
"""The products of autocast in bfloat16, where the processor or the GPU has them; elsewhere torch's default."""

PRODUCTS = {products.name: products for products in (TORCH, MODULE, SEQUENCES, ONEDNN, PACKED, BFLOAT16)}


@contextmanager
def onednn_products() -> Iterator[None]:
    """A context in which torch leaves float32 products to oneDNN.

    torch does so where it may also round to bfloat16. Whether oneDNN rounds depends on the processor, so
    `melgen.networks.choosing_backends` checks the accuracy before it uses these products.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def linear(products: Products, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`torch.nn.functional.linear`, computed by these products, and its gradients too.

    Shape:
        input ``[..., K]``, weight ``[N, K]``, bias ``[N]``, result ``[..., N]``.
    """
    if not (products.onednn_for_sequences or products.in_bfloat16):
        return F.linear(input, weight, bias)
    return _Linear.apply(products, input, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, products: Products, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        flat = input.reshape(-1, weight.shape[1])
        result = products.multiply(flat, weight.t())
        if bias is not None:
            result.add_(bias)
        ctx.products, ctx.has_bias = products, bias is not None
        ctx.save_for_backward(input, weight)
        return result.view(*input.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        input, weight = ctx.saved_tensors
        flat = gradient.reshape(-1, len(weight))
        _, needs_input, needs_weight, _ = ctx.needs_input_grad
        of_input = ctx.products.multiply(flat, weight).view_as(input) if needs_input else None
        of_weight = ctx.products.multiply(flat.t(), input.reshape(-1, weight.shape[1])) if needs_weight else None
        return None, of_input, of_weight, flat.sum(0) if ctx.has_bias else None
