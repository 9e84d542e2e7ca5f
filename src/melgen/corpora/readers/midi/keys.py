"""The keys of a track.

A key is that of a key signature, or the one that a text of ours names after it.
"""

from __future__ import annotations

import struct

from melgen.corpora.readers.midi.events import META, events
from melgen.errors import ReadError
from melgen.music.key import KEY_OF_MIDI, Key

_TEXT, _KEY = 1, 0x59
KEY_SIGNATURE = bytes([META, _KEY, 2])
_MODES = {0: "major", 1: "minor"}


def keys_in(chunk: bytes) -> tuple[dict[int, Key | None], dict[int, Key | None]]:
    """The keys of a track at their ticks: those of its key signatures, and those that texts of ours name.

    Such a text follows a key signature. It names a key that a signature alone cannot, or states that it is unknown.
    """
    of_signatures: dict[int, Key | None] = {}
    of_texts: dict[int, Key | None] = {}
    last = chunk.rfind(KEY_SIGNATURE)
    if last < 0:
        return of_signatures, of_texts
    try:
        for event in events(chunk):
            if event.status != META:
                if event.place > last:  # the rest of the track, which may be long
                    break
            elif event.kind == _KEY and len(event.content) == 2:
                fifths, mode = struct.unpack("bB", event.content)
                of_signatures[event.tick] = Key.of_signature(fifths, _MODES.get(mode, ""))
            elif event.kind == _TEXT and event.tick in of_signatures and event.content.startswith(KEY_OF_MIDI.encode()):
                name = event.content.removeprefix(KEY_OF_MIDI.encode()).decode("latin-1")
                of_texts[event.tick] = Key.parse(name)
    except ReadError:  # reading the notes will show the fault
        pass
    return of_signatures, of_texts
