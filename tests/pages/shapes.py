"""Checks whether plain data match a type: `TypedDict`s with all their members."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def keys_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The keys of a `TypedDict`: the type of each, and whether it must be there."""
    found = {}
    for key, hint in get_type_hints(kind, include_extras=True).items():
        is_optional = get_origin(hint) is NotRequired
        found[key] = (get_args(hint)[0] if is_optional else hint, not is_optional)
    return found


def problems(value: Any, kind: Any, place: str = "page") -> Iterator[str]:
    """The places where data do not match a type, with the reasons."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    if is_typeddict(kind):
        if not isinstance(value, dict):
            yield f"{place}: {value!r:.60} is not a {kind.__name__}"
            return
        keys = keys_of(kind)
        yield from (f"{place}: {key} is not in {kind.__name__}" for key in value.keys() - keys.keys())
        for key, (hint, is_required) in keys.items():
            if key in value:
                yield from problems(value[key], hint, f"{place}.{key}")
            elif is_required:
                yield f"{place}: {key} of {kind.__name__} is missing"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{place}: {value!r:.60} is not a list"
            return
        for number, one in enumerate(value):
            yield from problems(one, arguments[0], f"{place}[{number}]")
    elif origin is tuple:  # a list in JSON
        if not isinstance(value, list | tuple) or len(value) != len(arguments):
            yield f"{place}: {value!r:.60} is not a {kind}"
            return
        for number, (one, hint) in enumerate(zip(value, arguments, strict=True)):
            yield from problems(one, hint, f"{place}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield f"{place}: {value!r:.60} is not a dict"
            return
        for key, one in value.items():
            yield from problems(key, arguments[0], f"{place}, the key {key!r}")
            yield from problems(one, arguments[1], f"{place}[{key!r}]")
    elif origin is Literal:
        if value not in arguments:
            yield f"{place}: {value!r:.60} is none of {arguments}"
    elif origin in (Union, types.UnionType):
        if all(any(problems(value, one)) for one in arguments):
            yield f"{place}: {value!r:.60} is not a {kind}"
    elif kind is float:  # JSON has one kind of number
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{place}: {value!r:.60} is not a number"
    elif not isinstance(value, type(None) if kind is None else kind) or (kind is int and isinstance(value, bool)):
        yield f"{place}: {value!r:.60} is not a {kind}"


def dicts_in(kind: Any) -> set[Any]:
    """Every `TypedDict` that data of a type may hold."""
    if is_typeddict(kind):
        return {kind}.union(*(dicts_in(hint) for hint, _ in keys_of(kind).values()))
    return set().union(*map(dicts_in, get_args(kind)))
