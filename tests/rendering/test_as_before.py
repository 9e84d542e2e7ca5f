"""Songs of equal quarter notes are written byte for byte as in all earlier releases."""

import hashlib

import pytest

from melgen.music import Melody
from melgen.music.midi import midi_bytes
from melgen.rendering.abc import to_abc
from melgen.rendering.musicxml import to_musicxml

SONG = Melody.from_pitches([60, 62, 64, 65, 67, 66, 69, 70, 72, 71, 74, 61, 59, 48, 84, 60, 60, 62], title="Quarters")


@pytest.mark.parametrize(
    ("write", "digest"),
    [
        (lambda song: to_abc(song).encode(), "7fa143f74f0589d1"),
        (lambda song: to_musicxml(song).encode(), "46cda5db034f6a7b"),
        (midi_bytes, "3404a0904379c930"),
    ],
    ids=["abc", "musicxml", "midi"],
)
def test_quarter_notes(write, digest):
    assert hashlib.sha256(write(SONG)).hexdigest()[:16] == digest
