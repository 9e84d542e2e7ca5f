"""The networks that come with melgen: their names, their cards, their songs, and the commands without arguments."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import pytest

import melgen
import melgen.play
from melgen.bundled import BUNDLED, FOLDER, PAGES, REFERENCES, bundled_file
from melgen.corpora.licences import OF_COLLECTIONS
from melgen.errors import CheckpointError
from melgen.generation.songs import read_songs
from melgen.model_files.weights import read_model_file, weights_bytes
from melgen.pages.content import Content
from melgen.pages.fingerprint import fingerprint
from melgen.pages.page import build_page
from tests.builders import ROOT, load_script
from tests.commands.calling import TINY, call, files_below
from tests.pages.examples import read_data, read_pack
from tests.tiers import quick_rows

COLLECTIONS = ["airds", "oneills", "ryans"]
ALL = pytest.mark.parametrize("name", BUNDLED)
PRIMER = "D5 B4 G4 B4 D5 G5 F#5 E5"
GREEDY = {
    "rhythmic": [74, 71, 71, 71, 71, 71, 71, 71, 71, 71],
    "pitches": [74, 71, 67, 71, 74, 71, 67, 71, 74, 71],
    "intervals": [74, 72, 71, 69, 67, 66, 67, 69, 71, 72],
}
"""The likeliest notes after the primer, as the files of this version write them."""


def test_there_is_a_file_for_each_name_and_no_other():
    assert {file.name for file in FOLDER.iterdir()} == {"README.md", *(f"{name}.melgen" for name in BUNDLED)}


@ALL
def test_the_likeliest_song_is_the_recorded_one(name):
    network = melgen.load(f"melgen:{name}")
    assert network.name == name
    (song,) = network.continue_(PRIMER, songs=1, notes=10, selection="greedy")
    assert list(song.pitches)[8:] == GREEDY[name]


@ALL
def test_the_card_credits_the_transcribers_and_names_the_licence(name):
    stated = read_model_file(bundled_file(f"melgen:{name}"))
    assert [corpus.name for corpus in stated.description.corpora] == COLLECTIONS
    for corpus in (OF_COLLECTIONS[name] for name in COLLECTIONS):
        assert f"Transcribed by {corpus.transcribers}." in stated.card
        assert stated.card.count(f'"{corpus.statement}" ({corpus.source})') == len(COLLECTIONS)
    assert "The weights: CC-BY-4.0." in stated.card
    assert re.search(r"\| Bits per note[^|]*, test \| \d\.\d{3} \|", stated.card)


@ALL
def test_the_command_of_the_card_is_that_of_the_script(name):
    script = load_script("models/make_models.py")
    first, *_ = script.SEEDS
    command = script.overrides(name, first)
    stated = read_model_file(bundled_file(f"melgen:{name}")).description.provenance["command"]
    assert stated == [word.replace(f"{script.RUNS}/", "") for word in command]


@ALL
def test_the_table_has_the_hash_of_the_weights(name):
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| {name} |")]
    weights = read_model_file(bundled_file(f"melgen:{name}")).weights
    digest = hashlib.sha256(weights_bytes(weights)).hexdigest()
    assert len(rows) == 2, "a row for each seed"
    assert f"`{digest[:16]}`" in rows[0]


@ALL
def test_the_stated_bits_are_those_of_the_file(name):
    metrics = melgen.load(f"melgen:{name}").metrics
    bits = metrics.get("test/bits_per_note_with_rhythm", metrics.get("test/bits_per_note"))
    (row,) = re.findall(rf"^\| `melgen:{name}` \|.*$", (ROOT / "docs/sharing.md").read_text(), re.MULTILINE)
    assert row.startswith(f"| `melgen:{name}` | {BUNDLED[name]} | {bits:.3f}")


@quick_rows(
    2,
    ("verb", "key", "more"),
    [
        ("generate", "checkpoint", []),
        ("report", "runs", []),
        ("report", "run", []),
        ("evaluate", "songs", []),
        ("render", "songs", []),
        ("play", "run", []),
        ("train", "init_from", TINY),
    ],
)
def test_an_unknown_name_is_refused_with_the_three_names(verb, key, more, here):
    value = "[melgen:rhytmic]" if key == "runs" else "melgen:rhytmic"
    answer = call(verb, f"{key}={value}", *more)
    assert answer.code == 1
    assert f"{key}=melgen:rhytmic: no such network; melgen comes with {', '.join(REFERENCES)}" in answer.err
    assert "Traceback" not in answer.err
    assert files_below(here) == {}


def test_an_installation_without_the_file(monkeypatch, tmp_path):
    monkeypatch.setattr("melgen.bundled.FOLDER", tmp_path)
    with pytest.raises(CheckpointError, match=r"path=melgen:pitches: this installation lacks .*pitches\.melgen"):
        melgen.load("melgen:pitches")


def test_generate_without_a_network(here):
    before = files_below(FOLDER)
    answer = call("generate", "songs=2")
    assert answer.code == 0, answer.text
    assert "2 songs by rhythmic in rhythmic-songs\n" in answer.text
    assert read_songs("rhythmic-songs").metadata["model"] == "rhythmic"
    assert sorted(files_below(here)) == [
        f"rhythmic-songs/{name}" for name in ("song_001.mid", "song_002.mid", "songs.json")
    ]
    assert files_below(FOLDER) == before


def test_play_without_a_run_serves_the_page_that_comes_with_melgen(here, served, monkeypatch):
    monkeypatch.setattr("melgen.pages.fingerprint.is_of_this_code", lambda page: True)  # as if it were up to date
    answer = call("play", "browser=false")
    assert answer.code == 0, answer.text
    assert served == [PAGES[1].read_text(encoding="utf-8")]
    assert files_below(here) == {}


def test_a_page_of_other_code_is_not_served(monkeypatch, tmp_path):
    page = build_page(Content("study", "nothing"))
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    monkeypatch.setattr("melgen.play.PAGES", (tmp_path / "none", tmp_path / "page.html"))
    assert melgen.play.ready_page() is not None
    (tmp_path / "page.html").write_text(page.replace(fingerprint(), "0" * 16), encoding="utf-8")
    assert melgen.play.ready_page() is None
    (tmp_path / "page.html").write_text("<!doctype html>")  # of an earlier melgen
    assert melgen.play.ready_page() is None


@pytest.mark.parametrize("name", ["pages/side_by_side.py", "pages/assets/page.html", "pages/sections/play.js"])
def test_any_change_of_the_code_of_pages_counts(name, monkeypatch, tmp_path):
    package = Path(melgen.__file__).parent
    for folder in ("pages", "engine"):
        shutil.copytree(package / folder, tmp_path / folder)
    monkeypatch.setattr("melgen.pages.fingerprint._PACKAGE", tmp_path)
    same = fingerprint.__wrapped__()
    with (tmp_path / name).open("a") as file:
        file.write("\n")
    assert (same == fingerprint(), fingerprint.__wrapped__() == same) == (True, False)


def test_an_installed_page_is_served_without_a_look_at_its_code(monkeypatch, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html>")
    monkeypatch.setattr("melgen.play.PAGES", (tmp_path / "page.html", tmp_path / "none"))
    assert melgen.play.ready_page() == "<!doctype html>"


@pytest.mark.slow
def test_play_without_a_run_as_the_user_wants_it(here, served):
    answer = call("play", "browser=false", "scores=0", "progress=false")
    assert answer.code == 0, answer.text
    data = read_data(served[0])
    assert data["title"] == "3 networks: rhythmic, pitches, intervals"
    assert [network["name"] for network in data["sections"]["play"]["networks"]] == [*BUNDLED]
    assert [read_pack(served[0], f"scores-{number}")["songs"] for number in range(3)] == [{}] * 3


@pytest.mark.slow
def test_a_run_next_to_a_network_that_comes_with_melgen(trained, here):
    answer = call("report", f"runs=[{trained},melgen:pitches]", "scores=0", "progress=false", "out=both.html")
    assert answer.code == 0, answer.text
    data = read_data(Path("both.html").read_text(encoding="utf-8"))
    assert [run["name"] for run in data["runs"]] == [trained.name, "pitches"]
    assert [network["name"] for network in data["sections"]["play"]["networks"]] == [trained.name, "pitches"]


@pytest.mark.slow
def test_other_commands_take_a_name(here):
    assert call("evaluate", "songs=melgen:pitches", "corpus=none", "progress=false").code == 0
    assert Path("pitches-evaluation/summary.csv").is_file()
    options = [word for word in TINY if not word.startswith(("hidden_size", "layers", "callbacks"))]
    answer = call("train", *options, "cell=gru", "callbacks=none", "init_from=melgen:pitches")
    assert answer.code == 0, answer.text
    (run,) = Path("multirun/misc_folk").iterdir()
    assert call("export", f"run={run}", "to=mine.melgen").code == 0
    assert [corpus.name for corpus in read_model_file(Path("mine.melgen")).description.corpora] == [
        "misc_folk",
        *COLLECTIONS,
    ]
