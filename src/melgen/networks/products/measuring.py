"""Which backends this machine has, whether they are exact here, and which is the fastest."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch

from melgen.internals.torch import onednn_multiplies, packs_linear
from melgen.networks.products.backends import ONEDNN, TORCH, Backend

log = logging.getLogger(__name__)

LARGEST_ERROR = 1e-5
"""Of a float32 product, relative to its largest value. bfloat16 has errors of 1e-3, float32 of 1e-6."""
TIMED_STEPS = 16
"""A timed sequence has no more steps, unless its tables need more."""
WARM_UP, ROUNDS, MOST_ROUNDS = 1, 4, 16
CLOSE, EQUAL = 1.05, 1.02
"""Results this near to the best are measured again; those that remain this near count as equal."""


def is_available(backend: Backend) -> bool:
    """Whether this machine has the backend."""
    if backend.in_bfloat16:
        return onednn_multiplies(torch.bfloat16)
    if backend.packs:
        return packs_linear()
    return torch.backends.mkldnn.is_available() or not backend.onednn_for_sequences


def is_possible(backend: Backend) -> bool:
    """Whether this machine has the backend, and its products are as exact as its precision allows.

    oneDNN rounds factors in float32 to bfloat16 on a processor with AMX, so it is not possible there.
    """
    if not is_available(backend):
        return False
    return backend.in_bfloat16 or not backend.onednn_for_sequences or is_exact(backend, 64, 128, 512)


@cache
def backend_of_stepping() -> Backend:
    """The backend of networks that read step by step, as when they write songs.

    It follows from a rule and not from a clock, so that a machine writes the same songs whenever it is asked: oneDNN,
    if it is exact here, since it is never much slower than torch's default for many rows, and often twice as fast.
    """
    return ONEDNN if is_possible(ONEDNN) else TORCH


def machine() -> str:
    """The processor, torch's version and its threads: the fastest backend depends on them."""
    return f"{processor()}, torch {torch.__version__}, threads {torch.get_num_threads()}"


def processor() -> str:
    """The name of the processor, if the system reports it.

    >>> bool(processor())
    True
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    named = ("model name", "vendor_id", "cpu family", "model")
    return " ".join(f"{key} {fields[key]}" for key in named if fields.get(key)) or platform.machine()


def fastest(candidates: Mapping[Backend, Callable[[], object]]) -> Backend:
    """The backend whose function takes the least time; the first of those that are equally fast.

    The least time of several rounds counts, since other programs only ever add time.
    """
    if len(candidates) == 1:
        return next(iter(candidates))
    best = dict.fromkeys(candidates, float("inf"))
    for turn in range(WARM_UP + MOST_ROUNDS):
        for backend, run in candidates.items():
            began = time.perf_counter()
            run()
            if turn >= WARM_UP:
                best[backend] = min(best[backend], time.perf_counter() - began)
        if turn + 1 >= WARM_UP + ROUNDS:
            first, second, *_ = sorted(best.values())
            if second > CLOSE * first:
                break
    log.debug("%s", ", ".join(f"{backend.name} {seconds * 1e3:.2f} ms" for backend, seconds in best.items()))
    least = min(best.values())
    return next(backend for backend, seconds in best.items() if seconds <= EQUAL * least)


def is_exact(backend: Backend, rows: int, inner: int, columns: int) -> bool:
    """Whether the products of a sequence and of a step are as exact as single precision allows."""
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.randn(shape, generator=generator, dtype=torch.float32) for shape in ((rows, inner), (inner, columns))
    )
    true = left.double() @ right.double()
    step = torch.empty(rows, columns, dtype=torch.float32)
    with torch.autocast("cpu", enabled=False):  # which would round them itself
        with backend.for_steps():
            backend.of_step(right, rows, TIMED_STEPS).write(left, step)
        found = (backend.multiply(left, right), step)
    return all(float((each - true).abs().max() / true.abs().max()) < LARGEST_ERROR for each in found)
