"""Initialise a training with the weights of another."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from melgen.checkpoint import TrainedModel, load_model
from melgen.data.seen_tunes import UNCHECKED, SeenTunes
from melgen.errors import CheckpointError
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.rhythms import NoRhythm
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartingPoint:
    """Weights to start from.

    Attributes:
        trained: the network that they come from.
        digest: a hash that identifies the weights.
        seen: the tunes that they were trained on.
    """

    trained: TrainedModel
    digest: str
    seen: SeenTunes = UNCHECKED

    @classmethod
    def read(cls, path: str | Path) -> StartingPoint:
        """Read a run's best checkpoint, or a checkpoint file.

        Raises:
            CheckpointError: if there is none.
        """
        trained = load_model(path, key="init_from")
        digest = hashlib.sha256()
        for key, tensor in trained.model.state_dict().items():
            digest.update(key.encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        return cls(trained, digest.hexdigest()[:16], trained.seen or UNCHECKED)

    @classmethod
    def recorded(cls, trained: TrainedModel, digest: str) -> StartingPoint:
        """The starting point of a run that goes on, as its own checkpoint records it.

        Args:
            trained: the network of that checkpoint; it takes the place of the one that the run was started from.
            digest: as the run recorded it.
        """
        return cls(trained, digest, trained.seen.start if trained.seen is not None else UNCHECKED)

    @property
    def vocabulary(self) -> Vocabulary | TuneVocabulary:
        """The vocabulary of the weights, which the new training extends."""
        return self.trained.vocabulary

    def check(self, representation: str, rhythm: AbstractRhythm | None = None) -> None:
        """Raise a `CheckpointError` if the weights were trained on another representation or rhythm."""
        theirs, ours = self.trained.rhythm, rhythm or NoRhythm()
        if theirs != ours:
            raise CheckpointError(
                f"init_from={self.trained.path}: trained with rhythm={written(theirs)}, "
                f"and this run has rhythm={written(ours)}"
            )
        if self.trained.representation.name != representation:
            raise CheckpointError(
                f"init_from={self.trained.path}: trained with dataset={self.trained.representation.name}, "
                f"and this run has dataset={representation}"
            )

    def _rows_in(self, vocabulary: Vocabulary | TuneVocabulary) -> dict[str, NDArray[np.int64]]:
        """The place, in the tables of the new network, of each row of the old ones."""
        if isinstance(vocabulary, TuneVocabulary):
            assert isinstance(self.vocabulary, TuneVocabulary)
            return self.vocabulary.rows_in(vocabulary)
        assert isinstance(self.vocabulary, Vocabulary)
        tokens = self.vocabulary.tokens_in(vocabulary)
        return {"read": tokens, "symbols": tokens}

    def apply(self, model: MelodyModel, vocabulary: Vocabulary | TuneVocabulary) -> None:
        """Copy the weights; values that are new keep the random weights of ``model``.

        Raises:
            CheckpointError: if the networks differ in more than their vocabulary.
        """
        different = _differences(self.trained.model, model)
        if different:
            raise CheckpointError(
                f"init_from={self.trained.path}: another network than this run's; " + "; ".join(different)
            )
        old, new = self.trained.model, model
        with torch.no_grad():
            new.stack.load_state_dict(old.stack.state_dict())
            for target, source, rows in _tables(new, old, self._rows_in(vocabulary)):
                target[rows] = source
        added = len(vocabulary) - len(self.vocabulary)
        log.info("Starting from %s; %d values are new to it", self.trained.path, added)


def _differences(theirs: MelodyModel, ours: MelodyModel) -> list[str]:
    """How two networks differ, apart from vocabulary, initialisation and dropout, which are a training's own choice."""
    keys = ("hidden_size", "embedding_size")
    there, now = ({key: model.describe()[key] for key in keys} | _layers_of(model) for model in (theirs, ours))
    # An option of one network alone belongs to a cell that the other lacks; the difference of cells is enough.
    different = [key for key in there if key in now and there[key] != now[key]]
    only = f" of {there['cell']}"
    return [f"{key.removesuffix(only)}: {there[key]} there, {now[key]} now" for key in different]


def _layers_of(model: MelodyModel) -> dict[str, Any]:
    """Number, cell, options and block of the layers, by their keys in the configuration."""
    cells = [layer.stored_name() for layer in model.layers]
    options: dict[str, list[Any]] = {}
    for layer, cell in zip(model.layers, cells, strict=True):
        for key, value in layer.options.items():
            options.setdefault(f"cell.{key} of {cell}", []).append(value)
    alike = {key: values[0] if len(set(map(str, values))) == 1 else values for key, values in options.items()}
    names = cells[0] if len(set(cells)) == 1 else " + ".join(cells)
    return {"layers": len(cells), "cell": names, **alike, "block": model.block}


def written(rhythm: AbstractRhythm) -> str:
    """A rhythm with its options, as in an error."""
    options = {key: value for key, value in rhythm.describe().items() if key != "name"}
    return rhythm.name + "".join(f" {key}={value}" for key, value in options.items() if rhythm.name != "none")


def _tables(
    new: MelodyModel, old: MelodyModel, rows: Mapping[str, NDArray[np.int64]]
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Each table of the new network whose rows are tokens, that of the old one, and the places of its rows."""
    of = {key: torch.as_tensor(places) for key, places in rows.items()}
    yield new.embedding.weight, old.embedding.weight, of["read"]
    yield new.output.weight, old.output.weight, of["symbols"]
    yield new.output.bias, old.output.bias, of["symbols"]
    if new.duration_size is None or old.duration_size is None:
        return
    none_too = torch.cat([of["durations"], torch.tensor([new.duration_size])])
    yield new.duration_embedding.weight, old.duration_embedding.weight, none_too
    for key in ("weight", "bias"):
        every_row = torch.arange(len(getattr(new.duration_hidden, key)))
        yield getattr(new.duration_hidden, key), getattr(old.duration_hidden, key), every_row
        yield getattr(new.duration_output, key), getattr(old.duration_output, key), of["durations"]
