"""Songs, figures and embeddings as W&B's tables, images and artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.embeddings import neighbours_by_metric, project_2d
from melgen.music.melody import Melody
from melgen.music.note_names import note_text
from melgen.training.loggers import media

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from wandb import Artifact, Image, Table


@contextmanager
def song_table(songs: Sequence[Melody], span_notes: int) -> Iterator[Table]:
    """A row for each song: sound, score, notes and metrics. Its files exist until the context ends."""
    import wandb

    metrics = media.measure(songs, span_notes)
    table = wandb.Table(columns=["song", "audio", "score", "notes", *metrics])
    with TemporaryDirectory() as folder:
        for index, song in enumerate(songs):
            sound = media.write_sound(song, Path(folder, f"song_{index + 1:03d}.mp3"))
            score = media.write_score(song, Path(folder, f"song_{index + 1:03d}.png"), f"Song {index + 1}")
            table.add_data(
                index + 1,
                sound and wandb.Audio(str(sound)),
                score and wandb.Image(str(score)),
                note_text(song),
                *(float(values[index]) for values in metrics.values()),
            )
        yield table


def song_files(name: str, directory: Path, step: int) -> Artifact:
    """The files in the directory of some songs."""
    import wandb

    files = wandb.Artifact(name, type="songs", metadata={"updates": step})
    for file in sorted(directory.iterdir()):
        files.add_file(str(file))
    return files


def image(figure: Figure) -> Image:
    """A figure."""
    import wandb

    return wandb.Image(figure)


def map_table(weights: NDArray[np.float32], names: Sequence[str], neighbours: int) -> Table:
    """The place of each note in the projection, and the notes nearest to it by either distance."""
    import wandb

    nearest = {
        metric: [" ".join(names[index] for index in row) for row in found.indices]
        for metric, found in neighbours_by_metric(weights, neighbours).items()
    }
    rows = zip(names, project_2d(weights).tolist(), *nearest.values(), strict=True)
    return wandb.Table(
        columns=["note", "x", "y", *(f"nearest ({metric})" for metric in nearest)],
        data=[[name, *point, *others] for name, point, *others in rows],
    )


def vector_table(weights: NDArray[np.float32], names: Sequence[str]) -> Table:
    """The ``[V, E]`` weights, a row for each note."""
    import wandb

    data = [[name, *row] for name, row in zip(names, weights.tolist(), strict=True)]
    return wandb.Table(columns=["note", *(f"d{i}" for i in range(weights.shape[1]))], data=data)
