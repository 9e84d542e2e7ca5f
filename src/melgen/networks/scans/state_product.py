"""The products of the state with its weights in a step of a kernel, and the gradient that goes back through them.

Some kernels keep the product of their last block separate from the others. In the small batches of a training oneDNN
takes two thirds of the time for one product of all blocks as for two, which is worth adding and copying its parts. In
large batches, and for torch's default, it is not.

Letters as in `melgen.networks.model`; G is the number of blocks of H rows that a cell's weights have.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from melgen.networks.products.backends import Backend
from melgen.networks.scans.kernels import AbstractKernel

LARGEST_BATCH_JOINED = 256
"""The largest batch for which a separate product is computed together with the others."""


class _StateProducts:
    """The products of a step with the weights of the state: one of all blocks, or two, where the last is separate.

    Args:
        kernel: the arithmetic of a step.
        weight: the weights of the state, ``[G * H, H]``.
        backend: who computes the products.
        batch_size: B.
        steps: how many steps there will be.
        is_gradient: whether a gradient is multiplied, by the weights, instead of a state, by their transpose.

    Attributes:
        times_last: the product with a last block that is neither summed nor separate; None if there is none.
    """

    def __init__(
        self,
        kernel: type[AbstractKernel],
        weight: Tensor,
        backend: Backend,
        batch_size: int,
        steps: int,
        is_gradient: bool,
    ):
        of_blocks, last = _split(kernel, weight, backend, batch_size)
        self._times = backend.of_step(of_blocks if is_gradient else of_blocks.t(), batch_size, steps)
        own = None if last is None else backend.of_step(last if is_gradient else last.t(), batch_size, steps)
        self._times_separate = own if kernel.separate else None
        self.times_last = None if kernel.separate else own
        # Where the separate product is computed together with the others: the memory of both, and its parts.
        joins = kernel.separate and last is None
        self._joined = weight.new_empty(batch_size, len(weight)) if joins else None
        self._parts = [] if self._joined is None else _parts(kernel, self._joined)


class StateProduct(_StateProducts):
    """The product of the state with its weights.

    Args:
        kernel: the arithmetic of a step.
        weight: the weights of the state, ``[G * H, H]``.
        backend: who computes the products.
        batch_size: B.
        steps: how many products there will be.
        bias: the bias of a product that the kernel keeps separate, ``[H]``.
    """

    def __init__(
        self,
        kernel: type[AbstractKernel],
        weight: Tensor,
        backend: Backend,
        batch_size: int,
        steps: int,
        bias: Tensor | None = None,
    ):
        super().__init__(kernel, weight, backend, batch_size, steps, is_gradient=False)
        self._bias = bias

    def add(self, h: Tensor, sums: Tensor, saved: Sequence[Tensor]) -> None:
        """Add the product to the summed blocks; write the separate one, with its bias, into ``saved[0]``.

        Shape:
            h and each saved block ``[B, H]``, sums ``[B, summed * H]``.
        """
        if self._joined is None:
            self._times.add(h, sums)
            if self._times_separate is None:
                return
            last = saved[0]
            self._times_separate.write(h, last)
        else:
            self._times.write(h, self._joined)
            of_sums, last = self._parts
            sums.add_(of_sums)
        if self._bias is not None:
            torch.add(last, self._bias, out=saved[0])
        elif self._joined is not None:
            saved[0].copy_(last)


class StateGradient(_StateProducts):
    """The gradient of the state, through a `StateProduct` with the same arguments."""

    def __init__(self, kernel: type[AbstractKernel], weight: Tensor, backend: Backend, batch_size: int, steps: int):
        super().__init__(kernel, weight, backend, batch_size, steps, is_gradient=True)
        self._carries = kernel.carries

    def write(self, of_sums: Tensor, saved: Sequence[Tensor], dh: Tensor) -> None:
        """Write the gradient into ``dh``, or add it there if the kernel `carries`.

        Args:
            of_sums: the gradient of the summed blocks.
            saved: the first has the gradient of the separate product.
            dh: the gradient of the state.
        """
        left = of_sums
        if self._joined is not None:
            left = self._joined
            for part, gradient in zip(self._parts, (of_sums, saved[0]), strict=True):
                part.copy_(gradient)
        if self._carries:
            self._times.add(left, dh)
        else:
            self._times.write(left, dh)
        if self._times_separate is not None:
            self._times_separate.add(saved[0], dh)


def _split(
    kernel: type[AbstractKernel], weight: Tensor, backend: Backend, batch_size: int
) -> tuple[Tensor, Tensor | None]:
    """The weights of a product that is made at once, and those of the last block if that has a product of its own."""
    joins = kernel.separate and backend.onednn_for_steps and batch_size <= LARGEST_BATCH_JOINED
    if joins or kernel.summed == len(kernel.scales):
        return weight, None
    joint, last = _parts(kernel, weight.t())
    return joint.t(), last.t()


def _parts(kernel: type[AbstractKernel], blocks: Tensor) -> tuple[Tensor, Tensor]:
    """The summed blocks and the last block, of columns for all blocks."""
    width = blocks.shape[1] // len(kernel.scales)
    return blocks[:, : kernel.summed * width], blocks[:, -width:]
