"""The layers of a network, built from its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from melgen.networks.blocks import AbstractBlock, BlockFactory
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, LayerFactory


def build_layers(
    cell: LayerFactory | Sequence[LayerFactory],
    layers: int,
    block: BlockFactory,
    embedding_size: int,
    hidden_size: int,
    initialization: str,
) -> list[tuple[AbstractRecurrentLayer, AbstractBlock]]:
    """The layers of a `MelodyModel` with their blocks, lowest first, with their first weights.

    Args:
        cell, layers, block, embedding_size, hidden_size, initialization: of the network.

    Raises:
        ValueError: for a list of cells whose length is not ``layers``, and for a factory of anything else than layers
            or blocks.
    """
    built: list[tuple[AbstractRecurrentLayer, AbstractBlock]] = []
    width = embedding_size
    for factory in _factories(cell, layers):
        around = block(width, hidden_size)
        if not isinstance(around, AbstractBlock):
            raise ValueError(f"block must build an AbstractBlock, got {type(around).__name__}")
        layer = factory(width, hidden_size, **_options_inside(factory, around))
        if not isinstance(layer, AbstractRecurrentLayer):
            raise ValueError(f"cell must build an AbstractRecurrentLayer, got {type(layer).__name__}")
        for each in (layer, around):
            each.initialize(initialization)
        built.append((layer, around))
        width = around.output_size
    return built


def _factories(cell: LayerFactory | Sequence[LayerFactory], layers: int) -> list[LayerFactory]:
    """A factory for each layer."""
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        if len(cell) != layers:
            raise ValueError(f"layers must equal the length of the stack, got {layers} for {len(cell)} cells")
        factories = list(cell)
    else:
        factories = [cell] * layers
    for factory in factories:
        if not callable(factory):
            raise ValueError(f"cell must be a class or partial that builds a layer, or a list of them, got {factory!r}")
    return factories


def _options_inside(factory: LayerFactory, around: AbstractBlock) -> Mapping[str, Any]:
    """The options that a cell takes because of its block."""
    cell = factory.func if isinstance(factory, partial) else factory
    return getattr(cell, "inside_block", {}) if around.mixes else {}
