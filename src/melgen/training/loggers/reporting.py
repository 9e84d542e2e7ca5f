"""One way from a callback to every logger: songs, pictures and embeddings.

What lies in the run's directory is complete without these; a logger that cannot take something, or fails
at it, costs a warning and never the training.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from melgen.errors import is_out_of_space
from melgen.evaluation.embeddings import Metric, nearest_neighbours, project_2d
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES
from melgen.music.melody import Melody
from melgen.music.midi import note_text
from melgen.training.loggers import media as song_media
from melgen.training.loggers.wandb import RunLogger

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

SONGS_SHOWN = 10
"""How many songs a dashboard shows; the files hold all."""
TENSORBOARD_SONGS_HEARD = {"songs": 3, "samples": 1}
"""TensorBoard keeps sound uncompressed: half a megabyte a song."""
TENSORBOARD_SAMPLE_RATE = 16_000


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn a failure of something that is not the training into a warning; but for a full disk, which concerns all."""
    try:
        yield
    except Exception as error:
        if is_out_of_space(error):
            raise
        # Whatever a picture or a service throws, the training goes on.
        log.warning("%s failed, the training goes on: %s: %s", what, type(error).__name__, error)
        log.debug("traceback of that failure", exc_info=True)


@contextmanager
def background_writers() -> Iterator[None]:
    """Of a thread that writes for a logger, say in a line that it ran out of room, without Python's traceback.

    TensorBoard raises the error once more where its next event is handed over.
    """
    before = threading.excepthook

    def say(failure: threading.ExceptHookArgs) -> None:
        if failure.exc_value is not None and is_out_of_space(failure.exc_value):
            log.warning("a logger writes no more: %s", failure.exc_value)
        else:
            before(failure)

    threading.excepthook = say
    try:
        yield
    finally:
        threading.excepthook = before


def report_songs(
    trainer: pl.Trainer, key: str, songs: Sequence[Melody], directory: Path, span_notes: int = DEFAULT_SPAN_NOTES
) -> None:
    """Show songs: notes and sound; on W&B also score, metrics, and the files in ``directory``."""
    shown = songs[:SONGS_SHOWN]
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                _songs_to_tensorboard(logger, trainer.global_step, key, shown)
            elif isinstance(logger, RunLogger) and logger.run is not None:
                _songs_to_wandb(logger, trainer.global_step, key, shown, directory, span_notes)


def report_figure(trainer: pl.Trainer, key: str, figure: Figure) -> None:
    """Show a figure."""
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_figure(key, figure, trainer.global_step)
            elif isinstance(logger, RunLogger) and logger.run is not None:
                import wandb

                logger.show(trainer.global_step, {key: wandb.Image(figure)})


def report_embedding(
    trainer: pl.Trainer, key: str, weights: NDArray[np.float32], names: Sequence[str], neighbours: int = 5
) -> None:
    """Show an embedding: ``[V, E]`` with a name for each row."""
    for logger in trainer.loggers:
        with contained(f"{type(logger).__name__}: {key}"):
            if isinstance(logger, TensorBoardLogger):
                # The embedding of the best weights may replace that of the last update; torch prints a remark.
                with redirect_stdout(StringIO()):
                    logger.experiment.add_embedding(weights, list(names), tag=key, global_step=trainer.global_step)
            elif isinstance(logger, RunLogger) and logger.run is not None:
                tables = {
                    f"{key}/map": _map_table(weights, names, neighbours),
                    f"{key}/vectors": _table(["note", *(f"d{i}" for i in range(weights.shape[1]))], names, weights),
                }
                logger.show(trainer.global_step, tables)


def finish(logger: Logger, failed: bool) -> None:
    """Close a logger, so that the next job of a sweep in this process does not inherit it."""
    with contained(f"closing {type(logger).__name__}"):
        logger.finalize("failed" if failed else "success")
        if isinstance(logger, RunLogger):
            logger.close(failed)
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.close()


def _songs_to_tensorboard(logger: TensorBoardLogger, step: int, key: str, songs: Sequence[Melody]) -> None:
    lines = (f"{number}. {note_text(song)}" for number, song in enumerate(songs, 1))
    logger.experiment.add_text(key, "\n".join(lines), step)
    for number, song in enumerate(songs[: TENSORBOARD_SONGS_HEARD.get(key, 1)], 1):
        wave = song_media.wave_of(song, TENSORBOARD_SAMPLE_RATE)
        if wave is not None:
            logger.experiment.add_audio(f"{key}/{number}", wave[None], step, TENSORBOARD_SAMPLE_RATE)


def _songs_to_wandb(
    logger: RunLogger, step: int, key: str, songs: Sequence[Melody], directory: Path, span_notes: int
) -> None:
    import wandb

    assert logger.run is not None
    metrics = song_media.measure(songs, span_notes)
    table = wandb.Table(columns=["song", "audio", "score", "notes", *metrics])
    with TemporaryDirectory() as folder:
        for index, song in enumerate(songs):
            sound = song_media.write_sound(song, Path(folder, f"song_{index + 1:03d}.mp3"))
            score = song_media.write_score(song, Path(folder, f"song_{index + 1:03d}.png"), f"Song {index + 1}")
            table.add_data(
                index + 1,
                sound and wandb.Audio(str(sound)),
                score and wandb.Image(str(score)),
                note_text(song),
                *(float(values[index]) for values in metrics.values()),
            )
        logger.show(step, {key: table})
    files = wandb.Artifact(f"{key}-{logger.run.id}", type="songs", metadata={"updates": step})
    for file in sorted(directory.iterdir()):
        files.add_file(str(file))
    logger.run.log_artifact(files)


def _map_table(weights: NDArray[np.float32], names: Sequence[str], neighbours: int) -> Any:
    """Where each note lies in the picture, and which are nearest to it by either distance."""
    import wandb

    count = min(neighbours, len(names) - 1)
    nearest: dict[Metric, list[str]] = {"euclidean": [""] * len(names), "cosine": [""] * len(names)}
    for metric in nearest if count else ():
        found = nearest_neighbours(weights, count, metric)
        nearest[metric] = [" ".join(names[index] for index in row) for row in found.indices]
    rows = zip(names, project_2d(weights).tolist(), *nearest.values(), strict=True)
    return wandb.Table(
        columns=["note", "x", "y", *(f"nearest ({metric})" for metric in nearest)],
        data=[[name, *point, *others] for name, point, *others in rows],
    )


def _table(columns: list[str | int], names: Sequence[str], rows: NDArray[np.float32]) -> Any:
    import wandb

    data = [[name, *row] for name, row in zip(names, rows.tolist(), strict=True)]
    return wandb.Table(columns=columns, data=data)
