"""MusicXML and **kern: hand-made files, real files, hostile files, and music21 as an independent reader."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest

from melgen.corpora import FolderCorpus
from melgen.corpora.cleaning import Cleaning
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers.playing_order import AS_WRITTEN
from melgen.corpora.readers.score import read_kern, read_musicxml
from melgen.corpora.sources import Source
from melgen.errors import ReadError
from melgen.music.metre import Metre
from tests.builders import melody_of

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


FOUR_FOUR = "<time><beats>4</beats><beat-type>4</beat-type></time>"


def words(text: str, sound: str = "") -> str:
    return f"<direction><direction-type><words>{text}</words></direction-type>{sound}</direction>"


def sign(name: str) -> str:
    return f"<direction><direction-type><{name}/></direction-type></direction>"


def sound(**attributes: str) -> str:
    return "<sound " + " ".join(f'{name}="{value}"' for name, value in attributes.items()) + "/>"


def bar(letter: str) -> str:
    """One whole note."""
    return note(f"{letter}4", 4)


def read(tmp_path: Path, text: str | bytes, name: str = "tune.xml"):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = read_kern if name.endswith(".krn") else read_musicxml
    (tune,) = reader(Source(path, name))
    melody = melody_of(tune, ANY_LENGTH, name)
    return tune, melody


def letters(melody) -> str:
    """The notes of a melody without accidentals between C4 and B4."""
    return "".join("C.D.EF.G.A.B"[pitch - 60] for pitch in melody.pitches)


def sixteenths(melody) -> list[float]:
    return [onset / 6 for onset in melody.onsets]


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
    assert melody.onsets == (0, 24, 72, 96, 120, 168)
    assert melody.durations == (24, 48, 24) * 2


TIE_START, TIE_STOP, TIE_ON = (
    "".join(f'<tie type="{kind}"/>' for kind in kinds.split()) for kinds in ("start", "stop", "stop start")
)


def placed(name: str, quarters: int, voice: int, staff: int, tie: str = "") -> str:
    return note(name, quarters, f"{tie}<voice>{voice}</voice><staff>{staff}</staff>")


def backup(quarters: int) -> str:
    return f"<backup><duration>{quarters}</duration></backup>"


def forward(quarters: int) -> str:
    return f"<forward><duration>{quarters}</duration></forward>"


def lines(tune) -> list[list[tuple[float, float, int]]]:
    """Onset and duration in quarters, and pitch, of each track with notes."""
    return [
        [(onset / 10080, length / 10080, pitch) for onset, length, pitch in track.notes.tolist()]
        for track in tune.tracks
        if len(track.notes)
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [((1, 1), (2, 2)), ((1, 1), (2, 1)), ((2, 1), (1, 1)), ((5, 2), (1, 1))],
    ids=["down a staff", "to the next voice", "to the voice before", "up a staff"],
)
def test_a_tie_leads_to_another_voice_or_staff(tmp_path, first, second):
    text = score(
        placed("C4", 1, *first) + placed("D4", 1, *first, TIE_START) + backup(2) + placed("E4", 2, *second),
        forward(1)
        + placed("F4", 1, *first)
        + backup(2)
        + placed("D4", 1, *second, TIE_STOP)
        + placed("G4", 1, *second),
    )
    in_first, in_second = sorted(lines(read(tmp_path, text)[0]), key=lambda line: line[0][2])
    assert in_first == [(0, 1, 60), (1, 2, 62), (3, 1, 65)]
    assert in_second == [(0, 2, 64), (3, 1, 67)]


def test_a_tie_to_another_staff_and_back(tmp_path):
    text = score(
        placed("D4", 1, 1, 1, TIE_START) + backup(1) + placed("C3", 1, 2, 2),
        forward(1) + backup(1) + placed("D4", 1, 2, 2, TIE_ON),
        placed("D4", 1, 1, 1, TIE_STOP) + backup(1) + placed("C3", 1, 2, 2),
        repeat("backward"),
    )
    assert lines(read(tmp_path, text)[0]) == [
        [(0, 3, 62), (3, 3, 62)],
        [(0, 1, 48), (2, 1, 48), (3, 1, 48), (5, 1, 48)],
    ]


def test_a_tie_to_another_voice_does_not_stop_the_melody(tmp_path):
    """The tied note ends where its own voice goes on; the other voice does not play it again."""
    text = score(
        placed("D4", 1, 1, 1, TIE_START) + backup(1) + placed("C3", 1, 2, 1),
        placed("E4", 1, 1, 1) + backup(1) + placed("D4", 1, 2, 1, TIE_STOP),
    )
    assert lines(read(tmp_path, text)[0]) == [[(0, 1, 62), (1, 1, 64)], [(0, 1, 48)]]


def test_a_tie_joins_no_other_pitch_or_part_and_nothing_without_both_ends(tmp_path):
    for start, stop, pitch in ((TIE_START, "", "D4"), ("", TIE_STOP, "D4"), (TIE_START, TIE_STOP, "F4")):
        text = score(
            placed("D4", 1, 1, 1, start) + backup(1) + placed("C3", 1, 2, 2),
            forward(1) + backup(1) + placed(pitch, 1, 2, 2, stop),
        )
        assert [len(line) for line in lines(read(tmp_path, text)[0])] == [1, 2]
    one, other = (score(bar("D").replace("</note>", tie + "</note>")) for tie in (TIE_START, TIE_STOP))
    part = re.search(r'<part id="P1">.*</part>', other)[0].replace("P1", "P2")
    two_parts = one.replace("</score-partwise>", f"{part}</score-partwise>")
    assert [len(line) for line in lines(read(tmp_path, two_parts)[0])] == [1, 1]


def test_ties_between_the_subspines_and_staves_of_kern(tmp_path):
    # The tie leads from the second subspine, which goes on with B, to the first.
    tied = "**kern\n*M2/4\n*^\n4e\t[4c\n=2\t=2\n4c]\t4B\n4g\t4A\n*v\t*v\n*-\n"
    assert lines(read(tmp_path, tied, "tune.krn")[0]) == [
        [(0, 1, 64), (2, 1, 67)],
        [(0, 1, 60), (1, 1, 59), (2, 1, 57)],
    ]
    staves = "**kern\t**kern\n{0}\t{1}\n4E\t4c\n4F\t[4c\n4c]\t4r\n4C\t4e\n*-\t*-\n"
    of_one_part = [[(0, 1, 52), (1, 1, 53), (3, 1, 48)], [(0, 1, 60), (1, 2, 60), (3, 1, 64)]]
    assert lines(read(tmp_path, staves.format("*part1", "*part1"), "tune.krn")[0]) == of_one_part
    assert [len(line) for line in lines(read(tmp_path, staves.format("*part2", "*part1"), "tune.krn")[0])] == [4, 3]
    assert [len(line) for line in lines(read(tmp_path, staves.format("*", "*"), "tune.krn")[0])] == [4, 3]


def test_endings(tmp_path):
    text = score(
        repeat("forward") + note("C4", 4),
        ending(1, "start") + note("D4", 4) + ending(1, "stop"),
        ending(2, "start") + note("E4", 4) + ending(2, "stop"),
    )
    assert read(tmp_path, text)[1].pitches == (60, 62, 60, 64)


def test_repeats_that_do_not_add_up_are_counted(tmp_path):
    text = score(
        repeat("forward") + note("C4", 4),
        repeat("forward") + note("D4", 4),
        note("E4", 4) + repeat("backward"),
    )
    tune, melody = read(tmp_path, text)
    assert tune.remarks == (AS_WRITTEN,)
    assert melody.pitches == (60, 62, 64, 62, 64)


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


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        # endings and D.C. al Fine: after the jump the last ending alone
        (
            [
                repeat("forward") + bar("C"),
                ending(1, "start") + bar("D") + ending(1, "stop"),
                ending(2, "start") + bar("E") + words("Fine", sound(fine="yes")) + ending(2, "stop"),
                bar("F") + words("D.C. al Fine", sound(dacapo="yes")),
            ],
            "CDCEFCE",
        ),
        # segno and coda with endings
        (
            [
                bar("C"),
                sign("segno") + repeat("forward") + bar("D"),
                ending(1, "start") + bar("E") + ending(1, "stop"),
                ending(2, "start") + bar("F") + ending(2, "stop") + words("To Coda"),
                bar("G") + words("D.S. al Coda"),
                sign("coda") + bar("A"),
            ],
            "CDEDFGDFA",
        ),
        # from <sound> alone
        (
            [
                bar("C"),
                f"<direction>{sound(segno='1')}</direction>" + bar("D"),
                bar("E") + sound(tocoda="c"),
                bar("F") + sound(dalsegno="1"),
                sound(coda="c") + bar("G"),
            ],
            "CDEFDEG",
        ),
        ([bar("C") + words("fine"), bar("D") + words("Da Capo")], "CDC"),
        ([bar("C") + words("FINE"), bar("D") + words("D. C. al fine")], "CDC"),
        ([bar("C") + words("Fine"), bar("D") + words("Menuetto da capo senza Ritornello.")], "CDC"),
        ([bar("C"), sign("segno") + bar("D") + words("Fine"), bar("E") + words("Dal Segno al Fine")], "CDED"),
        ([bar("C") + words("To Coda"), bar("D") + words("D.C. alla Coda"), words("Coda") + bar("E")], "CDCE"),
        ([bar("C") + words("To ⊕"), bar("D") + words("D.C. al 𝄌"), sign("coda") + bar("E")], "CDCE"),
        ([sign("coda") + bar("C"), bar("D") + words("D.S."), bar("E")], "CDE"),
        ([bar("C"), words("D/C") + bar("D")], "CD"),
        ([bar("C"), words("D.C. Thompson") + bar("D"), words("Dolce, sempre") + bar("E")], "CDE"),
        # the second repeat is not closed
        ([repeat("forward") + bar("C") + repeat("backward"), repeat("forward") + bar("D"), bar("E")], "CCDE"),
        # an end without a start goes back to the end of the repeat before
        ([bar("C") + repeat("backward"), bar("D") + repeat("backward"), bar("E")], "CCDDE"),
        ([repeat("forward") + bar("C") + repeat("backward").replace("/><", ' times="3"/><'), bar("D")], "CCCD"),
        # one ending for two passes, bracket left open
        (
            [
                repeat("forward") + bar("C"),
                ending(1, "start").replace('number="1"', 'number="1, 2"')
                + bar("D")
                + ending(1, "stop").replace('number="1"', 'number="1, 2"'),
                ending(3, "start") + bar("E") + ending(3, "stop").replace('"stop"', '"discontinue"'),
                bar("F"),
            ],
            "CDCDCEF",
        ),
        # a repeat inside a measure
        (
            [
                note("C4", 2) + '<barline location="middle"><repeat direction="backward"/></barline>' + note("D4", 2),
                bar("E"),
            ],
            "CCDE",
        ),
        # a start of repeat on the right bar line of the previous measure, an end on the left one of the next
        (
            [
                bar("C") + '<barline location="right"><repeat direction="forward"/></barline>',
                bar("D"),
                '<barline location="left"><repeat direction="backward"/></barline>' + bar("E"),
            ],
            "CDDE",
        ),
        # segno and coda on bar lines: before the bar, after it, inside it
        (
            [
                bar("C"),
                '<barline location="left"><segno/></barline>' + bar("D"),
                bar("E") + words("To Coda"),
                bar("F") + words("D.S. al Coda") + '<barline location="right" coda="1"><coda/></barline>',
                bar("G"),
            ],
            "CDEFDEG",
        ),
        (
            [
                note("C4", 2) + '<barline location="middle" segno="1"/>' + note("D4", 2),
                bar("E") + words("D.S.", sound(dalsegno="1")),
            ],
            "CDEDE",
        ),
        # D.S. to the one of two segni that it names
        (
            [
                bar("C"),
                sound(segno="one") + bar("D"),
                '<barline location="left" segno="two"><segno/></barline>' + bar("E"),
                bar("F") + sound(dalsegno="one"),
            ],
            "CDEFDEF",
        ),
        # the coda sign of "To Coda", at the end of its bar
        (
            [
                bar("C"),
                bar("D") + words("To Coda") + sign("coda"),
                bar("E") + words("D.C. al Coda"),
                sign("coda") + bar("F"),
            ],
            "CDECDF",
        ),
    ],
)
def test_the_order_of_playing(tmp_path, bars, expected):
    assert letters(read(tmp_path, score(*bars, attributes=FOUR_FOUR))[1]) == expected


def test_an_unclosed_second_repeat_is_counted(tmp_path):
    tune, melody = read(
        tmp_path,
        score(repeat("forward") + bar("C"), bar("D") + repeat("backward"), repeat("forward") + bar("E"), bar("F")),
    )
    assert letters(melody) == "CDCDEF"
    assert tune.remarks == (AS_WRITTEN,)


def test_ties_join_equal_pitches_only(tmp_path):
    start, stop = "<tie type='start'/>", "<tie type='stop'/>"
    text = score(
        repeat("forward") + note("C4", 3) + note("G4", 1, start),
        ending(1, "start") + note("G4", 1, stop) + note("D4", 3) + ending(1, "stop"),
        ending(2, "start") + note("G4", 1, stop) + note("E4", 2) + note("B4", 1, start) + ending(2, "stop"),
        note("A4", 4, stop),
    )
    melody = read(tmp_path, text)[1]
    assert letters(melody) == "CGDCGEBA"
    assert melody.durations == (72, 48, 72, 72, 48, 48, 24, 96)


def test_a_tie_of_notations_alone_counts(tmp_path):
    tied = "<notations><tied type='{}'/></notations>".format
    text = score(note("C4", 4, tied("start")), note("C4", 4, tied("stop")))
    assert read(tmp_path, text)[1].durations == (192,)


@pytest.mark.parametrize(
    ("alter", "pitch"),
    [("-0.5", 71), ("0.5", 72), ("-1.5", 70), ("1.5", 73), ("-0.22", 71), ("-0.78", 70), ("1", 72), ("-2", 69)],
)
def test_quarter_tones_are_rounded_to_the_nearest_semitone_halves_up(tmp_path, alter, pitch):
    text = score(note("B4", 4).replace("</step>", f"</step><alter>{alter}</alter>"))
    assert read(tmp_path, text)[1].pitches == (pitch,)


@pytest.mark.parametrize(
    "accidental", ["slash-flat", "quarter-flat", "three-quarters-sharp", "slash-quarter-sharp", "koron", "sori", "?"]
)
def test_keys_of_any_accidentals_are_read(tmp_path, accidental):
    key = f"<key><key-step>B</key-step><key-alter>-0.5</key-alter><key-accidental>{accidental}</key-accidental></key>"
    assert letters(read(tmp_path, score(note("C4") + note("D4"), attributes=key))[1]) == "CD"


def test_cue_notes_are_silent_and_take_their_time(tmp_path):
    cue = note("G5", 2).replace("<note>", "<note><cue/>")
    small = note("A5", 1, '<voice>1</voice><type size="cue">quarter</type>')
    melody = read(tmp_path, score(note("C4") + cue + note("D4"), small + note("E4", 3)))[1]
    assert letters(melody) == "CDE"
    assert sixteenths(melody) == [0, 12, 20]


def test_a_cue_voice_does_not_move_the_notes_of_the_others(tmp_path):
    cue = note("G5", 4, "<voice>1</voice>").replace("<note>", "<note><cue/>")
    sung = [note(name, 4, "<voice>2</voice>") for name in ("C4", "D4", "E4")]
    text = score(sung[0], cue + "<backup><duration>4</duration></backup>" + sung[1], sung[2])
    tune, melody = read(tmp_path, text)
    assert (len(tune.tracks), letters(melody)) == (1, "CDE")


@pytest.mark.slow
def test_remarks_count_the_tunes_that_are_kept(tmp_path):
    unclosed = [repeat("forward") + bar("C"), bar("D")]
    (tmp_path / "short.xml").write_text(score(*unclosed))
    (tmp_path / "long.xml").write_text(score(*unclosed, *map(bar, "CDEFGABCDEFG")))
    report = FolderCorpus(tmp_path).load(Cleaning(), workers=1, progress=False).report
    assert [remark for remark in report.remarks if remark.startswith(AS_WRITTEN)] == [f"{AS_WRITTEN}: 1 tune"]


def test_a_measure_is_as_long_as_its_forward_and_its_longest_staff(tmp_path):
    forward = note("C4") + note("D4") + "<forward><duration>2</duration></forward>"
    assert sixteenths(read(tmp_path, score(forward, note("E4", 4)))[1]) == [0, 4, 16]
    staff = "<voice>{0}</voice><staff>{0}</staff>".format
    measure = [
        note("C5", 2, staff(1)) + "<backup><duration>2</duration></backup>" + note("C3", 4, staff(2)),
        note("D5", 4, staff(1)) + "<backup><duration>4</duration></backup>" + note("C3", 4, staff(2)),
    ]
    text = score(repeat("forward") + measure[0], measure[1] + repeat("backward"), attributes="<staves>2</staves>")
    tune = read(tmp_path, text)[0]
    assert [(track.notes[:, 0] // 10080).tolist() for track in tune.tracks] == [[0, 4, 8, 12], [0, 4, 8, 12]]


def test_a_measure_in_which_one_part_is_too_long_keeps_its_metre(tmp_path):
    text = score(note("C4", 4), note("D4", 4), attributes=FOUR_FOUR)
    second = '<part id="P2"><measure number="1"><attributes><divisions>1</divisions></attributes>{}</measure></part>'
    text = text.replace("</score-partwise>", second.format(note("G3", 4) + note("G3", 1)) + "</score-partwise>")
    assert sixteenths(read(tmp_path, text)[1]) == [0, 16]


def timewise(text: str) -> str:
    """The timewise form of a score of one part."""
    text = text.replace("score-partwise", "score-timewise")
    parts = re.findall(r"(<measure [^>]*>)(.*?)</measure>", text)
    body = "".join(f'{head}<part id="P1">{content}</part></measure>' for head, content in parts)
    return re.sub(r'<part id="P1">.*</part>', lambda _: body, text)


def test_a_timewise_score_is_read_as_a_partwise_one(tmp_path):
    text = score(repeat("forward") + bar("C"), bar("D") + repeat("backward"), bar("E"), attributes=FOUR_FOUR)
    partwise, turned = read(tmp_path, text), read(tmp_path, timewise(text))
    assert turned[1] == partwise[1]
    assert turned[0].tracks[0].name == "Flute"
    assert turned[0].metres == partwise[0].metres


def test_a_direction_inside_a_chord(tmp_path):
    text = score(note("C4") + words("cresc.") + note("E4", 1, before="<chord/>") + note("D4"))
    melody = read(tmp_path, text)[1]
    assert letters(melody) == "ED"
    assert sixteenths(melody) == [0, 4]


def test_without_divisions_the_types_of_the_notes_give_their_durations(tmp_path):
    text = score(note("C4", 480, "<type>quarter</type>") + note("D4", 960, "<type>half</type>") + note("E4", 480))
    text = text.replace("<divisions>1</divisions>", "")
    assert sixteenths(read(tmp_path, text)[1]) == [0, 4, 12]
    without_types = score(note("C4") + note("D4", 2) + note("E4")).replace("<divisions>1</divisions>", "")
    assert sixteenths(read(tmp_path, without_types)[1]) == [0, 4, 12]


def test_notes_without_voices_after_a_backup_are_another_voice(tmp_path):
    upper = "".join(note(name) for name in ("C5", "D5", "E5", "F5"))
    text = score(upper + "<backup><duration>4</duration></backup>" + note("C4", 4))
    assert [len(track.notes) for track in read(tmp_path, text)[0].tracks] == [4, 1]


def test_metre_pickup_and_bars(tmp_path):
    six_eight = "<attributes><time><beats>6</beats><beat-type>8</beat-type></time></attributes>"
    tune, _ = read(
        tmp_path,
        score(
            note("G4", 1),
            repeat("forward") + bar("C"),
            bar("D") + repeat("backward"),
            six_eight + note("E4", 3),
            attributes=FOUR_FOUR,
        ),
    )
    quarters = [start / tune.ticks_per_quarter for start in tune.bars]
    assert quarters == [0, 1, 5, 9, 13, 17]
    assert tune.pickup == tune.ticks_per_quarter
    assert [(start // 10080, metre) for start, metre in tune.metres] == [(0, Metre(4, 4)), (17, Metre(6, 8))]
    assert read(tmp_path, score(bar("C"), bar("D"), attributes=FOUR_FOUR))[0].pickup == 0
    free, _ = read(tmp_path, score(bar("C"), attributes="<time><senza-misura/></time>"))
    assert (free.metres, free.pickup, len(free.bars)) == ((), None, 1)
    added, _ = read(tmp_path, score(bar("C"), attributes="<time><beats>3+2</beats><beat-type>8</beat-type></time>"))
    assert added.metres == ((0, Metre(5, 8)),)


def bars_in_quarters(tune) -> list[float]:
    return [start / tune.ticks_per_quarter for start in tune.bars]


def test_halves_of_a_bar_that_a_repeat_divides_are_one(tmp_path):
    # G | C D E | F :| G | C D E | F   of 3/4: the pickup completes the bar before it
    three_four = FOUR_FOUR.replace("<beats>4", "<beats>3")
    tune, _ = read(
        tmp_path,
        score(
            note("G4"),
            note("C4", 3),
            note("F4", 2) + repeat("backward"),
            note("A4"),
            note("B4", 3),
            attributes=three_four,
        ),
    )
    kern = "**kern\n*M3/4\n4g\n=1\n2.c\n=2\n2f\n=:|!\n4a\n=3\n2.b\n*-\n"
    for each in (tune, read(tmp_path, kern, "tune.krn")[0]):
        assert bars_in_quarters(each) == [0, 1, 4, 7, 10, 13]
        assert each.pickup == each.ticks_per_quarter
    # a short bar without such a sign is a bar
    short, _ = read(tmp_path, score(bar("C"), note("D4", 2), note("E4", 2), bar("F"), attributes=FOUR_FOUR))
    assert bars_in_quarters(short) == [0, 4, 6, 8]


def test_an_unnumbered_measure_is_the_rest_of_the_one_before(tmp_path):
    text = score(bar("C"), note("D4", 2), note("E4", 2), bar("F"), attributes=FOUR_FOUR)
    tune, _ = read(tmp_path, text.replace('number="3"', 'number="X1" implicit="yes"'))
    assert (bars_in_quarters(tune), tune.pickup) == ([0, 4, 8], 0)


def test_a_mark_inside_the_first_measure_makes_no_pickup(tmp_path):
    segno = '<barline location="middle"><segno/></barline>'
    tune, _ = read(tmp_path, score(note("C4", 2) + segno + note("D4", 2), bar("E"), attributes=FOUR_FOUR))
    assert (bars_in_quarters(tune), tune.pickup) == ([0, 4], 0)


def test_percussion_alone_is_drums(tmp_path):
    unpitched = "<note><unpitched/><duration>1</duration></note>"
    tune, rejection = read(tmp_path, score(unpitched * 4))
    assert [track.is_drum for track in tune.tracks] == [True]
    assert rejection.reason == "drums only"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<score-partwise/>", "no <part>"),
        ("<score-timewise/>", "no <part>"),
        ("<score-partwise><part>", "not well-formed XML"),
        ("<opus><score-partwise/></opus>", "its root is <opus>"),
        (score(note("C4").replace("<duration>1", "<duration>x")), "<duration>x</duration>: must be a number"),
        (score(note("C4").replace("<octave>4", "<octave>")), "<octave></octave>: must be a number"),
        (score(note("H4")), "<step>H</step>: must be a letter from A to G"),
    ],
)
def test_the_error_names_what_is_wrong_with_a_file(tmp_path, text, message):
    with pytest.raises(ReadError, match=re.escape(message)):
        read(tmp_path, text)


def test_a_declared_encoding_counts(tmp_path):
    text = score(bar("C")).replace("Hand made", "荒城の月").replace("UTF-8", "Shift_JIS")
    assert read(tmp_path, text.encode("shift_jis"))[0].title == "荒城の月"


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
    assert melody.durations == (24, 12, 24, 12, 24) * 2 + (48,)
    assert tune.remarks == ()


EXPANSIONS = "**kern\n*M1/4\n{}\n*>A\n=1\n4c\n*>A1\n=2\n4d\n=:|!\n*>A2\n=3\n4e\n*>B\n==\n4f\n*-\n"


@pytest.mark.parametrize(
    ("line", "expected", "remarks"),
    [
        ("*>[A,A1,A,A2,B]", "CDCEF", ()),
        ("*>[A,A1,A,A2,B,A,A2]", "CDCEFCE", ()),  # a da capo that only the list states
        ("*>norep[A,A2,B]\n*>[A,A1,A,A2,B]", "CDCEF", ()),
        ("*>[A,A1,B]", "CDF", ()),
        ("*>norep[A,A2,B]", "CDCEF", ()),  # no order of playing: the bar lines, with A1 and A2 as endings
        ("*", "CDCEF", ()),
        ("*>[A,X]", "CDCDEF", (AS_WRITTEN,)),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_expansion_list_of_kern_is_the_order_of_playing(tmp_path, line, expected, remarks, line_end):
    text = EXPANSIONS.format(line).replace("\n", line_end)
    tune, melody = read(tmp_path, text, "tune.krn")
    assert (letters(melody), tune.remarks) == (expected, remarks)


@pytest.mark.parametrize(
    ("barlines", "expected"),
    [
        (("=1!|:", "=2", "=:|!", "=="), "CDCDE"),
        (("=1-", "=2", "=:|!|:", "=:|!"), "CDCDEE"),
        (("=1-", "=:|!", "=:|!", "=="), "CCDDE"),
        (("=1", "=||", "=:||", "=="), "CDDE"),
        (("=1", "=:!!:", "=3:|!", "=="), "CCDDE"),
    ],
)
def test_repeats_at_the_bar_lines_of_kern(tmp_path, barlines, expected):
    lines = [line for pair in zip(barlines, ["4c", "4d", "4e", "*-"], strict=True) for line in pair]
    assert letters(read(tmp_path, "\n".join(["**kern", *lines, ""]), "tune.krn")[1]) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("4c =1 !LO:TX:t=Fine 4d =2 4e =3 !LO:TX:t=D.C. 4f ==", "CDEFCD"),
        ("4c =1 4d !LO:TX:a:t=Fine =2 4e =3 4f !LO:TX:b:t=D.C._al_Fine ==", "CDEFCD"),  # before the bar line
        ("4c =1 4d !LO:TX:t=Fine: =2 4e =3 4f == !!LO:TX:t=Da_capo", "CDEFCD"),  # of the whole score
        ("8c 8d !LO:TX:t=Fine =1 8e !LO:TX:t=D.C. 8f ==", "CDEFCD"),  # in the middle of a bar
        ("4c =1 !LO:TX:t=[segno] 4d =2 !LO:TX:t=Fine 4e =3 4f !LO:TX:t=D.S. ==", "CDEFDE"),
        ("4c !LO:TX:t=segno =1 4d =2 !LO:TX:t=Fine 4e =3 4f !LO:TX:t=D.S. ==", "CDEFDE"),
        ("4c =1 4d !LO:TX:t=To_Coda =2 4e =3 4f !LO:TX:t=D.C._al_Coda =4 !LO:TX:t=Coda 4g ==", "CDEFCDG"),
        ("=1!|: 4c =:|! 4d =2 !LO:TX:t=Fine 4e =3 !LO:TX:t=D.C. 4f ==", "CCDEFCDE"),  # without repeats after it
        ("4c =1 4d !LO:TX:Z=9:t=poco&colon;_D/C =2 4e !LO:TX:t=dolce ==", "CDE"),
        ("*>[A,B] *>A 4c =1 4d *>B =2 4e !LO:TX:t=D.C. ==", "CDE"),  # the expansion list decides
    ],
)
def test_jumps_in_the_layout_of_kern(tmp_path, lines, expected):
    text = "**kern " + lines + " *-\n"
    assert letters(read(tmp_path, text.replace(" ", "\n").replace("_", " "), "tune.krn")[1]) == expected


def test_a_jump_in_the_layout_of_kern_may_be_in_any_spine(tmp_path):
    lines = ["**kern\t**kern", "4C\t4c", "!\t!LO:TX:t=Fine", "=1\t=1", "4D\t4d", "!LO:TX:t=D.C.\t!", "==\t==", "*-\t*-"]
    assert letters(read(tmp_path, "\n".join([*lines, ""]), "tune.krn")[1]) == "CDC"


def test_sections_and_metres_of_kern_in_one_spine_alone(tmp_path):
    text = "**kern\t**kern\n*\t*M2/4\n*\t*>[A,A,B]\n*\t*>A\n2C\t2c\n=2\t=2\n*\t*>B\n2D\t2d\n*-\t*-\n"
    tune, melody = read(tmp_path, text, "tune.krn")
    assert (letters(melody), melody.metre, tune.remarks) == ("CCD", Metre(2, 4), ())


def test_percussion_in_kern_is_not_a_melody(tmp_path):
    text = "**kern\t**kern\n*clefX\t*clefF4\n4cc\t4c\n4cc 4dd\t4d\n*-\t*-\n"
    tune, melody = read(tmp_path, text, "tune.krn")
    assert letters(melody) == "CD"
    assert [track.is_drum for track in tune.tracks] == [False, True]


def test_a_start_of_repeat_that_is_not_drawn(tmp_path):
    implied = '<sound forward-repeat="yes"/>'
    assert letters(read(tmp_path, score(bar("C"), implied + bar("D"), bar("E") + repeat("backward")))[1]) == "CDEDE"
    assert letters(read(tmp_path, score(bar("C") + implied, bar("D"), bar("E") + repeat("backward")))[1]) == "CDEDE"


def test_names_in_kern_choose_the_melody(tmp_path):
    for name, other in (('*I"Voice', '*I"Flute'), ("*I'voice", "*I'fl"), ("*Ivox", "*Iflt")):
        text = f"**kern\t**text\t**kern\n{name}\t*\t{other}\n4c\tla\t4gg\n4d\tla\t4aa\n*-\t*-\t*-\n"
        assert letters(read(tmp_path, text, "tune.krn")[1]) == "CD"


def test_spines_that_split_join_exchange_and_begin(tmp_path):
    text = (
        "**kern\t**dynam\n4c\tf\n*^\t*\n4d\t8D\t.\n.\t8E\t.\n*v\t*v\t*\n.\tp\n4e\t.\n"
        "*x\t*x\np\t4f\n*+\t*\n*\t**kern\t*\np\t4C\t4g\n*-\t*-\t*-\n"
    )
    tune, _ = read(tmp_path, text, "tune.krn")
    tracks = [[(onset // 2520, pitch) for onset, _, pitch in track.notes.tolist()] for track in tune.tracks]
    assert tracks == [[(0, 60), (4, 62), (8, 64), (12, 65), (16, 67)], [(4, 50), (6, 52)], [(16, 48)]]


def test_rhythms_chords_cues_and_titles_of_kern(tmp_path):
    text = (
        "!!!OTL@@DE: G&ouml;ttlich\n**kern\n*M4/2\n4.c\n8d 8f\n*cue\n2g\n*Xcue\n3%2a\n[0b\n=\n0b]\n8rg\nqqcc\n8c\n*-\n"
    )
    tune, melody = read(tmp_path, text, "tune.krn")
    assert (tune.title, letters(melody)) == ("Göttlich", "CFABC")
    assert melody.onsets == (0, 36, 96, 160, 556)
    assert melody.durations == (36, 12, 64, 384, 12)


def test_every_tune_of_a_kern_file_is_read(tmp_path):
    path = tmp_path / "two.krn"
    path.write_text("**kern\n4c\n*-\n!!!OTL: Second\n**kern\n4d\n*-\n")
    first, second = read_kern(Source(path, path.name))
    assert (first.number, second.number, second.title) == (1, 2, "Second")


def test_a_piece_of_kern_begins_or_becomes_kern(tmp_path):
    """The words of a song may come first, as a piece of their own."""
    path = tmp_path / "words.krn"
    path.write_text("**text\nla\n*-\n**kern\n4c\n*-\n**text\n**kern\n4d\n*-\n")
    first, second = read_kern(Source(path, path.name))
    assert (first.number, second.number) == (2, 3)
    assert [track.notes[:, 2].tolist() for tune in (first, second) for track in tune.tracks] == [[60], [62]]


def test_damaged_kern_is_refused_with_its_line(tmp_path):
    with pytest.raises(ReadError, match="line 2: 2 tokens for 1 spines"):
        read(tmp_path, "**kern\n4c\t4d\n*-\n", "tune.krn")


def test_real_files_of_the_corpus():
    corpus = music21_corpus_dir()
    for name, reader in (("bach/bwv66.6.mxl", read_musicxml), ("ciconia/quod_jactatur.xml", read_musicxml)):
        (tune,) = reader(Source(corpus / name, name))
        assert len(melody_of(tune, Cleaning(), name)) > 30
    (tune,) = read_kern(Source(corpus / "palestrina/Agnus_08.krn", "Agnus"))
    assert len(tune.tracks) >= 4
    assert len(melody_of(tune, Cleaning(), "Agnus")) > 30


def test_music21s_own_reading_of_a_chorale_is_the_same():
    from music21 import converter

    path = music21_corpus_dir() / "bach/bwv269.mxl"
    soprano = converter.parse(path, forceSource=True).parts[0].expandRepeats().stripTies().flatten().notes
    (tune,) = read_musicxml(Source(path, "bwv269"))
    melody = melody_of(tune, Cleaning())
    assert list(melody.pitches) == [each.pitch.midi for each in soprano]
    assert list(melody.onsets) == [int(24 * each.offset + 0.5) for each in soprano]


NOT_REPEATED = [
    "bach/bwv36.8-2.mxl",
    "bach/bwv102.7.mxl",
    "bach/bwv245.17.mxl",
    "bach/bwv387.mxl",
    "theoryExercises/TriadExercise.mxl",
    "palestrina/Kyrie_02.krn",
    "palestrina/Sanctus_42.krn",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_REPEATED)
def test_music21_reads_the_same_notes(name):
    from music21 import converter

    path = music21_corpus_dir() / name
    reader = read_kern if name.endswith(".krn") else read_musicxml
    (tune,) = reader(Source(path, name))
    ours = sorted((onset, duration, pitch) for track in tune.tracks for onset, duration, pitch in track.notes.tolist())
    theirs = []
    for part in converter.parse(path, forceSource=True).toSoundingPitch().parts:
        for each in part.stripTies().flatten().notes:
            if not each.duration.isGrace and hasattr(each, "pitches") and each.pitches:
                values = each.offset, each.quarterLength, max(pitch.midi for pitch in each.pitches)
                theirs.append((round(values[0] * 10080), round(values[1] * 10080), values[2]))
    assert ours == sorted(theirs)
