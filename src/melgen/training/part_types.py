"""Values of a type that a part of a training cannot take, refused before the part is built.

Optimisers and schedules keep whatever they are given; a text among their numbers is an error only once it is used,
in the midst of a training.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from melgen.checking import require

PARTS = ("optimizer", "scheduler.schedule", "trainer")
_NUMBERS = frozenset({int, float, bool})
_RULES = {frozenset({int}): "a whole number", frozenset({bool}): "true or false"}


def check_types(config: DictConfig) -> None:
    """Refuse a value that is neither a number nor null where a parameter of a part takes numbers only.

    Raises:
        ValueError: naming key, value and rule.
    """
    for part in PARTS:
        node = OmegaConf.select(config, part)
        if not OmegaConf.is_dict(node) or not isinstance(node.get("_target_"), str):
            continue
        values = OmegaConf.to_container(node, resolve=True)
        assert isinstance(values, dict)
        types = _number_types(values["_target_"])
        for key, value in ((str(key), value) for key, value in values.items()):
            if key in types and not _fits(value, types[key]):
                rule = _RULES.get(types[key] - {NoneType}, "a number")
                null = ", or null" if NoneType in types[key] else ""
                require(False, f"{part}.{key}", value, f"{rule}{null}")


def _fits(value: Any, types: frozenset[type]) -> bool:
    if value is None:
        return NoneType in types
    if isinstance(value, str | list | dict):
        return False
    return not (isinstance(value, float) and types - {NoneType} == {int} and not value.is_integer())


@lru_cache(maxsize=64)
def _number_types(target: str) -> Mapping[str, frozenset[type]]:
    """The types of those parameters of what a ``_target_`` names that take numbers and nothing else."""
    try:
        named = get_object(target)
        called: Any = getattr(named, "__init__", named) if isinstance(named, type) else named
        hints, parameters = get_type_hints(called), inspect.signature(called).parameters
    except Exception:  # building it will report why it cannot be imported; without types there is nothing to check
        return {}
    found = {}
    for name, parameter in parameters.items():
        types = frozenset(_members(hints.get(name)))
        types = types | {NoneType} if parameter.default is None else types
        # A learning rate may also be a tensor, which no configuration can hold.
        types = frozenset(each for each in types if getattr(each, "__name__", "") != "Tensor")
        if types & _NUMBERS and types <= _NUMBERS | {NoneType}:
            found[name] = types
    return found


def _members(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, UnionType):
        for member in get_args(hint):
            yield from _members(member)
    else:
        yield hint
