"""Classes by their names, as a configuration and a checkpoint name them."""

from __future__ import annotations

from typing import Any


def register(known: dict[str, Any], name: str, kind: type, what: str) -> None:
    """Add a class to those that are known, unless another class has its name.

    Args:
        known: classes by their names.
        name: of the class.
        kind: the class.
        what: what it is, for the message.

    Raises:
        ValueError: if another class has the name.

    >>> known = {}
    >>> register(known, "integer", int, "cell"); register(known, "integer", float, "cell")
    Traceback (most recent call last):
        ...
    ValueError: the cell name 'integer' of float is taken by int
    """
    holder = known.setdefault(name, kind)
    if (holder.__module__, holder.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(f"the {what} name {name!r} of {kind.__qualname__} is taken by {holder.__qualname__}")
    known[name] = kind  # the same class again, when a module or notebook cell ran again
