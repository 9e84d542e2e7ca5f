"""Songs, figures and embeddings for every logger that can show them.

The run's directory is complete without these. A logger that cannot show something, or fails at it, costs a warning
and never the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES
from melgen.music.melody import Melody
from melgen.training.failures import contained
from melgen.training.loggers.tensorboard import TensorBoardDashboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SONGS_SHOWN = 10
"""The number of songs that a dashboard shows; the files hold all."""


@runtime_checkable
class Dashboard(Protocol):
    """A display of more than numbers. A logger may have these methods itself, as `WandbLogger` has."""

    def log_songs(self, key: str, songs: Sequence[Melody], step: int, *, directory: Path, span_notes: int) -> None:
        """Show songs, whose files are in ``directory``; spans of ``span_notes`` notes measure their tonality."""
        ...

    def log_figure(self, key: str, figure: Figure, step: int) -> None:
        """Show a figure."""
        ...

    def log_embedding(
        self, key: str, weights: NDArray[np.float32], names: Sequence[str], step: int, *, neighbours: int
    ) -> None:
        """Show an embedding: ``[V, E]`` weights with a name for each row."""
        ...

    def close(self, failed: bool) -> None:
        """Write what is left, and record whether the training failed."""
        ...


def dashboard_of(logger: Logger) -> Dashboard | None:
    """The dashboard that shows songs, figures and embeddings for a logger; ``None`` for a logger of numbers only."""
    if isinstance(logger, TensorBoardLogger):
        return TensorBoardDashboard(logger)
    return logger if isinstance(logger, Dashboard) else None


def log_songs(
    trainer: pl.Trainer, key: str, songs: Sequence[Melody], directory: Path, span_notes: int = DEFAULT_SPAN_NOTES
) -> None:
    """Show the first songs on every dashboard."""
    shown, step = songs[:SONGS_SHOWN], trainer.global_step
    _show(trainer, key, lambda each: each.log_songs(key, shown, step, directory=directory, span_notes=span_notes))


def log_figure(trainer: pl.Trainer, key: str, figure: Figure) -> None:
    """Show a figure on every dashboard."""
    _show(trainer, key, lambda each: each.log_figure(key, figure, trainer.global_step))


def log_embedding(
    trainer: pl.Trainer, key: str, weights: NDArray[np.float32], names: Sequence[str], neighbours: int = 5
) -> None:
    """Show an embedding on every dashboard: ``[V, E]`` weights with a name for each row."""
    step = trainer.global_step
    _show(trainer, key, lambda each: each.log_embedding(key, weights, names, step, neighbours=neighbours))


def close(logger: Logger, failed: bool) -> None:
    """Close a logger, so that the next job of a sweep in this process does not inherit it."""
    with contained(f"closing {type(logger).__name__}"):
        logger.finalize("failed" if failed else "success")
        if (dashboard := dashboard_of(logger)) is not None:
            dashboard.close(failed)


def _show(trainer: pl.Trainer, key: str, show: Callable[[Dashboard], None]) -> None:
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if (dashboard := dashboard_of(logger)) is not None:
                show(dashboard)
