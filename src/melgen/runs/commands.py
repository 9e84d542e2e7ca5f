"""The commands that go on from a run, as lines that can be pasted."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.pasting import command
from melgen.runs.config import plain_config

DEFAULT_PRIMER = [60, 62, 64, 62]
"""Of ``conf/generate.yaml``."""

_PROVIDED = ("melgen", "torch")
"""Packages that our commands import by themselves."""


def generate_command(run: Path, **options: Any) -> str:
    """A command that lets a run's network write songs.

    Args:
        options: keys of ``conf/generate.yaml`` with their values.
    """
    config = plain_config(run)
    values: dict[str, Any] = {"checkpoint": run, **options}
    # The network knows the pitches of the primer that it was trained with; it may know no others.
    if (primer := _primer(config)) not in (None, DEFAULT_PRIMER):
        values["primer"] = primer
    network = (config.get("model"), config.get("cell"), _below(config.get("dataset"), "representation"))
    return command("generate", values | _imports(network))


def report_command(run: Path) -> str:
    """A command that makes a run's page."""
    config = plain_config(run)
    return command("report", {"run": run} | _imports((config.get("corpus"),)))


def own_modules(*nodes: Any) -> list[str]:
    """The modules of the user's own that parts of a configuration name, each once, sorted.

    >>> own_modules({"_target_": "my_cells.MGU"}, {"stack": ["lstm", "lab.Mine"]}, {"_target_": "melgen.music.DB12"})
    ['lab', 'my_cells']
    """
    return sorted({module for name in _names(nodes) if (module := _module_of(name)).split(".")[0] not in _PROVIDED})


def _imports(nodes: Sequence[Any]) -> dict[str, list[str]]:
    modules = own_modules(*nodes)
    return {"imports": modules} if modules else {}


def _names(node: Any) -> Iterator[str]:
    """The dotted names of classes: what is instantiated, and the layers of a stack."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "_target_" and isinstance(value, str):
                yield value
            elif key == "stack" and isinstance(value, Sequence) and not isinstance(value, str):
                yield from (entry for entry in value if isinstance(entry, str) and "." in entry)
                yield from _names(value)
            else:
                yield from _names(value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from _names(value)


def _module_of(name: str) -> str:
    """The longest part of a dotted name that is an imported module; else all but the last word."""
    module = name
    while "." in module:
        module = module.rpartition(".")[0]
        if module in sys.modules:
            return module
    return name.rpartition(".")[0]


def _below(node: Any, key: str) -> Any:
    return node.get(key) if isinstance(node, Mapping) else None


def _primer(config: Mapping[str, Any]) -> list[int] | None:
    """The primer of a run's songs, if they have one."""
    sampling = _below(config.get("callbacks"), "sampling")
    for value in (_below(sampling, "primer"), config.get("primer")):
        if isinstance(value, list) and value and all(type(pitch) is int for pitch in value):
            return value
    return None
