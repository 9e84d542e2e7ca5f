"""Layers that have a fast implementation in addition to their reference.

What computes a layer; the first row that applies counts::

    the layer, and when                                     a window               a note of a song
    ------------------------------------------------------  ---------------------  --------------------------
    Attention with implementation=reference                 its forward            its forward
    Attention                                               its forward            ring buffer
    other layers without this base class                    its forward            its forward
    has_fast is false: AbstractScannedLayer without kernel  reference              reference
    implementation=reference                                reference              reference
    can_be_fast is false: float64, torch.func, ...          reference              reference
    on a GPU: LSTM, RNN, GRU (torch's module)               reference              reference
    on a GPU: others with a kernel                          recorded scan          scan
    products=module: LSTM, RNN, GRU (torch's module)        reference              kernel
    products=torch: LSTM, except on tables in float32       reference              kernel
    others with a kernel                                    scan of the kernel     kernel
    elementwise layers, Mogrifier                           scan of the layer      scan of the layer

GRU, which contains one of two layers, is that with ``reset_after``; torch lacks the other. A note of a song is computed
by the kernel alone (`KernelStepper`), or in the ring buffer (`RingStepper`), on a CPU in float32, without gradients,
without autocast (`can_step`), without a block (`melgen.networks.model_stepping`), and if no subclass has a `forward` of
its own. Otherwise it is a window of one note. The lowest layer reads tables (`AbstractProjectedLayer.forward_rows`) if
the window has more notes than they have rows, dropout spares its input, and no block reads a sum of rows
(`RecurrentStack.can_use_tables`).

Who asks: `AbstractFastLayer.has_fast` and `is_fast` for a layer, `can_be_fast` for a tensor, `can_step` for single
steps, `records_on` and `can_record` for a GPU, `is_possible` for a backend and its exactness on this machine, and
`Backend.or_default_if_small` for the size of a product.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from melgen.networks.layers.recurrent import AbstractRecurrentLayer, State, map_state
from melgen.networks.products.autocast import backend_for
from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.fast_path import can_be_fast


def outside_autocast(
    run: Callable[[State], tuple[Tensor, State]], state: State, backend: Backend, tensor: Tensor
) -> tuple[Tensor, State]:
    """Run a layer outside of autocast, which must not round what the backend keeps in single precision.

    Autocast is on only with a backend in bfloat16 (`can_be_fast`, `backend_for`), which rounds what it multiplies.

    Args:
        run: runs the layer from a state.
        state: the state before, made float32 if autocast is on.
        backend: of the layer, for this tensor.
        tensor: on the device whose autocast is turned off.
    """
    if not backend.in_bfloat16:
        return run(state)
    with torch.autocast(tensor.device.type, enabled=False):
        return run(map_state(Tensor.float, state))


class AbstractFastLayer(AbstractRecurrentLayer):
    """A layer with a reference by autograd alone, and a fast implementation with a gradient of its own."""

    backend: Backend = TORCH
    """Who is to compute the fast implementation; `backend_for` may replace it for a tensor."""

    @property
    def has_fast(self) -> bool:
        """Whether the layer has its fast implementation; a subclass may leave it out."""
        return True

    @property
    def step_columns(self) -> int | None:
        """How many columns the product of each step with the state has; None if all products are of whole sequences.

        It decides which backends are timed: those for products of steps, if these are large enough.
        """
        return None

    @abstractmethod
    def forward_reference(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """`forward` by autograd alone, one step after another or by torch's module."""

    @abstractmethod
    def forward_fast(self, input: Tensor, state: State, backend: Backend) -> tuple[Tensor, State]:
        """`forward` by the fast implementation, which computes in single precision whatever the input's type is."""

    def is_fast(self, tensor: Tensor, is_table: bool) -> bool:
        """Whether the fast implementation is used.

        Args:
            tensor: an input, or a table.
            is_table: whether it is a table whose rows are read.
        """
        return self.has_fast and self.implementation != "reference" and can_be_fast(tensor)

    def forward(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Read a sequence from a state, or from the zero state if it is None."""
        if not self.is_fast(input, is_table=False):
            return self.forward_reference(input, state)
        backend = backend_for(input, self.backend)
        return outside_autocast(lambda before: self.forward_fast(input, before, backend), state, backend, input)
