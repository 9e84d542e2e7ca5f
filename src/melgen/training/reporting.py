"""One way from a callback to every logger: songs, pictures and embeddings.

What lies in the run's directory is complete without these; a logger that cannot take something, or fails
at it, costs a warning and never the training.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from melgen.music.melody import Melody
from melgen.music.midi import note_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

SONGS_SHOWN = 10
"""How many songs a dashboard shows as notes; the files hold all."""


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn a failure of something that is not the training into a warning."""
    try:
        yield
    except Exception as error:  # whatever a picture or a service throws, the training goes on
        log.warning("%s failed, the training goes on: %s: %s", what, type(error).__name__, error)
        log.debug("traceback of that failure", exc_info=True)


def report_songs(trainer: pl.Trainer, key: str, songs: Sequence[Melody], directory: Path) -> None:
    """Show songs as notes, and attach their files where the logger keeps files."""
    shown = songs[:SONGS_SHOWN]
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                lines = (f"{number}. {note_text(song)}" for number, song in enumerate(shown, 1))
                logger.experiment.add_text(key, "\n".join(lines), trainer.global_step)
            elif isinstance(logger, WandbLogger):
                _attach_songs(logger, trainer.global_step, key, shown, directory)


def report_figure(trainer: pl.Trainer, key: str, figure: Figure) -> None:
    """Show a figure."""
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_figure(key, figure, trainer.global_step)
            elif isinstance(logger, WandbLogger):
                import wandb

                logger.experiment.log({key: wandb.Image(figure), "trainer/global_step": trainer.global_step})


def report_embedding(trainer: pl.Trainer, key: str, weights: NDArray[np.float32], names: Sequence[str]) -> None:
    """Show an embedding: ``[V, E]`` with a name for each row."""
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_embedding(weights, list(names), tag=key, global_step=trainer.global_step)
            elif isinstance(logger, WandbLogger):
                import wandb

                columns: list[str | int] = ["note", *(f"d{i}" for i in range(weights.shape[1]))]
                rows = [[name, *row] for name, row in zip(names, weights.tolist(), strict=True)]
                table = wandb.Table(columns=columns, data=rows)
                logger.experiment.log({key: table, "trainer/global_step": trainer.global_step})


def finish(logger: Logger, failed: bool) -> None:
    """Close a logger, so that the next job of a sweep in this process does not inherit it."""
    with contained(f"closing {type(logger).__name__}"):
        logger.finalize("failed" if failed else "success")
        if isinstance(logger, WandbLogger):
            logger.experiment.finish(exit_code=1 if failed else 0)
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.close()


def _attach_songs(logger: WandbLogger, step: int, key: str, songs: Sequence[Melody], directory: Path) -> None:
    import wandb

    table = wandb.Table(columns=["song", "notes"], data=[[i, note_text(song)] for i, song in enumerate(songs, 1)])
    logger.experiment.log({key: table, "trainer/global_step": step})
    files = wandb.Artifact(f"songs-{logger.experiment.id}", type="songs")
    files.add_dir(str(directory))
    logger.experiment.log_artifact(files)
