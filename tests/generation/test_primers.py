"""Whether a primer is in the range of the training tunes, and which transposition of it is."""

from __future__ import annotations

import json

import numpy as np
import pytest

from melgen.files import write_json
from melgen.generation.primers import fit_in_run, fit_of, note_of_songs, openings_of
from melgen.music import DB12, Control, Interval

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
    assert "generate.primer=[60,62,64,62]: C4 is 44 of 90,704 training notes" in note
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
