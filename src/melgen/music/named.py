"""Classes found by their names: ours, and those of a user's imported modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Kind = TypeVar("Kind")


def kind_named(what: str, name: object, base: type[Kind], ours: Mapping[str, type[Kind]]) -> type[Kind]:
    """The subclass of a class that has this ``name``: one of ours, or an imported one that a user wrote.

    Args:
        what: the word for such a class in the error, such as ``rhythm``.
        name: the name that is looked for.
        base: the class whose subclasses are searched.
        ours: our own by name; a user's class cannot take one of their names.

    Raises:
        ValueError: if no class has this name.
    """
    known = dict(ours)
    waiting: list[type[Kind]] = base.__subclasses__()
    while waiting:
        candidate = waiting.pop()
        waiting += candidate.__subclasses__()
        if own_name := vars(candidate).get("name"):
            known.setdefault(own_name, candidate)
    if not isinstance(name, str) or name not in known:
        raise ValueError(
            f"unknown {what} {name!r}; known are {', '.join(known)}; "
            f"a {what} of your own must be imported first (imports=[module])"
        )
    return known[name]
