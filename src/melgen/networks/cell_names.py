"""Cells by their names, and stacks of cells given by names."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from melgen.networks.layers.recurrent import AbstractRecurrentLayer, LayerFactory
from melgen.networks.registry import imported


def find_layer(name: str) -> LayerFactory:
    """A kind of layer by its name, or by the dotted path of its class.

    Raises:
        ValueError: if there is none; lists the known names.

    >>> find_layer("nas")
    <class 'melgen.networks.cells.nas.NAS'>
    >>> find_layer("melgen.networks.NAS") is find_layer("nas")
    True
    """
    if name in AbstractRecurrentLayer.known:
        return AbstractRecurrentLayer.known[name]
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute) if module else None
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot import the cell {name!r}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, AbstractRecurrentLayer)):
        names = ", ".join(sorted(AbstractRecurrentLayer.known))
        raise ValueError(
            f"unknown cell {name!r}: must be one of {names}, or package.Class of an AbstractRecurrentLayer"
        )
    return found


def imported_layer(stored_name: str) -> type[AbstractRecurrentLayer]:
    """The layer with this `AbstractRecurrentLayer.stored_name`, among those already imported.

    Raises:
        ValueError: if there is none.
    """
    return imported(AbstractRecurrentLayer, stored_name, "cell")


def mixed(stack: Sequence[str | LayerFactory]) -> list[LayerFactory]:
    """The layers of a stack of different cells, lowest first, for `MelodyModel`.

    Args:
        stack: for each layer a name, a dotted path, or a callable that builds a layer.

    Raises:
        ValueError: for an empty stack, a value that is not a list, or an unknown name.

    >>> mixed(["lstm", "nas"])
    [<class 'melgen.networks.cells.lstm.LSTM'>, <class 'melgen.networks.cells.nas.NAS'>]
    >>> mixed(["lstm", "elman"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: unknown cell 'elman': must be one of attention, gru, hgrn2, indrnn, lru, lstm, ...
    """
    if isinstance(stack, str) or not isinstance(stack, Sequence) or not len(stack):
        raise ValueError(f"stack must be a list of at least one cell, as in [lstm,lstm,nas], got {stack!r}")
    factories: list[LayerFactory] = []
    for entry in stack:
        if isinstance(entry, str):
            factories.append(find_layer(entry))
        elif callable(entry):
            factories.append(entry)
        else:
            raise ValueError(f"a cell in a stack must be a name or a factory of layers, got {entry!r}")
    return factories
