"""Names of files and folders that are not UTF-8, as in old archives: from reading to the page."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from melgen.music import Melody
from melgen.music.midi import midi_bytes
from melgen.rendering.musicxml import to_musicxml
from tests.commands.calling import TINY, call

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")

FOLDER, FILE = b"l\xe4ufe", b"caf\xe9"
KERN = "**kern\n*M4/4\n" + "\n".join(f"4{note}" for note in "cdefgabccbagfedc") + "\n*-\n"


@pytest.fixture
def tunes(here):
    """A folder whose name is Latin-1, with some files and a folder that also have such names."""
    folder = Path(os.fsdecode(os.path.join(os.fsencode(here), FOLDER)))
    below = Path(os.fsdecode(os.path.join(os.fsencode(folder), b"alb\xfam")))
    below.mkdir(parents=True)
    for number in range(12):
        steps = [0, 2, 4, 2, 0, -1, 0, 4 + number % 3, 5, 4, 2, 0, 2, number % 5, 0, 0]
        melody = Melody.from_pitches([60 + (step + number) % 13 for step in steps * 2])
        (folder / f"{number}.mid").write_bytes(midi_bytes(melody))
    odd = {
        name: Path(os.fsdecode(os.path.join(os.fsencode(below), FILE + name))) for name in (b".mid", b".abc", b".krn")
    }
    odd[b".mid"].write_bytes(midi_bytes(melody))
    odd[b".abc"].write_text("X:1\nM:4/4\nK:C\nCDEFGABcBAGFEDCCDEFGAB|\n")
    odd[b".krn"].write_text(KERN)
    Path(os.fsdecode(os.path.join(os.fsencode(below), FILE + b".musicxml"))).write_text(to_musicxml(melody, "a title"))
    Path(os.fsdecode(os.path.join(os.fsencode(below), b"d\xe9fect.mid"))).write_bytes(b"MThd")
    Path(os.fsdecode(os.path.join(os.fsencode(below), b"notes.t\xe9xt"))).write_text("no tune")
    return folder


def quoted(folder):
    return "'" + str(folder) + "'"


@pytest.mark.slow
def test_a_corpus_is_prepared_and_trained_on(tunes, here):
    for _ in range(2):  # first from the files, then from the cache
        answer = call("prepare", "corpus=folder", f"path={quoted(tunes)}", "workers=2")
        assert answer.code == 0, answer.text
        assert "tunes kept                     16" in answer.out
        assert r"alb\xfam/d\xe9fect.mid" in answer.out
        assert r"1 .t\xe9xt" in answer.out

    options = [option for option in TINY if not option.startswith(("corpus", "logger", "report"))]
    own = ["corpus=folder", f"path={quoted(tunes)}", "batch_size=2", "seq_length=10", "primer=[60,62]", "name=odd"]
    answer = call("train", *options, *own, "logger=[csv,tensorboard]", "report=true")
    assert answer.code == 0, answer.text
    assert "warning" not in answer.text.lower()
    assert "could not" not in answer.text
    (run,) = (here / "multirun" / "odd").iterdir()
    for file in run.rglob("*"):
        if file.suffix in (".tsv", ".json", ".csv", ".html", ".yaml", ".log"):
            file.read_text(encoding="utf-8")
    assert r"alb\xfam/caf\xe9.abc" in (run / "splits.tsv").read_text()
    assert json.loads((run / "data.json").read_text())["import"]["corpus"] == f"folder {tunes}"

    again = call("train", *options, *own, "logger=csv")
    assert again.code == 0, again.text
    assert "Already finished" in again.text
    written = call("generate", f"checkpoint={run}", "songs=2", "primer=[60,62]", "out=out")
    assert written.code == 0, written.text
    page = call("report", f"run={run}", "out=page.html")
    assert page.code == 0, page.text


@pytest.mark.slow
def test_songs_are_measured_and_rendered(tunes):
    answer = call("evaluate", f"songs={quoted(tunes)}", "corpus=none", "out=measured")
    assert answer.code == 0, answer.text
    content = json.loads(Path("measured/evaluation.json").read_text(encoding="utf-8"))
    assert r"alb\xfam/caf\xe9.abc" in json.dumps(content["songs"], ensure_ascii=False).replace("\\\\", "\\")
    assert r"alb\xfam/d\xe9fect.mid" in content["songs"]["left_out"]
    answer = call("render", f"songs={quoted(tunes)}", "to=[abc,musicxml,svg]", "out=drawn")
    assert answer.code == 0, answer.text
    assert len([*Path("drawn").rglob("*.svg")]) == 16


@pytest.mark.slow
def test_a_folder_of_nothing_else_is_refused_by_name(tunes):
    shutil.rmtree(tunes)
    tunes.mkdir()
    (tunes / os.fsdecode(b"d\xe9fect.mid")).write_bytes(b"MThd")
    for answer in (
        call("prepare", "corpus=folder", f"path={quoted(tunes)}"),
        call("evaluate", f"songs={quoted(tunes)}", "corpus=none"),
    ):
        assert answer.code == 1
        assert r"d\xe9fect.mid" in answer.text
        assert "Traceback" not in answer.text
