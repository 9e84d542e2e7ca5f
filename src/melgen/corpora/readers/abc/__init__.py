"""ABC files, with any number of tunes, read by the ABC 2.1 standard.

`text` finds the tunes and their fields, `fields` parses keys, metres and voices, `tokens` splits lines of music into
tokens, `voice` computes lengths and accidentals and fills `segments`, `playing` puts these in the order of playing,
and `tune` combines all this into one tune. docs/corpora.md describes how each construct is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from melgen.corpora.extraction import Rejection, Tune
from melgen.corpora.readers import MEGABYTE, decode, read_bytes
from melgen.corpora.readers.abc.text import split_tunes
from melgen.corpora.readers.abc.tune import read_tune
from melgen.corpora.sources import Source
from melgen.errors import ReadError

__all__ = ["read_abc", "read_tune", "split_tunes"]

MAX_BYTES = 100 * MEGABYTE


def read_abc(source: Source) -> Iterator[Tune | Rejection]:
    """The tunes of an ABC file; a tune that cannot be read is rejected without the others."""
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
