"""The key of a tune: each way to state it, its changes, and other readings of real tunes."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora import Cleaning, FolkCorpus
from melgen.corpora.folder import read_file
from melgen.corpora.folk import music21_corpus_dir
from melgen.corpora.readers import decode
from melgen.corpora.readers.abc import split_tunes
from melgen.corpora.readers.abc.fields import LETTERS, parse_key
from melgen.corpora.readers.abc.short import melody_of_abc
from melgen.corpora.readers.kern import kern_tunes
from melgen.corpora.sources import Source
from melgen.data.corpus_hashes import content_hash
from melgen.music import Control, Factored, Melodies
from melgen.music.encoding import Encoding
from melgen.music.key import Key
from melgen.music.midi import write_midi as write_our_midi
from tests.builders import melody_of
from tests.corpora.midi_files import scale, write_midi

ANY_LENGTH = Cleaning(min_length_notes=1, max_chord_share=1)
PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MAJOR = (0, 2, 4, 5, 7, 9, 11)
DEGREES = {"ionian": 0, "dorian": 1, "phrygian": 2, "lydian": 3, "mixolydian": 4, "aeolian": 5, "locrian": 6}
"""Each mode as the major scale from this degree."""


def read(folder, text, name="tune.abc"):
    path = folder / name
    path.write_text(text)
    return melody_of(next(read_file(Source(path, name))), ANY_LENGTH)


def abc(folder, key, notes="CDEF"):
    return read(folder, f"X:1\nM:4/4\nL:1/4\nK:{key}\n{notes}|]\n")


def name_of(melody):
    return None if melody.key is None else melody.key.name


# ABC


@given(
    st.sampled_from(LETTERS),
    st.sampled_from(["", "#", "b"]),
    st.sampled_from(["", " "]),
    st.sampled_from(["", "m", "maj", "minor", *DEGREES, *(name[:3] for name in DEGREES)]),
    st.sampled_from([str, str.upper, str.capitalize]),
    st.sampled_from(["", " clef=treble", " ^c"]),
)
def test_any_key_of_abc(letter, sign, space, mode, written, rest):
    key = parse_key(letter + sign + space + (mode if mode == "m" else written(mode)) + rest)
    kind = {"": "major", "m": "minor", "maj": "major"}.get(mode, mode)
    kind = next((name for name in DEGREES if name[:3] == kind), kind)
    tonic = (PITCH_CLASSES[letter] + {"": 0, "#": 1, "b": -1}[sign]) % 12
    assert (key.stated.pitch_class, key.stated.mode) == (tonic, kind)
    if "^" not in rest:  # the scale from the tonic, computed from the steps of the major scale
        degree = DEGREES[{"major": "ionian", "minor": "aeolian"}.get(kind, kind)]
        expected = {(tonic + MAJOR[(degree + step) % 7] - MAJOR[degree]) % 12 for step in range(7)}
        letters = zip(LETTERS, key.alters, strict=True)
        assert {(PITCH_CLASSES[each] + alter) % 12 for each, alter in letters} == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("D", "D major"), ("Bbmix", "Bb mixolydian"), ("F#m", "F# minor"), ("em", "E minor"), ("Dm^c", "D minor"),
        ("A dorian", "A dorian"), ("G clef=treble-8", "G major"), ("D transpose=-2", "C major"),
        ("D octave=-1", "D major"), ("HP", None), ("Hp", None), ("none", None), ("", None), ("^f", None),
        ("D exp ^f", None), ("clef=bass", None),
    ],
)  # fmt: skip
def test_keys_of_abc(tmp_path, key, expected):
    assert name_of(abc(tmp_path, key)) == expected


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ("CD|[K:G]EF", "G major"), ("CD[K:G]EF", "G major"), ("CDEF[K:G]", "C major"),
        ("CD|[K:clef=bass]EF", "C major"),
        ("CD|[K:]EF", None), ("CD|[K:G]EF|[K:Am]GA", "A minor"), ("CD|[K:G]!D.C.!EF", "G major"),
        ('CD"^Fine"||[K:G]EF"^D.C. al Fine"', "C major"), ("CD||\nK:G\nEF", "G major"),
        ("|:[K:G]CD:|[K:D]EF", "D major"),
        ("CD[K:G]EF&[K:D]GABc", "D major"), ("CD|[V:1 transpose=2]EF", "D major"),
    ],
)  # fmt: skip
def test_the_key_of_the_last_note_counts(tmp_path, notes, expected):
    assert name_of(abc(tmp_path, "C", notes)) == expected


def test_a_voice_that_sounds_in_another_key_than_it_is_written_in(tmp_path):
    tune = read(tmp_path, "X:1\nL:1/4\nV:1 transpose=-3\nK:C\nV:1\nCDEC|]\n")
    assert (tune.pitches[-1] % 12, name_of(tune)) == (9, "A major")


def test_notes_without_a_field_have_no_key():
    assert melody_of_abc("CDEF").key is None
    assert name_of(melody_of_abc("[K:D]CDEF")) == "D major"


@pytest.mark.parametrize("order", ["12", "21"])
def test_the_key_of_abc_is_that_of_the_voice_that_is_the_melody(tmp_path, order):
    voices = {"1": "V:1\n[K:F]CDEF|]\n", "2": "V:2 name=melody\n[K:D]DEFG|]\n"}
    tune = read(tmp_path, "X:1\nL:1/4\nK:C\n" + "".join(voices[each] for each in order))
    assert (tune.pitches[0], name_of(tune)) == (62, "D major")


# MusicXML


def musicxml(folder, *keys, transpose=""):
    """A tune of one bar for each content of `<key>`."""
    bars = "".join(
        f'<measure number="{number}"><attributes>{"<divisions>1</divisions>" if number == 1 else ""}'
        f"{'' if key is None else f'<key>{key}</key>'}{transpose if number == 1 else ''}</attributes>"
        "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note></measure>"
        for number, key in enumerate(keys, 1)
    )
    part = '<part-list><score-part id="P1"><part-name>a</part-name></score-part></part-list><part id="P1">'
    return read(folder, f"<score-partwise>{part}{bars}</part></score-partwise>", "tune.xml")


def signature(fifths, mode=None):
    return f"<fifths>{fifths}</fifths>" + ("" if mode is None else f"<mode>{mode}</mode>")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ([signature(2, "major")], "D major"), ([signature(-1, "minor")], "D minor"),
        ([signature(0, "Dorian")], "D dorian"),
        ([signature(2)], None), ([signature(2, "none")], None), ([signature("x", "major")], None), ([None], None),
        ([signature(0, "major"), None, signature(1, "major"), None], "G major"),
        ([signature(0, "major"), signature(1)], None), ([signature(99, "major")], None),
        (["<key-step>F</key-step><key-alter>1</key-alter>"], None),
    ],
)  # fmt: skip
def test_keys_of_musicxml(tmp_path, keys, expected):
    assert name_of(musicxml(tmp_path, *keys)) == expected


def test_a_transposing_instrument_sounds_in_another_key(tmp_path):
    tune = musicxml(tmp_path, signature(0, "major"), transpose="<transpose><chromatic>-2</chromatic></transpose>")
    assert (tune.pitches[-1] % 12, name_of(tune)) == (10, "Bb major")


def two_parts(folder, first, second, transpose="", note="<pitch><step>C</step><octave>5</octave></pitch>"):
    """Two parts of two bars; each has its contents of `<attributes>`, and the second its transposition and notes."""
    text = "<score-partwise>"
    for bars, transposition, pitch in (
        (first, "", "<pitch><step>C</step><octave>4</octave></pitch>"),
        (second, transpose, note),
    ):
        text += "<part>"
        for bar in bars:
            text += f"<measure><attributes><divisions>1</divisions>{bar}{transposition}</attributes>"
            text += f"<note>{pitch}<duration>1</duration></note></measure>"
        text += "</part>"
    return read(folder, text + "</score-partwise>", "tune.xml")


C, G, NO_MODE = (f"<key>{signature(*each)}</key>" for each in ((0, "major"), (1, "major"), (0,)))
D_SHARPS = f"<key>{signature(2, 'major')}</key>"


@pytest.mark.parametrize(
    ("first", "second", "more", "expected"),
    [
        ((C, ""), (C, ""), {}, "C major"), ((C, ""), ("", ""), {}, "C major"), ((C, ""), (G, ""), {}, None),
        ((C, G), (C, G), {}, "G major"), ((C, G), (C, ""), {}, None), ((C, G), (G, ""), {}, "G major"),
        ((C, ""), (D_SHARPS, ""), {"transpose": "<transpose><chromatic>-2</chromatic></transpose>"}, "C major"),
        ((C, ""), (NO_MODE, ""), {}, None),
        ((C, ""), (NO_MODE, ""), {"note": "<unpitched/>"}, "C major"),
        ((C.replace("<key>", '<key number="1">') + G.replace("<key>", '<key number="2">'), ""), ("", ""), {}, None),
    ],
)  # fmt: skip
def test_parts_that_state_different_keys_have_none(tmp_path, first, second, more, expected):
    assert name_of(two_parts(tmp_path, first, second, **more)) == expected


def test_the_number_of_a_staff_may_be_surrounded_by_spaces(tmp_path):
    """As white space may surround other numbers. A transposition of the second staff does not move the first."""
    transpose = "<transpose number=' 2 '><chromatic>3</chromatic></transpose>"
    tune = musicxml(tmp_path, signature(0, "major"), transpose=transpose)
    assert (tune.pitches[-1] % 12, name_of(tune)) == (0, "C major")


# **kern


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["*G:"], "G major"), (["*d:"], "D minor"), (["*b-:"], "Bb minor"), (["*d:dor"], "D dorian"),
        (["*F#:mix"], "F# mixolydian"), (["*?:"], None), (["*k[f#]"], None), ([], None), (["*G:", "*?:"], None),
        (["*c:zzz"], None),
    ],
)  # fmt: skip
def test_keys_of_kern(tmp_path, tokens, expected):
    text = "\n".join(["**kern", *tokens, "4c", "4d", "*-", ""])
    assert name_of(read(tmp_path, text, "tune.krn")) == expected


@given(st.sampled_from("abcdefgABCDEFG"), st.sampled_from(["", "#", "-"]), st.sampled_from(["", *DEGREES]))
def test_any_key_of_kern(letter, sign, mode):
    (tune,) = kern_tunes(f"**kern\n*{letter}{sign}:{mode[:3]}\n4c\n*-\n")
    key = melody_of(tune, ANY_LENGTH).key
    tonic = (PITCH_CLASSES[letter.upper()] + {"": 0, "#": 1, "-": -1}[sign]) % 12
    assert (key.pitch_class, key.mode) == (tonic, mode or ("minor" if letter.islower() else "major"))


def test_a_change_of_key_in_kern(tmp_path):
    text = "**kern\t**dynam\n*C:\t*\n4c\t.\n{}=2\t=2\n4d\t.\n{}*-\t*-\n"
    assert name_of(read(tmp_path, text.format("*G:\t*\n", ""), "tune.krn")) == "G major"
    assert name_of(read(tmp_path, text.format("", "*G:\t*\n"), "tune.krn")) == "C major"


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [("*C:\t*C:", "C major"), ("*\t*G:", "G major"), ("*C:\t*G:", None), ("*c:\t*C:", None)],
)
def test_spines_that_state_different_keys_have_none(tmp_path, tokens, expected):
    text = f"**kern\t**kern\n{tokens}\n4C\t4cc\n4D\t4dd\n*-\t*-\n"
    assert name_of(read(tmp_path, text, "tune.krn")) == expected


# MIDI


def midi(folder, *signatures, track=0):
    """A tune with key signatures, each with the number of events before it."""
    path = write_midi(folder / "tune.mid", scale(notes=4), names=("a",))
    file = mido.MidiFile(path)
    if track:
        file.tracks.insert(0, mido.MidiTrack())
    for place, key in signatures:
        file.tracks[0].insert(place, mido.MetaMessage("key_signature", key=key))
    file.save(path)
    return melody_of(next(read_file(Source(path, "tune.mid"))), ANY_LENGTH)


@pytest.mark.parametrize(
    ("signatures", "expected"),
    [
        ([], None), ([(0, "Bb")], "Bb major"), ([(0, "F#m")], "F# minor"), ([(0, "C"), (6, "G")], "G major"),
        ([(0, "C"), (10, "G")], "C major"), ([(0, "Am")], "A minor"),
        ([(0, "C")], None), ([(0, "C"), (6, "C")], None),
    ],
)  # fmt: skip
def test_keys_of_midi(tmp_path, signatures, expected):
    """Many programs write C major by default: alone, it states no key."""
    assert name_of(midi(tmp_path, *signatures)) == expected


def test_a_text_of_ours_states_c_major(tmp_path):
    tune = replace(midi(tmp_path, (0, "G")), key=Key(0, "major"))
    path = write_our_midi(tune, tmp_path / "ours.mid")
    assert name_of(melody_of(next(read_file(Source(path, "ours.mid"))), ANY_LENGTH)) == "C major"


def test_a_key_signature_in_a_track_without_notes(tmp_path):
    assert name_of(midi(tmp_path, (0, "Eb"), track=1)) == "Eb major"


def test_a_damaged_key_signature_is_no_key(tmp_path):
    path = write_midi(tmp_path / "tune.mid", scale(notes=4))
    file = mido.MidiFile(path)
    file.tracks[0].insert(0, mido.MetaMessage("key_signature", key="C"))
    file.save(path)
    data = path.read_bytes()
    for fifths, mode in ((b"\x60", b"\0"), (b"\0", b"\x07")):
        path.write_bytes(data.replace(b"\xff\x59\x02\0\0", b"\xff\x59\x02" + fifths + mode))
        assert melody_of(next(read_file(Source(path, "tune.mid"))), ANY_LENGTH).key is None


# Things that keys do not change


def test_the_identity_of_a_corpus_does_not_depend_on_keys(tmp_path):
    with_key, without = abc(tmp_path, "D", "CDEF"), abc(tmp_path, "^f^c", "CDEF")
    assert (with_key.pitches, with_key.key is None, without.key) == (without.pitches, False, None)
    assert content_hash(Melodies.from_list([with_key]), None) == content_hash(Melodies.from_list([without]), None)


def test_a_song_has_no_key(tmp_path):
    encoding, tune = Encoding(Control(), Factored()), abc(tmp_path, "D", "CDEF")
    encoded = encoding.encode(tune)
    song = encoding.decode(encoded.symbols, encoded.first_pitch, encoded.header)
    assert (song.pitches, song.onsets, song.durations) == (tune.pitches, tune.onsets, tune.durations)
    assert song.key is None


# Real tunes


def headers(tunes):
    """The text after each K: in the file of each tune, without comments."""
    root, files = music21_corpus_dir(), {}
    for tune in tunes:
        name, _, number = tune.source.partition("#")
        if name not in files:
            files[name] = split_tunes(decode((root / name).read_bytes()))
        text = "\n".join(files[name][int(number or 1) - 1].lines)
        yield text, re.findall(r"(?:^|\[)K:[ \t]*([^\]\n%]*)", text, re.M)


@pytest.mark.slow
@pytest.mark.parametrize("collection", ["airds", "ryans", "misc_folk"])
def test_tonics_are_those_of_the_headers(collection):
    tunes = FolkCorpus([collection]).load(progress=False).melodies
    compared = 0
    for tune, (_, keys) in zip(tunes, headers(tunes), strict=True):
        match = re.match(r"([A-G])([#b]?)", keys[0])
        if len(keys) == 1 and match is not None and keys[0] != "HP":
            expected = (PITCH_CLASSES[match[1]] + {"": 0, "#": 1, "b": -1}[match[2]]) % 12
            assert tune.key.pitch_class == expected, tune.source
            compared += 1
    assert compared > 0.9 * len(tunes)


@pytest.mark.slow
def test_tonics_of_essen_are_those_of_music21():
    import music21

    tunes = FolkCorpus(["essen"]).load(progress=False).melodies
    chosen = [tunes[int(i)] for i in np.linspace(0, len(tunes) - 1, 50)]
    for tune, (text, keys) in zip(chosen, headers(chosen), strict=True):
        if len(keys) > 1:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            score = music21.converter.parseData(text, format="abc")
        (found,) = {each.tonic.pitchClass for each in score.recurse().getElementsByClass("Key")}
        assert tune.key.pitch_class == found, tune.source


@pytest.mark.slow
def test_the_share_of_tunes_that_end_on_the_tonic():
    """As docs/evaluation.md states."""
    tunes = FolkCorpus(["misc_folk"]).load(progress=False).melodies
    assert round(np.mean([tune.pitches[-1] % 12 == tune.key.pitch_class for tune in tunes]), 2) == 0.71
    assert all(isinstance(tune.key, Key) for tune in tunes)
