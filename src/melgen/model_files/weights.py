"""The weights in a model file, compared with its description before memory is allocated for them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from melgen.errors import CheckpointError
from melgen.model_files.archive import CARD, WEIGHTS, member_text, opened
from melgen.model_files.description import Description, read_description
from melgen.networks.weight_shapes import check_shapes

_MOST_BYTES_OF_HEADER = 2**22
_LENGTH_BYTES = 8
"""A file of safetensors begins with the length of its header, in so many bytes."""
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


@dataclass(frozen=True)
class ModelFile:
    """A model file that was read: its description, its weights by name, and its card."""

    description: Description
    weights: dict[str, Tensor]
    card: str


def read_model_file(path: Path, key: str = "checkpoint") -> ModelFile:
    """Read a model file without running code from it.

    Raises:
        CheckpointError: if it is damaged, hostile or of a later version, or its parts do not match each other; names
            the file.
    """
    with opened(path, key) as archive:
        description = read_description(archive)
        _check_header(description, archive)
        weights = safetensors.torch.load(archive.read(WEIGHTS))
        for name, weight in weights.items():
            if weight.is_floating_point() and not weight.isfinite().all():
                raise CheckpointError(f"{WEIGHTS}: {name} contains numbers that are not finite")
        return ModelFile(description, weights, member_text(archive, CARD))


def weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """Weights as a file of safetensors; equal weights give equal bytes."""
    return safetensors.torch.save({name: weights[name].contiguous() for name in sorted(weights)})


def _check_header(description: Description, archive: zipfile.ZipFile) -> None:
    """Compare what the weights claim to be with the network that is described.

    Raises:
        CheckpointError: naming the weight and the rule.
    """
    size = archive.getinfo(WEIGHTS).file_size
    with archive.open(WEIGHTS) as file:
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        if length > min(size - _LENGTH_BYTES, _MOST_BYTES_OF_HEADER):
            raise CheckpointError(f"{WEIGHTS}: its header claims {length:,} bytes")
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    try:
        needed = check_shapes(description.model, shapes)
    except Exception as error:  # a description from elsewhere may contain anything
        raise CheckpointError(f"its parts do not match each other ({error!s:.300})") from error
    for name, weight in needed.items():
        if _TYPES.get(stated := header[name]["dtype"]) != weight.dtype:
            raise CheckpointError(
                f"its parts do not match each other ({name} has the type {stated!s:.20}, but the network needs "
                f"{weight.dtype})"
            )
    expected = sum(prod(weight.shape) * weight.element_size() for weight in needed.values())
    if size - _LENGTH_BYTES - length != expected:
        raise CheckpointError(
            f"its parts do not match each other ({WEIGHTS} has {size - _LENGTH_BYTES - length:,} bytes of numbers, but "
            f"the network needs {expected:,})"
        )
