"""Checkpoints and sweeps of earlier versions of melgen; see ``make_fixture.py``."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import melgen
from melgen.checkpoint import load_model, read_checkpoint
from melgen.corpora import FolkCorpus
from melgen.corpora.corpus import READER_VERSION
from melgen.data import MelodyDataModule, Split
from melgen.files import read_json
from melgen.generation.song_files import read_song_folder
from melgen.generation.songs import read_songs
from melgen.music import Control, Melody
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import numbers_software
from melgen.runs.search import statuses_below
from melgen.scoring.likelihood import likelihood
from tests.commands.calling import call, files_below
from tests.formats.make_fixture import SMALL, UNTIL, UPDATES, run_of

KEPT = sorted(Path(__file__).parent.glob("version*"))
KEPT_RHYTHM = sorted(Path(__file__).parent.glob("rhythm*"))
KEPT_BITS = 8.3433
"""Bits per note of the kept network with rhythm on all tunes of its corpus."""
SAME_ON_EVERY_PROCESSOR = 1e-3
"""In nats. The last bits differ between processors; other arithmetic would differ by more."""


@pytest.fixture(params=KEPT, ids=[path.name for path in KEPT])
def sweep(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    copy = Path(shutil.copytree(request.param, "multirun/misc_folk"))
    for path in [copy, *copy.rglob("*")]:
        os.utime(path, (0, 0))  # the old run on another machine is not running any more
    return copy


def test_every_version_has_been_kept():
    from melgen.checkpoint import FORMAT_VERSION as OF_RHYTHM
    from melgen.checkpoint import FORMAT_VERSION_OF_PITCHES as OF_CHECKPOINTS
    from melgen.runs.identity_file import FORMAT_VERSION

    assert [path.name for path in KEPT] == [f"version{number}" for number in range(1, FORMAT_VERSION + 1)]
    kept = {read_checkpoint(path)["melgen"]["format_version"] for path in KEPT[-1].rglob("*.ckpt")}
    assert kept == {OF_CHECKPOINTS}
    assert [path.name for path in KEPT_RHYTHM] == [f"rhythm{version}" for version in range(2, OF_RHYTHM + 1)]
    for path in KEPT_RHYTHM:
        versions = {read_checkpoint(file)["melgen"]["format_version"] for file in path.rglob("*.ckpt")}
        assert versions == {int(path.name.removeprefix("rhythm"))}


def test_every_version_of_a_model_file_is_read():
    from melgen.model_files.description import FORMAT_VERSION

    kept = sorted(Path(__file__).parent.glob("*.melgen"))
    assert [path.name for path in kept] == [f"model{number}.melgen" for number in range(1, FORMAT_VERSION + 1)]
    (run,) = KEPT_RHYTHM[0].iterdir()
    of_run = melgen.load(run)
    for path in kept:
        net = melgen.load(path)
        assert net.continue_(songs=2, seed=1).melodies == of_run.continue_(songs=2, seed=1).melodies
        assert net.metrics["val/loss"] == of_run.metrics["val/loss"]
        assert net.licence == "CC-BY-4.0"
        assert len(read_song_folder(path).songs) == 2


@pytest.mark.parametrize("kept", KEPT_RHYTHM, ids=lambda path: path.name)
def test_a_network_with_rhythm_is_read_and_writes_songs(kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(kept, "multirun/misc_folk")
    (run,) = Path("multirun/misc_folk").glob("*-rhythm-factored*")
    trained = load_model(run)
    assert trained.rhythm.name == "factored"
    tunes = FolkCorpus(["misc_folk"]).load(progress=False).melodies
    scores = likelihood(trained, list(tunes), np.ones(len(tunes), bool))
    assert scores["bits_per_note_with_rhythm"] == pytest.approx(KEPT_BITS, abs=SAME_ON_EVERY_PROCESSOR)
    answer = call("generate", f"checkpoint={run}", "songs=2", "notes=5", "out=songs")
    assert answer.code == 0, answer.text
    assert [len(song) for song in read_songs(Path("songs")).melodies] == [5, 5]


def test_the_networks_write_songs(sweep):
    for cell in ("gru", "lstm"):
        assert load_model(sweep / run_of(cell)).updates in (UNTIL, UPDATES)
        answer = call("generate", f"checkpoint={sweep / run_of(cell)}", "songs=2", "notes=5", f"out={cell}")
        assert answer.code == 0, answer.text


def test_the_status_of_the_sweep_is_printed(sweep):
    states = {status.path.name: status.state for status in statuses_below(sweep)}
    assert states == {run_of("gru"): "finished", run_of("lstm"): "interrupted"}


def pretend_todays_torch(sweep):
    """A run refuses to go on with another torch, which is tested elsewhere. Record the current version."""
    for file in sweep.glob("*/identity.json"):
        identity = json.loads(file.read_text())
        identity["software"]["torch"] = numbers_software()["torch"]
        file.write_text(json.dumps(identity))


def is_of_older_reader(sweep):
    return RunDirectory(sweep / run_of("gru")).recorded_reader < READER_VERSION


@pytest.mark.slow
def test_the_same_command_does_not_go_on_with_tunes_of_an_older_reader(sweep):
    if not is_of_older_reader(sweep):
        pytest.skip("of today's reader")
    pretend_todays_torch(sweep)
    runs = [sweep / run_of(cell) for cell in ("gru", "lstm")]
    before = [files_below(run) for run in runs]
    answer = call("train", *SMALL, f"trainer.max_steps={UPDATES}")
    assert answer.code == 1
    assert [files_below(run) for run in runs] == before, "no file has changed"
    for cell, consequence in (("gru", "it is kept"), ("lstm", "it cannot continue")):
        error = RunDirectory(f"{sweep / run_of(cell)}-refused").status["error"]
        assert "read by an older reader (version 1" in error
        assert consequence in error
        assert "name=..." in error
        assert "force=true" in error
        assert "corpus.fingerprint" in error
    alone = [option for option in SMALL if not option.startswith(("cell=", "hydra.mode="))]
    alone += ["cell=gru", f"trainer.max_steps={UPDATES}"]
    answer = call("train", *alone, "name=again")
    assert answer.code == 0, answer.text
    (again,) = Path("multirun/again").glob("control-gru-*")
    assert RunDirectory(again).recorded_reader == READER_VERSION
    assert call("train", *alone, "force=true").code == 0
    assert RunDirectory(sweep / run_of("gru")).recorded_reader == READER_VERSION


def recorded(run, split):
    _, *lines = (run / "splits.tsv").read_text(encoding="utf-8").splitlines()
    return {line.split("\t")[1] for line in lines if line.startswith(split)}


@pytest.mark.slow
def test_tunes_that_it_was_trained_on_are_not_held_out(sweep, caplog):
    """The run was trained on most of the tunes that today's rule holds out."""
    if not is_of_older_reader(sweep):
        pytest.skip("of today's reader")
    run = sweep / run_of("gru")
    trained_on = recorded(run, "train")
    options = ("corpus=misc_folk", "evaluation.resamples=10", "evaluation.min_corpus_notes=2", "progress=false")
    answer = call("evaluate", f"songs={run / 'songs'}", *options, "out=found")
    assert answer.code == 0, answer.text
    assert "the run's splits.tsv states which tunes were held out" in answer.text
    found = read_json(Path("found/evaluation.json"))
    assert found["corpus"]["has_recorded_splits"]
    counts = found["corpus"]["tunes"]
    for split in ("train", "validation", "test"):
        assert 0 < counts[split] <= len(recorded(run, split))
    today = MelodyDataModule(FolkCorpus(["misc_folk"]), Control(), batch_size=1, seq_length=1, progress=False)
    today.setup()
    held_out = {today.melodies.sources[i] for i in np.flatnonzero(today.splits != Split.TRAIN)}
    assert held_out & trained_on, "otherwise this test checks nothing"
    again = MelodyDataModule(FolkCorpus(["misc_folk"]), Control(), batch_size=1, seq_length=1, progress=False)
    again.recorded_splits = (RunDirectory(run).splits_to_keep,)
    again.setup()
    held_out = {again.melodies.sources[i] for i in np.flatnonzero(again.splits > Split.TRAIN)}
    assert held_out
    assert not held_out & trained_on


@pytest.mark.slow
def test_songs_in_another_folder_record_that_an_older_reader_read_the_tunes(sweep, monkeypatch):
    if not is_of_older_reader(sweep):
        pytest.skip("of today's reader")
    run = sweep / run_of("gru")
    options = ("corpus=misc_folk", "evaluation.resamples=10", "progress=false")
    shutil.copytree(run / "songs", "old list")  # of version 1
    assert call("generate", f"checkpoint={run}", "songs=2", "notes=5", "out=new_list").code == 0
    for folder in ("old list", "new_list"):
        answer = call("evaluate", f"songs='{folder}'", *options, "out=found")
        assert answer.code == 0, answer.text
        assert "some of the tunes held out here are among their training tunes" in answer.text


@pytest.mark.slow
def test_a_study_of_it_keeps_its_splits(sweep):
    if not is_of_older_reader(sweep):
        pytest.skip("of today's reader")
    shutil.rmtree(sweep / run_of("lstm"))  # interrupted
    options = (
        "generate.songs=2", "generate.notes=6", "evaluation.resamples=10", "stages=[select,generate,evaluate]",
        "progress=false",
    )  # fmt: skip
    answer = call("study", f"runs={sweep}", *options)
    assert answer.code == 0, answer.text
    assert "with the splits that the runs recorded" in answer.text
    named = {
        name
        for split in ("validation", "test")
        for name in read_json(sweep / "study" / "evaluation" / "corpus" / f"{split}.json")["songs"]
    }
    assert named
    assert not named & recorded(sweep / run_of("gru"), "train")


def test_the_same_command_goes_on_with_it(sweep):
    if is_of_older_reader(sweep):
        pytest.skip("its tunes are read in another way today")
    before = RunDirectory(sweep / run_of("gru")).result
    pretend_todays_torch(sweep)
    answer = call("train", *SMALL, f"trainer.max_steps={UPDATES}")
    assert answer.code == 0, answer.text
    assert f"Resuming at update {UNTIL}" in answer.text
    assert "Already finished" in answer.text
    assert RunDirectory(sweep / run_of("gru")).result == before
    now, then = RunDirectory(sweep / run_of("lstm")).result, read_json(sweep / "expected.json")
    assert now["updates"] == then["updates"] == UPDATES
    for key in ("val/loss", "test/loss"):
        assert now[key] == pytest.approx(then[key], abs=SAME_ON_EVERY_PROCESSOR), (
            "melgen computes other numbers than before. If this is intended, raise "
            "melgen.runs.identity.NUMBERS_VERSION and keep a new fixture"
        )


def test_its_songs_are_read_in_todays_steps(sweep):
    for song in read_songs(sweep / run_of("gru") / "songs").melodies:
        assert song == Melody.from_pitches(song.pitches)


@pytest.mark.slow
def test_a_report_is_made_of_it(sweep):
    answer = call("report", f"run={sweep / run_of('gru')}")
    assert answer.code == 0, answer.text
