"""The size of a run's network, as its ``result.json`` has it: the numbers, and their names in tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

NETWORK = "network"
"""The key of ``result.json``. Runs of an older melgen do not have it."""

SIZES: Mapping[str, str] = MappingProxyType(
    {
        "parameters": "parameters",
        "recurrent_parameters": "recurrent parameters",
        "remembered": "numbers remembered",
        "operations": "operations a note",
    }
)
"""The axes of `melgen.networks.sizes.NetworkSize`, with their names in tables."""


def sizes_in(result: Mapping[str, Any]) -> dict[str, int | None]:
    """The size of a network on each axis; None where the result does not have it.

    >>> sizes_in({"network": {"parameters": 10, "remembered": 4}})
    {'parameters': 10, 'recurrent_parameters': None, 'remembered': 4, 'operations': None}
    """
    recorded = result.get(NETWORK)
    if not isinstance(recorded, Mapping):
        return dict.fromkeys(SIZES)
    return {key: value if type(value := recorded.get(key)) is int else None for key in SIZES}
