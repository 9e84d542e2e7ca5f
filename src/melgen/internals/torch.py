"""Internals of torch."""

from __future__ import annotations

import torch
from torch import Tensor

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


# oneDNN multiplies faster with a weight in its own order. torch has that for the graphs of `torch.compile` only; melgen
# works without it. Looked for: `torch.utils.mkldnn.to_mkldnn` packs modules, for inference only.
_pack = getattr(torch.ops.mkldnn, "_reorder_linear_weight", None)
_linear = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def packs_linear() -> bool:
    """Whether `pack_linear` and `linear_of_packed` work here."""
    if _pack is None or _linear is None:
        return False
    try:
        packed = pack_linear(torch.ones(2, 3), 1)
        return torch.equal(linear_of_packed(torch.ones(1, 3), packed), torch.full((1, 2), 3.0))
    except (RuntimeError, TypeError, NotImplementedError):  # a build without oneDNN, another signature
        return False


def pack_linear(weight: Tensor, rows: int) -> Tensor:
    """A weight ``[N, K]`` in oneDNN's own order for factors of as many rows; only `linear_of_packed` can read it."""
    assert _pack is not None
    return _pack(weight.contiguous(), rows)


def linear_of_packed(input: Tensor, packed: Tensor) -> Tensor:
    """``input @ weight.t()``, ``[B, N]``, for an input ``[B, K]`` and a weight that `pack_linear` returned."""
    assert _linear is not None
    return _linear(input, packed, None, "none", [], "")
