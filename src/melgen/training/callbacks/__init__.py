"""Callbacks of a training: songs, their tonality, a projection of the embedding.

Each callback writes into the run's directory first and then shows the same to every dashboard
(`melgen.training.loggers.dashboards`). A failure in one of them is a warning, and the training goes on.
"""

from melgen.training.callbacks.embedding_projection import EmbeddingProjection
from melgen.training.callbacks.schedule import Schedule
from melgen.training.callbacks.song_sampling import FIRST_SAMPLES, SongListener, SongSampling
from melgen.training.callbacks.song_tonality import SongTonality

__all__ = ["FIRST_SAMPLES", "EmbeddingProjection", "Schedule", "SongListener", "SongSampling", "SongTonality"]
