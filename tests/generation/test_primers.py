"""The forms of a primer, whether it is in the range of the training tunes, and which transposition of it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from omegaconf import OmegaConf

from melgen.files import write_json
from melgen.generation.primers import (
    fit_in_run,
    fit_of,
    note_of_songs,
    openings_of,
    read_primer,
    read_primer_melody,
)
from melgen.music import DB12, Control, Interval, Melody, midi_bytes, note_text
from melgen.music.metre import Metre, MetreChange
from melgen.rendering.abc import to_abc
from melgen.rendering.musicxml import to_musicxml
from tests.rendering.melodies import measured_melodies
from tests.tiers import quick_rows

# Counts of Aird's Airs, as published in docs/results.md for C4, rounded for the rest.
AIRDS = {
    59: 60,
    60: 44,
    62: 4000,
    64: 3900,
    66: 5000,
    67: 9000,
    69: 9000,
    71: 9000,
    72: 7700,
    73: 4000,
    74: 23000,
    76: 16000,
}
PAPER = (60, 62, 64, 62)


def test_the_papers_primer_is_out_of_range_of_airds_airs_and_fits_an_octave_higher():
    fit = fit_of(PAPER, AIRDS, Control())
    assert dict(fit.rare) == {"C4": 44}
    assert fit.fitting == (72, 74, 76, 74)
    note = fit.note("generate.primer")
    assert "generate.primer=[60,62,64,62]: C4 is only 44 of 90,704 training notes" in note
    assert "generate.primer=[72,74,76,74] is in range" in note


def test_a_primer_in_range_has_no_note():
    fit = fit_of((72, 74, 76, 74), AIRDS, Control())
    assert fit.fits
    assert fit.note() == ""


def test_a_pitch_that_never_occurs_is_rare_too():
    assert dict(fit_of((61, 62), AIRDS, Control()).rare) == {"C#4": 0}


def test_another_key_is_named_where_no_octave_fits():
    fit = fit_of((60, 61), {62: 900, 63: 900}, Control())
    assert fit.fitting == (62, 63)


def test_no_transposition_is_named_where_none_fits():
    fit = fit_of((60, 71), {62: 900, 63: 900}, Control())
    assert fit.fitting is None
    assert "no transposition of the primer is in range" in fit.note()


def test_intervals_do_not_depend_on_the_octave():
    assert fit_of(PAPER, {2: 400, -2: 300, 7: 10}, Interval()).fits
    leap = fit_of((40, 80), {2: 4000, -2: 3000, 40: 1}, Interval())
    assert dict(leap.rare) == {"+40": 1}
    assert leap.fitting is None
    assert "training intervals" in leap.note()


def test_transposed_training_has_its_own_counts():
    tune = [72, 74, 76, 79, 76, 74] * 20
    values = np.concatenate(DB12().augmentations(tune))
    counts = {int(value): int(count) for value, count in zip(*np.unique(values, return_counts=True), strict=True)}
    assert fit_of((66, 68, 70), counts, DB12()).fits
    assert not fit_of((66, 68, 70), {72: 40, 74: 40, 76: 40}, Control()).fits


def test_the_note_on_the_songs_of_a_run(tmp_path):
    write_json(tmp_path / "songs" / "songs.json", {"metadata": {"primer": list(PAPER)}})
    config = {"dataset": {"representation": {"_target_": "melgen.music.Control"}}}
    write_json(tmp_path / "config.yaml", config)
    assert note_of_songs(tmp_path) == ""  # an old run, which has no counts
    write_json(tmp_path / "data.json", {"training_values": {str(pitch): count for pitch, count in AIRDS.items()}})
    assert "primer=[72,74,76,74] is in range" in note_of_songs(tmp_path)
    assert fit_in_run(PAPER, tmp_path, "control").rare == {"C4": 44}


@pytest.mark.parametrize(
    "damage", [{"training_values": {"x": 1}}, {"training_values": [1]}, {"training_values": {"60": None}}]
)
def test_a_damaged_count_gives_no_note(tmp_path, damage):
    (tmp_path / "data.json").write_text(json.dumps(damage))
    assert fit_in_run(PAPER, tmp_path, "control") is None


def test_beginnings_differ_from_song_to_song_and_are_the_same_again():
    tunes = [np.arange(60 + i, 66 + i) for i in range(5)] + [np.array([60, 61])]
    found = openings_of(tunes, 4, 5, seed=1)
    assert len({tuple(one) for one in found}) == 5
    assert all(len(one) == 4 for one in found)
    assert openings_of(tunes, 4, 12, seed=1)[:5] == found
    with pytest.raises(ValueError, match="no held-out tune has more than 9 notes"):
        openings_of(tunes, 9, 1, seed=0)


def times(melody):
    return list(zip(melody.pitches, melody.onsets, melody.durations, strict=True))


QUARTERS = times(Melody.from_pitches(PAPER))


@pytest.mark.parametrize(
    "primer",
    [
        list(PAPER),
        PAPER,
        OmegaConf.create([60, 62, 64, 62]),
        np.array(PAPER).tolist(),
        "C4 D4 E4 D4",
        " C4  D4 E4:1/4 D4 ",
        ["C4", "D4", "E4", "D4"],
        OmegaConf.create(["C4", "D4", "E4", "D4"]),
        "B#3 D4 Fb4 C##4",
        "[L:1/4]CDED",
        "L:1/4\nK:C\nCDED",
        "|C2 D2 E2 D2|",
    ],
    ids=repr,
)
def test_one_primer_in_many_forms(primer):
    melody = read_primer_melody(primer)
    assert times(melody) == QUARTERS
    assert (melody.metres, melody.pickup) == ((), None)
    assert read_primer(primer) == list(PAPER)


def test_lengths_and_rests_of_names():
    melody = read_primer_melody("r:1/8 C4:3/8 D4:1/12 Eb4 F4 r:1/4 G4 A4:1")
    assert times(melody) == [
        (60, 12, 36),
        (62, 48, 8),
        (63, 56, 8),
        (65, 64, 8),
        (67, 96, 24),
        (69, 120, 96),
    ]


@given(melody=measured_melodies())
def test_names_that_are_shown_can_be_read(melody):
    assert times(read_primer_melody(note_text(melody))) == times(melody)


def test_abc_has_metre_pickup_and_key():
    melody = read_primer_melody("[M:6/8][K:D] A|dfd (3ecA z|F3")
    assert melody.pitches == (69, 74, 78, 74, 76, 73, 69, 66)
    assert melody.durations == (12, 12, 12, 12, 8, 8, 8, 36)
    assert melody.onsets[-1] == 84
    assert (melody.metre, melody.pickup, melody.bars) == (Metre(6, 8), 12, (0, 12, 84))
    assert times(read_primer_melody("CDEF")) == times(Melody.from_pitches([60, 62, 64, 65], 12))
    assert read_primer_melody("[M:3/4] CDE").metre == Metre(3, 4)
    assert read_primer_melody("[M:3/4] CDE").pickup is None, "not known without a bar line"


JIG = Melody(
    (67, 69, 71, 72),
    (0, 12, 48, 60),
    (12, 24, 12, 36),
    "A jig",
    metres=(MetreChange(0, Metre(6, 8)),),
    pickup=12,
    bars=(0, 12, 84),
)
WRITERS = {
    "mid": midi_bytes,
    "abc": lambda tune: to_abc(tune).encode(),
    "musicxml": lambda tune: to_musicxml(tune).encode(),
}


@quick_rows(1, "kind", WRITERS)
def test_a_file_keeps_its_rhythm_metre_and_pickup(kind, tmp_path):
    path = tmp_path / f"C4 D4.{kind}"
    path.write_bytes(WRITERS[kind](JIG))
    found = read_primer_melody(str(path))
    assert times(found) == times(JIG)
    assert (found.metre, found.pickup, found.bars) == (JIG.metre, JIG.pickup, JIG.bars)
    assert read_primer(str(path)) == list(JIG.pitches)


@pytest.mark.parametrize(
    ("primer", "message"),
    [
        ("H4 C4", "primer=H4 C4: H4 is not a note; notes are C4, F#5 or Bb3"),
        ("c4 d4", r"primer=c4 d4: c4 is not a note; .* ABC text with such words needs a bar line, \|c4 d4\|"),
        ("C4 D4 CDE", "CDE is not a note"),
        ("C4 DE", "DE is not a note"),
        ("Bb Ab", "Bb is not a note"),
        ("C:1/4", "C:1/4 is not a note"),
        ("C4:1/5", "C4:1/5: the length 1/5 must be a multiple of 1/96"),
        ("C4:0", "C4:0: what follows the colon must be a part of a whole note"),
        ("C4:1/0", "C4:1/0: what follows the colon"),
        ("C4:", "C4:: what follows the colon"),
        ("C4:4/1/2", "C4:4/1/2: what follows the colon"),
        ("C10", "C10 has pitch 132; MIDI pitches are 0 to 127"),
        ("C-2", "C-2 has pitch -12"),
        ("C4:999999 D4:999999/1" + " D4" * 40, "steps after the beginning; at most"),
        ("C4 r", "must be a note at the end"),
        ("r", "must be a note at the end"),
        ("", "must be a list of pitches .* no notes"),
        ("z4|", "no notes"),
        (
            "my/primer",
            "names of notes like C4 D4 E4 D4, ABC text like CDEF, or the path .*'m' is not allowed here; only",
        ),
        ("60 62", "must be a list of pitches"),
        ("[M:6/7]CDE", "values of K:, L: or M: that are not ABC"),
        ("[K:H]CDE", "K:H: not a key"),
        ("[CEG][CEG]", "polyphonic"),
        ("missing.mid", "primer=missing.mid: "),
        ([60, "D4"], "not a mixture"),
        (["CDEF"], "CDEF is not a note"),
        ([60, 200], "pitch 200 is outside 0 to 127"),
        ([-1], "pitch -1 is outside 0 to 127"),
        ([True], "must be a list of pitches"),
        ([60.5], "must be a list of pitches"),
        ([[62, 8], [64, 4]], "must be a list of pitches"),
        (60, "primer=60: must be a list of pitches"),
        (None, "primer=None: must be a list of pitches"),
        ("x" * 10_000, r"primer=x{80}\.\.\.: must be"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_a_primer_is_refused_with_the_rule(primer, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_primer_melody(primer)
    assert str(caught.value).startswith("primer=")


def test_an_empty_list_is_left_to_the_network_which_refuses_it():
    assert read_primer([]) == []
