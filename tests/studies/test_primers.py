"""Several primers of one study: how they are given, and how their songs are made, kept and shown."""

from __future__ import annotations

import csv
import json

import pytest
from omegaconf import OmegaConf

from melgen.generation.songs import read_songs
from melgen.studies.primers import primers_of
from tests.commands.calling import call, files_below
from tests.pages.examples import read_data
from tests.studies.conftest import MINI, STUDY

SEVERAL = "generate.primers={paper:[60,62,64,62],higher:[72,74,76,74],tunes:openings}"
SHOWN = "stages=select,generate,evaluate,tables,report"


def asked(primers, primer=(60, 62, 64, 62)):
    return primers_of(OmegaConf.create({"primer": list(primer), "primers": primers}))


def test_the_single_primer_is_the_main_one():
    (only,) = asked(None)
    assert (only.name, only.pitches, only.notes, only.suffix()) == ("", (60, 62, 64, 62), 4, "")


def test_the_first_of_several_is_the_main_one_and_beginnings_are_as_long():
    first, second = asked({"low": [60, 62], "tunes": "openings"})
    assert (first.is_main, second.is_main) == (True, False)
    assert (second.pitches, second.notes, second.suffix()) == (None, 2, "-primer-tunes")
    (alone,) = asked({"tunes": "openings"})
    assert alone.notes == 4


@pytest.mark.parametrize(
    "generate",
    [
        {"primer": "openings", "primers": None},
        {"primer": "openings", "primers": {"tunes": "openings"}},
        {"primer": [], "primers": {"tunes": "openings"}},  # [] is the primer of networks with rhythm
    ],
)
def test_openings_are_as_long_as_the_papers_primer_if_no_primer_gives_a_length(generate):
    (only,) = primers_of(OmegaConf.create(generate))
    assert (only.pitches, only.plain, only.notes) == (None, "openings", 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("primers", "message"),
    [
        ({"a": [60], "b": [60, 62]}, "must all have the same number of notes"),
        ({"a": []}, r"generate\.primers\.a=\[\]"),
        ({"a": "nowhere.mid"}, r"generate\.primers\.a=nowhere\.mid"),
        ({"a/b": [60]}, "the name 'a/b' must be"),
        ([60, 62], "must name primers"),
        ({}, "must name primers"),
    ],
)
def test_a_value_that_is_not_a_set_of_primers_is_refused_by_its_key(primers, message):
    with pytest.raises(ValueError, match=message):
        asked(primers)


@pytest.mark.slow
def test_songs_after_each_primer_are_made_once_and_shown_side_by_side(mini):
    before = json.loads((STUDY / "manifest.json").read_text())["tasks"]
    answer = call("study", *MINI, SEVERAL, SHOWN)
    assert answer.code == 0, answer.text
    assert "C4 is " in answer.text, "misc_folk contains it rarely"
    manifest = json.loads((STUDY / "manifest.json").read_text())
    model = next(name.split("/")[1] for name in before if name.startswith("generate/control"))
    for name in (f"generate/{model}/seed0", f"evaluate/{model}"):
        assert manifest["tasks"][name] == before[name], "the main primer keeps its songs"
    songs = {
        name: read_songs(STUDY / "songs" / f"{model}{ending}" / "seed0").melodies
        for name, ending in {"paper": "", "higher": "-primer-higher", "tunes": "-primer-tunes"}.items()
    }
    assert {song.pitches[:4] for song in songs["higher"]} == {(72, 74, 76, 74)}
    beginnings = [song.pitches[:4] for song in songs["tunes"]]
    assert len(set(beginnings)) > 1
    other = next(name.split("/")[1] for name in before if name.startswith("generate/interval"))
    theirs = read_songs(STUDY / "songs" / f"{other}-primer-tunes" / "seed0").melodies
    assert [song.pitches[:4] for song in theirs] == beginnings, "the same for every network"

    with (STUDY / "tables" / "primers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["primer"] for row in rows if row["model"] == model] == ["paper", "higher", "tunes"]
    assert {row["model"] for row in rows} >= {model, other, "bigram"}
    assert any("C4 is " in note for note in manifest["primer_notes"])
    assert "Note: generate.primers.paper=[60,62,64,62]" in (STUDY / "tables" / "tonality.md").read_text()
    page = read_data((STUDY / "report.html").read_text())
    assert [one["name"] for one in page["sections"]["primers"]["primers"]] == ["paper", "higher", "tunes"]
    titles = [one["title"] for one in page["song_sets"] if one["role"] == "model"]
    assert len(set(titles)) == len(titles) > 3
    assert all(any(primer in title for title in titles) for primer in ("higher", "tunes"))
    assert any("C4 is " in notice["text"] for notice in page["notices"])

    kept = files_below(STUDY)
    again = call("study", *MINI, SEVERAL, SHOWN)
    assert again.code == 0, again.text
    assert files_below(STUDY) == kept
    fewer = call("study", *MINI, "stages=select,generate,evaluate")
    assert fewer.code == 0, fewer.text
    assert not [name for name in files_below(STUDY) if "-primer-" in name and not name.startswith("tables")]
