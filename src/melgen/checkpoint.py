"""Trained networks, read from checkpoints or model files, without running code from the file.

Both are self-contained.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import melgen
from melgen.bit_names import with_marked_bits
from melgen.checkpoint_files import BEST, LAST, find_checkpoint, run_of, run_title
from melgen.data.seen_tunes import SeenTunes
from melgen.errors import CheckpointError
from melgen.model_files.archive import is_model_file
from melgen.model_files.description import Description
from melgen.model_files.weights import read_model_file
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.representations import AbstractRepresentation, representation_named
from melgen.music.rhythms import NoRhythm, rhythm_from
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel
from melgen.networks.weight_shapes import check_shapes

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

FORMAT_VERSION = 2
"""The format version of melgen's part of a checkpoint; 2 is the first with rhythm."""
FORMAT_VERSION_OF_PITCHES = 1
"""The format version of a network without rhythm."""
RHYTHM = "rhythm"
"""A key of melgen's part of a checkpoint: how the network writes time; absent if it does not."""
SEEN_TUNES = "training_tunes"
"""A key of melgen's part of a checkpoint. It is newer than format version 1, which does not require it."""

_FORBIDDEN = re.compile(r"[Uu]nsupported (?:global: )?GLOBAL (\S+)")
_MISMATCHES = (LookupError, ArithmeticError, TypeError, ValueError, RuntimeError, AttributeError)
"""The errors of parts of a network that do not match each other."""


@dataclass(frozen=True)
class TrainedModel:
    """A network read from a checkpoint or a model file, with everything needed to generate melodies."""

    model: MelodyModel
    representation: AbstractRepresentation
    vocabulary: Vocabulary | TuneVocabulary
    config: dict[str, Any]
    metrics: dict[str, float]
    updates: int
    path: Path
    seen: SeenTunes | None = None
    """The tunes that it was trained on; None if an older melgen did not record them."""
    rhythm: AbstractRhythm = field(default_factory=NoRhythm)
    """The rhythm with which it writes time."""
    shared: Description | None = None
    """The statements of its model file; None if it was read from a checkpoint."""

    @property
    def title(self) -> str:
        """Its name in songs: that of its model file, or ``<name>/<run>``."""
        return run_title(run_of(self.path)) if self.shared is None else self.shared.name

    @property
    def has_rhythm(self) -> bool:
        """Whether it writes rhythm."""
        return isinstance(self.vocabulary, TuneVocabulary)

    @property
    def encoding(self) -> Encoding:
        """The encoding with which it reads and writes tunes with rhythm."""
        return Encoding(self.representation, self.rhythm)


def read_checkpoint(path: str | Path, key: str = "checkpoint") -> dict[str, Any]:
    """The content of a checkpoint that melgen wrote; only tensors and plain data are unpickled.

    Metrics have their present names, whichever melgen wrote them.

    Raises:
        CheckpointError: if the file is truncated, is not a checkpoint, or was written by another program or by a
            newer melgen.
    """
    try:
        _check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{key}={path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # on a damaged file the unpickler may raise anything
        raise CheckpointError(
            f"{key}={path}: not a checkpoint, or damaged, or it contains more than plain data{_in_brackets(error)}"
        ) from error
    ours = checkpoint.get("melgen") if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or "format_version" not in ours:
        raise CheckpointError(f"{key}={path}: this checkpoint was not written by melgen")
    version = ours["format_version"]
    if not isinstance(version, int) or version not in range(1, FORMAT_VERSION + 1):
        raise CheckpointError(
            f"{key}={path}: format version {version!s:.40}; melgen {melgen.__version__} reads 1 to {FORMAT_VERSION}"
        )
    if isinstance(metrics := ours.get("metrics"), dict):
        ours["metrics"] = with_marked_bits(metrics)
    return checkpoint


def _in_brackets(error: Exception) -> str:
    """What an error of `torch.load` says to a user, in brackets; empty for one that speaks of its own steps."""
    text = str(error).strip()
    if forbidden := _FORBIDDEN.search(text):
        return f" ({forbidden[1]})"
    # Its look-ups fail with the number that they looked for. Its own errors advise to load without weights_only, which
    # would run whatever code the file contains.
    if not text or isinstance(error, LookupError) or "weights_only" in text:
        return ""
    return f" ({text.splitlines()[0]})"


def load_model(path: str | Path, key: str = "checkpoint") -> TrainedModel:
    """Rebuild the network of a run's directory, a checkpoint or a model file, also from a repository.

    Args:
        path: see `find_checkpoint`.
        key: the name of the path in errors.

    Raises:
        CheckpointError: if there is none, or its parts do not match each other.
    """
    file = find_checkpoint(path, key)
    if is_model_file(file):
        return _from_model_file(file, key)
    checkpoint = read_checkpoint(file, key)
    ours = checkpoint["melgen"]
    prefix = "model."
    try:
        weights = {
            key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)
        }
        _check_size(ours["model"], weights)
        seen = SeenTunes.from_dict(ours[SEEN_TUNES]) if SEEN_TUNES in ours else None
        return _assembled(ours, weights, file, seen)
    except _MISMATCHES as error:
        raise CheckpointError(f"{key}={file}: its parts do not match each other ({error})") from error


def _from_model_file(file: Path, key: str) -> TrainedModel:
    found = read_model_file(file, key)
    stated = found.description
    ours = {field.name: getattr(stated, field.name) for field in fields(stated)}
    if stated.rhythm is None:
        del ours[RHYTHM]
    seen = None if stated.training_tunes is None else SeenTunes.from_json(stated.training_tunes)
    try:
        return replace(_assembled(ours, found.weights, file, seen), shared=stated)
    except _MISMATCHES as error:
        raise CheckpointError(f"{key}={file}: its parts do not match each other ({error!s:.300})") from error


def _assembled(
    ours: Mapping[str, Any], weights: Mapping[str, Tensor], file: Path, seen: SeenTunes | None
) -> TrainedModel:
    """The network of melgen's part of a checkpoint, whose weights are known to fit its description."""
    model = MelodyModel.from_description(ours["model"])
    model.load_state_dict(weights)
    representation = representation_named(ours["representation"])
    rhythm = rhythm_from(ours[RHYTHM]) if RHYTHM in ours else NoRhythm()
    vocabulary = (TuneVocabulary if RHYTHM in ours else Vocabulary).from_dict(ours["vocabulary"])
    sizes = vocabulary.sizes
    if different := {key: size for key, size in sizes.items() if getattr(model, key) != size}:
        raise ValueError(f"the vocabulary needs {different}, the network has another size")
    return TrainedModel(
        model.eval(),
        representation,
        vocabulary,
        ours["config"],
        ours["metrics"],
        ours["updates"],
        file,
        seen,
        rhythm,
    )


def _check_archive(path: str | Path) -> None:
    """Refuse an archive that is larger unpacked: torch writes uncompressed archives, and unpacks without a limit."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > (size := Path(path).stat().st_size):
        raise ValueError(f"it would unpack to {unpacked} bytes, but the file has {size}")


def _check_size(description: Mapping[str, Any], weights: Mapping[str, Any]) -> None:
    """Refuse a description that does not match the weights, before memory is allocated for its network.

    Raises:
        ValueError: if a weight is missing, has another shape, or claims more numbers than the file contains.
    """
    for name, weight in weights.items():
        if not isinstance(weight, Tensor) or weight.layout != torch.strided or weight.device.type != "cpu":
            raise ValueError(f"{name} is not a plain tensor")
        if weight.numel() * weight.element_size() > weight.untyped_storage().nbytes():
            raise ValueError(f"{name} claims {weight.numel()} numbers, but the file contains fewer")
    check_shapes(description, {name: weight.shape for name, weight in weights.items()})
