"""``melgen.export``, and the commands that a model file can be given to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import melgen
from melgen.generation.songs import read_songs
from tests.commands.calling import TINY, call, files_below
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM, described, with_description
from tests.pages.examples import read_data
from tests.tiers import quick_rows

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def airs(made_once):
    """A model file. Tests only read it."""

    def export(folder):
        answer = call("export", f"run={WITH_RHYTHM}", f"to={folder}/airs.melgen")
        assert answer.code == 0, answer.text

    return made_once("airs", export) / "airs.melgen"


def test_a_run_becomes_one_file(here):
    before = files_below(WITH_RHYTHM)
    answer = call("export", f"run={WITH_RHYTHM}", "to=nets/airs.melgen", "licence=MIT")
    assert answer.code == 0, answer.text
    assert [*files_below(here)] == ["nets/airs.melgen"]
    assert "nets/airs.melgen (19 kB), licence MIT" in answer.out
    assert "python -m melgen.generate checkpoint=nets/airs.melgen" in answer.out
    assert answer.err == ""
    assert files_below(WITH_RHYTHM) == before


def of_corpus(folder, **corpus):
    """A run that was trained on a corpus, without a training."""
    import torch

    shutil.copytree(WITH_RHYTHM, folder)
    file = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    checkpoint["melgen"]["config"] |= {"corpus": corpus, "dataset": {"corpus": corpus}}
    torch.save(checkpoint, file)
    return folder


@pytest.mark.slow
def test_essen_is_not_shipped_under_mit(here):
    run = of_corpus(here / "run", _target_="melgen.corpora.FolkCorpus")
    answer = call("export", f"run={run}", "to=folk.melgen", "licence=MIT")
    assert answer.code == 1
    assert "licence=MIT: the network was trained on essen, which permits non-commercial use only" in answer.err
    assert "music21/corpus/essenFolksong/license.txt" in answer.err
    assert not Path("folk.melgen").exists()
    answer = call("export", f"run={run}", "to=folk.melgen")
    assert answer.code == 0, answer.text
    assert "licence CC-BY-NC-4.0\nTrained on the Essen folksong collection, which permits non" in answer.out
    assert "permits non-commercial use only" in melgen.load("folk.melgen").card


def test_tunes_of_ones_own_need_a_licence(here):
    run = of_corpus(here / "run", _target_="melgen.corpora.FolderCorpus", path="tunes")
    answer = call("export", f"run={run}", "to=mine.melgen")
    assert answer.code == 1
    assert "licence=null: melgen does not know the rights in files of a folder; licence=NAME is needed" in answer.err
    assert call("export", f"run={run}", "to=mine.melgen", "licence=CC0-1.0").code == 0
    assert described(Path("mine.melgen"))["licence"] == "CC0-1.0"


@quick_rows(
    3,
    ("overrides", "expected"),
    [
        ([], "run: has no default"),
        ([f"run={OF_PITCHES}"], "to: has no default"),
        (["run=nowhere", "to=a.melgen"], "run=nowhere: no such file or directory"),
        ([f"run={OF_PITCHES}", "to=a.zip"], "to=a.zip: must be the name of a file, NAME.melgen"),
        ([f"run={OF_PITCHES}", "to=notes.melgen"], "to=notes.melgen: must be free, or an earlier model file"),
        ([f"run={OF_PITCHES}", "to=a.melgen", "license=MIT"], "did you mean licence"),
        ([f"run={OF_PITCHES}", "to=a.melgen", "licence=[MIT]"], "must be the SPDX name of a licence"),
    ],
)
def test_refused_with_key_value_and_rule(overrides, expected, here):
    Path("notes.melgen").write_text("mine")
    answer = call("export", *overrides)
    assert answer.code == 1
    assert expected in answer.err
    assert "Traceback" not in answer.err
    assert files_below(here) == {"notes.melgen": b"mine"}


@pytest.mark.slow
def test_songs_of_a_model_file(airs, here):
    answer = call("generate", f"checkpoint={airs}", "songs=2", "notes=6")
    assert answer.code == 0, answer.text
    assert read_songs("airs-songs").metadata["model"] == "airs"
    assert "2 songs by airs in airs-songs" in answer.text
    assert call("generate", f"checkpoint={WITH_RHYTHM}", "songs=2", "notes=6", "out=of_run").code == 0
    assert read_songs("airs-songs").melodies == read_songs("of_run").melodies
    assert read_songs("airs-songs").reader == read_songs("of_run").reader == 2


@pytest.mark.slow
def test_its_songs_are_measured_and_rendered(airs, here):
    answer = call("evaluate", f"songs={airs}", "corpus=none")
    assert answer.code == 0, answer.text
    measured = json.loads(Path("airs-evaluation/evaluation.json").read_text())
    assert len(measured["songs"]["songs"]) == 2
    answer = call("render", f"songs={airs}", "to=abc")
    assert answer.code == 0, answer.text
    assert {path.name for path in Path("airs-rendered").glob("*.abc")} == {"song_001.abc", "song_002.abc"}
    assert [path.name for path in airs.parent.iterdir()] == ["airs.melgen"], "nothing is written next to the file"


@pytest.mark.slow
def test_the_page_of_a_model_file(airs, here):
    answer = call("report", f"run={airs}", "scores=0", "progress=false")
    assert answer.code == 0, answer.text
    assert [*files_below(here)] == ["airs.html"]
    page = read_data(Path("airs.html").read_text(encoding="utf-8"))
    assert (page["title"], page["above"]) == ("airs", "")
    facts = {fact["name"]: fact["value"] for fact in page["facts"]}
    assert facts["Licence of the weights"] == "CC-BY-4.0"
    assert (facts["Parameters"], facts["Updates"]) == ("590", "8, best at 8")
    assert {"listen", "songs", "tonality", "configuration", "provenance"} <= page["sections"].keys()
    assert page["runs"][0]["values"]["test/loss"] == pytest.approx(described(airs)["metrics"]["test/loss"], rel=1e-4)
    assert any("made from a model file" in notice["text"] for notice in page["notices"])


@pytest.mark.slow
def test_the_page_of_non_commercial_weights_has_the_notice(airs, here):
    shutil.copy(airs, "folk.melgen")

    def of_essen(content):
        content["corpora"][0] |= {"name": "essen", "title": "Essen", "excludes_commercial_use": True}
        content["licence"] = "CC-BY-NC-4.0"
        content["config"] = {"seed": "${oc.env:HOME}", "layers": "${"}

    with_description(Path("folk.melgen"), of_essen)
    answer = call("report", "run=folk.melgen", "scores=0", "progress=false")
    assert answer.code == 0, answer.text
    notices = read_data(Path("folk.html").read_text(encoding="utf-8"))["notices"]
    assert notices[0]["strong"]
    assert "Essen, which permits non-commercial use only" in notices[0]["text"]


@pytest.mark.slow
def test_a_training_starts_from_a_model_file(airs, here):
    tiny = [word for word in TINY if not word.startswith(("hidden_size", "callbacks"))]
    options = [*tiny, "hidden_size=4", "rhythm=factored", "callbacks=none"]
    answer = call("train", *options, f"init_from={airs}")
    assert answer.code == 0, answer.text
    (run,) = Path("multirun/misc_folk").iterdir()
    assert "airs.melgen" in run.name
    assert json.loads((run / "data.json").read_text())["init_from"]
    exported = call("export", f"run={run}", "to=later.melgen")
    assert exported.code == 0, exported.text
    corpora = [corpus["name"] for corpus in described(Path("later.melgen"))["corpora"]]
    assert corpora == ["misc_folk"], "the start is found again, and its corpus is the same"


@quick_rows(1, "verb", ["generate", "evaluate", "render", "report", "play"])
def test_a_damaged_file_is_refused_by_name(verb, airs, here):
    Path("cut.melgen").write_bytes(airs.read_bytes()[:-300])
    key = {"generate": "checkpoint", "report": "run", "play": "run"}.get(verb, "songs")
    answer = call(verb, f"{key}=cut.melgen")
    assert answer.code == 1
    assert f"{key}=cut.melgen: a model file that is damaged or incomplete" in answer.err
    assert "Traceback" not in answer.err
    assert [*files_below(here)] == ["cut.melgen"]


@quick_rows(
    1,
    ("verb", "key", "more"),
    [
        ("generate", "checkpoint", []),
        ("evaluate", "songs", []),
        ("render", "songs", []),
        ("report", "run", []),
        ("play", "run", []),
        ("train", "init_from", TINY),
        ("train", "init_from", [*TINY, "hydra.job.chdir=true"]),
    ],
)
def test_a_reference_of_another_form(verb, key, more, here):
    answer = call(verb, f'{key}="hf:owner"', *more)
    assert answer.code == 1
    assert f"{key}=hf:owner: must be hf:owner/name" in answer.err
