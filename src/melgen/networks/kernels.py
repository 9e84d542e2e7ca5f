"""The arithmetic of a time step of each cell, forwards and backwards, in place. It makes the scan fast.

Autograd would record every operation of every step, and multiply the gradient and input of each step separately.
`melgen.networks.scan` avoids both: a kernel computes a step and its gradient, and one product over the whole
sequence gives the gradients of the weights.

Letters as in `melgen.networks.model`. All tensors of a kernel are ``[B, H]`` views of buffers for the whole
sequence; a kernel writes into them and allocates nothing.

tanh(x) = 2 sigma(2x) - 1, and torch computes sigma about four times as fast as tanh. So the weights of a block
that leads to a tanh are doubled beforehand (which is exact), and one call computes sigma for all gates. Then a tanh
needs only one multiplication and one subtraction more. The result differs from torch's tanh by less than 2e-7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from melgen.networks.products import StepProduct

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input
relu_backward = torch.ops.aten.threshold_backward.grad_input

_MINUS_ONE = torch.tensor(-1.0)
_ZERO = torch.tensor(0.0)


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
    torch.mul(input, 2, out=out)
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
        sigmoid: to how many leading blocks sigma is applied.
        separate: whether the product of the last block with the state is kept separate, as ``saved[0]``.
        saved: number of blocks that `backward` needs in addition to the activations and the state.
        states: how many tensors make up the state; the first is the output.
        carries: whether the state's first tensor has an effect other than by products.
    """

    scales: ClassVar[tuple[float, ...]]
    summed: ClassVar[int]
    sigmoid: ClassVar[int]
    separate: ClassVar[bool] = False
    saved: ClassVar[int] = 0
    states: ClassVar[int] = 1
    carries: ClassVar[bool] = True

    def __init__(self, scratch: Sequence[Tensor], times_last: StepProduct):
        self.scratch = scratch
        """Two blocks for intermediate results."""
        self.times_last = times_last
        """The product with the weight of the last block; in `backward`, with its transpose."""

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
        """Write the state ``after``, computed from ``before``, and the blocks to save."""

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
        """Write the gradients of the inputs of `forward`.

        The gradients of sigmoid blocks go into ``of_gates``, those of other blocks into ``gates``, and that of a
        separate product into ``saved[0]``. ``grad`` contains the gradient of ``after``, and is replaced by that of
        ``before`` (its first tensor only if it `carries`).
        """

    def last_factor(self, saved: Sequence[Tensor]) -> Tensor:
        """The factor of the last block's weights, if that block is neither summed nor separate."""
        raise NotImplementedError


class RNNKernel(AbstractKernel):
    """Elman's network."""

    scales = (2.0,)
    summed = sigmoid = 1
    carries = False

    def forward(self, gates, before, after, saved):
        from_sigma(gates[0], out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        torch.mul(grad[0], 2, out=of_gates[0])


class LSTMKernel(AbstractKernel):
    """Blocks i, f, g, o, with sigma in place of the tanh of g; saved: g itself, tanh(c')."""

    scales = (1.0, 1.0, 2.0, 1.0)
    summed = sigmoid = 4
    saved = 2
    states = 2
    carries = False

    def forward(self, gates, before, after, saved):
        i, f, sigma, o = gates
        g, squashed = saved
        c = torch.mul(f, before[1], out=after[1])
        c.addcmul_(i, from_sigma(sigma, out=g))
        torch.mul(o, fast_tanh(c, out=squashed), out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        i, f, _, o = gates
        (dh, dc), (g, squashed), (di, df, dg, do), work = grad, saved, of_gates, self.scratch[0]
        torch.mul(dh, o, out=work)
        dc.add_(tanh_backward(work, squashed, grad_input=work))
        torch.mul(dh, squashed, out=do)
        torch.mul(dc, before[1], out=df)
        torch.mul(dc, g, out=di)
        torch.addcmul(_ZERO, dc, i, value=2, out=dg)
        dc.mul_(f)


class UGRNNKernel(AbstractKernel):
    """Blocks g, c, with sigma in place of the tanh of c; saved: c itself."""

    scales = (1.0, 2.0)
    summed = sigmoid = 2
    saved = 1

    def forward(self, gates, before, after, saved):
        g, c = gates
        torch.lerp(from_sigma(c, out=saved[0]), before[0], g, out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        (dh,), (dg, dc), work = grad, of_gates, self.scratch[0]
        torch.sub(before[0], saved[0], out=work)
        torch.mul(work, dh, out=dg)
        torch.addcmul(dh, dh, gates[0], value=-1, out=work)
        torch.mul(work, 2, out=dc)
        dh.mul_(gates[0])


class AbstractGRUKernel(AbstractKernel):
    """Blocks r, u, n."""

    scales = (1.0, 1.0, 2.0)
    summed = sigmoid = 2
    saved = 1

    def _finish(self, argument: Tensor, gates: Sequence[Tensor], before: Tensor, after: Tensor) -> None:
        """``h' = u * h + (1 - u) * n`` from the argument of n."""
        n = from_sigma(torch.sigmoid(argument, out=argument), out=gates[2])
        torch.lerp(n, before, gates[1], out=after)

    def _unfinish(self, gates: Sequence[Tensor], before: Tensor, dh: Tensor, du: Tensor) -> Tensor:
        """The gradient of n's argument, computed from that of ``h'`` and written over n too."""
        _, u, n = gates
        work = self.scratch[0]
        torch.sub(before, n, out=work)
        torch.mul(work, dh, out=du)
        torch.addcmul(dh, dh, u, value=-1, out=work).mul_(0.5)
        dh.mul_(u)
        return tanh_backward(work, n, grad_input=n)


class GRUKernel(AbstractGRUKernel):
    """The reset after the product, which is kept separate."""

    separate = True

    def forward(self, gates, before, after, saved):
        argument = torch.addcmul(gates[2], gates[0], saved[0], out=self.scratch[0])
        self._finish(argument, gates, before[0], after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        dr, du = of_gates
        of_argument = self._unfinish(gates, before[0], grad[0], du)
        torch.mul(of_argument, saved[0], out=dr)
        torch.mul(of_argument, gates[0], out=saved[0])


class ResetBeforeGRUKernel(AbstractGRUKernel):
    """The reset before the product; saved: r * h."""

    def forward(self, gates, before, after, saved):
        torch.mul(gates[0], before[0], out=saved[0])
        argument = self.scratch[0].copy_(gates[2])
        self.times_last.add(saved[0], argument)
        self._finish(argument, gates, before[0], after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        (dh,), (dr, du), work = grad, of_gates, self.scratch[0]
        of_argument = self._unfinish(gates, before[0], dh, du)
        self.times_last.write(of_argument, work)
        torch.mul(work, before[0], out=dr)
        dh.addcmul_(work, gates[0])

    def last_factor(self, saved):
        return saved[0]


class NASKernel(AbstractKernel):
    """TensorFlow's blocks 0, 2, 5, 7, 4, 6, 1, 3, with sigma in place of the tanh of 4 and 6.

    Saved: the product of block 3, blocks 4 and 6 themselves, p, q, s, t, tanh(p + c), tanh(s + t).
    """

    scales = (1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 1.0, 1.0)
    summed = 7
    sigmoid = 6
    separate = True
    saved = 9
    states = 2
    carries = False

    def forward(self, gates, before, after, saved):
        a0, a2, a5, a7, sigma4, sigma6, a1, x3 = gates
        h3, a4, a6, p, q, s, t, pc, st = saved
        from_sigma(sigma4, out=a4)
        from_sigma(sigma6, out=a6)
        a1.relu_()
        fast_tanh(torch.mul(a0, a1, out=p), out=p)
        fast_tanh(torch.mul(x3, h3, out=q).relu_().add_(a2), out=q)
        fast_tanh(torch.mul(a4, a5, out=s), out=s)
        torch.sigmoid(torch.add(a6, a7, out=t), out=t)
        fast_tanh(torch.add(p, before[1], out=pc), out=pc)
        fast_tanh(torch.add(s, t, out=st), out=st)
        torch.mul(pc, q, out=after[1])
        fast_tanh(torch.mul(after[1], st, out=after[0]), out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        a0, _, a5, _, _, _, a1, x3 = gates
        h3, a4, _, p, q, s, t, pc, st = saved
        da0, da2, da5, da7, da4, da6 = of_gates
        (dh, dc), (one, two) = grad, self.scratch
        # From here on, each of st, s, t, pc, q, p is overwritten with the gradient of its argument.
        tanh_backward(dh, after[0], grad_input=dh)
        dc.addcmul_(dh, st)
        tanh_backward(torch.mul(dh, after[1], out=one), st, grad_input=st)
        tanh_backward(st, s, grad_input=s)
        sigmoid_backward(st, t, grad_input=t)
        torch.mul(dc, pc, out=one)
        tanh_backward(dc.mul_(q), pc, grad_input=dc)
        tanh_backward(one, q, grad_input=q)
        tanh_backward(dc, p, grad_input=p)

        torch.mul(p, a1, out=da0)
        torch.mul(p, a0, out=one)
        relu_backward(one, a1, 0, grad_input=a1)
        da2.copy_(q)
        relu_backward(q, torch.mul(x3, h3, out=one), 0, grad_input=one)
        torch.mul(one, h3, out=two)
        torch.mul(one, x3, out=h3)
        x3.copy_(two)
        torch.mul(s, a4, out=da5)
        torch.mul(s, a5, out=da4).mul_(2)
        da7.copy_(t)
        torch.mul(t, 2, out=da6)
