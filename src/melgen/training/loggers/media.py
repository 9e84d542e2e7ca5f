"""Sound, score and metrics of songs for a dashboard, as far as this machine can make them.

`melgen.rendering` is imported when the first song is shown. What it cannot do on this machine is logged once, and songs
are shown without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from melgen.evaluation.descriptors import descriptor_table
from melgen.evaluation.tonality import Tonality, tonality_table
from melgen.music.melody import Melody

log = logging.getLogger(__name__)

T = TypeVar("T")

TEMPO_QPM = 120
SCORE_WIDTH_PX = 800
FEWEST_NOTES = 2
"""A melody needs as many to be measured."""

_missing: set[str] = set()


def wave_of(melody: Melody, sample_rate: int) -> NDArray[np.float32] | None:
    """The sound of a song, ``[samples]``; ``None`` if this machine cannot make it."""

    def render() -> NDArray[np.float32]:
        from melgen.rendering import sound

        return sound.synthesize(melody, tempo_qpm=TEMPO_QPM, sample_rate=sample_rate)

    return _unless_missing("sound", render)


def write_sound(melody: Melody, path: Path) -> Path | None:
    """The sound of a song as a file, in the format of its suffix; ``None`` if this machine cannot make it."""

    def render() -> Path:
        from melgen.rendering import sound

        sound.write_sound(path, melody, tempo_qpm=TEMPO_QPM)
        return path

    return _unless_missing("sound", render)


def write_score(melody: Melody, path: Path, title: str) -> Path | None:
    """The score of a song as a PNG; ``None`` if this machine cannot make it."""

    def render() -> Path:
        from melgen.rendering import bitmap, engraving

        svg = engraving.engrave(melody, title=title, width_px=SCORE_WIDTH_PX)
        bitmap.write_png(svg, path, SCORE_WIDTH_PX)
        return path

    return _unless_missing("score", render)


def measure(songs: Sequence[Melody], span_notes: int) -> dict[str, NDArray[np.float64]]:
    """Tonality and descriptors of each song, an array ``[songs]`` by name; nan for songs too short for them.

    >>> measure([Melody.from_pitches([60, 62, 64]), Melody.from_pitches([60])], 12)["pitch_range"].tolist()
    [4.0, nan]
    """
    measured = [index for index, song in enumerate(songs) if len(song) >= FEWEST_NOTES]
    if not measured:
        return {}
    pitches = [songs[index].pitches for index in measured]
    tonality = dict(zip(Tonality._fields, tonality_table(pitches, span_notes).T, strict=True))
    table = {}
    for name, values in (tonality | descriptor_table(pitches)).items():
        table[name] = np.full(len(songs), np.nan)
        table[name][measured] = values
    return table


def _unless_missing(what: str, render: Callable[[], T]) -> T | None:
    if what in _missing:
        return None
    try:
        return render()
    except (ImportError, OSError) as error:  # a library is missing, or this machine cannot load it
        _missing.add(what)
        log.warning("Songs are shown without %s: %s: %s", what, type(error).__name__, error)
    except Exception as error:
        log.warning("A song is shown without %s: %s: %s", what, type(error).__name__, error)
    return None
