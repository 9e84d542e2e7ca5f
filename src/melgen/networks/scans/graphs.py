"""The fast scan as CUDA graphs: on a GPU one launch for a window's steps, instead of about twenty for each note.

The launches take most of the time there: `benchmarks/gpu.py updates` measured updates 3 to 5 times as fast on an H200.

`torch.cuda.make_graphed_callables` records the scan for tensors of one shape and replays it for other tensors of that
shape. Each replay uses the same memory, so a layer cannot read a second window before the gradient of the first has
been computed. If a caller does that, the second window is scanned as usual.
"""

from __future__ import annotations

import logging
import warnings
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from melgen.networks.products.backends import TORCH, Backend
from melgen.networks.scans.fast_path import ONE_BACKWARD_PASS
from melgen.networks.scans.kernel_scan import scan, zero_states
from melgen.networks.scans.kernels import AbstractKernel

log = logging.getLogger(__name__)

MOST_SHAPES = 4
"""The most shapes recorded for a layer; each keeps the buffers of a whole window on the GPU."""

_recorded: weakref.WeakKeyDictionary[nn.Module, RecordedScans] = weakref.WeakKeyDictionary()


def recorded_scans(layer: nn.Module) -> RecordedScans:
    """The recorded scans of a layer; kept outside it, since they can be neither copied nor saved."""
    return _recorded.setdefault(layer, RecordedScans())


class RecordedScans:
    """The scans of one layer, each recorded when its shape occurs for the second time."""

    def __init__(self) -> None:
        self._seen: Counter[Any] = Counter()
        self._replays: dict[Any, Any] = {}
        self._awaited: weakref.ref[Any] | None = None  # the backward pass of the last replay

    @property
    def shapes(self) -> int:
        """How many shapes are recorded."""
        return len(self._replays)

    def scan_or_replay(
        self,
        kernel: type[AbstractKernel],
        projected: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        states: Sequence[Tensor] | None = None,
        backend: Backend = TORCH,
    ) -> tuple[Tensor, list[Tensor]]:
        """As `melgen.networks.scans.kernel_scan.scan`."""
        if self._is_waiting or not can_record(projected, weight, states or ()):
            return scan(kernel, projected, weight, bias, states, backend)
        if states is None:
            states = zero_states(kernel, weight, projected.shape[1])
        tensors = [projected, weight, *([] if bias is None else [bias]), *states]
        replay = self._replay_for(kernel, tensors, bias is not None, backend)
        if replay is None:
            return scan(kernel, projected, weight, bias, states, backend)
        output, *last = replay(*tensors)
        self._awaited = weakref.ref(output.grad_fn)
        output.register_hook(self._once())
        # The next replay overwrites both.
        return output.clone(), [state.clone() for state in last]

    @property
    def _is_waiting(self) -> bool:
        """Whether the gradient of the last replay may still be computed."""
        return self._awaited is not None and self._awaited() is not None

    def _once(self) -> Callable[[Tensor], None]:
        """A hook of the gradient of an output, whose buffers the backward pass overwrites."""
        left = [None]

        def finish(_: Tensor) -> None:
            if not left:
                raise RuntimeError(ONE_BACKWARD_PASS)
            left.pop()
            self._awaited = None

        return finish

    def _replay_for(
        self, kernel: type[AbstractKernel], tensors: Sequence[Tensor], has_bias: bool, backend: Backend
    ) -> Any:
        kinds = tuple((tensor.shape, tensor.dtype, tensor.device, tensor.requires_grad) for tensor in tensors)
        key = (kernel, has_bias, backend, kinds)
        if key in self._replays:
            return self._replays[key]
        self._seen[key] += 1
        if self._seen[key] < 2 or len(self._replays) >= MOST_SHAPES:
            return None

        def run(projected: Tensor, weight: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
            bias, states = (rest[0], rest[1:]) if has_bias else (None, rest)
            output, last = scan(kernel, projected, weight, bias, states, backend)
            return output, *last

        samples = tuple(tensor.detach().clone().requires_grad_(tensor.requires_grad) for tensor in tensors)
        place = torch.cuda.device(tensors[0].device) if tensors[0].is_cuda else nullcontext()
        with warnings.catch_warnings(), place:
            # From torch's own recording, which keeps its first passes alive; the results are right.
            warnings.filterwarnings("ignore", message="The AccumulateGrad node's stream does not match")
            self._replays[key] = torch.cuda.make_graphed_callables(run, samples)
        log.debug("recorded a scan of %s for %s", kernel.__name__, list(tensors[0].shape))
        return self._replays[key]


def records_on(device: torch.device) -> bool:
    """Whether scans are recorded on this device: on a GPU, where the launches of a scan take most of its time."""
    return device.type == "cuda"


def can_record(projected: Tensor, weight: Tensor, states: Sequence[Tensor]) -> bool:
    """Whether a scan on a GPU can be recorded: with gradients of input and weights, and none of the state before."""
    return (
        torch.is_grad_enabled()
        and not torch.is_anomaly_enabled()  # which looks at the numbers after each operation
        and not torch.cuda.is_current_stream_capturing()
        and projected.requires_grad
        and weight.requires_grad
        and not any(state.requires_grad for state in states)
    )
