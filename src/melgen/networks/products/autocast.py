"""Products in bfloat16, which autocast asks for."""

from __future__ import annotations

import torch
from torch import Tensor

from melgen.internals.torch import onednn_multiplies
from melgen.networks.products.backends import BFLOAT16, TORCH, Backend


def autocasts_to_bfloat16(tensor: Tensor) -> bool:
    """Whether autocast asks for products in bfloat16 on the tensor's device, and melgen can compute them."""
    device = tensor.device.type
    return (
        device in ("cpu", "cuda")
        and torch.is_autocast_enabled(device)
        and torch.get_autocast_dtype(device) == torch.bfloat16
        and (onednn_multiplies(torch.bfloat16) if device == "cpu" else torch.cuda.is_bf16_supported())
    )


def backend_for(tensor: Tensor, chosen: Backend) -> Backend:
    """The backend for this tensor: one in bfloat16 if autocast asks for it, otherwise one in float32.

    The chosen one is used if it is of that kind and the tensor is on a CPU. Otherwise it is replaced, by `BFLOAT16` or
    by torch's default.
    """
    of_autocast = autocasts_to_bfloat16(tensor)
    if tensor.device.type == "cpu" and chosen.in_bfloat16 == of_autocast:
        return chosen
    return BFLOAT16 if of_autocast else TORCH
