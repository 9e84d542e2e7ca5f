"""MusicXML and **kern: real files, hand-made ones, and bombs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from melgen.corpora.cleaning import Cleaning
from melgen.corpora.extraction import extract_melody
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers import ReadError
from melgen.corpora.readers.score import AS_WRITTEN, read_kern, read_musicxml
from melgen.corpora.sources import Source

ANY_LENGTH = Cleaning(min_length_notes=1, max_chord_share=0.5)
DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 3.1 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def note(name: str, quarters: int = 1, extra: str = "", before: str = "") -> str:
    step, octave = name[:-1], name[-1]
    return (
        f"<note>{before}<pitch><step>{step}</step><octave>{octave}</octave></pitch>"
        f"<duration>{quarters}</duration>{extra}</note>"
    )


def score(*measures: str, attributes: str = "") -> str:
    first = f"<attributes><divisions>1</divisions>{attributes}</attributes>"
    body = "".join(
        f'<measure number="{number}">{first if number == 1 else ""}{content}</measure>'
        for number, content in enumerate(measures, 1)
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{DOCTYPE}<score-partwise version="3.1">'
        "<work><work-title>Hand made</work-title></work><part-list>"
        '<score-part id="P1"><part-name>Flute</part-name></score-part></part-list>'
        f'<part id="P1">{body}</part></score-partwise>'
    )


def repeat(direction: str) -> str:
    side = "left" if direction == "forward" else "right"
    return f'<barline location="{side}"><repeat direction="{direction}"/></barline>'


def ending(number: int, kind: str) -> str:
    side = "left" if kind == "start" else "right"
    inner = '<repeat direction="backward"/>' if (number, kind) == (1, "stop") else ""
    return f'<barline location="{side}"><ending number="{number}" type="{kind}"/>{inner}</barline>'


def read(tmp_path: Path, text: str | bytes, name: str = "tune.xml"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = read_kern if name.endswith(".krn") else read_musicxml
    (tune,) = reader(Source(path, name))
    melody = extract_melody(tune, ANY_LENGTH, name)
    return tune, melody


def test_repeats_ties_grace_notes_and_chords(tmp_path):
    tie = '<tie type="start"/><notations><tied type="start"/></notations>'
    tied = '<tie type="stop"/><notations><tied type="stop"/></notations>'
    grace = "<note><grace/><pitch><step>A</step><octave>5</octave></pitch></note>"
    text = score(
        repeat("forward") + note("C4") + grace + note("D4", 1, tie),
        note("D4", 1, tied) + note("E4") + note("G4", 1, before="<chord/>") + repeat("backward"),
    )
    tune, melody = read(tmp_path, text)
    assert tune.title == "Hand made"
    assert melody.pitches == (60, 62, 67) * 2
    assert melody.onsets == (0, 4, 12, 16, 20, 28)
    assert melody.durations == (4, 8, 4) * 2


def test_endings(tmp_path):
    text = score(
        repeat("forward") + note("C4", 4),
        ending(1, "start") + note("D4", 4) + ending(1, "stop"),
        ending(2, "start") + note("E4", 4) + ending(2, "stop"),
    )
    assert read(tmp_path, text)[1].pitches == (60, 62, 60, 64)


def test_repeats_that_do_not_add_up_are_read_once(tmp_path):
    text = score(
        repeat("forward") + note("C4", 4),
        repeat("forward") + note("D4", 4),
        note("E4", 4) + repeat("backward"),
    )
    tune, melody = read(tmp_path, text)
    if tune.remarks:
        assert tune.remarks == (AS_WRITTEN,)
        assert melody.pitches == (60, 62, 64)


def test_a_passage_is_not_repeated_a_million_times(tmp_path):
    endless = repeat("backward").replace("/></barline>", ' times="99999999"/></barline>')
    with pytest.raises(ReadError, match="a repeat of 99999999 times"):
        read(tmp_path, score(repeat("forward") + note("C4", 4) + endless))


def test_voices_are_tracks(tmp_path):
    upper = "".join(note(name, 1, "<voice>1</voice>") for name in ("C5", "D5", "E5", "F5"))
    lower = "".join(note(name, 1, "<voice>2</voice>") for name in ("C4", "B3", "A3", "G3"))
    text = score(upper + "<backup><duration>4</duration></backup>" + lower)
    tune, melody = read(tmp_path, text)
    assert [len(track.notes) for track in tune.tracks] == [4, 4]
    assert melody.pitches == (72, 74, 76, 77)


def test_transposing_instruments_sound(tmp_path):
    clarinet = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    assert read(tmp_path, score(note("D4", 4), attributes=clarinet))[1].pitches == (60,)


def test_compressed_musicxml(tmp_path):
    assert read(tmp_path, compressed(score(note("C4", 4)).encode()), "tune.mxl")[1].pitches == (60,)


def test_utf16(tmp_path):
    text = score(note("C4", 4)).replace("UTF-8", "UTF-16")
    assert read(tmp_path, text.encode("utf-16"))[1].pitches == (60,)


def compressed(content: bytes, container: bool = True) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if container:
            archive.writestr(
                "META-INF/container.xml",
                '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>',
            )
        archive.writestr("score.xml", content)
    return buffer.getvalue()


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + k)} "{f"&{chr(97 + k)};" * 10}">' for k in range(9))
    + "]><score-partwise>&j;</score-partwise>"
)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (BILLION_LAUGHS, "tune.xml", "declares entities"),
        (BILLION_LAUGHS.encode("utf-16"), "tune.xml", "declares entities"),
        (compressed(b" " * (51 * 2**20)), "tune.mxl", "unpacks to more than 50 MB"),
        (compressed(b"<score-partwise/>")[:60], "tune.mxl", "damaged archive"),
        (compressed(b"x").replace(b"score.xml", b"score.txt"), "tune.mxl", "no score"),
        ("<html></html>", "tune.xml", "not MusicXML"),
        ("nothing", "tune.krn", r"no \*\*kern"),
        (b"", "tune.xml", "empty"),
    ],
    ids=["laughs", "laughs in UTF-16", "zip bomb", "cut archive", "no score", "html", "no kern", "empty"],
)
def test_hostile_and_broken_files_are_refused(tmp_path, content, name, message):
    with pytest.raises(ReadError, match=message):
        read(tmp_path, content, name)


KERN = "**kern\n*clefG2\n*k[]\n*M2/4\n=1!|:\n4c\n8d\n[8e\n=2\n8e]\nqg\n8f\n4g\n=:|!\n2c\n==\n*-\n"


def test_kern_by_hand(tmp_path):
    once = (60, 62, 64, 65, 67)
    tune, melody = read(tmp_path, KERN, "tune.krn")
    assert melody.pitches == (*once, *once, 60)
    assert melody.durations == (4, 2, 4, 2, 4) * 2 + (8,)
    assert tune.remarks == ()


def test_real_files_of_the_corpus():
    corpus = music21_corpus_dir()
    for name, reader in (("bach/bwv66.6.mxl", read_musicxml), ("ciconia/quod_jactatur.xml", read_musicxml)):
        (tune,) = reader(Source(corpus / name, name))
        assert len(extract_melody(tune, Cleaning(), name)) > 30
    (tune,) = read_kern(Source(corpus / "palestrina/Agnus_08.krn", "Agnus"))
    assert len(tune.tracks) >= 4
    assert len(extract_melody(tune, Cleaning(), "Agnus")) > 30


def test_music21s_own_reading_of_a_chorale_is_the_same():
    from music21 import converter

    path = music21_corpus_dir() / "bach/bwv269.mxl"
    soprano = converter.parse(path, forceSource=True).parts[0].expandRepeats().stripTies().flatten().notes
    (tune,) = read_musicxml(Source(path, "bwv269"))
    melody = extract_melody(tune, Cleaning(), "")
    assert list(melody.pitches) == [each.pitch.midi for each in soprano]
    assert list(melody.onsets) == [int(4 * each.offset + 0.5) for each in soprano]
