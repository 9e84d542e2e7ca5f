"""The parts of a network whose products are timed, and the backends among which the fastest is chosen."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from melgen.networks.layers.fast import AbstractFastLayer
from melgen.networks.layers.recurrent import AbstractRecurrentLayer
from melgen.networks.layers.torch_module import AbstractTorchLayer
from melgen.networks.model import MelodyModel
from melgen.networks.products.backends import (
    BFLOAT16,
    BFLOAT16_SEQUENCES,
    MODULE,
    ONEDNN,
    PACKED,
    SEQUENCES,
    TORCH,
    Backend,
)
from melgen.networks.products.linear import linear
from melgen.networks.products.measuring import TIMED_STEPS, is_exact, is_possible, machine

Candidates: TypeAlias = dict[Backend, Callable[[], object]]
"""Backends, each with a function that computes the products of a part with it, forwards and backwards."""


class Place(NamedTuple):
    """Where a backend is used: the name of a part, the modules that hold its backend, and the layer, or None for the
    output."""

    name: str
    holders: list[Any]
    layer: AbstractRecurrentLayer | None


class Part(NamedTuple):
    """A part of a network: its name, its key in the file, and what makes its candidates."""

    name: str
    key: str
    candidates: Callable[[], Candidates]


def places(model: MelodyModel) -> Iterator[Place]:
    """The parts of a network that use a backend: the output, and each layer with a fast implementation."""
    for number, layer in enumerate(model.layers, 1):
        if holders := _fast_layers(layer):
            yield Place(f"layer {number}", holders, layer)
    yield Place("output", [model], None)


def _fast_layers(layer: AbstractRecurrentLayer) -> list[AbstractFastLayer]:
    """The layer itself, or those that it contains, as far as they have a fast implementation."""
    return [each for each in layer.modules() if isinstance(each, AbstractFastLayer) and each.has_fast]


def parts_of(model: MelodyModel, batch_size: int, steps: int) -> list[Part]:
    """The parts of a network that have a choice, for windows of this size.

    A layer that contains several fast layers has none: it uses torch's default, unless a configuration names another.
    """
    width, in_bfloat16 = model.output.in_features, torch.is_autocast_enabled("cpu")
    window = f"{batch_size} x {steps}{' bfloat16' if in_bfloat16 else ''}"
    shapes = [(len(table), table.shape[1]) for table in model.tables]
    if not model.stack.can_use_tables(len(shapes), training=True):
        shapes = []
    parts = []
    for name, holders, layer in places(model):
        if layer is None:
            key = f"linear {width} to {model.output_size}, {window}"
            parts.append(Part(name, key, lambda: _of_output(width, model.output_size, batch_size * steps)))
        elif len(holders) == 1:
            read_shapes = shapes if name == "layer 1" else []
            tables = " and ".join(str(count) for count, _ in read_shapes) + " rows of " if read_shapes else ""
            kind = f"{type(holders[0]).__module__}.{type(holders[0]).__qualname__}"
            options = "".join(f" {option}={value}" for option, value in sorted(layer.options.items()))
            key = f"{kind}{options} {tables}{layer.input_size} to {layer.hidden_size}, {window}"
            parts.append(Part(name, key, partial(_of_layer, layer, read_shapes, batch_size, steps)))
    return [each._replace(key=f"{machine()}: {each.key}") for each in parts]


def without_counts(key: str) -> str:
    """The key of a part without what depends on tunes alone: rows of tables, predicted tokens, steps of a window.

    >>> without_counts("cpu: lstm.LSTM 48 rows of 128 to 256, 50 x 64 bfloat16")
    'cpu: lstm.LSTM n rows of 128 to 256, 50 bfloat16'
    >>> without_counts("cpu: linear 256 to 48, 50 x 64")
    'cpu: linear 256 to n, 50'
    """
    key = re.sub(r"\d+(?=( and \d+)* rows of )", "n", key)
    key = re.sub(r"(: linear \d+ to )\d+", r"\1n", key)
    return re.sub(r"(, \d+) x \d+( bfloat16)?$", r"\1\2", key)


def _of_layer(
    layer: AbstractRecurrentLayer, table_shapes: Sequence[tuple[int, int]], batch_size: int, steps: int
) -> Candidates:
    """The candidates of a layer that reads rows of tables of these shapes, or a sequence if there are no tables."""
    layer = copy.deepcopy(layer)
    (inner,) = _fast_layers(layer)
    run = _training_step_of(layer, inner, table_shapes, batch_size, steps)
    has_module = isinstance(inner, AbstractTorchLayer)
    if torch.is_autocast_enabled("cpu"):
        # Without products of steps, both backends in bfloat16 are the same.
        rounding = [BFLOAT16] if inner.step_columns is None else [BFLOAT16, BFLOAT16_SEQUENCES]
        found = [each for each in [*([MODULE] if has_module else []), *rounding] if is_possible(each)] or [TORCH]
    elif (columns := inner.step_columns) is not None:
        # Without tables, torch's default is its fused LSTM anyway.
        fused = [MODULE] if table_shapes and has_module and inner.module is nn.LSTM else []
        found = _usable([TORCH, *fused, SEQUENCES, ONEDNN, PACKED], batch_size, layer.hidden_size, columns)
    else:
        weight = max(inner.parameters(), key=Tensor.numel)
        rows = batch_size * min(steps, _most_steps(table_shapes, batch_size))
        found = _usable([TORCH, ONEDNN], rows, layer.hidden_size, len(weight))
    return {backend: partial(run, backend) for backend in found}


def _training_step_of(
    layer: AbstractRecurrentLayer,
    inner: AbstractFastLayer,
    table_shapes: Sequence[tuple[int, int]],
    batch_size: int,
    steps: int,
) -> Callable[[Backend], None]:
    """A function that runs a layer forwards and backwards, on random numbers, with a backend."""
    steps = min(steps, _most_steps(table_shapes, batch_size))
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(shape, generator=generator, requires_grad=True) for shape in table_shapes]
    tokens = [torch.randint(count, (batch_size, steps), generator=generator) for count, _ in table_shapes]
    input = torch.randn(batch_size, steps, layer.input_size, generator=generator, requires_grad=True)
    gradient = torch.randn(batch_size, steps, layer.hidden_size, generator=generator)

    def run(backend: Backend) -> None:
        inner.backend = backend
        with torch.enable_grad():
            if tables:
                output, _ = layer.forward_rows(tokens[0] if len(tables) == 1 else torch.stack(tokens, -1), tables)
            else:
                output, _ = layer(input)
        output.backward(gradient.to(output))

    return run


def _most_steps(table_shapes: Sequence[tuple[int, int]], batch_size: int) -> int:
    """The most steps that are timed: ``TIMED_STEPS``, or as many as give two tokens for each row of a table.

    With fewer tokens than rows the table would not be multiplied as a whole.
    """
    return max(TIMED_STEPS, 2 * sum(count for count, _ in table_shapes) // batch_size)


def _of_output(width: int, columns: int, rows: int) -> Candidates:
    """The candidates of the output layer, for as many rows as a window has tokens."""
    generator = torch.Generator().manual_seed(0)
    input, weight, bias = (
        torch.randn(shape, generator=generator, requires_grad=True)
        for shape in ((rows, width), (columns, width), columns)
    )
    gradient = torch.randn(rows, columns, generator=generator)

    def run(backend: Backend) -> None:
        with torch.enable_grad():
            linear(backend, input, weight, bias).backward(gradient)

    if torch.is_autocast_enabled("cpu"):
        found = [BFLOAT16 if is_possible(BFLOAT16) else TORCH]
    else:
        found = _usable([TORCH, ONEDNN], rows, width, columns)
    return {backend: partial(run, backend) for backend in found}


def _usable(candidates: Iterable[Backend], rows: int, inner: int, columns: int) -> list[Backend]:
    """Those that this machine has and that are exact here, for products of ``[rows, inner]`` and ``[inner, columns]``.

    Exactness is checked at these sizes too, since a library may compute large products in another way. For small
    products no library but torch's default is a candidate.
    """
    of_size = dict.fromkeys(each.or_default_if_small(rows * inner * columns) for each in candidates)
    return [each for each in of_size if is_possible(each) and is_exact(each, rows, inner, columns)] or [TORCH]
