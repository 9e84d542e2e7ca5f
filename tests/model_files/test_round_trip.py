"""A network is the same after it was exported and read again, to the last bit."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

import melgen
from melgen.checkpoint import load_model
from melgen.errors import CheckpointError
from melgen.exporting.writing import export_run
from melgen.generation.song_files import read_song_folder
from melgen.generation.songs import read_songs
from melgen.model_files.archive import write_archive
from melgen.model_files.description import Description
from melgen.model_files.weights import read_model_file, weights_bytes
from melgen.networks import MelodyModel, count_parameters
from melgen.training.init_from import StartingPoint
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM, described, members_of
from tests.training.small import CELLS

RUNS = {"rhythm": WITH_RHYTHM, "pitches": OF_PITCHES}


@pytest.mark.parametrize("kind", RUNS)
def test_a_network_is_the_same_to_the_last_bit(kind, exported):
    ours, theirs = load_model(RUNS[kind]), load_model(exported / f"{kind}.melgen")
    shape = (2, 7) if ours.model.duration_size is None else (2, 7, 2)
    tokens = torch.randint(0, 9, shape)
    with torch.no_grad():
        assert torch.equal(ours.model(tokens)[0], theirs.model(tokens)[0])
    assert ours.vocabulary == theirs.vocabulary
    assert ours.rhythm == theirs.rhythm
    assert ours.representation.name == theirs.representation.name
    assert ours.updates == theirs.updates
    assert (ours.seen is None) == (theirs.seen is None)
    if ours.seen is not None and theirs.seen is not None:
        assert np.array_equal(ours.seen.own, theirs.seen.own)
        assert ours.seen.is_complete == theirs.seen.is_complete


@pytest.mark.parametrize("kind", RUNS)
def test_the_same_seed_gives_the_same_songs(kind, exported):
    ours, theirs = melgen.load(RUNS[kind]), melgen.load(exported / f"{kind}.melgen")
    one, other = (net.continue_("C4 D4 E4 D4", songs=3, notes=8, seed=7) for net in (ours, theirs))
    assert one.melodies == other.melodies
    assert one.melodies != ours.continue_("C4 D4 E4 D4", songs=3, notes=8, seed=8).melodies


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell, tmp_path, exported):
    """Options of a cell are plain data that JSON keeps."""
    kept = read_model_file(exported / "pitches.melgen").description
    model = MelodyModel(kept.model["vocab_size"], 4, 2, CELLS[cell])
    values = {field: getattr(kept, field) for field in kept.__dataclass_fields__}
    values |= {"model": model.describe(), "parameters": count_parameters(model)}
    members = members_of(exported / "pitches.melgen")
    members["model.json"] = Description(**values).text().encode()
    members["weights.safetensors"] = weights_bytes(model.state_dict())
    write_archive(tmp_path / "net.melgen", members)
    read = load_model(tmp_path / "net.melgen").model
    assert read.describe() == model.describe()
    tokens = torch.zeros(1, 3, dtype=torch.long)
    with torch.no_grad():
        assert torch.equal(read(tokens)[0], model.eval()(tokens)[0])


def test_a_model_file_is_where_training_starts(exported):
    ours, theirs = StartingPoint.read(WITH_RHYTHM), StartingPoint.read(exported / "rhythm.melgen")
    assert ours.digest == theirs.digest
    assert np.array_equal(ours.seen.own, theirs.seen.own)


def test_equal_runs_give_equal_bytes(tmp_path, exported):
    run = tmp_path / "elsewhere" / WITH_RHYTHM.parent.name / WITH_RHYTHM.name
    shutil.copytree(WITH_RHYTHM, run)
    export_run(run, tmp_path / "rhythm.melgen")
    assert (tmp_path / "rhythm.melgen").read_bytes() == (exported / "rhythm.melgen").read_bytes()


def test_the_songs_of_the_run_are_in_the_file(exported):
    of_run = read_songs(WITH_RHYTHM / "songs").melodies
    in_file = read_song_folder(exported / "rhythm.melgen")
    assert [*in_file.songs.values()] == of_run
    assert [*in_file.songs] == ["song_001", "song_002"]
    assert in_file.oldest_reader == 2, "the list states which reader read the training tunes"
    midi = [name for name in members_of(exported / "rhythm.melgen") if name.endswith(".mid")]
    assert len(midi) == len(of_run)


def test_songs_of_other_weights_are_replaced_by_new_ones(tmp_path):
    run = tmp_path / "run"
    shutil.copytree(WITH_RHYTHM, run)
    list_of_songs = run / "songs" / "songs.json"
    list_of_songs.write_text(list_of_songs.read_text().replace('"updates": 8', '"updates": 7'))
    export_run(run, tmp_path / "net.melgen")
    assert len(read_song_folder(tmp_path / "net.melgen").songs) == 10


def test_no_place_of_the_training_machine_is_in_the_file(tmp_path):
    run = tmp_path / "folder" / "run"
    shutil.copytree(WITH_RHYTHM, run)
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    config = checkpoint["melgen"]["config"]
    config |= {"path": "/home/secret/tunes", "run_dir": "/home/secret/run", "cache_dir": "/home/secret/cache"}
    config["dataset"] |= {"cache_dir": "/home/secret/cache", "workers": 7}
    torch.save(checkpoint, run / "checkpoints" / "best.ckpt")
    provenance = run / "provenance.json"
    provenance.write_text(provenance.read_text().replace('"hidden_size=4"', '"path=/home/secret/tunes"'))
    export_run(run, tmp_path / "net.melgen")
    assert b"secret" not in (tmp_path / "net.melgen").read_bytes()
    assert "path=tunes" in described(tmp_path / "net.melgen")["provenance"]["command"]


def test_a_checkpoint_alone_can_be_exported(tmp_path):
    shutil.copy(WITH_RHYTHM / "checkpoints" / "best.ckpt", tmp_path)
    path = export_run(tmp_path / "best.ckpt", tmp_path / "net.melgen")
    assert described(path)["provenance"]["command"] is None
    assert load_model(path).metrics


def test_a_model_file_is_not_exported_again(exported, tmp_path):
    with pytest.raises(ValueError, match=r"run=.*must be a run or a checkpoint, not a model file"):
        export_run(exported / "rhythm.melgen", tmp_path / "net.melgen")


@pytest.mark.parametrize("to", ["net.zip", "net", ".melgen"])
def test_a_name_that_is_not_one_of_a_model_file(to, tmp_path):
    with pytest.raises(ValueError, match=r"to=.*must be the name of a file, NAME.melgen"):
        export_run(WITH_RHYTHM, tmp_path / to)


def test_what_is_not_ours_is_not_replaced(tmp_path):
    (tmp_path / "folder.melgen").mkdir()
    (tmp_path / "thesis.melgen").write_text("mine")
    for name in ("folder", "thesis"):
        with pytest.raises(ValueError, match="must be free, or an earlier model file"):
            export_run(WITH_RHYTHM, tmp_path / f"{name}.melgen")
    assert (tmp_path / "thesis.melgen").read_text() == "mine"


def test_a_name_that_a_card_cannot_show(tmp_path, monkeypatch):
    monkeypatch.setattr("melgen.exporting.writing.load_model", None)  # refused before a network is loaded
    with pytest.raises(ValueError, match=r"to=.*a\*b.melgen.*: must be NAME.melgen with a NAME of 1 to 100 letters"):
        export_run(WITH_RHYTHM, tmp_path / "a*b.melgen")
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_run_without_a_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match="contains no checkpoint yet"):
        export_run(tmp_path, tmp_path / "net.melgen")
