"""What a kernel is: the arithmetic of a time step of a cell, forwards and backwards, in place.

The kernel of a cell is in the cell's file. Autograd would record every operation of every step, and multiply the
gradient and input of each step separately. `melgen.networks.scans.kernel_scan` avoids both: a kernel computes a step
and its gradient, and one product over the whole sequence gives the gradients of the weights.

Letters as in `melgen.networks.model`. All tensors of a kernel are ``[B, H]`` views of buffers for the whole
sequence; a kernel writes into them and allocates nothing.

tanh(x) = 2 sigma(2x) - 1, and torch computes sigma about four times as fast as tanh. So the weights of a block
that leads to a tanh are doubled beforehand (which is exact), and one call computes sigma for all gates. Then a tanh
needs only one multiplication and one subtraction more. The result differs from torch's tanh by less than 2e-7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from melgen.networks.products.backends import StepProduct

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input
threshold_backward = torch.ops.aten.threshold_backward.grad_input

_MINUS_ONE = torch.tensor(-1.0)


def from_sigma(sigma: Tensor, out: Tensor) -> Tensor:
    """``2 sigma - 1``, in one pass: the tanh of x, given ``sigma(2x)``.

    >>> x = torch.tensor([-1.0, 0.0, 2.0])
    >>> torch.allclose(from_sigma((2 * x).sigmoid(), out=torch.empty(3)), x.tanh())
    True
    """
    return torch.add(_MINUS_ONE, sigma, alpha=2, out=out)


def fast_tanh(input: Tensor, out: Tensor) -> Tensor:
    """tanh, computed with sigma.

    >>> x = torch.tensor([-1.0, 0.0, 2.0])
    >>> torch.allclose(fast_tanh(x, out=torch.empty(3)), x.tanh())
    True
    """
    torch.add(input, input, out=out)  # a number as a factor would be made a tensor first
    return from_sigma(torch.sigmoid(out, out=out), out)


class AbstractKernel(ABC):
    """A time step of a cell.

    A step has a block of pre-activations for each block of the weights. At first they are the products of the input
    with the input weights. Before `forward` is called, the scan adds the products of the state to the first
    ``summed`` blocks and applies sigma to the first ``sigmoid`` blocks. After `backward`, it takes the gradient
    through both.

    Attributes:
        scales: for each block, the factor of its weights, and so of its pre-activations: 2 if it leads to a tanh
            and to nothing else, otherwise 1.
        summed: to how many leading blocks the product with the state is added.
        sigmoid: to how many leading blocks sigma is applied; 0 for a cell without a sigma and without a tanh from it.
        separate: whether the product of the last block with the state is not added to that block, but kept as
            ``saved[0]``.
        saved: number of blocks that `backward` needs in addition to the activations and the state.
        states: how many tensors make up the state; the first is the output.
        carries: whether the output before has an effect on the output after other than by products, as in
            ``h' = g * h + ...``; if not, what `backward` leaves in ``grad[0]`` is overwritten.

    So the last block is of one of three kinds: summed like the others (LSTM); separate (GRU with the reset after the
    product); or neither, with a product of its own that the kernel makes, ``times_last`` (GRU with the reset before).

    Raises:
        ValueError: when a class is defined with a block of none of these kinds.
    """

    scales: ClassVar[tuple[float, ...]]
    summed: ClassVar[int]
    sigmoid: ClassVar[int]
    separate: ClassVar[bool] = False
    saved: ClassVar[int] = 0
    states: ClassVar[int] = 1
    carries: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not (hasattr(cls, "scales") and hasattr(cls, "summed")):
            return  # what several kernels share
        blocks = len(cls.scales)
        allowed = (blocks - 1,) if cls.separate else (blocks - 1, blocks)
        if cls.summed not in allowed:
            raise ValueError(
                f"summed={cls.summed} of {cls.__qualname__}: must be {' or '.join(map(str, allowed))} with "
                f"{blocks} blocks{' and separate=True' if cls.separate else ''}, because only the last block can have "
                "a product of its own"
            )

    def __init__(self, scratch: Sequence[Tensor], times_last: StepProduct | None = None):
        self.scratch = scratch
        """Two blocks for intermediate results."""
        self.times_last = times_last
        """The product with the weight of a last block that is neither summed nor separate; in `backward`, with its
        transpose. None for other kernels."""

    @staticmethod  # noqa: B027 - most kernels have nothing to change
    def begin(states: Sequence[Tensor]) -> None:
        """Change the state before the first step, in place, where it needs another form; the gradient does not see it.

        Shape:
            states ``[B, H]``, copies that belong to the scan.
        """

    @abstractmethod
    def forward(
        self, gates: Sequence[Tensor], before: Sequence[Tensor], after: Sequence[Tensor], saved: Sequence[Tensor]
    ) -> None:
        """Write the state ``after``, computed from ``before``, and the blocks to save.

        Args:
            gates: all blocks, with the products of the state added to the first ``summed``, and sigma applied to the
                first ``sigmoid``. Not each of them is a gate.
            before: the state before the step.
            after: the state after it.
            saved: what `backward` needs; the first has the separate product, if there is one.

        Shape:
            each ``[B, H]``.
        """

    @abstractmethod
    def backward(
        self,
        gates: Sequence[Tensor],
        before: Sequence[Tensor],
        after: Sequence[Tensor],
        saved: Sequence[Tensor],
        grad: Sequence[Tensor],
        of_gates: Sequence[Tensor],
    ) -> None:
        """Write the gradients of the inputs of `forward`: of the results of sigma, and of the blocks without it.

        Arguments and shapes as in `forward`; ``of_gates`` has a block for each of the first ``sigmoid``.

        The rest of the chain rule is not a kernel's: the scan goes back through sigma and through the products with the
        state, and autograd through the factors in ``scales``. So a tanh from sigma, ``2 sigma - 1``, has the factor 2
        here. The kernel of `melgen.networks.cells.ugrnn` is a worked example.

        The gradients of sigmoid blocks go into ``of_gates``, those of other blocks into ``gates``, and that of a
        separate product into ``saved[0]``. ``grad`` contains the gradient of ``after``, and is replaced by that of
        ``before`` (its first tensor only if it `carries`).
        """

    def last_factor(self, saved: Sequence[Tensor]) -> Tensor:
        """The factor of the last block's weights, if that block is neither summed nor separate."""
        raise NotImplementedError
