"""ABC files, with as many tunes as they hold, read by the ABC 2.1 standard.

`text` finds the tunes and their fields, `fields` parses keys, metres and voices, `tokens` cuts lines of music,
`voice` keeps lengths, accidentals and marks in `segments`, `playing` puts these in the order of playing, and
`tune` makes one tune of it all. docs/corpora.md describes how each construct is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from melgen.corpora.extraction import Rejection, Tune
from melgen.corpora.readers import MEGABYTE, read_bytes
from melgen.corpora.readers.abc.text import decode, split_tunes
from melgen.corpora.readers.abc.tune import read_tune
from melgen.corpora.sources import Source
from melgen.errors import ReadError

__all__ = ["decode", "read_abc", "read_tune", "split_tunes"]

MAX_BYTES = 100 * MEGABYTE


def read_abc(source: Source) -> Iterator[Tune | Rejection]:
    """The tunes of an ABC file; one that cannot be read is rejected alone."""
    tunes = split_tunes(decode(read_bytes(source.path, MAX_BYTES)))
    if not tunes:
        raise ReadError("no tune: ABC tunes begin with an X: line")
    for number, text in enumerate(tunes, 1):
        try:
            tune = read_tune(text)
        except ReadError as error:
            name = source.name if len(tunes) == 1 else f"{source.name}#{number}"
            yield Rejection(error.reason, str(error), name)
        else:
            tune.number = number if len(tunes) > 1 else None
            yield tune
