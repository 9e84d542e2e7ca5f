"""Measure songs that are at hand, in any form, without a corpus: `melgen.measure`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from melgen.evaluation.folder import title_of
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.song_sets import evaluate_songs
from melgen.generation.song_files import place_of_songs, read_song_folder
from melgen.generation.songs import SongSet, song_names


def measure_songs(songs: Any, name: str = "", options: EvaluationOptions | None = None) -> SongSetEvaluation:
    """Tonality, descriptors, rhythm and diversity of songs, which need no corpus.

    Originality and distances to human tunes need one: `melgen.evaluation.song_sets.evaluate_songs`.

    Args:
        songs: a `SongSet`, melodies or lists of pitches, also by name, or a path that `read_song_folder` reads, or the
            name of a network that comes with melgen, such as ``melgen:rhythmic``.
        name: of the set; by default that of the network or folder.
        options: how to measure.

    Raises:
        ValueError: if no song has two notes, or there is no such folder.

    >>> measure_songs([[60, 62, 64, 62], [60, 67, 60, 67]]).scores["pitch_range"]
    (4.0, 7.0)
    """
    if isinstance(songs, str | Path):
        place = place_of_songs(songs)
        songs, name = read_song_folder(place).songs, name or title_of(place)
    elif isinstance(songs, SongSet):
        name = name or str(songs.metadata.get("model", ""))
    if not isinstance(songs, Mapping):
        given = list(songs) if isinstance(songs, Iterable) else [songs]
        songs = dict(zip(song_names(len(given)), given, strict=True))
    return evaluate_songs(name or "songs", songs, options=options)
