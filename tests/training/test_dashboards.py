"""Output for dashboards: sound, text, pictures and the embedding, read back by the program of each."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
import threading
import urllib.request
from typing import ClassVar
from urllib.parse import urlencode

import numpy as np
import pytest

from melgen.checkpoint import load_model
from melgen.generation.songs import read_songs
from melgen.music.melody import Melody
from melgen.music.note_names import note_text
from melgen.train import train
from melgen.training.failures import short_message_for_full_disk
from melgen.training.loggers import media
from melgen.training.loggers.csv import HistoryLogger
from tests.data.melodies import walks, write_songs
from tests.training.small import small_config

SHOWN = (
    "logger=tensorboard",
    "callbacks=default",
    "callbacks.sampling.songs=4",
    "callbacks.sampling.notes=8",
    "callbacks.sampling.every_n_steps=6",
    "trainer.max_steps=12",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run. Tests only read it."""
    folder = tmp_path_factory.mktemp("reporting")
    write_songs(folder / "tiny_song_list.p", walks(30))
    train(small_config(folder, *SHOWN))
    return folder / "run"


@pytest.fixture
def nothing_missing(monkeypatch):
    """The state of a process that has not yet shown a song."""
    monkeypatch.setattr(media, "_missing", set())


@pytest.mark.slow
def test_songs_are_heard_and_read(run):
    import soundfile
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"audio": 0, "tensors": 0})
    events.Reload()
    songs = read_songs(run / "songs").melodies
    assert sorted(events.Tags()["audio"]) == ["samples/1", "songs/1", "songs/2", "songs/3"]
    assert [event.step for event in events.Audio("samples/1")] == [0, 6, 10, 12]
    for number, song in enumerate(songs[:3], 1):
        (event,) = events.Audio(f"songs/{number}")
        samples, rate = soundfile.read(io.BytesIO(event.encoded_audio_string))
        assert rate == event.sample_rate == 16_000
        # Twelve quarter notes at 120 a minute, and the decay of the last one.
        assert 6 <= len(samples) / rate < 9
        assert np.abs(samples).max() > 0.05, "not silence"
        assert note_text(song) in events.Tensors("songs/text_summary")[0].tensor_proto.string_val[0].decode()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:html5lib's sanitizer:DeprecationWarning")  # of TensorBoard's own copy
def test_tensorboard_itself_serves_curves_songs_and_the_embedding_with_its_names(run):
    from tensorboard import program

    server = program.TensorBoard()
    server.configure(argv=["tensorboard", "--logdir", str(run), "--port", "0", "--load_fast", "false"])
    address = server.launch()

    def get(path, **query):
        with urllib.request.urlopen(f"{address}data/plugin/{path}?{urlencode(query)}", timeout=60) as answer:
            return answer.read()

    for _ in range(100):  # it reads the files in a separate thread
        if (tags := json.loads(get("audio/tags"))) and "tensorboard" in json.loads(get("projector/runs")):
            break
    assert "songs/1" in tags["tensorboard"]
    assert "val/bits_per_note" in json.loads(get("scalars/tags"))["tensorboard"]
    config = json.loads(get("projector/info", run="tensorboard"))
    (name,) = (embedding["tensorName"] for embedding in config["embeddings"])
    labels = get("projector/metadata", run="tensorboard", name=name).decode().splitlines()
    trained = load_model(run)
    assert labels == [trained.representation.value_name(value) for value in trained.vocabulary.values]
    assert "C4" in labels
    served = np.frombuffer(get("projector/tensor", run="tensorboard", name=name), dtype=np.float32)
    weights = trained.model.embedding.weight.detach().numpy()
    np.testing.assert_allclose(served.reshape(weights.shape), weights, rtol=1e-5)


class Noting(HistoryLogger):
    """A user's own logger that shows more than numbers, and fails at figures."""

    shown: ClassVar[list] = []

    def log_songs(self, key, songs, step, *, directory, span_notes):
        self.shown.append((key, len(songs), step, directory.name, span_notes))

    def log_figure(self, key, figure, step):
        raise RuntimeError("no screen")

    def log_embedding(self, key, weights, names, step, *, neighbours):
        self.shown.append((key, weights.shape == (len(names), 8), step, neighbours))

    def close(self, failed):
        self.shown.append(failed)


@pytest.mark.slow
def test_a_users_own_logger_receives_songs_and_embeddings(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(Noting, "shown", [])
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    own = f"+logger.own={{_target_:{__name__}.Noting,save_dir:{tmp_path}}}"
    with caplog.at_level(logging.WARNING):
        train(small_config(tmp_path, *SHOWN[1:], "callbacks.tonality.span_notes=9", own))
    assert [entry for entry in Noting.shown if entry is not False][-2:] == [
        ("songs", 4, 12, "songs", 9),
        ("embedding", True, 12, 5),
    ]
    assert ("samples", 5, 6, "step-00000006", 9) in Noting.shown
    assert Noting.shown[-1] is False, "closed after a success"
    assert "Noting: embedding failed, the training goes on: RuntimeError: no screen" in caplog.text


@pytest.mark.slow
def test_without_a_renderer_there_is_one_warning_and_the_rest_is_shown(tmp_path, monkeypatch, caplog, nothing_missing):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    monkeypatch.setitem(sys.modules, "melgen.rendering.sound", None)
    monkeypatch.delattr("melgen.rendering.sound", raising=False)
    with caplog.at_level(logging.WARNING):
        train(small_config(tmp_path, *SHOWN))
    assert caplog.text.count("Songs are shown without sound") == 1
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert not events.Tags()["audio"]
    assert events.Tags()["images"] == ["embedding"]
    assert {"songs/text_summary", "samples/text_summary"} <= set(events.Tags()["tensors"])


def test_one_song_that_cannot_be_drawn_does_not_silence_the_others(tmp_path, monkeypatch, caplog, nothing_missing):
    from melgen.rendering import engraving

    engrave = engraving.engrave

    def refuse_short(melody, **options):
        if len(melody) < 3:
            raise ValueError("too short")
        return engrave(melody, **options)

    monkeypatch.setattr(engraving, "engrave", refuse_short)
    with caplog.at_level(logging.WARNING):
        short = media.write_score(Melody.from_pitches([60]), tmp_path / "1.png", "short")
        long = media.write_score(Melody.from_pitches([60, 62, 64, 65]), tmp_path / "2.png", "long")
    assert short is None
    assert long is not None
    assert long.stat().st_size > 1000
    assert "A song is shown without score: ValueError: too short" in caplog.text


def test_songs_too_short_to_be_measured_have_no_numbers():
    measured = media.measure([Melody.from_pitches([60]), Melody.from_pitches([60, 64])], 12)
    assert np.isnan(measured["centricity"][0])
    assert measured["conjunct_melodic_motion"].tolist()[1] == 4.0
    assert media.measure([Melody.from_pitches([60])], 12) == {}


def test_a_writing_thread_without_room_reports_it_in_one_line(caplog, capfd):
    def fail(error):
        raise error

    def in_a_thread(error):
        thread = threading.Thread(target=fail, args=[error])
        thread.start()
        thread.join()

    seen = []
    before, threading.excepthook = threading.excepthook, seen.append
    try:
        with short_message_for_full_disk():
            in_a_thread(OSError(errno.ENOSPC, "No space left on device"))
            assert "a logger writes no more: No space left on device; free some space" in caplog.text
            assert not seen
            in_a_thread(ValueError("another"))
        assert [str(each.exc_value) for each in seen] == ["another"]
        assert threading.excepthook == seen.append
    finally:
        threading.excepthook = before
    assert "Traceback" not in capfd.readouterr().err
