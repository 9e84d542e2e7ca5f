"""From a study to a page and its key: what is compared, that the page is blind, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections import Counter
from itertools import pairwise

import pytest

from melgen.evaluation.rhythm_baselines import rhythm_baseline_name
from melgen.generation.songs import read_songs
from melgen.listening.excerpts import REFERENCE, is_of_equal_notes
from melgen.listening.key import KEY_FILE, Key, KeyFileError, sheet_of
from melgen.listening.material import read_material
from melgen.listening.page import build_page
from melgen.listening.rules import Rules
from melgen.listening.writing import read_consent, write_test
from melgen.music import Melody
from tests.listening.making import SMALL, small_test
from tests.listening.studies import NETWORKS, PRIMER, TITLE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def small(made):
    return small_test(made / "pitches")


def melody_of(notes):
    return Melody(*map(tuple, notes))


def test_networks_held_out_tunes_and_a_baseline_are_compared(small):
    assert [(one.name, one.role) for one in small.key.conditions] == [
        *((name, "network") for name in NETWORKS),
        (REFERENCE, "reference"),
        ("bigram", "anchor"),
    ]
    assert [len(songs) for songs in small.key.songs_of] == [4, 4, 4, 4]


def test_numbers_of_songs_mean_the_songs_of_the_key(small, study):
    songs = {}
    for name in (*NETWORKS, "bigram"):
        place = f"songs/{name}/seed0" if name in NETWORKS else f"songs/{name}"
        for number, melody in enumerate(read_songs(study / place / "songs.json").melodies, 1):
            songs[f"{place}/song_{number:03d}"] = melody
    for entry, notes in zip(small.key.songs, small.content["songs"], strict=True):
        if entry.condition is None:
            assert len({*notes[0]}) == 1
        elif small.key.conditions[entry.condition].role != "reference":
            name = small.key.conditions[entry.condition].name
            assert entry.source.split("/")[1] == name
            expected = songs[entry.source].pitches[len(PRIMER) : len(PRIMER) + SMALL.notes]
            assert melody_of(notes) == Melody.from_pitches(expected)
        else:
            assert entry.title.startswith(TITLE)


def test_songs_of_pitches_are_heard_as_equal_notes_and_so_are_the_tunes(small):
    assert is_of_equal_notes([melody_of(notes) for notes in small.content["songs"]])


def test_songs_with_rhythm_are_heard_as_written(made):
    small = small_test(made / "rhythm")
    assert small.key.conditions[-1].name == rhythm_baseline_name(2)
    assert small.content["steps"] == 12 * 24
    assert small.key.about["skipped_notes"] == 0  # networks with rhythm begin without a primer
    for notes in small.content["songs"]:
        assert not is_of_equal_notes([melody_of(notes)])
        assert max(onset + duration for onset, duration in zip(*notes[1:], strict=True)) <= 12 * 24


def test_networks_with_and_without_rhythm_are_not_mixed(made):
    with pytest.raises(
        ValueError, match=f"{NETWORKS[0]} writes pitches, {NETWORKS[1]} writes rhythm.*equal_notes=true"
    ):
        read_material(made / "mixed", progress=False)
    one_kind = small_test(made / "mixed", networks=[NETWORKS[1]])
    assert one_kind.key.about["with_rhythm"]
    flat = small_test(made / "mixed", equal_notes=True)
    assert is_of_equal_notes([melody_of(notes) for notes in flat.content["songs"]])
    assert flat.key.about["skipped_notes"] == len(PRIMER)


def test_a_gap_in_a_song_of_pitches_is_not_taken_for_rhythm(made, tmp_path):
    """A song of intervals leaves a note out whose pitch is beyond the range of MIDI."""
    shutil.copytree(made / "pitches", tmp_path / "runs")
    file = tmp_path / "runs" / "study" / "songs" / NETWORKS[0] / "seed0" / "songs.json"
    content = json.loads(file.read_text())
    for values in (content["songs"][0][key] for key in ("pitches", "onsets", "durations")):
        del values[20]
    file.write_text(json.dumps(content))
    assert not read_material(tmp_path / "runs", progress=False).with_rhythm


def test_the_page_shows_no_condition(small):
    page = build_page(small.content, "Listening test", read_consent(None))
    assert not [word for word in (*NETWORKS, "bigram", "held-out", "seed0", "song_0") if word in page]
    content = json.dumps(small.content)  # the rest is the same for every test
    assert not [
        word for word in ("control", "lstm", "db12", "gru", "reference", "network", "anchor") if word in content
    ]
    assert TITLE.partition("'")[0] not in page
    assert ".abc" not in page


def test_the_order_of_songs_shows_no_condition(small):
    conditions = [song.condition for song in small.key.songs]
    assert sum(one == other for one, other in pairwise(conditions)) < len(conditions) / 2


def test_the_page_fetches_nothing(small):
    page = build_page(small.content, "Listening test", read_consent(None))
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page
    without_namespaces = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|src=|@import|url\(", without_namespaces)


def test_texts_cannot_run(study):
    wicked = "</script><img src=x onerror=alert(1)>"
    small = small_test(study, dataclasses.replace(SMALL, title=wicked, question=wicked, return_to=wicked))
    page = build_page(small.content, wicked, "<p>consent</p>")
    assert "<img" not in page


def test_the_seed_makes_the_test(study, small):
    assert small_test(study).content == small.content
    assert small_test(study, dataclasses.replace(SMALL, seed=1)).content["songs"] != small.content["songs"]


def test_other_rules_make_another_test(study, small):
    assert small_test(study, rules=Rules(failed_checks=1)).key.test != small.key.test


def test_the_key_is_read_as_it_was_written(small, tmp_path):
    small.key.write(tmp_path)
    assert Key.read(tmp_path) == small.key


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[" * 100_000, "is not JSON"),
        ("{}", "is not the key"),
        ('{"format": "melgen listening key", "format_version": 9}', "is of version 9"),
        ('{"format": "melgen listening key", "format_version": 1, "songs": []}', "is damaged"),
    ],
)
def test_a_key_that_is_none(content, reason, tmp_path):
    (tmp_path / KEY_FILE).write_text(content)
    with pytest.raises(KeyFileError, match=f"key.json: {reason}"):
        Key.read(tmp_path)


def test_a_key_is_not_overwritten_by_that_of_another_test(study, small, tmp_path):
    write_test(tmp_path, small, "")
    other = small_test(study, dataclasses.replace(SMALL, seed=1))
    with pytest.raises(ValueError, match="contains the key of another test"):
        write_test(tmp_path, other, "")
    assert Key.read(tmp_path).test == small.key.test
    write_test(tmp_path, small, "")  # the same one again


def test_random_codes_reach_all_sheets_equally_often():
    codes = [f"{number:08d}" for number in range(5000)]
    counts = Counter(sheet_of(code, 500) for code in codes)
    assert len(counts) > 450


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"songs": 1}, "songs=1: must be"),
        ({"notes": 2.5}, "notes=2.5: must be"),
        ({"tempo": 0}, "tempo=0: must be"),
        ({"checks": 13}, "checks=13: must be a whole number from 0 to 12"),
        ({"skip": -1}, "skip=-1: must be"),
        ({"question": " "}, "question"),
    ],
)
def test_settings_that_cannot_be(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **changes)


def test_what_a_study_lacks_is_named(made, tmp_path):
    home = tmp_path / "runs"
    shutil.copytree(made / "pitches", home)
    with pytest.raises(ValueError, match=f"networks: control-lstm-3 was not selected.*did you mean {NETWORKS[0]}"):
        read_material(home, ["control-lstm-3"], progress=False)
    with pytest.raises(ValueError, match="anchor=trigram: must be a baseline of the study: bigram, rhythm-bigram"):
        read_material(home, anchor="trigram", progress=False)
    shutil.rmtree(home / "study" / "songs" / "bigram")
    with pytest.raises(ValueError, match="bigram: contains no songs; the study's stage evaluate"):
        read_material(home, progress=False)
    (home / "study" / "selection.json").unlink()
    with pytest.raises(ValueError, match="no network was selected yet"):
        read_material(home, progress=False)
