"""A set of songs: a gallery of the first ones."""

from __future__ import annotations

from melgen.checking import check_whole
from melgen.display import melody
from melgen.display.markup import block, remark
from melgen.generation.songs import SongSet
from melgen.plurals import counted

SHOW = 10

_STATED = ("selection", "temperature", "top_k", "top_p", "seed")


def html(songs: SongSet, *, show: int = SHOW) -> str:
    """Score, player and length of each of the first songs; the rest are counted.

    Args:
        songs: the set.
        show: the most songs that are shown.

    Raises:
        ValueError: for a number below 0.
    """
    check_whole("show", show, 0)
    shown = songs[:show]
    rows = [
        melody.html(song, caption=f"Song {number}{f': {song.title}' if song.title else ''}")
        for number, song in enumerate(shown, 1)
    ]
    left = len(songs) - len(shown)
    more = f"{counted(left, 'more song')} in the set; a slice, songs[{show}:{2 * show or SHOW}], shows others."
    return block("songs", remark(_heading(songs)), *rows, remark(more if left else ""))


def text(songs: SongSet) -> str:
    """How many they are and how they were written."""
    return _heading(songs).removesuffix(".")


def _heading(songs: SongSet) -> str:
    author = songs.metadata.get("model")
    options = [f"{key}={songs.metadata[key]}" for key in _STATED if songs.metadata.get(key) is not None]
    by = f" by {author!s:.100}" if author else ""
    how = f" ({', '.join(options):.150})" if options else ""
    return f"{counted(len(songs), 'song')}{by}{how}."
