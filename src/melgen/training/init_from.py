"""Initialise a training with the weights of another."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from melgen.checkpoint import TrainedModel, load_model
from melgen.corpora.seen_tunes import UNCHECKED, SeenTunes
from melgen.errors import CheckpointError
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
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the weights, which the new training extends."""
        return self.trained.vocabulary

    def check(self, representation: str) -> None:
        """Raise a `CheckpointError` if the weights were trained on another representation."""
        if self.trained.representation.name != representation:
            raise CheckpointError(
                f"init_from={self.trained.path}: trained with dataset={self.trained.representation.name}, "
                f"and this run has dataset={representation}"
            )

    def apply(self, model: MelodyModel, vocabulary: Vocabulary) -> None:
        """Copy the weights; values that are new keep the random weights of ``model``.

        Raises:
            CheckpointError: if the networks differ in more than their vocabulary.
        """
        # Initialisation and dropout are the new training's own choice.
        own = ("vocab_size", "input_keep_prob", "output_keep_prob", "initialization")
        theirs, ours = self.trained.model.describe(), model.describe()
        different = [
            f"{key}: {theirs.get(key)} there, {ours.get(key)} now"
            for key in sorted(theirs.keys() | ours.keys())
            if key not in own and theirs.get(key) != ours.get(key)
        ]
        if different:
            raise CheckpointError(
                f"init_from={self.trained.path}: another network than this run's; " + "; ".join(different)
            )
        rows = torch.as_tensor(self.vocabulary.tokens_in(vocabulary))
        old, new = self.trained.model, model
        with torch.no_grad():
            new.stack.load_state_dict(old.stack.state_dict())
            pairs: list[tuple[Tensor, Tensor]] = [
                (new.embedding.weight, old.embedding.weight),
                (new.output.weight, old.output.weight),
                (new.output.bias, old.output.bias),
            ]
            for target, source in pairs:
                target[rows] = source
        added = len(vocabulary) - len(self.vocabulary)
        log.info("Starting from %s; %d values are new to it", self.trained.path, added)
