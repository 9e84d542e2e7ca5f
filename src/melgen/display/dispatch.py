"""How each class is shown: a module of this package with ``html`` and ``text``, imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

SHOWN = {
    "melgen.music.melody.Melody": "melody",
    "melgen.generation.songs.SongSet": "song_set",
    "melgen.evaluation.results.SongSetEvaluation": "evaluation",
    "melgen.tables.table.Table": "table",
    "melgen.network.Network": "network",
    "melgen.pages.report.Report": "report",
}
"""Classes by name, so that showing a melody does not import torch; and the module that shows each."""


def to_html(thing: Any, **options: Any) -> str:
    """What Jupyter shows, as HTML without scripts, for a page of one's own or with other options.

    Equal things give equal HTML. Texts from files are escaped. The page of a run keeps its own scripts, in a frame of
    its own.

    Args:
        thing: a melody, `SongSet`, `SongSetEvaluation`, `Table`, `Network` or `Report`.
        options: ``show``, the most songs of a set or rows of a table; 10 and 60 by default.

    Raises:
        TypeError: for anything else, or an option that it does not have.
    """
    html: str = _module_for(thing).html(thing, **options)
    return html


def to_text(thing: Any) -> str:
    """The same in a terminal: a few lines of text.

    Raises:
        TypeError: as `to_html`.
    """
    text: str = _module_for(thing).text(thing)
    return text


def _module_for(thing: Any) -> ModuleType:
    for each in type(thing).__mro__:
        if module := SHOWN.get(f"{each.__module__}.{each.__qualname__}"):
            return import_module(f"melgen.display.{module}")
    shown = ", ".join(name.rpartition(".")[-1] for name in SHOWN)
    raise TypeError(f"{type(thing).__name__} cannot be shown; these can: {shown}")
