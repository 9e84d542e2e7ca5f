"""MusicXML and ABC: other programs read the notes that were written."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import assume, given, settings

from melgen.corpora import read_melody
from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.music.spelling import spell
from melgen.rendering.abc import to_abc
from melgen.rendering.bar_lines import lay_bars
from melgen.rendering.measures import cut_into_bars, playable
from melgen.rendering.musicxml import Clef, clef_for, to_musicxml
from tests.rendering.melodies import (
    EDGES,
    NONE,
    ONE,
    SCALE,
    airs,
    measured_melodies,
    melodies,
    notes_of,
    notes_on_page,
    of_lengths,
    ragged_melodies,
)
from tests.rendering.readers import abc2midi_notes, music21_notes, music21_score, verovio_notes

FEW = settings(max_examples=20, deadline=None)
SOME = settings(max_examples=30, deadline=None)

JIG = of_lengths([12] + [24, 12] * 3 + [8, 8, 8, 12, 36], metres=(MetreChange(0, Metre(6, 8)),), pickup=12)
SPLIT = of_lengths(
    [12] * 12 + [12] * 7 + [36, 24],
    metres=(MetreChange(0, Metre(6, 8)),),
    pickup=12,
    bars=(0, 12, 84, 144, 156, 228),
)
"""A repeat written out: its bar is divided between the last notes and the pickup."""
CHANGE = of_lengths(
    [24] * 4 + [24] * 3 + [12] * 6,
    metres=tuple(MetreChange(step, metre) for step, metre in ((0, Metre(4, 4)), (96, Metre(3, 4)), (168, Metre(6, 8)))),
)
FREE = of_lengths([24] * 5 + [12] * 3 + [48] * 6, bars=(0, 120, 156))


def numbered(notes):
    """The notes with numbers instead of pitches, for the comparison with Verovio."""
    return [(onset, duration, index) for index, (onset, duration, _) in enumerate(notes)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notation")


class TestMusicXML:
    @pytest.mark.slow
    @FEW
    @given(melody=melodies())
    def test_music21_reads_the_same_notes(self, melody):
        assert music21_notes(to_musicxml(melody), "musicxml") == notes_of(melody)

    @pytest.mark.slow
    @SOME
    @given(melody=measured_melodies())
    def test_with_triplets_pickups_and_metres(self, melody):
        text = to_musicxml(melody)
        assert music21_notes(text, "musicxml") == notes_of(melody)
        assert verovio_notes(text) == numbered(notes_of(melody))

    @pytest.mark.slow
    @FEW
    @given(melody=ragged_melodies())
    def test_rounded_notes_are_read_as_they_are_shown(self, melody):
        text = to_musicxml(melody)
        assert music21_notes(text, "musicxml") == notes_on_page(melody)
        assert verovio_notes(text) == numbered(notes_on_page(melody))

    @pytest.mark.slow
    def test_of_real_tunes(self):
        for tune in airs()[::12]:
            assert music21_notes(to_musicxml(tune), "musicxml") == notes_on_page(tune)

    @pytest.mark.parametrize("metre", ["3/4", "6/8", "2/2"])
    def test_in_any_metre(self, metre):
        text = to_musicxml(EDGES, metre=Metre.parse(metre))
        assert music21_notes(text, "musicxml") == notes_of(EDGES)

    @pytest.mark.slow
    def test_our_own_reader(self, folder):
        for number, melody in enumerate((SCALE, JIG, CHANGE)):
            file = folder / f"{number}.musicxml"
            file.write_text(to_musicxml(melody), encoding="utf-8")
            assert notes_of(read_melody(file)) == notes_of(melody)

    @pytest.mark.parametrize(
        ("melody", "bars"),
        [
            (JIG, [("0", "yes", "6/8"), ("1", None, None), ("2", None, None), ("3", None, None)]),
            (
                SPLIT,
                [
                    *(("0", "yes", "6/8"), ("1", None, None), ("2", None, None), ("X1", "yes", None)),
                    *(("3", None, None), ("4", None, None)),
                ],
            ),
            (CHANGE, [("1", None, "4/4"), ("2", None, "3/4"), ("3", None, "6/8")]),
            (FREE, [("1", None, "free"), ("2", None, None), ("3", None, None)]),
            (SCALE, [("1", None, "4/4"), ("2", None, None)]),
        ],
    )
    def test_bars_and_their_numbers(self, melody, bars):
        found = []
        for measure in ElementTree.fromstring(to_musicxml(melody)).iter("measure"):
            time = measure.find("attributes/time")
            metre = None if time is None else f"{time.findtext('beats')}/{time.findtext('beat-type')}"
            free = time is not None and time.find("senza-misura") is not None
            found.append((measure.get("number"), measure.get("implicit"), "free" if free else metre))
        assert found == bars

    def test_music21_finds_metres_and_pickup(self):
        measures = list(music21_score(to_musicxml(JIG), "musicxml").parts[0].getElementsByClass("Measure"))
        assert [measure.number for measure in measures] == [0, 1, 2, 3]
        assert measures[0].timeSignature.ratioString == "6/8"
        assert measures[0].duration.quarterLength == 0.5

    def test_a_triplet(self):
        root = ElementTree.fromstring(to_musicxml(of_lengths([8, 8, 8, 16, 8, 48])))
        notes = [note for note in root.iter("note") if note.find("time-modification") is not None]
        assert [note.findtext("type") for note in notes] == ["eighth"] * 3 + ["quarter", "eighth"]
        assert {tuple(each.text for each in note.find("time-modification")) for note in notes} == {("3", "2")}
        marks = [(mark.get("type"), mark.get("bracket")) for mark in root.iter("tuplet")]
        assert marks == [("start", "no"), ("stop", None), ("start", "yes"), ("stop", None)]
        order = [child.tag for child in notes[0]]
        assert order == ["pitch", "duration", "type", "time-modification", "beam", "notations"], (
            "as the standard requires"
        )

    def test_the_elements_of_a_file(self):
        melody = Melody((62, 66, 69), (0, 24, 48), (24, 24, 72))
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

    def test_sixteenths_are_enough_where_nothing_is_finer(self):
        assert "<divisions>4</divisions>" in to_musicxml(of_lengths([24, 6, 18]))
        assert "<divisions>24</divisions>" in to_musicxml(of_lengths([24, 3, 21]))

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
    def test_abc2midi_reads_the_same_notes(self, melody):
        assert abc2midi_notes(to_abc(melody, "x")) == notes_of(melody)

    @pytest.mark.slow
    @SOME
    @given(melody=measured_melodies())
    def test_with_triplets_pickups_and_metres(self, melody):
        text = to_abc(melody, "x")
        assert abc2midi_notes(text) == notes_of(melody)
        times = [note[:2] for note in notes_of(melody)]
        assert [note[:2] for note in music21_notes(text, "abc")] == times, "another test compares the pitches"

    @FEW
    @given(melody=ragged_melodies())
    def test_rounded_notes_are_read_as_they_are_shown(self, melody):
        assert abc2midi_notes(to_abc(melody, "x")) == notes_on_page(melody)

    @pytest.mark.slow
    @SOME
    @given(melody=measured_melodies())
    def test_music21_reads_the_same_pitches(self, melody):
        """Tunes without accidentals: music21 forgets those within a bar, and cancels them too early."""
        white = Melody(tuple(_white(pitch) for pitch in melody.pitches), melody.onsets, melody.durations)
        text = to_abc(white, "x")
        assume(not re.search(r"[\^_=][A-Ga-g]", text))
        assert music21_notes(text, "abc") == notes_on_page(white)

    @pytest.mark.slow
    def test_music21_reads_real_tunes(self):
        compared = 0
        for tune in airs()[::3]:
            text = to_abc(tune, "x")
            if not re.search(r"[\^_=][A-Ga-g]", text):
                assert music21_notes(text, "abc") == notes_on_page(tune)
                compared += 1
        assert compared > len(airs()) // 6

    @pytest.mark.slow
    def test_of_real_tunes(self):
        for tune in airs():
            assert abc2midi_notes(to_abc(tune, "x")) == notes_on_page(tune)

    @pytest.mark.slow
    def test_our_own_reader(self, folder):
        for number, melody in enumerate((SCALE, JIG, CHANGE)):
            file = folder / f"{number}.abc"
            file.write_text(to_abc(melody), encoding="utf-8")
            assert notes_of(read_melody(file)) == notes_of(melody)

    @SOME
    @given(melody=measured_melodies())
    def test_bars_add_up_in_the_metre(self, melody):
        *_, last = bars = lay_bars(melody)
        full = melody.metre.bar_steps
        assert [bar.length for bar in bars if bar.is_counted][:-1] == [full] * (len(bars) - 1 - (bars[0].number == 0))
        assert last.length in (full, full - melody.pickup)
        assert to_abc(melody).count("|") == len(bars)

    def test_a_tune_as_text(self):
        tune = of_lengths([12, 12, 12, 12, 24, 12, 12, 36, -12, 72], (67, 69, 71, 72, 74, 66, 65, 67, 67))
        assert to_abc(tune, "100%\nmine", tempo_qpm=96, number=7) == (
            "X:7\nT:100\\% mine\n%%melgen-key found from the notes\n"
            "M:4/4\nL:1/8\nQ:1/4=96\nK:G\nGA Bc d2 F=F | G3 z G4- | G2 z2 z4 |]\n"
        )

    def test_triplets_pickup_and_metres_as_text(self):
        assert to_abc(JIG).endswith("M:6/8\nL:1/8\nQ:1/4=120\nK:C\nC | C2 C C2 C | C2 C (3CCCC | C3 z2 |]\n")
        assert to_abc(CHANGE).endswith(
            "M:4/4\nL:1/8\nQ:1/4=120\nK:C\nC2 C2 C2 C2 | [M:3/4] C2 C2 C2 | [M:6/8] CCC CCC |]\n"
        )
        assert to_abc(FREE).endswith("M:none\nL:1/8\nQ:1/4=120\nK:C\nC2 C2 C2 C2 C2 | CC C | C4 C4 C4 C4 C4 C4 |]\n")
        assert to_abc(of_lengths([16, 8, 8, -8, 8, 48])).endswith("(3:2:2C2C (3CzC C4 |]\n")

    def test_a_sign_is_repeated_after_a_tie_over_the_bar(self):
        tune = of_lengths([24] * 7 + [48, 24, 24, 24], [67, 78, 79, 78, 74, 78, 67, 65, 65, 71, 67])
        assert "=F- | =F =F B G" in to_abc(tune)

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
        tunes = list(music21_score(text, "abc").scores)
        assert [tune.metadata.title for tune in tunes] == ["Song 1", "Song 2"]
        assert [[note.pitch.midi for note in tune.recurse().notes] for tune in tunes] == [
            list(song.pitches) for song in (SCALE, ONE)
        ]


def test_another_metre_and_the_pickup_that_fits():
    assert [bar.length for bar in lay_bars(JIG, Metre(3, 4))][:2] == [12, 72]
    assert [bar.length for bar in lay_bars(JIG, Metre(1, 8))][:2] == [12, 12]
    (first, *_) = cut_into_bars(playable(CHANGE), Metre(2, 4))
    assert first.lines.length == 48


def _white(pitch: int) -> int:
    return pitch - (pitch % 12 in (1, 3, 6, 8, 10))
