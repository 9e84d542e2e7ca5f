"""What the fast implementations of all layers share: when they are used, and how their one backward pass begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from melgen.internals.torch import is_transforming
from melgen.networks.products.autocast import autocasts_to_bfloat16

ONE_BACKWARD_PASS = "the fast scan allows one backward pass; for more, use model.implementation=reference"


def can_be_fast(tensor: Tensor) -> bool:
    """Whether a fast implementation can be used for this tensor.

    It can in single precision, and under autocast to bfloat16 where the device multiplies that. It cannot inside
    ``torch.func`` or ``torch.compile``, which need a reference by autograd alone.
    """
    return (
        (tensor.dtype == torch.float32 or (tensor.dtype == torch.bfloat16 and autocasts_to_bfloat16(tensor)))
        and (not torch.is_autocast_enabled(tensor.device.type) or autocasts_to_bfloat16(tensor))
        and not is_transforming()
        and not torch.compiler.is_compiling()
    )


def can_step(weight: Tensor) -> bool:
    """Whether a layer with this weight can read single steps faster than by its ordinary call.

    It can on a CPU in single precision, where nothing records or rewrites the operations.
    """
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and can_be_fast(weight)
    )


def kept_once(ctx: Any) -> Any:
    """The buffers of an autograd function, which allows one backward pass because that pass overwrites them.

    Raises:
        RuntimeError: at the second call.
    """
    if ctx.buffers is None:
        raise RuntimeError(ONE_BACKWARD_PASS)
    buffers, ctx.buffers = ctx.buffers, None
    return buffers


def last_gradients(of_last: Sequence[Tensor | None], states: Sequence[Tensor]) -> list[Tensor]:
    """The gradient of each tensor of the last state, as a buffer of its own to go back from; zeros for None.

    Args:
        of_last: what autograd gives.
        states: tensors of the same shapes.

    >>> last_gradients([None, torch.ones(1)], [torch.tensor([3.0]), torch.tensor([4.0])])
    [tensor([0.]), tensor([1.])]
    """
    return [
        torch.zeros_like(state) if of is None else of.clone(memory_format=torch.contiguous_format)
        for of, state in zip(of_last, states, strict=True)
    ]


def gradients_of_steps(of_output: Tensor | None, steps: int) -> Sequence[Tensor | None]:
    """The gradient of the output of each step, time first; None for each, if nothing depends on the output."""
    return [None] * steps if of_output is None else of_output.unbind(0)
