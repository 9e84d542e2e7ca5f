"""The LSTM with exponential gates: sLSTM."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from melgen.networks.initialization import TensorFlowInit, check_initialization
from melgen.networks.layers.kernel import KernelWeights
from melgen.networks.layers.recurrent import State
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.scans.kernels import AbstractKernel, from_sigma
from melgen.networks.size_checks import check_heads

log_sigmoid_forward = torch.ops.aten.log_sigmoid_forward.output
log_sigmoid_backward = torch.ops.aten.log_sigmoid_backward.grad_input

HIGHEST_FORGET_BIAS, LOWEST_FORGET_BIAS = 5.0, -7.0
"""Of the first and the last unit of a head, with ``paper`` initialisation: one remembers, the other forgets."""


class SLSTMKernel(AbstractKernel):
    """Blocks o, z, i, f, with sigma in place of the tanh of z.

    Saved: z itself, the buffer of torch's log sigma, f', c / n. The block i becomes i', f stays an argument.
    """

    scales = (1.0, 2.0, 1.0, 1.0)
    summed = 4
    sigmoid = 2
    saved = 4
    states = 4
    carries = False

    @staticmethod
    def begin(states):
        """Where n is 0, nothing has been remembered."""
        _, _, n, m = states
        m.masked_fill_(n == 0, -math.inf)

    def forward(self, gates, before, after, saved):
        """One time step."""
        o, sigma, i, f = gates
        (_, c, n, m), (z, buffer, kept, ratio), log_kept = before, saved, self.scratch[0]
        from_sigma(sigma, out=z)
        log_sigmoid_forward(f, output=log_kept, buffer=buffer)
        log_kept.add_(m)
        torch.maximum(i, log_kept, out=after[3])
        torch.exp(log_kept.sub_(after[3]), out=kept)
        i.sub_(after[3]).exp_()
        torch.mul(kept, c, out=after[1]).addcmul_(i, z)
        torch.addcmul(i, kept, n, out=after[2])
        torch.mul(o, torch.div(after[1], after[2], out=ratio), out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient.

        The maximum in m counts as a constant, since it cancels in the output. So the output's gradient by an m that a
        caller gave is exact.
        """
        o, _, i, f = gates
        (dh, dc, dn, dm), (z, buffer, kept, ratio), work = grad, saved, self.scratch[0]
        torch.mul(dh, ratio, out=of_gates[0])
        torch.mul(dh, o, out=work).div_(after[2])
        dc.add_(work)
        dn.addcmul_(work, ratio, value=-1)
        torch.mul(dc, i, out=of_gates[1]).mul_(2)
        torch.addcmul(dn, dc, z, out=work)
        i.mul_(work)
        torch.mul(dc, before[1], out=dm).addcmul_(dn, before[2]).mul_(kept)
        log_sigmoid_backward(dm, f, buffer, grad_input=f)
        dc.mul_(kept)
        dn.mul_(kept)


class SLSTM(AbstractScannedLayer):
    """sLSTM, the LSTM with exponential gates and a normaliser (Beck et al., xLSTM, arXiv:2405.04517).

    ::

        i, f, z, o = W x + R h + b                   each with its own weights
        m' = max(i, log sigma(f) + m)                i where n = 0
        f' = exp(log sigma(f) + m - m')              0 where n = 0
        i' = exp(i - m')
        c' = f' * c + i' * tanh(z)
        n' = f' * n + i'
        h' = sigma(o) * c' / n'

    m keeps the exponentials in range and cancels in ``c' / n'``, so no gradient passes through its maximum; that of
    everything else is the same. n is 0 before the first note only: afterwards one of both exponentials is 1, and n is
    at least 1. The rule for n = 0 holds for each number by itself, so a melody may begin while another goes on.

    With ``paper`` initialisation W is normal with variance ``2 / (5 I)``, R is zero, and the bias of f falls linearly
    from 5 to -7 within each head; other biases are zero. (The publication's code bends the line, the more the higher
    a block is in its stack.) Blocks: o, z, i, f.

    Args:
        input_size: width of the input.
        hidden_size: width of output and state.
        heads: groups of units; a unit reads the output of its own group, so R has a block for each.

    Raises:
        ValueError: if ``heads`` does not divide ``hidden_size``.

    Attributes:
        weight_hh: ``[4 * H, H / heads]``; the row of a unit multiplies the outputs of its head.

    >>> output, (h, c, n, m) = SLSTM(3, 4, heads=2)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape, c.shape, n.shape, m.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "slstm"
    blocks_of_products = (4,)
    kernel = SLSTMKernel
    start = TensorFlowInit(kernels=(4,), bias=(0.0, 0.0, 0.0, 0.0))

    def __init__(self, input_size: int, hidden_size: int, heads: int = 1):
        super().__init__(input_size, hidden_size)
        self.heads = check_heads(heads, hidden_size)
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size // heads))
        self.initialize("torch")

    @property
    def options(self) -> dict[str, Any]:
        """The number of heads, as plain data."""
        return {"heads": self.heads}

    @staticmethod
    def step(inputs: tuple[Tensor, ...], state: State, weights: tuple[Tensor, ...]) -> State:
        """One time step."""
        h, c, n, m = state
        o, z, i, f = torch.addmm(inputs[0], h, weights[0]).chunk(4, dim=1)
        log_kept = F.logsigmoid(f) + m.masked_fill(n == 0, -math.inf)
        m = torch.maximum(i, log_kept).detach()
        kept, added = torch.exp(log_kept - m), torch.exp(i - m)
        c = kept * c + added * z.tanh()
        n = kept * n + added
        return o.sigmoid() * (c / n), c, n, m

    def kernel_weights(self) -> KernelWeights:
        """The parameters, with the weights of the state as a whole matrix, which is zero between heads."""
        weight_hh: Tensor = self.weight_hh
        if self.heads > 1:
            width = self.hidden_size // self.heads
            head = torch.arange(self.hidden_size, device=weight_hh.device) // width
            repeated = weight_hh.view(4, self.hidden_size, width).repeat(1, 1, self.heads)
            weight_hh = repeated.masked_fill(head[:, None] != head, 0).flatten(0, 1)
        return KernelWeights(self.weight_ih, weight_hh, self.bias)

    def initialize(self, initialization: str) -> None:
        """Draw new weights."""
        check_initialization(initialization)
        if initialization != "paper":
            super().initialize(initialization)
            return
        nn.init.normal_(self.weight_ih, std=math.sqrt(2 / (5 * self.input_size)))
        nn.init.zeros_(self.weight_hh)
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        falling = torch.linspace(HIGHEST_FORGET_BIAS, LOWEST_FORGET_BIAS, self.hidden_size // self.heads)
        with torch.no_grad():
            self.bias[-self.hidden_size :] = falling.repeat(self.heads)

    def extra_repr(self) -> str:
        """The sizes, and the heads if there are several."""
        return super().extra_repr() + (f", heads={self.heads}" if self.heads > 1 else "")
