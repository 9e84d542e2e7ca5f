"""ABC files, with as many tunes as they hold, read by abc2midi through symusic.

Repeats, first and second endings and parts are played out, ties joined, grace notes and ornaments left out
(:mod:`melgen.corpora.readers.abc_text`). An accidental holds to the end of its bar, across a line break too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from melgen.corpora.extraction import Rejection, Track, Tune
from melgen.corpora.readers import MEGABYTE, ReadError, read_bytes
from melgen.corpora.readers.abc_text import split_tunes
from melgen.corpora.sources import Source

MAX_BYTES = 100 * MEGABYTE
MAX_TUNE_CHARACTERS = 1_000_000


def read_abc(source: Source) -> Iterator[Tune | Rejection]:
    """The tunes of an ABC file; one that abc2midi cannot read is rejected alone."""
    tunes = list(split_tunes(decode(read_bytes(source.path, MAX_BYTES))))
    if not tunes:
        raise ReadError("no tune: ABC tunes begin with an X: line")
    for number, (title, text) in enumerate(tunes, 1):
        name = source.name if len(tunes) == 1 else f"{source.name}#{number}"
        try:
            tune = read_abc_tune(text)
        except ReadError as error:
            yield Rejection(error.reason, str(error), name)
        else:
            tune.title, tune.number = title, number if len(tunes) > 1 else None
            yield tune


def read_abc_tune(text: str) -> Tune:
    """One tune from text that :func:`split_tunes` prepared."""
    import symusic

    if len(text) > MAX_TUNE_CHARACTERS:
        raise ReadError(f"a tune of {len(text)} characters, at most {MAX_TUNE_CHARACTERS}")
    if "\nK:" not in text:
        raise ReadError("the tune has no K: line")
    try:
        score: Any = symusic.Score.from_abc(text)
    except RuntimeError as error:
        raise ReadError("abc2midi cannot read it") from error
    tracks = []
    for each in score.tracks:
        columns = each.notes.numpy()
        # abc2midi starts at tick 1 and ends each note one tick early, so that repeated notes are heard apart.
        onsets = (columns["time"] - 1).clip(min=0)
        notes = np.stack([onsets, columns["duration"] + 1, columns["pitch"]], 1, dtype=np.int64)
        tracks.append(Track(notes, is_drum=each.is_drum))
    return Tune(tracks, score.ticks_per_quarter)


def decode(data: bytes) -> str:
    """Text in UTF-8, or failing that in Latin-1, in which every byte means something."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
