"""Checkpoints: self-contained files, written whole or not at all, loaded without running anything in them."""

from __future__ import annotations

import math
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pytorch_lightning as pl
import torch

import melgen
from melgen.files import replacing
from melgen.music.representations import REPRESENTATIONS, AbstractRepresentation
from melgen.music.vocabulary import Vocabulary
from melgen.networks import MelodyModel
from melgen.training.module import MelodyModule

FORMAT_VERSION = 1
BEST, LAST = "best.ckpt", "last.ckpt"
_KEPT = re.compile(r"^step-(\d+)\.ckpt$")


class CheckpointError(ValueError):
    """A file is not a checkpoint of ours, or not one that fits."""


class Checkpoints(pl.callbacks.Checkpoint):
    """Keeps the last, the best and, if asked, some numbered checkpoints of a run.

    ``last.ckpt`` resumes the training exactly; ``best.ckpt`` has the lowest ``monitor`` of all validations
    and holds the weights without the optimiser.

    Args:
        directory: where they lie.
        every_n_steps: updates between two writings of ``last.ckpt``.
        keep_every_n_steps: also keep ``step-<updates>.ckpt`` (weights without optimiser) this often.
        keep: how many numbered checkpoints stay, the newest; ``None`` for all.
        monitor: the validation metric to minimise.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        every_n_steps: int = 500,
        keep_every_n_steps: int | None = None,
        keep: int | None = 10,
        monitor: str = "val/loss",
    ):
        for key, value in {
            "every_n_steps": every_n_steps,
            "keep_every_n_steps": keep_every_n_steps,
            "keep": keep,
        }.items():
            if value is not None and value < 1:
                raise ValueError(f"callbacks.checkpoint.{key}={value}: must be at least 1")
        self.directory, self.monitor = Path(directory), monitor
        self.every_n_steps, self.keep_every_n_steps, self.keep = every_n_steps, keep_every_n_steps, keep
        self.best_score = math.inf

    @property
    def best_path(self) -> Path:
        """The best checkpoint, or the last where nothing has been validated."""
        best = self.directory / BEST
        return best if best.exists() else self.directory / LAST

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Save what the previous update and the validation after it have left.

        Not at the end of that update: the validation that may follow it would be missing.
        """
        step = trainer.global_step
        if step and step % self.every_n_steps == 0:
            self._save(trainer, LAST)
        if step and self.keep_every_n_steps and step % self.keep_every_n_steps == 0:
            self._save_numbered(trainer, step)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the end of the training, from which a larger budget goes on."""
        self._save(trainer, LAST)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the best."""
        score = trainer.callback_metrics.get(self.monitor)
        if score is None:
            raise ValueError(
                f"callbacks.checkpoint.monitor={self.monitor}: no such metric; known are "
                f"{', '.join(sorted(trainer.callback_metrics))}"
            )
        if not trainer.sanity_checking and float(score) < self.best_score:
            self.best_score = float(score)
            self._save(trainer, BEST, weights_only=True)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add everything that is needed to use the weights anywhere."""
        assert isinstance(pl_module, MelodyModule)
        checkpoint["melgen"] = {
            "format_version": FORMAT_VERSION,
            "version": melgen.__version__,
            "config": pl_module.config,
            "model": pl_module.model.describe(),
            "representation": pl_module.representation.name,
            "vocabulary": pl_module.vocabulary.to_dict(),
            "metrics": {key: float(value) for key, value in trainer.callback_metrics.items()},
            "updates": trainer.global_step,
        }

    def state_dict(self) -> dict[str, Any]:
        """The best score so far."""
        return {"best_score": self.best_score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best score so far."""
        self.best_score = state_dict["best_score"]

    def _save_numbered(self, trainer: pl.Trainer, step: int) -> None:
        self._save(trainer, f"step-{step:08d}.ckpt", weights_only=True)
        numbered = sorted(path for path in self.directory.iterdir() if _KEPT.match(path.name))
        for path in numbered[: -self.keep] if self.keep else []:
            path.unlink()

    def _save(self, trainer: pl.Trainer, name: str, weights_only: bool = False) -> None:
        with replacing(self.directory / name) as temporary:
            trainer.save_checkpoint(temporary, weights_only=weights_only)


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


def find_checkpoint(path: str | Path) -> Path:
    """The checkpoint meant by a file, or by a run's directory (its best).

    Raises:
        CheckpointError: if there is none.
    """
    path = Path(path)
    if path.is_file():
        return path
    for folder in (path, path / "checkpoints"):
        for name in (BEST, LAST):
            if (folder / name).is_file():
                return folder / name
    what = "the directory of a run that has saved none yet" if path.is_dir() else "no such file or directory"
    raise CheckpointError(f"checkpoint={path}: {what}; a checkpoint file or a run's directory is needed")


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint of ours, read without unpickling anything but tensors and plain data.

    Raises:
        CheckpointError: if the file is truncated, not a checkpoint, not ours, or newer than we know.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"checkpoint={path}: cannot be read ({error.strerror})") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, BadZipFile, ValueError, KeyError, IndexError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(
            f"checkpoint={path}: not a checkpoint, or a damaged one, or it asks for more than plain data ({reason[0]})"
        ) from error
    ours = checkpoint.get("melgen") if isinstance(checkpoint, dict) else None
    if not isinstance(ours, dict) or "format_version" not in ours:
        raise CheckpointError(f"checkpoint={path}: a checkpoint, but none that melgen has written")
    if not 1 <= ours["format_version"] <= FORMAT_VERSION:
        raise CheckpointError(
            f"checkpoint={path}: format version {ours['format_version']}, this melgen ({melgen.__version__}) reads "
            f"1 to {FORMAT_VERSION}"
        )
    return checkpoint


def load_model(path: str | Path) -> TrainedModel:
    """Rebuild the network of a checkpoint file or of a run's directory.

    Raises:
        CheckpointError: if there is none, or its parts do not fit each other.
    """
    file = find_checkpoint(path)
    checkpoint = read_checkpoint(file)
    ours = checkpoint["melgen"]
    prefix = "model."
    try:
        model = MelodyModel.from_description(ours["model"])
        weights = {key[len(prefix) :]: value for key, value in checkpoint["state_dict"].items() if key.startswith(prefix)}
        model.load_state_dict(weights)
        representation = REPRESENTATIONS[ours["representation"]]()
        vocabulary = Vocabulary.from_dict(ours["vocabulary"])
        if len(vocabulary) != ours["model"]["vocab_size"]:
            raise ValueError(f"{len(vocabulary)} values for {ours['model']['vocab_size']} rows")
        trained = TrainedModel(
            model.eval(), representation, vocabulary, ours["config"], ours["metrics"], ours["updates"], file
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"checkpoint={file}: its parts do not fit each other ({error})") from error
    return trained
