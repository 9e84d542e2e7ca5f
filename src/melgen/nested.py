"""Nested dictionaries, such as configurations, by their dotted keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted keys of nested dictionaries with their values, in order; an empty dictionary is a value.

    >>> list(flat({"a": {"b": 1, "c.d": 2}, "e": {}}))
    [('a.b', 1), ('a.c.d', 2), ('e', {})]
    """
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def sweeps_in(params: Any) -> list[str]:
    """The overrides of ``hydra.sweeper.params``, by nested or dotted keys; an empty dictionary sets nothing.

    >>> sweeps_in({"layers": "1,2", "optimizer": {"lr": "0.1,0.2"}, "trainer": {}})
    ['layers=1,2', 'optimizer.lr=0.1,0.2']
    """
    return [f"{key}={value}" for key, value in flat(params) if not (isinstance(value, Mapping) and not value)]


def value_at(node: Any, dotted: str, absent: Any = None) -> Any:
    """The value at a dotted key of nested dictionaries, or ``absent``.

    >>> value_at({"a": {"b": 1}}, "a.b"), value_at({"a": 1}, "a.b"), value_at({}, "a", absent=0)
    (1, None, 0)
    """
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return absent
        node = node[part]
    return node
