"""ABC: every reading rule on a hand-made tune, and music21's own parser on real ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
from melgen.corpora.readers.abc_text import split_tunes

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import Rejection, extract_melody
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers import ReadError
from melgen.corpora.readers.abc import decode, read_abc, read_abc_tune
from melgen.corpora.sources import Source

C, D, E, F, G, A, B = 60, 62, 64, 65, 67, 69, 71
HEADER = "X:1\nT:A tune\nM:4/4\nL:1/8\nK:C\n"
ANY_LENGTH = Cleaning(min_length_notes=1, max_chord_share=1)


def read(notes: str, header: str = HEADER):
    """Pitches, onsets and durations of a tune."""
    ((_, text),) = split_tunes(header + notes + "\n")
    tune = extract_melody(read_abc_tune(text), ANY_LENGTH, "tune")
    assert not isinstance(tune, Rejection), tune
    return tune.pitches, tune.onsets, tune.durations


def pitches(notes: str, header: str = HEADER):
    return read(notes, header)[0]


def test_notes_in_sixteenths():
    assert read("C D2 E/2F/2 z2 G|]") == ((C, D, E, F, G), (0, 2, 6, 7, 12), (2, 4, 1, 1, 2))


def test_a_thirty_second_rounds_half_up():
    _, onsets, durations = read("C/4 D/4 E/4 F/4|]")
    assert (onsets, durations) == ((0, 1, 1, 2), (1, 1, 1, 1))


@pytest.mark.parametrize(
    ("notes", "played"),
    [
        ("|:C D:|", (C, D, C, D)),
        ("C D:|E F|]", (C, D, C, D, E, F)),
        ("|:C|1 D:|2 E|]", (C, D, C, E)),
        ("|:C [1 D:|[2 E|]", (C, D, C, E)),
        ("|:C::D:|", (C, C, D, D)),
    ],
    ids=["repeat", "from the start", "endings", "bracketed endings", "double repeat"],
)
def test_repeats_are_played(notes, played):
    assert pitches(notes) == played


def test_ties_join_and_slurs_do_not():
    assert read("C4-|C4 D2|]") == ((C, D), (0, 16), (16, 4))
    assert read("(C4|C4) D2|]")[2] == (8, 8, 4)


@pytest.mark.parametrize(
    "ornamented",
    [
        *("{g}CD", "{/g}C{ab}D", "~CD", "TCHD", "MCPD", ".C.D", "vCuD", "CyD", "`C`D", "C D % E F"),
        *("!trill!C!fermata!D", "+trill+CD", '"Am"C"^slow"D', '"_{not grace}"CD'),
    ],
)
def test_ornaments_leave_the_notes_alone(ornamented):
    assert read(ornamented + "|]") == ((C, D), (0, 2), (2, 2))


def test_a_chord_is_its_highest_note():
    assert read("[CEG]2 [cEG] +CG+ A|]") == ((G, C + 12, G, A), (0, 4, 6, 8), (4, 2, 2, 2))


def test_triplets_and_broken_rhythm():
    assert read("(3CDE F>G A<B|]") == (
        (C, D, E, F, G, A, B),
        (0, 1, 3, 4, 7, 8, 9),  # thirds of a quarter: 0, 4/3, 8/3 sixteenths
        (1, 1, 1, 3, 1, 1, 3),
    )


def test_broken_rhythm_around_a_grace_note():
    assert read("A>{g}B|]") == ((A, B), (0, 3), (3, 1))


def test_a_hornpipe_is_not_swung():
    swung = HEADER.replace("K:C", "R:hornpipe\nK:C")
    assert read("CDEF|]", swung) == read("CDEF|]")


def test_accidentals_hold_to_the_end_of_the_bar():
    assert pitches("^C D C|C|]") == (C + 1, D, C + 1, C)
    assert pitches("^C D\nC|C|]") == (C + 1, D, C + 1, C), "across a line break as well"
    assert pitches("^C D =C C|]") == (C + 1, D, C, C)


def test_keys_and_inline_fields():
    assert pitches("F C|[K:C]F C|]", HEADER.replace("K:C", "K:D major")) == (F + 1, C + 1, F, C)
    assert pitches("B|[K:D minor]B|[r:remark]B|]") == (B, B - 1, B - 1)
    assert read("C[L:1/4]D|]")[2] == (2, 4)


def test_voices_are_tracks_and_the_highest_is_the_melody():
    voices = HEADER + "V:1\nC,D,E,F,|]\nV:2\ncdef|]"
    assert pitches(voices.removeprefix(HEADER)) == tuple(note + 12 for note in (C, D, E, F))
    assert pitches("C D E F & c d e f|]") == tuple(note + 12 for note in (C, D, E, F))


def test_parts_are_played_in_their_order():
    header = HEADER.replace("K:C", "P:ABA\nK:C")
    assert pitches("P:A\nC D|]\nP:B\nE F|]", header) == (C, D, E, F, C, D)


def test_a_line_of_annotations_does_not_end_the_tune():
    assert pitches('"^Slow"\nC D|]') == (C, D)


def test_a_note_before_a_repeat_sign_is_no_field():
    assert pitches("|:C\nD:|\nE|]") == (C, D, C, D, E)


def test_lyrics_and_directives_are_left_out():
    assert pitches("%%MIDI program 3\nC D|\nw:la la\nE|]\nW:words") == (C, D, E)


def test_a_file_of_many_tunes(tmp_path):
    path = tmp_path / "book.abc"
    path.write_text(
        "% a book\nL:1/4\n\nX:1\nT:One\nM:4/4\nK:C\nC D|]\n\nfree text\n\nX:2\nT:Zwei\nK:C\nL:1/8\nE|]\n"
        "X:3\nT:No key\nC D E\n"
    )
    one, two, broken = read_abc(Source(path, "book.abc"))
    assert (one.title, one.number) == ("One", 1)
    assert (two.title, two.number) == ("Zwei", 2)
    assert broken == Rejection("unreadable", "the tune has no K: line", "book.abc#3")
    assert extract_melody(one, ANY_LENGTH, "").durations == (4, 4), "the file's own header sets the unit"
    assert extract_melody(two, ANY_LENGTH, "").durations == (2,)


def test_latin1_titles(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_bytes("X:1\nT:Jägerlied\nK:C\nCDEF|]\n".encode("latin-1"))
    (tune,) = read_abc(Source(path, "tune.abc"))
    assert (tune.title, tune.number) == ("Jägerlied", None)


@pytest.mark.parametrize("content", [b"", b"\0\1\2\xff" * 50, b"just words\n"])
def test_what_is_no_abc_is_refused(tmp_path, content):
    path = tmp_path / "tune.abc"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"empty|no tune"):
        list(read_abc(Source(path, "tune.abc")))


# music21 10.5 does not carry an accidental through its bar, and reads a tie between two pitches otherwise; on
# tunes of plain notes, rests, lengths and bars, without repeats, the two must agree (442 of 442 tunes did).
_PLAIN_BODY = re.compile(r"[A-Ga-g,'0-9/|\s\]z]+\Z")


def plain_tunes(collection: str, limit: int) -> list[str]:
    found = []
    for path in sorted((music21_corpus_dir() / collection).glob("*.abc")):
        for _, text in split_tunes(decode(path.read_bytes())):
            if _PLAIN_BODY.match(text.partition("\nK:")[2].partition("\n")[2]):
                found.append(text)
    return found[:: max(1, len(found) // limit)][:limit]


def test_music21_reads_the_same_notes():
    from music21 import converter

    compared = plain_tunes("essenFolksong", 40) + plain_tunes("airdsAirs", 10)
    assert len(compared) >= 40
    for text in compared:
        ours = extract_melody(read_abc_tune(text), ANY_LENGTH, "")
        theirs = converter.parse(text, format="abc").flatten().stripTies().notes
        assert list(ours.pitches) == [note.pitch.midi for note in theirs], text
        assert list(ours.onsets) == [int(4 * note.offset + 0.5) for note in theirs], text


@pytest.mark.parametrize("collection", ["airdsAirs", "ryansMammoth"])
def test_real_tunes_are_sane(collection):
    folder = music21_corpus_dir() / collection
    lengths = []
    for path in sorted(folder.glob("*.abc"))[:20]:
        for _, text in list(split_tunes(decode(path.read_bytes())))[:10]:
            tune = extract_melody(read_abc_tune(text), Cleaning(max_chord_share=1), "")
            assert not isinstance(tune, Rejection)
            onsets = np.array(tune.onsets)
            assert onsets[0] >= 0
            assert (np.diff(onsets) >= 0).all()
            assert 40 <= min(tune.pitches) <= max(tune.pitches) <= 100
            lengths.append(len(tune))
    assert 30 < np.median(lengths) < 400
