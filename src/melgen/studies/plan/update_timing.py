"""Time a few updates of a network on this machine, without its corpus.

Simplifications: the notes are random, and the vocabulary has a usual size. Who computes the products is what this
machine has found for such networks; before the first training that is torch's default, which may be slower. The
precision of products on a GPU (``matmul_precision``) is torch's default, and transformer-engine is timed in float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.plugins.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from torch import Tensor

from melgen.networks import MelodyModel, choosing_backends, map_state
from melgen.runs.precision import full_name
from melgen.training.checks import AUTO
from melgen.training.losses import window_loss
from melgen.training.steps import check_products, has_backends, products_file

VOCABULARY, DURATIONS = 48, 24
"""Values of a timed network, and its durations where a rhythm has tokens for them; these sizes hardly matter compared
with the recurrent layers."""
TIMED_UPDATES, LONGEST_TIMING_SECONDS = 3, 2.0


def has_durations(config: DictConfig) -> bool:
    """Whether each token has a duration of its own beside it."""
    return bool(instantiate(config.rhythm).streams > 1)


def seconds_per_update(config: DictConfig) -> float:
    """Time some updates of a network on random notes, on the device and in the precision of its training.

    The network is timed alone. Trainings that share a GPU take longer, see `benchmarks/gpu.py`. The random generators
    and the number of threads are kept.
    """
    wanted = str(config.trainer.get("accelerator", "auto"))
    device = torch.device("cuda" if wanted in ("auto", "gpu", "cuda") and torch.cuda.is_available() else "cpu")
    generators = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(generators), _threads(config):
        torch.manual_seed(0)
        update = _update_of(config, device)
        times: list[float] = []
        began = time.perf_counter()
        fewest = 4 if device.type == "cuda" else 2  # the second update of a kernel on a GPU records its scan
        while len(times) <= TIMED_UPDATES and (
            len(times) < fewest or time.perf_counter() - began < LONGEST_TIMING_SECONDS
        ):
            start = time.perf_counter()
            update()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return min(times[1:])  # the first one also prepares; the others may have been disturbed


def timed_network(config: DictConfig, device: torch.device, precision: Precision) -> MelodyModel:
    """The network of a training with a vocabulary of a usual size; the backends of its products are not measured."""
    sizes = {"vocab_size": VOCABULARY} | ({"duration_size": DURATIONS} if has_durations(config) else {})
    model: MelodyModel = instantiate(config.model, **sizes)
    precision_name = _as_trained(full_name(config.precision), device)
    check_products(config, precision_name, device)
    if has_backends(config, precision_name, device):
        with precision.forward_context():
            if config.products == AUTO:
                file = products_file(config)
                choice = choosing_backends.known_choice(model, config.batch_size, config.seq_length, file)
            else:
                choice = choosing_backends.everywhere(model, config.products)
        choosing_backends.apply(model, choice)
    precision.convert_module(model)  # in place
    return model.to(device).train()


def _update_of(config: DictConfig, device: torch.device) -> Callable[[], None]:
    """A function that makes an update of a network on random notes, as its training does."""
    precision = precision_of(config, device)
    model = timed_network(config, device, precision)
    optimizer = instantiate(config.optimizer)(list(model.parameters()))
    window = (config.batch_size, config.seq_length + 1)
    tokens = torch.randint(VOCABULARY, window, device=device)
    if model.duration_size is not None:
        tokens = torch.stack([tokens, torch.randint(DURATIONS, window, device=device)], -1)
    read, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    state: Any = None

    def update() -> None:
        nonlocal state
        optimizer.zero_grad()
        with precision.forward_context():
            output, state = model.read(read, state)
            state = map_state(Tensor.detach, state)
            loss = window_loss(model, output, model.logits(output), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

    return update


def _as_trained(precision: str, device: torch.device) -> str:
    """The precision with which Lightning trains: on a CPU, its 16-mixed is bfloat16."""
    return "bf16-mixed" if precision == "16-mixed" and device.type == "cpu" else precision


def precision_of(config: DictConfig, device: torch.device) -> Precision:
    """Lightning's part for a precision; the one of float32 for transformer-engine, which is timed in float32."""
    name: Any = _as_trained(full_name(config.precision), device)
    if name.endswith("-mixed"):
        return MixedPrecision(name, device.type)
    if name == "64-true":
        return DoublePrecision()
    return HalfPrecision(name) if name in ("16-true", "bf16-true") else Precision()


@contextmanager
def _threads(config: DictConfig) -> Iterator[None]:
    """The number of threads of the training."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if config.threads is None else config.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
