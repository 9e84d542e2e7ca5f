"""MusicXML and ABC: what other programs read is what was meant."""

import re
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings

from melgen.corpora.extraction import Track, Tune
from melgen.corpora.readers.abc import read_abc
from melgen.corpora.readers.score import read_musicxml
from melgen.corpora.sources import Source
from melgen.music import Melody
from melgen.rendering.abc import to_abc
from melgen.rendering.measures import Metre, playable
from melgen.rendering.musicxml import Clef, clef_for, to_musicxml
from melgen.rendering.spelling import spell
from tests.rendering.melodies import EDGES, NONE, ONE, SCALE, airs, melodies, notes_of

FEW = settings(max_examples=20, deadline=None)


def notes_in(tune):
    (track,) = tune.tracks
    per_step = Fraction(tune.ticks_per_quarter, 4)
    return [(onset / per_step, duration / per_step, pitch) for onset, duration, pitch in track.notes]


def read_with(reader, text, tmp_path, name):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    (tune,) = reader(Source(file, name))
    return tune


def read_by_music21(text):
    """The one part of an ABC tune."""
    from music21 import converter

    (part,) = converter.parseData(text, format="abc").parts
    notes = part.expandRepeats().stripTies().flatten().notes
    ticks = [(note.offset * 10080, note.quarterLength * 10080, note.pitch.midi) for note in notes]
    return Tune([Track(np.array([[round(value) for value in each] for each in ticks]))], 10080)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notation")


class TestMusicXML:
    @FEW
    @given(melody=melodies())
    def test_music21_reads_the_same_notes(self, folder, melody):
        assert notes_in(read_with(read_musicxml, to_musicxml(melody), folder, "a.musicxml")) == notes_of(melody)

    def test_of_real_tunes(self, folder):
        for tune in airs()[::12]:
            read = read_with(read_musicxml, to_musicxml(tune), folder, "a.musicxml")
            assert notes_in(read) == notes_of(playable(tune))

    @pytest.mark.parametrize("metre", ["3/4", "6/8", "2/2"])
    def test_in_any_metre(self, folder, metre):
        text = to_musicxml(EDGES, metre=Metre.parse(metre))
        assert notes_in(read_with(read_musicxml, text, folder, "a.musicxml")) == notes_of(EDGES)

    def test_what_is_in_it(self):
        melody = Melody((62, 66, 69), (0, 4, 8), (4, 4, 12))
        root = ElementTree.fromstring(to_musicxml(melody, 'A <b> & "c"\n\x00', tempo_qpm=90))
        assert root.findtext("work/work-title") == 'A <b> & "c"'
        assert root.find(".//sound").get("tempo") == "90"
        assert root.findtext(".//fifths") == "2"
        assert [note.get("id") for note in root.iter("note") if note.find("pitch") is not None] == [
            "n0",
            "n1",
            "n2",
            "n2-1",
        ]
        assert [tie.get("type") for tie in root.iter("tie")] == ["start", "stop"]
        assert root.findall("part/measure")[-1].findtext("barline/bar-style") == "light-heavy"
        assert len(root.findall(".//bar-style")) == 1

    def test_a_new_line_every_four_bars(self):
        root = ElementTree.fromstring(to_musicxml(Melody.from_pitches([60] * 34)))
        measures = root.findall("part/measure")
        assert len(measures) == 9
        assert [each.get("number") for each in measures if each.find("print") is not None] == ["5", "9"]

    def test_no_note(self):
        root = ElementTree.fromstring(to_musicxml(NONE))
        (rest,) = root.iter("rest")
        assert rest.get("measure") == "yes"


@pytest.mark.parametrize(
    ("pitches", "clef"),
    [
        ((60, 72, 79), Clef("G", 2, 0)),
        ((55, 60, 64, 67), Clef("G", 2, 0)),
        ((36, 43, 48), Clef("F", 4, 0)),
        ((48, 52, 55, 60, 64, 65), Clef("G", 2, -1)),
        ((100, 103, 108), Clef("G", 2, 2)),
        ((0, 5, 7), Clef("F", 4, -2)),
        ((), Clef("G", 2, 0)),
    ],
)
def test_clefs(pitches, clef):
    assert clef_for(spell(pitches).notes) == clef


class TestABC:
    @FEW
    @given(melody=melodies(lowest=12, highest=120))
    def test_our_reader_reads_the_same_notes(self, folder, melody):
        assert notes_in(read_with(read_abc, to_abc(melody, "x"), folder, "a.abc")) == notes_of(melody)

    def test_music21_reads_the_same_notes(self):
        """Of tunes without signs: those it forgets within a bar, and takes back too early."""
        compared = 0
        for tune in airs():
            text = to_abc(tune, "x")
            if not re.search(r"[\^_=][A-Ga-g]", text):
                assert notes_in(read_by_music21(text)) == notes_of(playable(tune))
                compared += 1
        assert compared > len(airs()) // 2

    def test_of_real_tunes(self, folder):
        for tune in airs():
            assert notes_in(read_with(read_abc, to_abc(tune), folder, "a.abc")) == notes_of(playable(tune))

    def test_a_tune_as_text(self):
        tune = Melody(
            (67, 69, 71, 72, 74, 66, 65, 67, 67), (0, 2, 4, 6, 8, 12, 14, 16, 24), (2,) * 4 + (4, 2, 2, 6, 12)
        )
        assert to_abc(tune, "100%\nmine", tempo_qpm=96, number=7) == (
            "X:7\nT:100\\% mine\nM:4/4\nL:1/8\nQ:1/4=96\nK:G\nGA Bc d2 F=F | G3 z G4- | G2 z2 z4 |]\n"
        )

    def test_lines_of_four_bars(self):
        lines = to_abc(Melody.from_pitches([60] * 34)).splitlines()[6:]
        assert [line.count("|") for line in lines] == [4, 4, 1]
        assert [line[-2:] for line in lines] == [" |", " |", "|]"]

    def test_minor_and_modes_by_their_names(self):
        assert "K:Am\n" in to_abc(Melody.from_pitches([69, 71, 72, 74, 76, 68, 69]))
        assert "K:Amix\n" in to_abc(Melody.from_pitches([69, 73, 76, 79, 76, 73, 71, 69]))

    def test_small_ones(self):
        assert to_abc(NONE).endswith("z4 |]\n")
        assert to_abc(ONE).endswith("A z z2 |]\n")

    def test_several_tunes_in_one_file(self, folder):
        text = "\n".join(to_abc(song, f"Song {number}", number=number) for number, song in enumerate((SCALE, ONE), 1))
        file = folder / "two.abc"
        file.write_text(text)
        tunes = list(read_abc(Source(file, file.name)))
        assert [tune.title for tune in tunes] == ["Song 1", "Song 2"]
        assert [notes_in(tune) for tune in tunes] == [notes_of(SCALE), notes_of(ONE)]
