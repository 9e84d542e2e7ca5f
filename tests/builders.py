"""Builders for several test files: tunes, melodies, and small parts around them."""

from __future__ import annotations

import errno
import importlib.util
from pathlib import Path
from typing import Any, NoReturn

from melgen.corpora import Cleaning, FolkCorpus
from melgen.corpora.extraction import Rejection, Tune, extract_melody
from melgen.music import Melody

ROOT = Path(__file__).parents[1]

SONGS_METADATA = {"seed": 0, "model": "by hand", "primer": [60], "selection": "sample"}
"""Metadata that `write_songs` needs, for songs that were not written by a network."""


def melody_of(tune: Tune, cleaning: Cleaning, source: str = "") -> Melody | Rejection:
    """The melody of a tune, without the number of its rounded notes."""
    found = extract_melody(tune, cleaning, source)
    return found if isinstance(found, Rejection) else found[0]


def airs(count: int | None = None) -> list[Any]:
    """The pitches of Aird's first airs, of all by default."""
    tunes = FolkCorpus(["airds"]).load(progress=False).melodies
    return [tunes.pitches_of(i) for i in range(len(tunes) if count is None else count)]


def original_twelve_keys(song):
    """The original's rule, with Python 2's `/` as `//`."""
    middle = (max(song) - min(song)) // 2 + min(song)
    gap = 60 - middle
    remaining = 11 - abs(gap)
    up = down = 0
    if remaining >= 0:
        up = remaining // 2
        down = remaining - up
        if gap < 0:
            down += abs(gap)
        else:
            up += abs(gap)
    elif gap <= 0:
        down = 11
    else:
        up = 11
    lower = [[pitch - step for pitch in song] for step in range(1, down + 1)]
    higher = [[pitch + step for pitch in song] for step in range(1, up + 1)]
    return [song, *lower, *higher]


def full_disk(*args: Any, **options: Any) -> NoReturn:
    """Replaces a function that writes a file."""
    raise OSError(errno.ENOSPC, "No space left on device")


def load_script(path: str) -> Any:
    """The module of a script that is not in a package, such as ``docs/make_media.py``."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
