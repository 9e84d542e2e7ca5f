"""The name of a track, in one of the encodings that `melgen.corpora.readers.decode` reads."""

from __future__ import annotations

from melgen.corpora.readers import decode
from melgen.corpora.readers.midi.events import META, NOTE_OFF, NOTE_ON, events
from melgen.errors import ReadError

_TRACK_NAME = 3


def name_in(chunk: bytes, is_late: bool) -> str:
    """The first name in a track; with ``is_late`` also searched for after the first note."""
    if _TRACK_NAME not in chunk:  # the kind of an event; a quick test, because most tracks of notes have no name
        return ""
    try:
        for event in events(chunk):
            if not is_late and event.status & 0xF0 in (NOTE_ON, NOTE_OFF):
                break
            if event.status == META and event.kind == _TRACK_NAME:
                return _text(event.content)
    except ReadError:
        pass
    return ""


def _text(content: bytes) -> str:
    """Decode UTF-16 with a byte order mark, UTF-8, or else Latin-1.

    >>> _text("Mélodie".encode("latin-1")), _text("Mélodie".encode())
    ('Mélodie', 'Mélodie')
    """
    return decode(content).strip("\0 \t\r\n")
