"""Keys and the names of notes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melgen.corpora.folk import COLLECTIONS, music21_corpus_dir
from melgen.corpora.readers import decode
from melgen.corpora.readers.abc import split_tunes
from melgen.music.spelling import Key, find_key, spell
from tests.rendering.melodies import airs

NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MAJOR, HARMONIC_MINOR = (0, 2, 4, 5, 7, 9, 11, 12), (0, 2, 3, 5, 7, 8, 11, 12)
SIGNATURES = {  # sharps, or flats if negative, as in any textbook
    "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6, "Db": -5, "Ab": -4, "Eb": -3, "Bb": -2, "F": -1,
}  # fmt: skip
MINOR_SIGNATURES = {
    "A": 0, "E": 1, "B": 2, "F#": 3, "C#": 4, "G#": 5, "Eb": -6, "Bb": -5, "F": -4, "C": -3, "G": -2, "D": -1,
}  # fmt: skip


def pitch_class(name):
    return (NATURALS[name[0]] + name.count("#") - name.count("b")) % 12


def scale_on(tonic, steps):
    first = 60 + pitch_class(tonic)
    return [first + step for step in steps] + [first + step for step in reversed(steps)]


@given(st.lists(st.integers(0, 127), max_size=30))
def test_names_mean_the_pitches(pitches):
    for pitch, note in zip(pitches, spell(pitches).notes, strict=True):
        assert 12 * (note.octave + 1) + NATURALS[note.step] + note.alter == pitch


@pytest.mark.parametrize("tonic", SIGNATURES)
def test_major_scales_use_each_letter_once_and_need_no_accidental(tonic):
    key, notes = spell(scale_on(tonic, MAJOR))
    assert (key.name, key.fifths) == (f"{tonic} major", SIGNATURES[tonic])
    assert sorted(note.step for note in notes[:7]) == sorted("ABCDEFG")
    assert all(note.alter == key.alter_of(note.step) for note in notes)


@pytest.mark.parametrize("tonic", MINOR_SIGNATURES)
def test_harmonic_minor_has_a_raised_seventh(tonic):
    key, notes = spell(scale_on(tonic, HARMONIC_MINOR))
    assert (key.name, key.fifths) == (f"{tonic} minor", MINOR_SIGNATURES[tonic])
    assert sorted(note.step for note in notes[:7]) == sorted("ABCDEFG")
    altered = [note for note in notes[:7] if note.alter != key.alter_of(note.step)]
    assert altered == [notes[6]]
    assert notes[6].alter == key.alter_of(notes[6].step) + 1


@pytest.mark.parametrize(
    ("pitches", "names"),
    [
        ([60, 61, 62, 64, 65, 67, 60], "C4 C#4 D4 E4 F4 G4 C4"),  # a sharp on the way up
        ([67, 70, 69, 67, 62, 66, 67], "G4 Bb4 A4 G4 D4 F#4 G4"),  # G minor: B flat and F sharp
        ([64, 68, 71, 72, 71, 68, 66, 64, 63, 64], "E4 G#4 B4 C5 B4 G#4 F#4 E4 D#4 E4"),  # no B sharp for a C
        ([61, 64, 68, 60, 61, 63, 64, 61, 56, 61], "C#4 E4 G#4 B#3 C#4 D#4 E4 C#4 G#3 C#4"),  # but as a leading tone
    ],
)
def test_spelled_as_a_musician_would(pitches, names):
    assert " ".join(note.name for note in spell(pitches).notes) == names


def test_modes():
    assert find_key([69, 73, 76, 79, 76, 73, 71, 69]) == Key(3, "mixolydian")
    assert Key(3, "mixolydian").fifths == 2
    dorian = [62, 65, 69, 71, 69, 67, 65, 64, 62, 57, 62]
    assert find_key(dorian) == Key(2, "dorian")
    assert Key(2, "dorian").fifths == 0


def test_a_melody_without_a_key_is_in_c_major():
    assert find_key([]) == Key(0, "major")
    assert find_key([*range(60, 72), *range(72, 59, -1), 60]).tonic_name == "C", "the last note decides"


def test_long_notes_count_more():
    pitches = [60, 64, 67, 66, 69, 62, 65]
    assert find_key(pitches, [40, 40, 40, 1, 1, 1, 1]).name == "C major"
    assert find_key(pitches, [1, 1, 1, 40, 40, 40, 1]).tonic_name == "D"


@pytest.mark.slow
@given(st.lists(st.integers(24, 100), min_size=3, max_size=20), st.integers(1, 11))
def test_a_transposed_melody_has_the_transposed_key(pitches, semitones):
    here, there = find_key(pitches), find_key([pitch + semitones for pitch in pitches])
    scores_tie = len(set(pitches)) < 3 or len({pitch % 12 for pitch in pitches}) < 3
    if not scores_tie and here.mode == there.mode:
        assert (there.fifths - here.fifths - 7 * semitones) % 12 == 0 or _is_symmetric(pitches)


def _is_symmetric(pitches):
    """Whether a set of pitch classes equals a transposition of itself, so that several keys fit equally."""
    counts = [sum(pitch % 12 == tone for pitch in pitches) for tone in range(12)]
    return any(counts == counts[shift:] + counts[:shift] for shift in range(1, 12))


@pytest.mark.slow
def test_signatures_are_those_that_airds_airs_are_printed_with():
    printed = {}
    folder = music21_corpus_dir()
    for file in sorted((folder / COLLECTIONS["airds"]).glob("*.abc")):
        for number, tune_text in enumerate(split_tunes(decode(file.read_bytes())), 1):
            keys = re.findall(r"^K:[ \t]*([A-G][b#]?)[ \t]*(\w*)", "\n".join(tune_text.lines), re.M)
            if len(keys) == 1:
                printed[f"{file.relative_to(folder).as_posix()}#{number}"] = keys[0]
    shift = {"": 0, "m": -3, "min": -3, "aeo": -3, "mix": -1, "dor": -2, "maj": 0}
    compared = right = 0
    for tune in airs():
        if tune.source in printed:
            tonic, mode = printed[tune.source]
            fifths = SIGNATURES[tonic] + shift[mode.lower()[:3]]
            compared += 1
            right += find_key(tune.pitches, tune.durations).fifths == fifths
    assert compared > 40
    assert right / compared > 0.88
