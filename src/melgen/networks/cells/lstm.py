"""The long short-term memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from melgen.internals.torch import onednn_multiplies
from melgen.networks.initialization import TensorFlowInit
from melgen.networks.layers.recurrent import State, map_state
from melgen.networks.layers.torch_module import AbstractTorchLayer
from melgen.networks.products.autocast import autocasts_to_bfloat16
from melgen.networks.products.backends import TORCH
from melgen.networks.scans.kernels import AbstractKernel, fast_tanh, from_sigma, tanh_backward


class LSTMKernel(AbstractKernel):
    """Blocks i, f, g, o, with sigma in place of the tanh of g; saved: g itself, tanh(c')."""

    scales = (1.0, 1.0, 2.0, 1.0)
    summed = sigmoid = 4
    saved = 2
    states = 2
    carries = False

    def __init__(self, scratch, times_last=None):
        super().__init__(scratch, times_last)
        self.zero = scratch[0].new_zeros(())
        """On the device of the others: on a GPU `addcmul` takes no number from the CPU."""

    def forward(self, gates, before, after, saved):
        """One time step."""
        i, f, sigma, o = gates
        g, squashed = saved
        c = torch.mul(f, before[1], out=after[1])
        c.addcmul_(i, from_sigma(sigma, out=g))
        torch.mul(o, fast_tanh(c, out=squashed), out=after[0])

    def backward(self, gates, before, after, saved, grad, of_gates):
        """Its gradient."""
        i, f, _, o = gates
        (dh, dc), (g, squashed), (di, df, dg, do), work = grad, saved, of_gates, self.scratch[0]
        torch.mul(dh, o, out=work)
        dc.add_(tanh_backward(work, squashed, grad_input=work))
        torch.mul(dh, squashed, out=do)
        torch.mul(dc, before[1], out=df)
        torch.mul(dc, g, out=di)
        torch.addcmul(self.zero, dc, i, value=2, out=dg)
        dc.mul_(f)


class LSTM(AbstractTorchLayer):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997), as ``torch.nn.LSTM`` defines it.

    Its reference is torch's module; `melgen.networks.layers.fast` has a table of where its kernel is used instead.

    ::

        i, f, o = sigma(W x + R h + b)    each with its own weights
        g = tanh(W x + R h + b)
        c' = f * c + i * g
        h' = o * tanh(c')

    With ``paper`` initialisation the forget bias starts at 1, so that the cell remembers until it learns
    to forget; TensorFlow's ``BasicLSTMCell`` adds that 1 at run time to a bias of 0. Gates are in torch's
    order i, f, g, o; TensorFlow's i, j, f, o has j for our g.

    >>> output, (h, c) = LSTM(3, 4)(torch.zeros(2, 5, 3))
    >>> output.shape, h.shape, c.shape
    (torch.Size([2, 5, 4]), torch.Size([2, 4]), torch.Size([2, 4]))
    """

    name = "lstm"
    module = nn.LSTM
    kernel = LSTMKernel
    start = TensorFlowInit(kernels=(4,), bias=(0.0, 1.0, 0.0, 0.0))

    def is_fast(self, tensor: Tensor, is_table: bool) -> bool:
        """Whether to use the kernel: with torch's products only for tables, since otherwise torch's loop is faster."""
        fused = torch.backends.mkldnn.is_available() and (not is_table or autocasts_to_bfloat16(tensor))
        return not (self.backend == TORCH and fused) and super().is_fast(tensor, is_table)

    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Use torch's loop; in single precision if oneDNN lacks autocast's type, as on a CPU without AVX-512."""
        half = torch.get_autocast_dtype("cpu")
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or onednn_multiplies(half):
            return super().forward_reference(input, state)
        with torch.autocast("cpu", enabled=False):
            output, last = super().forward_reference(input.float(), map_state(Tensor.float, state))
        return output.to(half), map_state(lambda tensor: tensor.to(half), last)
