"""Files that the page makes of a tune: other programs read its notes, and our readers its metre too."""

from __future__ import annotations

import re
from fractions import Fraction
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora import Cleaning
from melgen.corpora.extraction import Tune, extract_melody
from melgen.corpora.folder import read_file
from melgen.corpora.sources import Source
from melgen.music import Melody
from melgen.music.metre import STEPS_PER_QUARTER, Metre
from tests.engine.javascript import JavaScriptError, node
from tests.rendering.readers import music21_notes

pytestmark = pytest.mark.slow

SOME = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=15, deadline=None)
METRES = [[4, 4], [3, 4], [2, 4], [2, 2], [3, 8], [6, 8], [12, 8], [5, 4], [7, 8]]


@pytest.fixture(scope="module")
def writer():
    script = files("melgen.pages").joinpath("assets", "song_files.js").read_text(encoding="utf-8")
    with node(
        f"const STEPS_PER_QUARTER = {STEPS_PER_QUARTER};\n{script}", Path(__file__).with_name("song_file_calls.js")
    ) as process:
        yield process


@st.composite
def songs(draw, odd: bool = True) -> dict[str, Any]:
    """Songs with rests, also before the first note, ties over bars and, if `odd`, lengths without a note value."""
    usual = st.sampled_from([3, 6, 8, 9, 12, 16, 18, 24, 32, 36, 48, 72, 96, 144])
    lengths = st.one_of(usual, st.integers(1, 60), st.just(700)) if odd else usual
    metre = draw(st.sampled_from([None, *METRES]))
    bar = 96 * metre[0] // metre[1] if metre else 96
    pickup = draw(st.sampled_from([0, *range(6, bar, 6)]))
    notes, now = [], 0
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.one_of(st.just(0), st.just(0), lengths))
        notes.append({"pitch": draw(st.integers(12, 127)), "onset": now, "duration": draw(lengths)})
        now += notes[-1]["duration"]
    title = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    tempo = draw(st.sampled_from([60, 90, 120, 150, 180]))
    return {"title": title, "tempo": tempo, "metre": metre, "pickup": pickup, "notes": notes}


def notes_of(song) -> list[tuple[int, int, int]]:
    return [(note["onset"], note["duration"], note["pitch"]) for note in song["notes"]]


@SOME
@given(songs())
def test_mido_reads_the_notes_of_midi_files(writer, song):
    file = mido.MidiFile(file=BytesIO(bytes(writer.call("toMidi", song))))
    per_step = Fraction(file.ticks_per_beat, 24)
    conductor, track = file.tracks
    assert track.name.encode("latin-1").decode() == song["title"]
    assert [round(mido.tempo2bpm(each.tempo)) for each in conductor if each.type == "set_tempo"] == [song["tempo"]]
    found, now, sounding = [], 0, {}
    for message in track:
        now += message.time
        if message.type == "note_on":
            sounding[message.note] = now
        elif message.type == "note_off":
            start = sounding.pop(message.note)
            found.append((start / per_step, (now - start) / per_step, message.note))
    assert not sounding
    assert found == notes_of(song)


@SOME
@given(songs())
def test_bars_are_full_and_hold_values_that_notation_can_write(writer, song):
    metre = song["metre"] or [4, 4]
    length = 96 * metre[0] // metre[1]
    bars = writer.call("inBars", song)
    lengths = [sum(symbol["steps"] for symbol in bar) for bar in bars]
    assert lengths == [song["pickup"] or length, *[length] * (len(bars) - 1)]
    for symbol in (symbol for bar in bars for symbol in bar):
        # A plain value is 3, 6, 12 to 96 steps, a dotted one half as much again; a triplet takes two thirds of it.
        value = Fraction(symbol["steps"]) * (Fraction(3, 2) if symbol["isTriplet"] else 1)
        plain = [Fraction(96, 2**k) for k in range(7)]
        assert value in plain or (value * Fraction(2, 3) in plain and not symbol["isTriplet"]), symbol


@FEW
@given(songs())
def test_music21_reads_the_notes_of_musicxml_files(writer, song):
    text = writer.call("toMusicXml", song)
    assert music21_notes(text, "musicxml") == notes_of(song)


@FEW
@given(songs(odd=False))
def test_music21_reads_the_notes_of_abc_files(writer, song):
    # It takes `|"` in a title for music; our own readers are given every title.
    text = writer.call("toAbc", song | {"title": "A tune"})
    found, expected = music21_notes(text, "abc"), notes_of(song)
    assert [note[:2] for note in found] == [note[:2] for note in expected]
    # It forgets a natural sign within a bar where the key has a sharp: `K:D`, `=C C`.
    if "=" not in text.partition("K:")[2]:
        assert found == expected


TYPES = {"whole": 96, "half": 48, "quarter": 24, "eighth": 12, "16th": 6, "32nd": 3, "64th": Fraction(3, 2)}


@SOME
@given(songs())
def test_durations_of_musicxml_files_are_those_of_the_notes_as_printed(writer, song):
    from xml.etree import ElementTree

    for note in ElementTree.fromstring(writer.call("toMusicXml", song)).iter("note"):
        steps = TYPES[note.findtext("type")] * (Fraction(3, 2) if note.find("dot") is not None else 1)
        if note.find("time-modification") is not None:
            steps *= Fraction(2, 3)
        assert steps == int(note.findtext("duration"))


def read(content: str | list[int], ending: str, folder: Path) -> Melody:
    file = folder / f"tune.{ending}"
    file.write_bytes(content.encode() if isinstance(content, str) else bytes(content))
    (tune,) = read_file(Source(file, file.name))
    assert isinstance(tune, Tune)
    melody, _ = extract_melody(tune, Cleaning(min_length_notes=1), file.name)
    return melody


@pytest.mark.parametrize(("call", "ending"), [("toMidi", "mid"), ("toMusicXml", "musicxml"), ("toAbc", "abc")])
@FEW
@given(song=songs(odd=False))
def test_our_readers_read_notes_and_metre(call, ending, writer, song, tmp_path_factory):
    melody = read(writer.call(call, song), ending, tmp_path_factory.mktemp("song"))
    first = song["notes"][0]["onset"]
    onsets = [onset - first for onset in melody.onsets] if melody.onsets[0] else melody.onsets
    notes = notes_of(song)
    assert list(melody.pitches) == [pitch for _, _, pitch in notes]
    assert list(melody.durations) == [duration for _, duration, _ in notes]
    assert list(onsets) == [onset - first for onset, _, _ in notes]
    if song["metre"]:
        assert melody.metre == Metre(*song["metre"])


@pytest.mark.parametrize("call", ["toMidi", "toMusicXml", "toAbc"])
@pytest.mark.parametrize("pitch", [-1, 128])
def test_pitches_that_a_format_does_not_have_are_refused(call, pitch, writer):
    song = {
        "title": "",
        "tempo": 120,
        "metre": None,
        "pickup": 0,
        "notes": [{"pitch": pitch, "onset": 0, "duration": 24}],
    }
    with pytest.raises(JavaScriptError, match=re.escape(f"has {pitch}")):
        writer.call(call, song)
