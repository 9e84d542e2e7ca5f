"""Internals of torch."""

from __future__ import annotations

import torch

from melgen.internals import UnknownInternalsError

try:
    # The fast scan overwrites its buffers, which `torch.func` (grad, vmap, jvp) does not allow; plain steps do.
    # Looked for: `torch.func` and `torch.autograd` have no public question; a `torch.autograd.Function` that supports
    # `torch.func` needs `setup_context` and a forward without side effects.
    _are_transforms_active = torch._C._are_functorch_transforms_active
    # `torch.nn.LSTM` under autocast fails on CPUs for which oneDNN has no products of half precision.
    # Looked for: `torch.backends.mkldnn.is_available()` only reports that oneDNN is built in, and
    # `torch.backends.cpu.get_cpu_capability()` does not separate the CPUs with bfloat16 or float16 products.
    _has_bfloat16 = torch.ops.mkldnn._is_mkldnn_bf16_supported
    _has_float16 = torch.ops.mkldnn._is_mkldnn_fp16_supported
except AttributeError as error:
    raise UnknownInternalsError("torch", str(error)) from error


def is_transforming() -> bool:
    """Whether a transform of ``torch.func`` is at work.

    >>> is_transforming(), torch.func.vmap(lambda row: row + is_transforming())(torch.zeros(2))
    (False, tensor([1., 1.]))
    """
    return bool(_are_transforms_active())


def onednn_multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN has products of ``torch.float16`` or ``torch.bfloat16`` on this CPU."""
    return bool(_has_float16() if dtype == torch.float16 else _has_bfloat16())
