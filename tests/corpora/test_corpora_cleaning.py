"""Cleaning rules and the report."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from melgen.corpora import Cleaning, CorpusError, ImportReport
from melgen.corpora.extraction import Rejection
from melgen.pasting import override

LATER_DATASET = Cleaning(min_duration_steps=1, max_duration_steps=16)


@pytest.mark.parametrize(
    ("notes", "duration", "reason"),
    [
        (12, 6, None),
        (12, 3, None),  # a thirty-second, which rounds to a sixteenth
        (12, 96, None),
        (12, 98, None),
        (11, 24, "too short"),
        (12, 0, "duration out of bounds"),
        (12, 2, "duration out of bounds"),
        (12, 99, "duration out of bounds"),
        (12, 102, "duration out of bounds"),
    ],
)
def test_the_rules_of_the_later_dataset_count_in_sixteenths(notes, duration, reason):
    found = LATER_DATASET.reason_to_drop([60] * notes, [24] * (notes - 1) + [duration])
    assert (found and found[0]) == reason


def test_durations_out_of_bounds_are_named_in_sixteenths():
    assert LATER_DATASET.reason_to_drop([60] * 12, [102] * 12)[1] == "a note of 17 sixteenths, max_duration_steps=16"
    rules = Cleaning(min_duration_steps=2)
    assert rules.reason_to_drop([60] * 12, [6] * 12)[1] == "a note of 1 sixteenth, min_duration_steps=2"


def test_a_note_that_rounds_to_nothing_is_kept_by_default():
    assert Cleaning().reason_to_drop([60] * 12, [0] * 12) is None


def test_length_and_range():
    assert Cleaning(min_length_notes=1, max_length_notes=3).reason_to_drop([60] * 4, [1] * 4)[0] == "too long"
    assert Cleaning(min_length_notes=1).reason_to_drop([60, 128], [1, 1]) == (
        "pitch out of range",
        "pitch 128, MIDI has 0 to 127",
    )
    assert Cleaning(min_length_notes=1).reason_to_drop([], []) == ("too short", "0 notes, min_length_notes=1")


@pytest.mark.parametrize(
    "values",
    [
        {"min_length_notes": 0},
        {"min_length_notes": 2.5},
        {"min_length_notes": True},
        {"max_length_notes": 5},
        {"min_duration_steps": -1},
        {"max_duration_steps": -1},
        {"min_duration_steps": 4, "max_duration_steps": 3},
        {"drop_duplicates": "yes"},
        {"max_chord_share": 1.5},
        {"max_chord_share": "few"},
    ],
)
def test_wrong_rules_are_refused_with_key_and_value(values):
    key = list(values)[-1]
    with pytest.raises(CorpusError, match=key) as error:
        Cleaning(**values)
    assert override(key, values[key]) in str(error.value)


def report() -> ImportReport:
    made = ImportReport("a folder", files_found=9, tunes_found=9, tunes_kept=1, notes_kept=40, songs_read=3)
    for number in range(8):
        made.drop(Rejection("too short", f"{number} notes", f"{number}.mid"))
    made.short_songs, made.duplicates, made.ignored_files = 2, 1, {".txt": 3}
    made.rounded_tunes, made.rounded_notes = 1, 5
    made.remarks.append("something")
    return made


def test_a_report_without_tunes_has_no_data_check():
    assert "data check" not in str(replace(report(), tunes_kept=0))


def test_a_report_survives_json():
    assert ImportReport.from_dict(json.loads(json.dumps(report().to_dict()))) == report()


def test_a_report_reads_well():
    text = str(report())
    assert "too short" in text
    assert text.count(".mid:") == 5, "five examples of eight"
    assert "data check of the original: 3 songs read, 2 of them with 2 notes or fewer, 1 left" in text
    assert "3 .txt" in text
    assert "something" in text
