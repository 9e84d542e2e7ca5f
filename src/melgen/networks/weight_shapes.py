"""The shapes of a described network's weights, found without memory for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from melgen.networks.initialization import WithoutInitialValues
from melgen.networks.model import MelodyModel


def check_shapes(description: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
    """Refuse a description that does not match the shapes of weights, before memory is allocated for its network.

    Args:
        description: as `MelodyModel.describe` returns it.
        shapes: the shape of each weight by its name.

    Returns:
        The weights of the described network, with shapes and types and without numbers.

    Raises:
        ValueError: if a weight is missing or has another shape.
    """
    if (layers := len(description["stack"])) > len(shapes):
        raise ValueError(f"{layers} layers, but only {len(shapes)} weights")
    with torch.device("meta"), WithoutInitialValues():  # shapes without memory
        needed = MelodyModel.from_description(description).state_dict()
    if different := sorted(needed.keys() ^ shapes.keys()):
        raise ValueError(f"weight {different[0]} is either in the network or in the file, but not in both")
    for name, weight in needed.items():
        if tuple(shapes[name]) != tuple(weight.shape):
            raise ValueError(f"{name} has the shape {list(shapes[name])}, but the network needs {list(weight.shape)}")
    return needed
