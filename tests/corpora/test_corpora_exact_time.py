"""One tune in the four formats: the same times, metre, pickup and bars, and the same count of rounded notes."""

from __future__ import annotations

import mido
import pytest

from melgen.corpora import Cleaning, FolderCorpus
from melgen.music.metre import Metre

ABC = """X:1
T:One tune
M:3/4
L:1/4
K:C
G | (3A/B/c/ d2- | d/ z/ A/G/ G | (5:4:5A/4B/4c/4B/4A/4 G2 |]
"""

KERN = """**kern
*M3/4
4g
=1
12a
12b
12cc
[2dd
=2
8dd]
8r
8a
8g
4g
=3
20a
20b
20cc
20b
20a
2g
==
*-
"""

MUSICXML = """<?xml version="1.0"?>
<score-partwise version="4.0">
<part-list><score-part id="P1"><part-name>Melody</part-name></score-part></part-list>
<part id="P1">{}</part></score-partwise>
"""

PITCHES = (67, 69, 71, 72, 74, 69, 67, 67, 69, 71, 72, 71, 69, 67)
ONSETS = (0, 24, 32, 40, 48, 120, 132, 144, 168, 173, 178, 182, 187, 192)
DURATIONS = (24, 8, 8, 8, 60, 12, 12, 24, 5, 5, 4, 5, 5, 48)
ROUNDED = 5
"""Notes that begin or end within the quintuplet."""

REST = ""
MEASURES = (
    (("G4", 120),),
    (("A4", 40), ("B4", 40), ("C5", 40), ("D5", 240, "start")),
    (("D5", 60, "stop"), (REST, 60), ("A4", 60), ("G4", 60), ("G4", 120)),
    (("A4", 24), ("B4", 24), ("C5", 24), ("B4", 24), ("A4", 24), ("G4", 240)),
)
"""The measures in 120 divisions of a quarter."""


def musicxml() -> str:
    measures = []
    for number, notes in enumerate(MEASURES):
        text = (
            "<attributes><divisions>120</divisions><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
        )
        content = text if number == 0 else ""
        for name, duration, *tie in notes:
            pitch = f"<pitch><step>{name[0]}</step><octave>{name[1]}</octave></pitch>" if name else "<rest/>"
            ties = "".join(f'<tie type="{kind}"/>' for kind in tie)
            content += f"<note>{pitch}<duration>{duration}</duration>{ties}</note>"
        implicit = ' implicit="yes"' if number == 0 else ""
        measures.append(f'<measure number="{number}"{implicit}>{content}</measure>')
    return MUSICXML.format("".join(measures))


def write_midi_file(path) -> None:
    """480 ticks to the quarter; the pickup is a first time signature of its length, as programs write it."""
    file = mido.MidiFile(ticks_per_beat=480)
    conductor, notes = mido.MidiTrack(), mido.MidiTrack()
    conductor.append(mido.MetaMessage("time_signature", numerator=1, denominator=4, time=0))
    conductor.append(mido.MetaMessage("time_signature", numerator=3, denominator=4, time=480))
    file.tracks += [conductor, notes]
    numbers = {"G4": 67, "A4": 69, "B4": 71, "C5": 72, "D5": 74}
    played: list[list[int]] = []  # pitch, rest before it, duration
    rest = 0
    for name, divisions, *tie in (note for measure in MEASURES for note in measure):
        ticks = 4 * divisions
        if tie == ["stop"]:
            played[-1][2] += ticks
        elif name == REST:
            rest = ticks
        else:
            played.append([numbers[name], rest, ticks])
            rest = 0
    for pitch, before, ticks in played:
        notes.append(mido.Message("note_on", note=pitch, velocity=64, time=before))
        notes.append(mido.Message("note_off", note=pitch, velocity=0, time=ticks))
    file.save(path)


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("four")
    (folder / "a.abc").write_text(ABC)
    (folder / "b.krn").write_text(KERN)
    (folder / "c.musicxml").write_text(musicxml())
    write_midi_file(folder / "d.mid")
    cache = tmp_path_factory.mktemp("cache")
    return FolderCorpus(folder).load(Cleaning(min_length_notes=1), cache_dir=cache, progress=False)


@pytest.mark.parametrize("index", range(4), ids=["abc", "kern", "musicxml", "midi"])
def test_times_metre_pickup_and_bars_are_the_same_in_each_format(imported, index):
    melody = imported.melodies[index]
    assert (melody.pitches, melody.onsets, melody.durations) == (PITCHES, ONSETS, DURATIONS)
    assert (melody.metre, melody.pickup, melody.bars) == (Metre(3, 4), 24, (0, 24, 96, 168))


def test_rounded_notes_are_counted_in_the_report(imported):
    report = imported.report
    assert (report.tunes_kept, report.rounded_tunes, report.rounded_notes) == (4, 4, 4 * ROUNDED)
    assert "notes rounded                  20  (in 4 tunes" in str(report)
