"""ABC: every reading rule on a hand-made tune, and independent readers on real tunes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection, Tune
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers import TICKS_PER_QUARTER, decode
from melgen.corpora.readers.abc import playing as playing_remarks
from melgen.corpora.readers.abc import read_abc, read_tune, split_tunes
from melgen.corpora.readers.abc import tune as tune_remarks
from melgen.corpora.readers.abc.fields import parse_key, parse_metre, parse_order
from melgen.corpora.readers.abc.short import melody_of_abc
from melgen.corpora.readers.abc.text import TuneText, plain_text
from melgen.corpora.readers.playing_order import AS_WRITTEN
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.metre import Metre
from tests.builders import melody_of

HEADER = "X:1\nT:A tune\nM:4/4\nL:1/4\nK:C\n"
EIGHTHS = HEADER.replace("L:1/4", "L:1/8")
ANY_LENGTH = Cleaning(min_length_notes=1, max_chord_share=1)
NAMES = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")


def tune_of(notes: str, header: str = HEADER) -> Tune:
    (text,) = split_tunes(header + notes + "\n")
    return read_tune(text)


def name(pitch: int) -> str:
    """The name of a pitch in ABC: C is 60, c is 72."""
    letter = NAMES[pitch % 12]
    octave = pitch // 12 - 5
    return letter + "," * -octave if octave < 1 else letter.lower() + "'" * (octave - 1)


def names(tune: Tune, track: int = 0) -> str:
    return "".join(name(pitch) for pitch in tune.tracks[track].notes[:, 2].tolist())


def played(notes: str, header: str = HEADER) -> str:
    return names(tune_of(notes, header))


def quarters(ticks) -> Fraction:
    return Fraction(int(ticks), TICKS_PER_QUARTER)


def lengths(notes: str, header: str = HEADER) -> list[Fraction]:
    """Durations in quarters of a tune without rests."""
    track = tune_of(notes, header).tracks[0].notes
    assert (track[1:, 0] == (track[:, 0] + track[:, 1])[:-1]).all()
    return [quarters(duration) for duration in track[:, 1]]


class TestRepeats:
    @pytest.mark.parametrize(
        ("notes", "order"),
        [
            ("|:CD:|", "CDCD"),
            ("CD:|EF|]", "CDCDEF"),
            ("CD|EF:|GA:|", "CDEFCDEFGAGA"),
            ("CD||EF:|", "CDEFEF"),
            ("CD|]EF:|", "CDEFEF"),
            ("CD[|EF:|", "CDEFEF"),
            ("CD|EF:|", "CDEFCDEF"),
            ("|:CD||EF:|", "CDEFCDEF"),  # an explicit start wins over a double bar
            ("|:C|1D:|2E|]", "CDCE"),
            ("|:C|1D:|2E:|", "CDCE"),
            ("|:CDEF|1GABc:|2cBAG||\nEEEE|FFFF:|", "CDEFGABcCDEFcBAGEEEEFFFFEEEEFFFF"),
            ("C|1D:|2E||F|1G:|2A||B:|", "CDCEFGFABB"),
            ("|:C[1D:|[2E|]", "CDCE"),
            ("|:C|[1D:|[2E|]", "CDCE"),
            ("|:C|[1 D :| [2 E|]", "CDCE"),
            ("|:C|1 D :|2 E|]", "CDCE"),
            ("|:C| 1 D :| 2 E|]", "CDCE"),
            ("|:C|1,3D:|2E:|", "CDCECD"),
            ("|:C[1,3D:|[2E|]F", "CDCECDF"),
            ("|:C[1-3D:|[4E|]", "CDCDCDCE"),
            ("|:C|1,2D:|3E|]", "CDCDCE"),
            ("|:C|1D:|2E:|3F|]", "CDCECF"),
            ("|:C|1D:|E|]", "CDCE"),
            ("|:C|1D:|2E||FG|]", "CDCEFG"),
            ("|:C|1D|]E", "CDE"),
            ('|:C["1."D:|["2."E|]', "CDCE"),
            ('|:C|["1st time" D:|["2nd time" E|]', "CDCE"),
            ('|:C|["First time"D:|["last time"E|]', "CDCE"),  # an ending named last follows the first
            ('|:C|["1,3"D:|["2."E:|', "CDCECD"),
            ('|:C|["1.-3."D:|["4th"E|]', "CDCDCDCE"),
            ('|:C|["1st & 2nd"D:|["3rd"E|]', "CDCDCE"),
            ('|:C|[1"1st time"D:|[2"last time"E|]', "CDCE"),
            ('|:C|["1."]D:|["2."]E|]', "CDCE"),
            ("|:C|[1. D:|[2. E|]", "CDCE"),
            ("|:C|1st D:|2nd E|]", "CDCE"),
            ("|:C|[1st time D:|[2nd time E|]", "CDCE"),
            ("|:C|[1.3D:|[2.E:|", "CDCECD"),
            ('C["Am"DF]E|["Am"DF]', "CDFEDF"),  # a chord
            ("|::CD::|EF", "CDCDCDEF"),
            ("|:::CD:::|", "CDCDCDCD"),
            ("CD::|", "CDCDCD"),
            ("|:C::D:|", "CCDD"),
            ("|:C:||:D:|", "CCDD"),
            ("|:C:|:D:|", "CCDD"),
            ("|:C:|\n|:D:|", "CCDD"),
            ("|:C:| |:D:|", "CCDD"),
            ("[|:C:|]D", "CCD"),
            ("||:C:||D", "CCD"),
            ("C|]:D:|", "CDD"),
            ("C.|D:|", "CDCD"),
            ("C|[|]D:|", "CDCD"),
            ("C|:D|:E:|F:|", "CDEEFDEEF"),  # nested
            ("|:C|:D:|E", "CDDE"),  # not closed
            ("|:CD", "CD"),
            ("C|:D", "CD"),
            (":|CD", "CD"),
            ("|:CD:|:|E", "CDCDE"),
        ],
    )
    def test_order(self, notes, order):
        assert played(notes) == order

    def test_a_double_bar_after_a_pickup_is_not_a_boundary(self):
        assert played("C||DEFG|ABc:|") == "CDEFGABc" * 2
        assert played("C||DEFG|ABcd:|") == "CDEFGABcdDEFGABcd", "unless the last bar is complete without it"

    @pytest.mark.parametrize("notes", ["|:CD", "|:C|:D:|E", "C|1D|2E|]"])
    def test_repeats_that_do_not_add_up_are_counted(self, notes):
        assert tune_of(notes).remarks == (AS_WRITTEN,)

    @pytest.mark.parametrize("notes", ["|:CD:|", "|:C|1D:|2E:|", "C!fine!|D"])
    def test_repeats_that_add_up_are_not_counted(self, notes):
        assert tune_of(notes).remarks == ()

    def test_a_repeat_of_thousands_of_times_is_refused(self):
        with pytest.raises(ReadError, match="at most 100"):
            tune_of("C" + ":" * 500 + "|")

    def test_in_the_middle_of_a_bar(self):
        assert played("C|DEF:|G|ABc:|") == "CDEFCDEFGABcGABc"


class TestJumps:
    @pytest.mark.parametrize(
        ("notes", "order"),
        [
            ("CDEF|GABc!fine!|cBAG|FEDC!D.C.!|]", "CDEFGABccBAGFEDCCDEFGABc"),
            ("CDEF|GAB!fine!c|cBAG|FED!D.C.!C|]", "CDEFGABccBAGFEDCCDEFGABc"),
            ("CD!fine!|EF!dacapo!|", "CDEFCD"),
            ("CD!fine!|EF!D.C.alfine!|", "CDEFCD"),
            ("CD+fine+|EF+D.C.+|", "CDEFCD"),
            ('CD"^Fine"|EF"^D.C. al Fine"|', "CDEFCD"),
            ('CD"Fine"|EF"^DC"|', "CDEFCD"),
            *[(f'CD|"{chord}"EF|GA|', "CDEFGA") for chord in ("D7/C", "D/c", "(D/C)", "D C", "D7,C7", "Ds")],
            ('CD"Fine"|EF"Da Capo"|', "CDEFCD"),
            ("C|!segno!D!fine!|E!D.S.!|", "CDED"),
            ("C|SD!fine!|E!D.S.!|", "CDED"),
            ('C|"^Segno"D"Fine"|E"D.S."|', "CDED"),
            ("C!dacoda!|D!D.C.alcoda!|!coda!E|", "CDCE"),
            ("C!coda!|D!D.C.!|!coda!E|", "CDCE"),
            ("CO|D!D.C.!|OE|", "CDCE"),
            ('C"To Coda"|D"D.C. al Coda"|"Coda"E|', "CDCE"),
            ("C|!segno!D!coda!|E!D.S.alcoda!|!coda!F|", "CDEDF"),
            ("|:C|1D:|2E!fine!|F!D.C.!|", "CDCEFCE"),
            ("CD|EF!D.C.!|", "CDEFCDEF"),
            ("CDH||EF!D.C.!|", "CDEFCD"),
            ("U:W=!D.C.!\nCD!fine!|EFW|", "CDEFCD"),
            ("U:S=!trill!\nC|SD|E!D.S.!|", "CDE"),
        ],
    )
    def test_order(self, notes, order):
        assert played(notes) == order

    def test_fine_over_a_note_before_the_next_pickup(self):
        assert played("G|CDEF|GA!fine!B:|c|cBAG|FED!D.C.!|") == "GCDEFGAB" * 2 + "ccBAGFED" + "GCDEFGAB"
        assert played("CDEF|G!fine!ABc|cBAG!D.C.!|") == "CDEFGABccBAGCDEFGABc", "otherwise at the end of its bar"

    def test_without_fine_it_is_counted(self):
        assert tune_of("CD|EF!D.C.!|").remarks == (playing_remarks.WITHOUT_FINE,)
        assert set(tune_of("C|D!D.S.!|").remarks) == {AS_WRITTEN, playing_remarks.WITHOUT_FINE}


class TestParts:
    @pytest.mark.parametrize(
        ("order", "played_order"),
        [
            ("ABA", "CDEFCD"),
            ("A2B", "CDCDEF"),
            ("A.B", "CDEF"),
            ("(AB)2", "CDEFCDEF"),
            ("A3(BA)2.B", "CDCDCDEFCDEFCDEF"),
            ("((AB)2.A)2", "CDEFCDEFCD" * 2),
            ("B", "EF"),
            ("ACB", "CDEF"),
            ("XY", "CDEF"),
        ],
    )
    def test_orders(self, order, played_order):
        header = HEADER.replace("K:C", f"P:{order}\nK:C")
        assert played("P:A\nCD|]\nP:B\nEF|]", header) == played_order
        assert played("[P:A]CD|][P:B]EF|]", header) == played_order

    def test_repeats_inside(self):
        header = HEADER.replace("K:C", "P:ABA\nK:C")
        assert played("P:A\n|:C|1D:|2E|]\nP:B\nF:|", header) == "CDCEFFCDCE"

    def test_variant_endings(self):
        header = HEADER.replace("K:C", "P:A4.B\nK:C")
        assert played("P:A\nC|[1D:|[2E:|[3F:|[4G|]\nP:B\nc|]", header) == "CDCECFCGc"

    def test_music_before_the_first_part_comes_first(self):
        assert played("G|\nP:A\nC|]\nP:B\nD|]", HEADER.replace("K:C", "P:BA\nK:C")) == "GDC"

    def test_without_an_order_they_are_sections(self):
        assert played("P:A\nCD|\nP:B\nEF:|") == "CDEFEF"

    def test_parts_written_out_already(self):
        assert played("P:A\nC|\nP:B\nD|\nP:A\nE|", HEADER.replace("K:C", "P:ABA\nK:C")) == "CDE"

    def test_of_all_voices(self):
        header = HEADER.replace("K:C", "P:BA\nV:1\nV:2\nK:C")
        tune = tune_of("P:A\nV:1\nC|\nV:2\nE|\nP:B\nV:1\nD|\nV:2\nF|", header)
        assert (names(tune, 0), names(tune, 1)) == ("DC", "FE")

    def test_misfits_are_counted(self):
        assert tune_of("P:A\nC|", HEADER.replace("K:C", "P:AB\nK:C")).remarks == (playing_remarks.PARTS_LEFT_OUT,)
        assert tune_of("C|", HEADER.replace("K:C", "P:AB\nK:C")).remarks == (playing_remarks.PARTS_AS_WRITTEN,)

    @pytest.mark.parametrize("order", ["A99999", "((((A99)99)99)99)", "(" * 50 + "A"])
    def test_bounds(self, order):
        with pytest.raises(ReadError, match="more than 10000 parts"):
            parse_order(order)


class TestTies:
    @pytest.mark.parametrize(
        ("notes", "order", "durations"),
        [
            ("C-|C D", "CD", [2, 1]),
            ("C-C-C", "C", [3]),
            ("C4-|C4-|C2 D", "CD", [10, 1]),
            ("G-|B", "GB", [1, 1]),
            ("(C|C) D", "CCD", [1, 1, 1]),
            ("C-\nC D", "CD", [2, 1]),
            ("C -C D", "CD", [2, 1]),
            ("(C)-C D", "CD", [2, 1]),
            ("C-|:C D:|", "CDCD", [2, 1, 1, 1]),
            ("|:C D-|1 D:|2 D E|]", "CDCDE", [1, 2, 1, 2, 1]),
            ("|:C D-|1 E:|2 D E|]", "CDECDE", [1, 1, 1, 1, 2, 1]),
            ("|:C D C-:|E", "CDCDCE", [1, 1, 2, 1, 1, 1]),
            ("^F-|F F", "^FF", [2, 1]),
            ("^F-|=F", "^FF", [1, 1]),
            ("^F-_G", "^F", [2]),
            ("C-z", "C", [1]),
            ("|C-|1 C:|2 C|", "CC", [2, 2]),
        ],
    )
    def test_join_equal_pitches(self, notes, order, durations):
        track = tune_of(notes).tracks[0].notes
        assert "".join(map(name, track[:, 2])) == order
        assert [quarters(each) for each in track[:, 1]] == durations

    def test_in_chords(self):
        track = tune_of("[C-E]-[CE]|[CG]-|[CG]").tracks[0].notes
        assert [(name(pitch), quarters(ticks)) for _, ticks, pitch in track.tolist()] == [
            *[("C", 2), ("E", 2), ("C", 2), ("G", 2)]
        ]


class TestTime:
    @pytest.mark.parametrize(
        ("notes", "expected"),
        [
            ("C C2 C/ C/2 C// C/4 C3/2 C3/4 C5/4", "1 2 1/2 1/2 1/4 1/4 3/2 3/4 5/4"),
            ("(3CDE F", "2/3 2/3 2/3 1"),
            ("(3C D E F", "2/3 2/3 2/3 1"),
            ("(3 C2 D F", "4/3 2/3 2/3"),
            ("(2CD F", "3/2 3/2 1"),
            ("(4CDEF", "3/4 3/4 3/4 3/4"),
            ("(5CDEFG", "2/5 2/5 2/5 2/5 2/5"),
            ("(3::CDE F", "2/3 2/3 2/3 1"),
            ("(3:2:4CDEF G", "2/3 2/3 2/3 2/3 1"),
            ("(5:4:5CDEFG", "4/5 4/5 4/5 4/5 4/5"),
            ("(3::2CD E", "2/3 2/3 1"),
            ("(7:8CDEFGAB", "8/7 8/7 8/7 8/7 8/7 8/7 8/7"),
            ("(3C>DE", "1 1/3 2/3"),
            ("C>D C<D", "3/2 1/2 1/2 3/2"),
            ("C>>D C<<<D", "7/4 1/4 1/8 15/8"),
            ("C > D", "3/2 1/2"),
            ("C>{g}D", "3/2 1/2"),
            ("C2>D2", "3 1"),
            ("C>D>E", "3/2 3/4 1/2"),
            ("C>D/ C/<D", "3/2 1/2 1/2 3/2"),  # the short note is shortened already
            ("[CE]>[DF]", "3/2 3/2 1/2 1/2"),
            ("C-C>D", "5/2 1/2"),
            ("L:1/8\nC [L:1/4]C L:1/16", "1/2 1"),
        ],
    )
    def test_lengths(self, notes, expected):
        track = tune_of(notes).tracks[0].notes
        assert [quarters(each) for each in track[:, 1]] == [Fraction(each) for each in expected.split()]

    @pytest.mark.parametrize("metre", ["6/8", "9/8", "12/8"])
    def test_tuplets_of_five_in_compound_metres(self, metre):
        assert lengths("(5CDEFG", HEADER.replace("4/4", metre)) == [Fraction(3, 5)] * 5
        assert lengths("(5CDEFG", HEADER.replace("4/4", "3/4")) == [Fraction(2, 5)] * 5

    @pytest.mark.parametrize(
        ("fields", "unit"),
        [
            *[("M:2/4", "1/4"), ("M:3/4", "1/2"), ("M:6/8", "1/2"), ("M:C", "1/2"), ("M:C|", "1/2")],
            *[("M:none", "1/2"), ("", "1/2"), ("M:3/8", "1/4"), ("M:2/4\nL:1/8", "1/2"), ("L:1", "4")],
        ],
    )
    def test_default_unit(self, fields, unit):
        assert lengths("C", f"X:1\n{fields}\nK:C\n".replace("\n\n", "\n")) == [Fraction(unit)]

    def test_a_change_of_metre_keeps_the_unit(self):
        assert lengths("C[M:2/4]C", "X:1\nM:4/4\nK:C\n") == [Fraction(1, 2)] * 2

    def test_rests(self):
        track = tune_of("C z D x2 E Z F y G y2 A X2 B").tracks[0].notes
        assert [quarters(onset) for onset in track[:, 0]] == [0, 2, 5, 10, 11, 12, 21]

    def test_exact_triplets(self):
        track = tune_of("(3CDE F", EIGHTHS).tracks[0].notes
        assert [quarters(onset) for onset in track[:, 0]] == [0, Fraction(1, 3), Fraction(2, 3), 1]

    def test_a_chord_lasts_as_long_as_its_first_note(self):
        track = tune_of("[C2EG]/ [CE]2 D").tracks[0].notes
        assert [quarters(onset) for onset in track[:, 0]] == [0, 0, 0, 1, 1, 3]
        assert [quarters(each) for each in track[:, 1]] == [1, Fraction(1, 2), Fraction(1, 2), 2, 2, 1]


class TestBarsAndMetres:
    def bars(self, notes, header=HEADER):
        tune = tune_of(notes, header)
        return [quarters(bar) for bar in tune.bars], None if tune.pickup is None else quarters(tune.pickup)

    @pytest.mark.parametrize(
        ("notes", "bars", "pickup"),
        [
            ("CDEF|GABc|]", [0, 4], 0),
            ("|CDEF|GABc|]", [0, 4], 0),
            ("C|DEFG|ABc2|]", [0, 1, 5], 1),
            ("C|:DEFG|ABc:|", [0, 1, 5, 8, 12], 1),
            ("C|DEFG|ABc:|d|cBAG|FED|]", [0, 1, 5, 9, 13, 17, 21], 1),
            ("|:CD:|:EF:|", [0, 4], 0),  # two halves of a bar
            ("CDEF||GABc|]", [0, 4], 0),
            ("C|DEFG|ABc|\nP:B\nd|cBAG|]", [0, 1, 5, 9], 1),
            ("CD||EF|GABc|]", [0, 4], 0),
            ("CD|EF|GABc|]", [0, 2, 4], 2),
            ("Z3|CDEF|", [0, 4, 8, 12], 0),
            ("|:CDEF|1GABc:|2cBAG|]", [0, 4, 8, 12], 0),
            ("CDEFG|A", [0, 5], 0),
            ("CDEF", [], None),
        ],
    )
    def test_bars(self, notes, bars, pickup):
        assert self.bars(notes) == (bars, pickup)

    def test_free_metre_has_bars_and_no_pickup(self):
        assert self.bars("CD|EFG|", HEADER.replace("4/4", "none")) == ([0, 2], None)

    def test_metres(self):
        tune = tune_of("CDEF|[M:3/4]CDE|CDE|\nM:6/8\nCDE|[M:6/8]CDE|")
        assert [(quarters(tick), metre) for tick, metre in tune.metres] == [
            (0, Metre(4, 4)),
            (4, Metre(3, 4)),
            (10, Metre(6, 8)),
        ]

    def test_metres_of_repeats(self):
        tune = tune_of("|:CDEF|[M:3/4]CDE:|")
        assert [(quarters(tick), metre.beats) for tick, metre in tune.metres] == [(0, 4), (4, 3), (7, 4), (11, 3)]

    @pytest.mark.parametrize(
        ("text", "metre"),
        [
            *[("C", (4, 4)), ("C|", (2, 2)), ("3/4", (3, 4)), ("(2+3)/8", (5, 8)), ("3+2/8", (5, 8))],
            *[("(3 + 2 + 2)/8", (7, 8)), ("2/4+3/8", (7, 8)), ("none", None), ("", None)],
        ],
    )
    def test_spellings(self, text, metre):
        assert parse_metre(text) == (None if metre is None else Metre(*metre), True)

    @pytest.mark.parametrize("text", ["4", "0/4", "3/5", "999/4", "x", "4/4 fast"])
    def test_others_are_counted(self, text):
        assert not parse_metre(text)[1]
        assert tune_of("C", HEADER.replace("4/4", text)).remarks == (tune_remarks.UNKNOWN_FIELDS,)


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "scale"),
        [
            *[("C", "CDEFGAB"), ("", "CDEFGAB"), ("none", "CDEFGAB"), ("G", "CDE^FGAB"), ("F", "CDEFGA^A")],
            *[("Dm", "CDEFGA^A"), ("D minor", "CDEFGA^A"), ("DMin", "CDEFGA^A"), ("Dmaj", "^CDE^FGAB")],
            *[("D Major", "^CDE^FGAB"), ("ADor", "CDE^FGAB"), ("A dorian", "CDE^FGAB"), ("EPhr", "CDEFGAB")],
            *[("FLYD", "CDEFGAB"), ("Gmix", "CDEFGAB"), ("G Mixolydian", "CDEFGAB"), ("Bloc", "CDEFGAB")],
            *[("Cion", "CDEFGAB"), ("Aaeo", "CDEFGAB"), ("Bb", "CD^DFGA^A"), ("F#m", "^CDE^F^GAB")],
            *[("F♯m", "^CDE^F^GAB"), ("B♭", "CD^DFGA^A"), ("em", "CDE^FGAB"), ("HP", "^CDE^FGAB")],
            *[("Hp", "^CDE^FGAB"), ("Dm^c", "^CDEFGA^A"), ("Dm ^c", "^CDEFGA^A"), ("D =c", "CDE^FGAB")],
            *[("D exp _b", "CDEFGA^A"), ("^f^c", "^CDE^FGAB"), ("^f ^c", "^CDE^FGAB"), ("clef=alto", "CDEFGAB")],
            *[("alto", "CDEFGAB"), ("bass", "CDEFGAB"), ("G clef=treble", "CDE^FGAB"), ("G treble", "CDE^FGAB")],
            *[
                ("D M:4/4", "^CDE^FGAB"),
                ("Dm K:", "CDEFGA^A"),
                ("G middle=d", "CDE^FGAB"),
                ("G % words", "CDE^FGAB"),
                ("G#", "^C^D^EF^G^A^B"),
            ],
        ],
    )
    def test_scales(self, key, scale):
        sharps = {"^C^D^EF^G^A^B": "^C^DFG^G^Ac"}.get(scale, scale)  # G sharp major: F double sharp, E and B sharp
        assert played("CDEFGAB", HEADER.replace("K:C", f"K:{key}")) == sharps
        assert played(f"[K:{key.partition('%')[0].strip()}]CDEFGAB") == sharps

    @pytest.mark.parametrize(
        ("key", "first"),
        [
            *[("C clef=treble-8", "C,"), ("C treble-8", "C,"), ("C treble+8", "c"), ("C octave=1", "c")],
            *[("C octave=-2", "C,,"), ("C transpose=-2", "^A,"), ("C transpose=2 octave=1", "d")],
        ],
    )
    def test_transpositions(self, key, first):
        assert played("C", HEADER.replace("K:C", f"K:{key}")) == first

    def test_a_change_of_clef_keeps_the_key(self):
        assert played("F[K:clef=bass]F", HEADER.replace("K:C", "K:G")) == "^F^F"

    @pytest.mark.parametrize("key", ["Es", "Bn", "H", "Xyz", "Ami", "!"])
    def test_a_key_that_does_not_exist_is_refused_by_name(self, key):
        with pytest.raises(ReadError, match=re.escape(f"K:{key}: not a key")):
            tune_of("C", HEADER.replace("K:C", f"K:{key}"))

    def test_lower_case_and_unknown_words_are_counted(self):
        assert tune_of("C", HEADER.replace("K:C", "K:em")).remarks == (tune_remarks.LOWER_CASE_KEY,)
        assert tune_of("C", HEADER.replace("K:C", "K:E merrily")).remarks == (tune_remarks.UNKNOWN_FIELDS,)

    def test_microtones_in_the_key(self):
        assert parse_key("C _/b").alters[6] == -0.5


class TestAccidentals:
    @pytest.mark.parametrize(
        ("notes", "order"),
        [
            ("^CDC|C", "^CD^CC"),
            ("^CD\nC|C", "^CD^CC"),
            ("^CD\\\nC|C", "^CD^CC"),
            ("^CD=CC", "^CDCC"),
            ("^Cc|c", "^C^cc"),  # in all octaves, the default of ABC 2.1
            ("^^C__DC", "DCD"),
            ("{^c}cC", "cC"),
            ("[^CE]C", "^CE^C"),
            ("^C[P:B]C", "^C^C"),
            ("♯C♭D♮C", "^C^CC"),
            ("^/C_/C^3/4C_3/4D^3/2C", "^CC^C^CD"),
        ],
    )
    def test_hold_to_the_end_of_the_bar(self, notes, order):
        assert played(notes) == order

    @pytest.mark.parametrize(("choice", "order"), [("not", "^CCc"), ("octave", "^C^Cc"), ("pitch", "^C^C^c")])
    def test_as_the_file_asks(self, choice, order):
        assert played(f"%%propagate-accidentals {choice}\n^CCc") == order
        assert played(f"I:propagate-accidentals {choice}\n^CCc") == order

    def test_quarter_tones_are_counted(self):
        assert tune_of("^/C").remarks == ("quarter tones, rounded to semitones",)


class TestSilence:
    @pytest.mark.parametrize(
        "ornamented",
        [
            *("{g}CD", "{/g}C{ab}D", "~CD", "TCHD", "MCPD", ".C.D", "vCuD", "CyD", "`C`D", "C D % E F", "CD$", "CD!"),
            *("!trill!C!fermata!D", "+trill+CD", '"Am"C"^slow"D', '"_{not grace}"CD', '"say \\"hi\\" A"CD'),
            *("!crescendo(!C!crescendo)!D", "(CD)", ".(CD.)", "C*D", "!1!C!8va(!D", '"100% A"CD', '"A" C"B""E"D'),
            *("[r:A B C]CD", "[N:x]CD", "CD\nw:A B C", "CD\nw:A B C\\\nA B C", "CD\nW:A\n+:B", "%A\nCD", "CD\ns:A"),
            *('"^Slow"\nCD', "%%MIDI program 3\nCD", "%%begintext\nA B\n\nC D\n%%endtext\nCD", "CD{", "C\\\nD"),
            *(
                "%%beginps\n/A C D def\n%%endps\nCD",
                "%%beginsvg\nA\n%%endsvg\nCD",
                "%% begintext\nA\n%% endtext\nCD",
                "CD\n%%begintext\nA B C",
                "I:begintext\nA B\nC D\nI:endtext\nCD",
                "%%begintext\nA B\nI:endtext\nCD",
                "CD\nI:begintext\nA B C",
                "CD\\",
            ),
        ],
    )
    def test_symbols_without_sound_are_ignored(self, ornamented):
        tune = tune_of(ornamented)
        assert (names(tune), tune.remarks) == ("CD", ())

    def test_text_that_is_not_abc_is_left_out_and_counted(self):
        for notes in ("C?D", 'CD"E', "C@;D", "C(99D", "C>>>>D", 'C["last"D'):
            tune = tune_of(notes)
            assert (names(tune), tune.remarks) == ("CD", (tune_remarks.UNKNOWN_SIGNS,))
        assert tune_of("C0D").remarks == (tune_remarks.NO_LENGTH,)
        assert tune_of("m:~g=f\nC").remarks == (tune_remarks.MACROS,)
        assert tune_of(">C").remarks == (tune_remarks.NO_NOTE_BEFORE,)

    def test_a_hornpipe_is_not_swung(self):
        assert lengths("CDEF", HEADER.replace("K:C", "R:hornpipe\nK:C")) == [1, 1, 1, 1]

    def test_chords_of_all_times(self):
        assert played('[CEG] +CG+ [!1!C"x"E] [C]') == "CEGCGCEC"

    def test_notes_before_repeat_signs_are_not_read_as_fields(self):
        assert played("|:C\nD:|\nE|]") == "CDCDE"


class TestVoices:
    def test_the_melody_is_found_by_its_name(self):
        for field in ('2 name="Melody"', "2 nm=Melody", '2\tname="Melody"', '2 clef=treble nm="Melody" snm="M"'):
            header = HEADER.replace("K:C", f'V:1 name="Flute"\nV:{field}\nK:C')
            tune = tune_of("V:1\nefga|\nV:2\nCDEF|", header)
            assert [track.name for track in tune.tracks] == ["Flute", "Melody"]
            assert "".join(map(name, melody_of(tune, ANY_LENGTH).pitches)) == "CDEF"

    def test_a_name_in_the_body_or_as_the_identifier(self):
        assert [track.name for track in tune_of('V:1\nC|\nV:2 nm="Solo"\nD|').tracks] == ["", "Solo"]
        assert [track.name for track in tune_of("V:Soprano\nC|\nV:Alt\nD|").tracks] == ["Soprano", "Alt"]

    def test_identifiers_in_quotes_may_hold_spaces(self):
        tune = tune_of('V:"Tenor 1" clef=treble-8\nCD|\nV:"Tenor 2"\nEF|\n[V:"Tenor 1"]GA|')
        assert [(track.name, names(tune, place)) for place, track in enumerate(tune.tracks)] == [
            ("Tenor 1", "C,D,G,A,"),
            ("Tenor 2", "EF"),
        ]

    def test_inline(self):
        tune = tune_of("[V:1]CD|[V:2]EF|\n[V:1]GA|[V:2]Bc|")
        assert (names(tune, 0), names(tune, 1)) == ("CDGA", "EFBc")

    def test_each_has_its_own_values(self):
        tune = tune_of("V:1\n[K:G][L:1/8]F|\nV:2\nF|\nV:1\nF|")
        assert (names(tune, 0), names(tune, 1)) == ("^F^F", "F")
        assert tune.tracks[1].notes[0, 1] == 2 * tune.tracks[0].notes[0, 1]

    def test_transposed(self):
        header = HEADER.replace("K:C", "V:1 octave=1\nV:2 clef=treble-8\nV:3 transpose=2\nK:C")
        tune = tune_of("V:1\nC|\nV:2\nC|\nV:3\nC|", header)
        assert [names(tune, track) for track in range(3)] == ["c", "C,", "D"]

    def test_one_without_repeats_follows_the_one_with_them(self):
        tune = tune_of("V:1\n|:CD:|E|\nV:2\n|FG|A|")
        assert (names(tune, 0), names(tune, 1)) == ("CDCDE", "FGFGA")

    def test_percussion(self):
        assert [track.is_drum for track in tune_of("V:1\nC|\nV:2 clef=perc\nD|").tracks] == [False, True]

    def test_brackets_of_overlays_leave_the_voice_where_it_is_and_are_counted(self):
        tune = tune_of("(&CD&EF&)|GA|")
        assert ([names(tune, 0), names(tune, 1)], tune.remarks) == (["CDGA", "EF"], (tune_remarks.UNKNOWN_SIGNS,))

    def test_overlays(self):
        tune = tune_of("CDEF&cdef|GABc|&g4")
        assert (names(tune, 0), names(tune, 1)) == ("CDEFGABc", "cdefg")
        assert tune.tracks[1].notes[:, 0].tolist() == [TICKS_PER_QUARTER * each for each in (0, 1, 2, 3, 8)]


class TestFiles:
    def test_many_tunes(self, tmp_path):
        path = tmp_path / "book.abc"
        path.write_text(
            "% a book\nL:1/4\n\nX:1\nT:One\nM:4/4\nK:C\nC D|]\n\nfree text\nX: is no tune\n\n"
            "X:2\nT:Zwei\nK:C\nL:1/8\nE|]\n"
            "X:3\nT:No key\nC D E\n"
        )
        one, two, broken = read_abc(Source(path, "book.abc"))
        assert (one.title, one.number) == ("One", 1)
        assert (two.title, two.number) == ("Zwei", 2)
        assert broken == Rejection("unreadable", "the tune has no K: line", "book.abc#3")
        assert quarters(one.tracks[0].notes[0, 1]) == 1, "the file's own header sets the unit"
        assert quarters(two.tracks[0].notes[0, 1]) == Fraction(1, 2)

    def test_an_empty_line_ends_a_tune(self):
        assert played("CD|\n\nEF|") == "CD"
        assert played("CD|\n \t\nEF|") == "CD"

    def test_x_inside_a_block_of_text(self):
        text = HEADER + "C|\n%%begintext\n\nX:9\nK:G\n%%endtext\nD|\n"
        assert len(split_tunes(text)) == 1
        assert names(read_tune(split_tunes(text)[0])) == "CD"

    def test_a_file_without_x(self):
        (text,) = split_tunes("T:Bare\nM:4/4\nL:1/4\nK:G\nFG|\n")
        tune = read_tune(text)
        assert (names(tune), tune.title, tune.remarks) == ("^FG", "Bare", (tune_remarks.NO_REFERENCE,))

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_line_ends_and_marks_at_the_beginning(self, ending, tmp_path):
        path = tmp_path / "tune.abc"
        path.write_bytes(
            b"\xef\xbb\xbf%abc-2.1\n\n".replace(b"\n", ending.encode())
            + HEADER.replace("\n", ending).encode()
            + b"CD:|"
        )
        (tune,) = read_abc(Source(path, "tune.abc"))
        assert names(tune) == "CDCD"

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig", "utf-16"])
    def test_encodings(self, tmp_path, encoding):
        path = tmp_path / "tune.abc"
        path.write_bytes("X:1\nT:Jägerlied\nK:C\nCDEF|]\n".encode(encoding))
        (tune,) = read_abc(Source(path, "tune.abc"))
        assert (tune.title, tune.number) == ("Jägerlied", None)

    @pytest.mark.parametrize(
        ("written", "title"),
        [
            *[(r"Caf\'e", "Café"), ("Caf&eacute;", "Café"), (r"Caf\u00e9", "Café"), (r"M\"uller", "Müller")],
            *[("Reel % fast", "Reel"), (r"100\% Reel", "100% Reel"), (r"S\ss\aa\/o\cc\vs\~n", "Sßåøçšñ")],
            *[("A & B", "A & B"), (r"A \q", r"A \q"), ("A &nope; B", "A &nope; B"), (r"\uD800", r"\uD800")],
        ],
    )
    def test_titles(self, written, title):
        assert tune_of("C", f"X:1\nT:{written}\nT:Other\nK:C\n").title == title

    def test_continued_fields(self):
        tune = tune_of("V:2\nD|", 'X:1\nL:1/4\nV:2\n+:name="Melody"\nK:C\n')
        assert [(names(tune, number), track.name) for number, track in enumerate(tune.tracks)] == [("D", "Melody")]

    @pytest.mark.parametrize("content", [b"", b"\0\1\2\xff" * 50, b"just words\n"])
    def test_a_file_that_is_not_abc_is_refused(self, tmp_path, content):
        path = tmp_path / "tune.abc"
        path.write_bytes(content)
        with pytest.raises(ReadError, match=r"empty|no tune"):
            list(read_abc(Source(path, "tune.abc")))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("notes", "reason"),
        [
            *[("C99999", "a note of length"), ("C/9999", "a note of length"), ("C/0", "a note of length")],
            *[("Z1000", "whole bars"), ("V:{}\nC|", "voices"), ("C" * 200_001, "written notes")],
        ],
    )
    def test_values_beyond_every_bound_are_refused(self, notes, reason):
        if "{}" in notes:
            notes = "\n".join(notes.format(number) for number in range(200))
        with pytest.raises(ReadError, match=reason):
            tune_of(notes)

    def test_repeats_of_repeats_are_bounded(self):
        header = HEADER.replace("K:C", "P:" + "A100" * 50 + "\nK:C")
        with pytest.raises(ReadError, match="more than"):
            tune_of("P:A\n|:" + "C" * 9000 + ":" * 99 + "|", header)


CORPUS = music21_corpus_dir()


def real_tune(file: str, number: int) -> Tune:
    for text in split_tunes(decode((CORPUS / file).read_bytes())):
        if any(re.fullmatch(rf"X:\s*0*{number}\s*", line) for line in text.lines):
            return read_tune(text)
    raise AssertionError(f"no tune {number} in {file}")


@pytest.mark.parametrize(
    ("file", "number", "notes"),
    [
        ("oneills1850/0951-0981.abc", 980, 172),
        ("oneills1850/1577-1624.abc", 1586, 224),
        ("ryansMammoth/ArmyAndNavyReel.abc", 1, 248),
    ],
)
def test_tunes_counted_by_hand(file, number, notes):
    assert len(real_tune(file, number).tracks[0].notes) == notes


# abc2midi, which is part of symusic, is an independent reader. It differs in ornaments, in repeats without a start, in
# endings, and in (5 to (9, which it reads in 3/4 as in 6/8. These are left out, and repeats are written once.
_REPEAT = re.compile(r"\[[12]|[:|\[\]]*[|:][:|\]]*[12]?")
_ITS_OWN_WAY = re.compile(r'["!+~{}\[\]&`]|\([5-9]|[HJ-WSuvTMO]\s*[A-Ga-g]|[<>]{2}')
_HEADER_LINES = ("X:", "M:", "L:", "K:")


def comparable(folder: str, limit: int) -> list[TuneText]:
    found = []
    for path in sorted((CORPUS / folder).glob("*.abc")):
        for text in split_tunes(decode(path.read_bytes())):
            header = [line for line in text.lines if line.startswith(_HEADER_LINES)]
            lines = [
                line.partition("%")[0] for line in text.lines if line.strip() and line[1:2] != ":" and line[0] != "%"
            ]
            music = _REPEAT.sub("|", "\n".join(lines))
            if len(header) == 4 and not _ITS_OWN_WAY.search(music):
                found.append(TuneText([*header, *music.split("\n")]))
    return found[:: max(1, len(found) // limit)][:limit]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "limit"), [("essenFolksong", 100), ("oneills1850", 60), ("airdsAirs", 60), ("ryansMammoth", 20)]
)
def test_abc2midi_reads_the_same_notes(folder, limit):
    import symusic

    texts = comparable(folder, limit)
    assert len(texts) > limit // 2
    for text in texts:
        score = symusic.Score.from_abc("\n".join(text.lines) + "\n")
        columns = score.tracks[0].notes.numpy()
        ours = read_tune(text).tracks[0].notes
        assert columns["pitch"].tolist() == ours[:, 2].tolist(), text
        # abc2midi begins at tick 1 and ends each note one tick early.
        onsets = (columns["time"] - 1).clip(min=0) / score.ticks_per_quarter
        assert np.allclose(onsets, ours[:, 0] / TICKS_PER_QUARTER, atol=0.01), text


@pytest.mark.parametrize("folder", ["airdsAirs", "ryansMammoth"])
def test_real_tunes_are_sane(folder):
    counts = []
    for path in sorted((CORPUS / folder).glob("*.abc"))[:20]:
        for text in split_tunes(decode(path.read_bytes()))[:10]:
            tune = read_tune(text)
            melody = melody_of(tune, Cleaning(max_chord_share=1))
            assert not isinstance(melody, Rejection)
            assert (np.diff(melody.onsets) >= 0).all()
            assert 40 <= min(melody.pitches) <= max(melody.pitches) <= 100
            assert tune.bars[0] == 0
            assert (np.diff(tune.bars) > 0).all()
            assert tune.pickup is not None
            counts.append(len(melody))
    assert 30 < np.median(counts) < 400


PIECES = st.sampled_from(
    [
        *(
            "C",
            "d",
            "^F",
            "_b'",
            "G,,2",
            "A3/2",
            "B//",
            "c-",
            "z",
            "z2",
            "x",
            "Z2",
            "[CEG]",
            "[C-E]2-",
            "{g}",
            "(3",
            "(5:4:3",
        ),
        *(
            ">",
            "<<",
            "|",
            "||",
            "|]",
            "[|",
            ":|",
            "|:",
            "::",
            "|::",
            "::|",
            ":|2",
            "|1",
            "[1,3",
            "[2",
            "|[1",
            "-",
            "&",
            "y",
        ),
        *(
            '"Am"',
            '"D.C."',
            '"Fine"',
            "!segno!",
            "!coda!",
            "!D.S.!",
            "!fine!",
            "!dacoda!",
            "[V:1]",
            "[V:2]",
            "[K:Dm]",
            "H",
        ),
        *(
            "[M:3/4]",
            "[M:none]",
            "[L:1/16]",
            "[P:A]",
            "[P:B]",
            "\n",
            "\\\n",
            "\nw:la\n",
            "\nV:3\n",
            "%",
            '"',
            "!",
            "\nP:A\n",
        ),
        *("[", "]", "(", ")", "\n\n", "\nK:G\n", "\n%%begintext\n", "\n%%endtext\n", "\nX:2\n", "\x00", "é", "9", ":"),
    ]
)


def check_any(text: str) -> None:
    for each in split_tunes(text):
        try:
            tune = read_tune(each)
        except ReadError:
            continue
        bars = np.asarray(tune.bars)
        assert (np.diff(bars) > 0).all()
        for track in tune.tracks:
            assert (track.notes[:, :2] >= 0).all()
        assert tune.pickup is None or tune.pickup >= 0


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=40), st.sampled_from(["", "P:ABA\n", "P:A2(BA)3\n", "M:6/8\n"]))
def test_any_pieces_give_a_tune_or_a_reason(pieces, field):
    check_any(HEADER.replace("K:C", field + "K:C") + "".join(pieces))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.integers(0, 10_000), st.integers(1, 30))
def test_damaged_files_give_tunes_or_reasons(noise, place, length):
    data = (
        (CORPUS / "ryansMammoth/ArmyAndNavyReel.abc").read_bytes()
        + b"\n"
        + (CORPUS / "ryansMammoth/Neumedia.abc").read_bytes()
    )
    place %= len(data)
    check_any(decode(data[:place] + noise + data[place + length :]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "notes",
    [
        *(
            "[" * 10_000,
            '"' * 10_001,
            "!" * 10_000,
            "{" * 10_000,
            "(" * 10_000,
            ":" * 10_000,
            "|" * 10_000,
            "|:" * 4_000,
        ),
        *(
            "[1" * 4_000,
            "C>" * 5_000,
            "C-" * 5_000,
            "[C" * 5_000,
            '["' * 5_000,
            "[!" * 5_000,
            "(3" * 5_000,
            "/" * 10_000,
        ),
        *(
            "|:C" * 4_000,
            "C:|" * 5_000,
            "[V:1]C" * 10_000,
            "[P:A]C" * 10_000,
            "!D.C.!C|" * 5_000,
            "C&" * 1_000,
            "+:\n" * 4_000,
        ),
        *("\n%%begintext" * 4_000, "\nX:" * 4_000, "C(97D" * 2_000, "C/97 C/89 C/83 C/79" * 3_000, "+C" * 4_000),
    ],
    ids=lambda notes: notes[:8].strip(),
)
def test_hostile_text_is_read_quickly(notes):
    begin = time.perf_counter()
    check_any(HEADER + notes)
    assert time.perf_counter() - begin < 10


def test_plain_text_leaves_other_backslashes():
    assert plain_text("\\") == "\\"


def test_cases_of_a_folder_are_tunes_of_any_reader(tmp_path):
    path = Path(tmp_path, "two.abc")
    path.write_text(HEADER + "CD|\n\nX:2\nK:Es\nC\n\nX:3\nK:D\nF|\n")
    one, refused, three = read_abc(Source(path, "two.abc"))
    assert (names(one), names(three)) == ("CD", "^F")
    assert refused == Rejection("unreadable", "K:Es: not a key", "two.abc#2")


TWO_JUMPS = HEADER + """CDEF|!segno!GABc|defg|"D.C. al Fine""D.S."abc'd'|"Fine"C4|]\n"""


@pytest.mark.parametrize("seed", ["0", "2"])
def test_marks_are_placed_in_their_order_in_every_process(seed):
    """A set of texts has another order in each process."""
    code = f"""
from melgen.corpora.readers.abc import read_tune, split_tunes
(track,) = read_tune(split_tunes({TWO_JUMPS!r})[0]).tracks
print(len(track.notes))
"""
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert output == "29\n", "D.S. is the last of the two"


def test_an_empty_line_does_not_end_a_few_typed_notes():
    assert melody_of_abc("CDE F\n\n \nGABc").pitches == (60, 62, 64, 65, 67, 69, 71, 72)
