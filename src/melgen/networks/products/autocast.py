"""Products in bfloat16, which autocast asks for."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.internals.torch import onednn_multiplies
from melgen.networks.products.backends import BFLOAT16, TORCH, Backend


def multiplies_in_bfloat16(tensor: Tensor) -> bool:
    """Whether autocast asks for products in bfloat16 on the tensor's device, and melgen can compute them."""
    device = tensor.device.type
    return (
        device in ("cpu", "cuda")
        and torch.is_autocast_enabled(device)
        and torch.get_autocast_dtype(device) == torch.bfloat16
        and (onednn_multiplies(torch.bfloat16) if device == "cpu" else torch.cuda.is_bf16_supported())
    )


def backend_for(tensor: Tensor, chosen: Backend) -> Backend:
    """The backend for this tensor: that in bfloat16 if autocast asks for it, otherwise the chosen one.

    Torch's default replaces the one in bfloat16 without autocast, and all on a device that is not a CPU.
    """
    if multiplies_in_bfloat16(tensor):
        return BFLOAT16
    return TORCH if chosen.in_bfloat16 or tensor.device.type != "cpu" else chosen
