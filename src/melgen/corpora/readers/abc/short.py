"""A few notes of ABC, as a user types them: without the lines that begin a tune in a file."""

from __future__ import annotations

import re

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection, extract_melody
from melgen.corpora.readers.abc.text import TuneText
from melgen.corpora.readers.abc.tune import read_tune
from melgen.errors import ReadError
from melgen.music.melody import Melody

_LEADING_FIELD = re.compile(r"\s*(?:\[([A-Za-z]):([^\]\n]*)\]|([A-Za-z]):(?![|:\]])([^\n]*))")
_NO_NOTES = re.compile(r'\[[A-Za-z]:[^\]\n]*\]|"[^"\n]*"|![^!\n]*!')
_NOT_ABC = re.compile(r"[^A-Ga-gxzZ0-9/^_=,'|:\[\]()<>{}~.\s-]")


def melody_of_abc(text: str) -> Melody:
    """The melody of ABC text.

    Fields before the notes, ``[M:3/4][L:1/8][K:G]`` or the lines of a header, apply to all notes. Without fields, notes
    are eighths in C major, without a metre.

    Raises:
        ReadError: if it is not ABC, or contains no melody.

    >>> melody_of_abc("[L:1/4] C>D ^F2").durations
    (36, 12, 48)
    """
    fields = {"X": "1"}
    key, notes = "none", text.strip()  # the notes of C major, but a key that the text does not state
    while (match := _LEADING_FIELD.match(notes)) is not None:
        letter, value = (match[1], match[2]) if match[1] else (match[3], match[4])
        if letter == "K":
            key = value
        else:
            fields[letter] = value
        notes = notes[match.end() :]
    if (wrong := _NOT_ABC.search(_NO_NOTES.sub("", notes))) is not None:
        raise ReadError(f"{wrong[0]!r} is not allowed here; only notes, rests, bar lines, signs and fields of ABC are")
    lines = [f"{letter}:{value.strip()}" for letter, value in {**fields, "K": key}.items()]
    tune = read_tune(TuneText([*lines, *filter(str.strip, notes.splitlines())]))  # an empty line would end the tune
    if tune.remarks:
        raise ReadError("; ".join(tune.remarks))
    found = extract_melody(tune, Cleaning(min_length_notes=1), "")
    if isinstance(found, Rejection):
        raise ReadError(f"{found.reason}: {found.detail}")
    return found[0]
