"""Songs, figures and embeddings for TensorBoard, whose logger is Lightning's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import TensorBoardLogger

from melgen.music.melody import Melody
from melgen.music.note_names import note_text
from melgen.training.loggers import media

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SONGS_HEARD = {"songs": 3, "samples": 1}
"""TensorBoard keeps sound uncompressed: half a megabyte a song."""
SAMPLE_RATE = 16_000


class TensorBoardDashboard:
    """The methods of `melgen.training.loggers.dashboards.Dashboard` for Lightning's TensorBoard logger."""

    def __init__(self, logger: TensorBoardLogger):
        self._logger = logger

    def log_songs(self, key: str, songs: Sequence[Melody], step: int, *, directory: Path, span_notes: int) -> None:
        """Show the notes of songs as text, and the sound of the first."""
        writer = self._logger.experiment
        lines = (f"{number}. {note_text(song)}" for number, song in enumerate(songs, 1))
        writer.add_text(key, "\n".join(lines), step)
        for number, song in enumerate(songs[: SONGS_HEARD.get(key, 1)], 1):
            wave = media.wave_of(song, SAMPLE_RATE)
            if wave is not None:
                writer.add_audio(f"{key}/{number}", wave[None], step, SAMPLE_RATE)

    def log_figure(self, key: str, figure: Figure, step: int) -> None:
        """Show a figure."""
        self._logger.experiment.add_figure(key, figure, step)

    def log_embedding(
        self, key: str, weights: NDArray[np.float32], names: Sequence[str], step: int, *, neighbours: int
    ) -> None:
        """Show an embedding; TensorBoard itself finds the neighbours."""
        # The embedding of the best weights may replace that of the last update; torch prints a remark.
        with redirect_stdout(StringIO()):
            self._logger.experiment.add_embedding(weights, list(names), tag=key, global_step=step)

    def close(self, failed: bool) -> None:
        """Write what is left."""
        self._logger.experiment.close()
