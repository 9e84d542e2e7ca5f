"""Classes by their names, as a configuration and a checkpoint name them: cells and blocks.

A class is known by the ``name`` that it defines. A subclass does not inherit this name, since it is another class; a
checkpoint stores the dotted path of a class without a name of its own.
"""

from __future__ import annotations

from typing import Any


def register(known: dict[str, Any], kind: type, what: str) -> None:
    """Add a class to those that are known by their names, if it has a name of its own.

    Args:
        known: classes by their names.
        kind: the class.
        what: what it is, for the message.

    Raises:
        ValueError: if another class has the name.

    >>> class First: name = "first"
    >>> class Heir(First): pass
    >>> class Second: name = "first"
    >>> known = {}
    >>> register(known, First, "cell"); register(known, Heir, "cell"); list(known)
    ['first']
    >>> register(known, Second, "cell")
    Traceback (most recent call last):
        ...
    ValueError: the cell name 'first' of Second is taken by First
    """
    name = _own_name(kind)
    if name is None:
        return
    holder = known.setdefault(name, kind)
    if (holder.__module__, holder.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(f"the {what} name {name!r} of {kind.__qualname__} is taken by {holder.__qualname__}")
    known[name] = kind  # the same class again, when a module or notebook cell ran again


def stored_name(kind: type) -> str:
    """The name of a class in a checkpoint: its ``name``, or its dotted path if it has none of its own."""
    return _own_name(kind) or f"{kind.__module__}.{kind.__qualname__}"


def imported(base: type, name: str, what: str) -> type[Any]:
    """The class with this `stored_name`, among those already imported: a base class or a subclass of it.

    Raises:
        ValueError: if there is none; the message calls it by the word `what`.
    """
    waiting = [base]
    while waiting:
        candidate = waiting.pop()
        if stored_name(candidate) == name:
            return candidate
        waiting += candidate.__subclasses__()
    raise ValueError(f"unknown {what} {name!r}: import the module that defines it first (imports=[module])")


def _own_name(kind: type) -> str | None:
    name: str | None = vars(kind).get("name")  # not getattr, which finds the name of a parent
    return name
