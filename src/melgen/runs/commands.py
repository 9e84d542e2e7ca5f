"""Commands that continue with a run, as lines to paste."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.nested import value_at
from melgen.pasting import command
from melgen.runs.config import plain_config, writes_rhythm
from melgen.runs.usual_primer import usual_primer

_PROVIDED = ("melgen", "torch")
"""Packages that our commands import in any case."""


def generate_command(run: Path, **options: Any) -> str:
    """A command that generates songs with a run's network.

    Args:
        run: the directory of the run.
        options: keys of ``conf/generate.yaml`` with their values.
    """
    config = plain_config(run)
    values: dict[str, Any] = {"checkpoint": run, **options}
    # The vocabulary contains the pitches of the run's own primer, but perhaps not those of the usual one, which
    # ``primer: null`` in ``conf/generate.yaml`` means.
    if (primer := _primer(config)) not in (None, [*usual_primer(writes_rhythm(config))]):
        values["primer"] = primer
    network = (config.get("model"), config.get("cell"), value_at(config, "dataset.representation"))
    return command("generate", values | _imports(network))


def report_command(run: Path) -> str:
    """A command that makes a run's page."""
    config = plain_config(run)
    return command("report", {"run": run} | _imports((config.get("corpus"),)))


def own_modules(*nodes: Any) -> list[str]:
    """The user's own modules that parts of a configuration name, sorted and without duplicates.

    >>> own_modules({"_target_": "my_cells.MGU"}, {"stack": ["lstm", "lab.Mine"]}, {"_target_": "melgen.music.DB12"})
    ['lab', 'my_cells']
    """
    return sorted({module for name in _names(nodes) if (module := _module_of(name)).split(".")[0] not in _PROVIDED})


def _imports(nodes: Sequence[Any]) -> dict[str, list[str]]:
    modules = own_modules(*nodes)
    return {"imports": modules} if modules else {}


def _names(node: Any) -> Iterator[str]:
    """The dotted names of the classes to instantiate, including the layers of a stack."""
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
    """The longest leading part of a dotted name that is an imported module; else all except the last word."""
    module = name
    while "." in module:
        module = module.rpartition(".")[0]
        if module in sys.modules:
            return module
    return name.rpartition(".")[0]


def _primer(config: Mapping[str, Any]) -> list[int] | list[str] | str | None:
    """The primer of a run's songs, as it was given, if they have one."""
    for value in (value_at(config, "callbacks.sampling.primer"), config.get("primer")):
        if isinstance(value, list) and value and all(type(note) in (int, str) for note in value):
            return value
        if isinstance(value, str) and value and "${" not in value:
            return value
    return None
