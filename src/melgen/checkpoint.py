"""Trained networks, read from checkpoints: self-contained, and without running anything that is in them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import melgen
from melgen.checkpoint_files import BEST, LAST, find_checkpoint, run_of, run_title
from melgen.corpora.seen_tunes import SeenTunes
from melgen.errors import CheckpointError
from melgen.music.representations import AbstractRepresentation, representation_named
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel

__all__ = [
    "BEST",
    "LAST",
    "CheckpointError",
    "TrainedModel",
    "find_checkpoint",
    "load_model",
    "read_checkpoint",
    "run_of",
    "run_title",
]

FORMAT_VERSION = 1
"""Of our part of a checkpoint."""
SEEN_TUNES = "training_tunes"
"""Key of our part of a checkpoint; later than format version 1, which does not require it."""


@dataclass(frozen=True)
class TrainedModel:
    """A network read from a checkpoint, with all it takes to write melodies."""

    model: MelodyModel
    representation: AbstractRepresentation
    vocabulary: Vocabulary
    config: dict[str, Any]
    metrics: dict[str, float]
    updates: int
    path: Path
    seen: SeenTunes | None = None
    """The tunes that it was trained on; None where an older melgen did not record them."""


def read_checkpoint(path: str | Path, key: str = "checkpoint") -> dict[str, Any]:
    """The content of a checkpoint of ours, read without unpickling anything but tensors and plain data.

    Raises:
        CheckpointError: if the file is truncated, not a checkpoint, not ours, or newer than we know.
    """
    try:
        _check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{key}={path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged file makes the unpickler stumble in every way there is
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"{key}={path}: no checkpoint, or a damaged one, or it asks for more than plain data ({reason[0]})"
        ) from error
    ours = checkpoint.get("melgen") if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or "format_version" not in ours:
        raise CheckpointError(f"{key}={path}: a checkpoint, but none that melgen has written")
    version = ours["format_version"]
    if not isinstance(version, int) or version not in range(1, FORMAT_VERSION + 1):
        raise CheckpointError(
            f"{key}={path}: format version {version!s:.40}, melgen {melgen.__version__} reads 1 to {FORMAT_VERSION}"
        )
    return checkpoint


def load_model(path: str | Path, key: str = "checkpoint") -> TrainedModel:
    """Rebuild the network of a checkpoint file or of a run's directory.

    Raises:
        CheckpointError: if there is none, or its parts do not fit each other.
    """
    file = find_checkpoint(path, key)
    checkpoint = read_checkpoint(file, key)
    ours = checkpoint["melgen"]
    prefix = "model."
    try:
        weights = {
            key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)
        }
        _check_size(ours["model"], weights)
        model = MelodyModel.from_description(ours["model"])
        model.load_state_dict(weights)
        representation = representation_named(ours["representation"])
        vocabulary = Vocabulary.from_dict(ours["vocabulary"])
        if len(vocabulary) != ours["model"]["vocab_size"]:
            raise ValueError(f"{len(vocabulary)} values for {ours['model']['vocab_size']} rows")
        trained = TrainedModel(
            model.eval(),
            representation,
            vocabulary,
            ours["config"],
            ours["metrics"],
            ours["updates"],
            file,
            SeenTunes.from_dict(ours[SEEN_TUNES]) if SEEN_TUNES in ours else None,
        )
    except (LookupError, ArithmeticError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{key}={file}: its parts do not fit each other ({error})") from error
    return trained


def _check_archive(path: str | Path) -> None:
    """Refuse an archive whose parts are larger than itself: torch packs nothing, and unpacks without a bound."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > (size := Path(path).stat().st_size):
        raise ValueError(f"it would unpack to {unpacked} bytes, the file has {size}")


def _check_size(description: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Refuse a description whose network the weights do not fill, before memory is taken for it.

    Raises:
        ValueError: if a weight lacks, has another shape, or more numbers than the file holds.
    """
    for name, weight in weights.items():
        if not isinstance(weight, Tensor) or weight.layout != torch.strided or weight.device.type != "cpu":
            raise ValueError(f"{name} is no plain tensor")
        if weight.numel() * weight.element_size() > weight.untyped_storage().nbytes():
            raise ValueError(f"{name} says that it has {weight.numel()} numbers, the file holds fewer")
    if (layers := len(description["stack"])) > len(weights):
        raise ValueError(f"{layers} layers of {len(weights)} weights")
    with torch.device("meta"):  # shapes without memory
        shapes = {name: weight.shape for name, weight in MelodyModel.from_description(description).state_dict().items()}
    if different := sorted(shapes.keys() ^ weights.keys()):
        raise ValueError(f"weight {different[0]} is in the network or in the file, not in both")
    for name, shape in shapes.items():
        if weights[name].shape != shape:
            raise ValueError(f"{name} has the shape {list(weights[name].shape)}, the network needs {list(shape)}")
