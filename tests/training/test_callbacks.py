"""Callbacks for songs, tonality and the embedding: their files, and that none of them can stop a training."""

from __future__ import annotations

import csv
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest
import symusic
from PIL import Image
from pytorch_lightning.loggers import TensorBoardLogger

from melgen.checkpoint import load_model
from melgen.data import Split
from melgen.data.from_config import build_data
from melgen.evaluation.tonality import summarize
from melgen.generation.songs import read_songs
from melgen.music import Control, Factored, Melody
from melgen.music.encoding import Encoding
from melgen.music.metre import Metre, MetreChange
from melgen.networks import MelodyModel
from melgen.runs.history import read_history
from melgen.train import train
from melgen.training import MelodyModule
from melgen.training.callbacks import Schedule, SongSampling, SongTonality
from tests.data.melodies import walks, write_songs
from tests.tiers import quick_rows
from tests.training.small import same, small_config, small_data, small_module

SHOWN = [
    "callbacks=default",
    "callbacks.sampling.songs=6",
    "callbacks.sampling.notes=10",
    "trainer.max_steps=12",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run. Tests only read it."""
    folder = tmp_path_factory.mktemp("callbacks")
    write_songs(folder / "tiny_song_list.p", walks(30))
    underway = ["callbacks.sampling.every_n_steps=5", "callbacks.projection.every_n_steps=6"]
    with warnings.catch_warnings():
        train(small_config(folder, *SHOWN, *underway))
    return folder / "run"


@pytest.mark.slow
def test_songs_underway_and_at_the_end(run):
    final = read_songs(run / "songs")
    assert len(final.melodies) == 6
    assert all(len(song) == 14 and song.pitches[:4] == (60, 62, 64, 62) for song in final.melodies)
    known = load_model(run).vocabulary.values
    assert all(set(song.pitches) <= set(known.tolist()) for song in final.melodies)
    for number, song in enumerate(final.melodies, 1):
        (track,) = symusic.Score(run / "songs" / f"song_{number:03d}.mid").tracks
        assert tuple(note.pitch for note in track.notes) == song.pitches
    underway = sorted(path.name for path in (run / "samples").iterdir() if path.name.startswith("step"))
    assert underway == ["step-00000000", "step-00000005", "step-00000010"]
    assert len(read_songs(run / "samples" / "step-00000005").melodies) == 5


@pytest.mark.slow
def test_final_songs_come_from_the_best_weights_and_record_it(run):
    metadata = read_songs(run / "songs").metadata
    assert metadata["seed"] == 0
    assert metadata["primer"] == [60, 62, 64, 62]
    assert metadata["selection"] == "sample"
    assert metadata["updates"] == load_model(run).updates


@pytest.mark.slow
def test_the_first_songs_come_close_together_and_cost_the_training_nothing(folder):
    sampled = [*SHOWN, "callbacks.sampling.every_n_steps=null", "callbacks.sampling.at_steps=[0,1,3]"]
    weights = {}
    for name, overrides in {"with": sampled, "without": ["callbacks=none", "trainer.max_steps=12"]}.items():
        train(small_config(folder, *overrides, f"run_dir={folder}/{name}"))
        weights[name] = load_model(folder / name).model.state_dict()
    underway = sorted(path.name for path in (folder / "with" / "samples").iterdir())
    assert underway == ["step-00000000", "step-00000001", "step-00000003"]
    assert read_songs(folder / "with" / "samples" / "step-00000000").metadata["updates"] == 0
    assert same(dict(weights["with"]), dict(weights["without"]))


def test_by_default_the_first_songs_come_at_one_three_ten_and_so_on():
    from omegaconf import OmegaConf

    from melgen.configuration.conf_dir import CONF_DIR
    from melgen.training.callbacks import FIRST_SAMPLES

    configured = OmegaConf.load(Path(CONF_DIR) / "callbacks" / "sampling.yaml").sampling.at_steps
    assert tuple(configured) == FIRST_SAMPLES
    assert FIRST_SAMPLES[:6] == (0, 10, 30, 100, 300, 1000)


@pytest.mark.slow
def test_tonality_of_the_songs_is_logged_with_that_of_the_openings(run):
    measured = json.loads((run / "tonality.json").read_text())
    songs = summarize([song.pitches for song in read_songs(run / "songs").melodies])
    data = build_data(small_config(run.parent, *SHOWN))
    openings = [tune[:14] for tune in data.tunes_of(Split.TEST) if len(tune) >= 14]
    assert measured["openings"]["notes"] == 14
    for part, expected in (("songs", songs), ("openings", summarize(openings))):
        assert measured[part]["count"] == expected.songs
        for metric, value in expected.mean._asdict().items():
            assert measured[part]["mean"][metric] == pytest.approx(value, rel=1e-12)
        for metric, value in expected.deviation._asdict().items():
            assert measured[part]["standard_deviation"][metric] == pytest.approx(value, rel=1e-12)
    result = json.loads((run / "result.json").read_text())
    assert result["tonality/centricity"] == measured["songs"]["mean"]["centricity"]


@pytest.mark.slow
def test_the_embedding_is_written_for_projector_eyes_and_neighbours(run):
    weights = load_model(run).model.embedding.weight.detach().numpy()
    folder = run / "embedding"
    tensors = np.loadtxt(folder / "tensors.tsv", delimiter="\t", dtype=np.float32)
    np.testing.assert_allclose(tensors, weights, rtol=1e-6)
    names = (folder / "metadata.tsv").read_text().splitlines()
    assert len(names) == len(weights)
    assert "C4" in names
    with Image.open(folder / "embedding.png") as picture:
        picture.verify()
    with (folder / "neighbours.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(names) * 2 * 5
    first = next(row for row in rows if row["metric"] == "euclidean" and row["note"] == names[0])
    distances = np.linalg.norm(weights - weights[0], axis=1)
    distances[0] = np.inf
    assert first["neighbour"] == names[int(distances.argmin())]
    assert float(first["distance"]) == pytest.approx(distances.min(), rel=1e-4)
    assert {path.name for path in (run / "samples").iterdir()} >= {"embedding-00000006", "embedding-00000012"}


@pytest.mark.slow
def test_tonality_reaches_the_history(run):
    steps = [row["step"] for row in read_history(run / "metrics.csv") if "tonality/centricity" in row]
    assert steps == [0, 5, 10, 12]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "missing", "there"),
    [
        (
            "melgen.training.callbacks.embedding_projection.embedding_figure",
            "embedding/embedding.png",
            "songs/songs.json",
        ),
        ("melgen.training.callbacks.embedding_projection.write_projector", "embedding/tensors.tsv", "songs/songs.json"),
    ],
)
def test_a_failing_callback_gives_a_warning_and_the_training_goes_on(
    folder, monkeypatch, caplog, broken, missing, there
):
    def fail(*args, **kwargs):
        raise RuntimeError("out of ink")

    monkeypatch.setattr(broken, fail)
    with caplog.at_level(logging.WARNING):
        value = train(small_config(folder, *SHOWN))
    assert np.isfinite(value)
    assert "failed, the training goes on: RuntimeError: out of ink" in caplog.text
    assert not (folder / "run" / missing).exists()
    assert (folder / "run" / there).exists()
    assert json.loads((folder / "run" / "status.json").read_text())["state"] == "finished"


@pytest.mark.parametrize("broken", ["song_sampling.write_songs", "song_tonality.summarize"])
def test_a_run_whose_final_songs_fail_is_not_finished_and_repeats_only_its_end(folder, monkeypatch, caplog, broken):
    def fail(*args, **kwargs):
        raise RuntimeError("out of ink")

    config = small_config(folder, "callbacks=default", "callbacks.sampling.songs=2", "trainer.max_steps=2")
    with monkeypatch.context() as patch:
        patch.setattr(f"melgen.training.callbacks.{broken}", fail)
        with pytest.raises(RuntimeError, match="out of ink"):
            train(config)
    status = json.loads((folder / "run" / "status.json").read_text())
    assert (status["state"], status["error"]) == ("failed", "out of ink")
    assert not (folder / "run" / "result.json").exists()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        train(config)
    assert "Resuming at update 2" in caplog.text
    assert json.loads((folder / "run" / "status.json").read_text())["state"] == "finished"
    measured = json.loads((folder / "run" / "tonality.json").read_text())["songs"]["mean"]["centricity"]
    assert json.loads((folder / "run" / "result.json").read_text())["tonality/centricity"] == measured


def test_a_result_has_no_tonality_of_the_songs_underway(folder, monkeypatch):
    monkeypatch.setattr(SongSampling, "on_test_end", lambda *args: None)
    train(small_config(folder, "callbacks=default", "callbacks.sampling.songs=2", "trainer.max_steps=2"))
    assert not [key for key in json.loads((folder / "run" / "result.json").read_text()) if key.startswith("tonality")]


@pytest.mark.parametrize("final", [False, True])
def test_songs_too_short_to_measure_do_not_fail_the_run(tmp_path, caplog, final):
    module = small_module(small_data())
    (tmp_path / "tonality.json").write_text("of an earlier end")
    SongTonality(tmp_path).on_songs(None, module, [Melody((60,), (0,), (24,))] * 3, final)
    assert "no song has 2 notes" in caplog.text
    assert (tmp_path / "tonality.json").exists() != final


@pytest.mark.slow
def test_a_logger_that_cannot_show_something_does_not_stop_the_training(folder, monkeypatch, caplog):
    from torch.utils.tensorboard import SummaryWriter

    def fail(*args, **kwargs):
        raise OSError("disk quota exceeded")

    for method in ("add_text", "add_figure", "add_embedding"):
        monkeypatch.setattr(SummaryWriter, method, fail)
    with caplog.at_level(logging.WARNING):
        train(small_config(folder, *SHOWN, "logger=tensorboard"))
    assert caplog.text.count("TensorBoardLogger") >= 3
    assert (folder / "run" / "embedding" / "embedding.png").exists()


@pytest.mark.slow
def test_a_logger_that_dies_does_not_stop_the_training(folder, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise OSError("service gone")

    monkeypatch.setattr(TensorBoardLogger, "log_metrics", fail)
    with caplog.at_level(logging.WARNING):
        train(small_config(folder, "trainer.max_steps=4", "logger=tensorboard"))
    assert "TensorBoardLogger" in caplog.text
    assert {2, 4} <= {row["step"] for row in read_history(folder / "run" / "metrics.csv")}


@pytest.mark.slow
def test_tensorboard_receives_every_value(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(small_config(folder, *SHOWN, "logger=tensorboard"))
    events = EventAccumulator(str(folder / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/loss", "val/bits_per_note", "test/loss", "tonality/centricity"} <= set(tags["scalars"])
    assert tags["images"] == ["embedding"]
    assert "songs/text_summary" in tags["tensors"]
    expected = {r["step"]: r["val/loss"] for r in read_history(folder / "run" / "metrics.csv") if "val/loss" in r}
    assert {e.step: e.value for e in events.Scalars("val/loss")} == pytest.approx(expected, rel=1e-6)


@quick_rows(
    1,
    ("override", "message"),
    [
        (
            "callbacks.sampling.every_n_steps=0",
            "every_n_steps=0: must be .* at least 1, or null for never",
        ),
        ("callbacks.sampling.at_steps=[-1]", r"at_steps=\[-1\]: must be a list of numbers of updates"),
        ("callbacks.sampling.at_steps=often", "at_steps=often: must be a list of numbers of updates"),
        ("callbacks.sampling.songs=0", r"callbacks\.sampling\.songs=0: must be a whole number of at least 1"),
        ("callbacks.sampling.primer=[]", "primer"),
        ("callbacks.sampling.primer=[3]", "3 never occurred in training"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(folder, override, message):
    with pytest.raises(Exception, match=message):
        train(small_config(folder, *SHOWN, override))
    assert not (folder / "run").exists()


@pytest.mark.parametrize("primer", [[60, 62], "C4 D4:1/8", ["C4", "D4"], "[L:1/4] CD|"], ids=repr)
def test_songs_start_with_a_primer_in_any_form(tmp_path, primer):
    assert SongSampling(tmp_path, primer=primer).primer.pitches == (60, 62)
    with pytest.raises(ValueError, match="primer=H4 C4: H4 is not a note"):
        SongSampling(tmp_path, primer="H4 C4")


def test_schedules():
    class At:
        global_step, current_epoch = 6, 1

    assert Schedule(3).due_after_update(At)
    assert not Schedule(4).due_after_update(At)
    assert not Schedule(None).due_after_update(At)
    assert Schedule(4, at_steps=[0, 6]).due_after_update(At)
    assert not Schedule(4, at_steps=[0, 6]).due_at_start(At), "a resumed training is beyond its start"
    assert Schedule(None, 2).due_after_epoch(At)
    assert not Schedule(None, 3).due_after_epoch(At)
    with pytest.raises(ValueError, match="every_n_epochs=0"):
        Schedule(None, 0)


def test_a_training_warns_of_a_primer_whose_metre_its_tunes_lack(tmp_path, caplog):
    jig = Melody((67, 69), (0, 12), (12, 24), metres=(MetreChange(0, Metre(6, 8)),), pickup=12)
    encoding = Encoding(Control(), Factored())
    vocabulary = encoding.vocabulary_of([encoding.encode(jig)])
    model = MelodyModel(**vocabulary.sizes, hidden_size=4, layers=1)
    module = MelodyModule(model, Control(), vocabulary, rhythm=Factored())
    for metre, lines in (("6/8", []), ("7/8", ["the primer's metre 7/8 was never seen in training"])):
        caplog.clear()
        SongSampling(tmp_path, primer=f"[M:{metre}][L:1/8] G|A2").check(module)
        assert [line.partition(":")[0] for line in caplog.messages if "metre" in line] == lines
