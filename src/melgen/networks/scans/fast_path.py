"""What the fast implementations of all layers share: when they are used, their products, and one backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from melgen.internals.torch import is_transforming, onednn_multiplies
from melgen.networks.products.backends import BFLOAT16, TORCH, Products

ONE_BACKWARD_PASS = "the fast scan allows one backward pass; for more, use model.implementation=reference"


def can_be_fast(tensor: Tensor) -> bool:
    """Whether a fast implementation can be used for this tensor.

    It can in single precision, and in bfloat16 where the device multiplies that. It cannot inside ``torch.func`` or
    ``torch.compile``, which need a reference by autograd alone.
    """
    return (
        (tensor.dtype == torch.float32 or (tensor.dtype == torch.bfloat16 and multiplies_in_bfloat16(tensor)))
        and (not torch.is_autocast_enabled(tensor.device.type) or multiplies_in_bfloat16(tensor))
        and not is_transforming()
        and not torch.compiler.is_compiling()
    )


def multiplies_in_bfloat16(tensor: Tensor) -> bool:
    """Whether autocast asks for products in bfloat16 on the tensor's device, and melgen can compute them."""
    device = tensor.device.type
    return (
        device in ("cpu", "cuda")
        and torch.is_autocast_enabled(device)
        and torch.get_autocast_dtype(device) == torch.bfloat16
        and (onednn_multiplies(torch.bfloat16) if device == "cpu" else torch.cuda.is_bf16_supported())
    )


def products_for(tensor: Tensor, chosen: Products) -> Products:
    """The products to use for this tensor: those in bfloat16 if autocast asks for them, otherwise the chosen ones.

    Torch's default replaces those in bfloat16 without autocast, and all on a device that is not a CPU.
    """
    if multiplies_in_bfloat16(tensor):
        return BFLOAT16
    return TORCH if chosen.in_bfloat16 or tensor.device.type != "cpu" else chosen


def kept_once(ctx: Any) -> Any:
    """The buffers of an autograd function, which allows one backward pass because that pass overwrites them.

    Raises:
        RuntimeError: at the second call.
    """
    if ctx.buffers is None:
        raise RuntimeError(ONE_BACKWARD_PASS)
    buffers, ctx.buffers = ctx.buffers, None
    return buffers
