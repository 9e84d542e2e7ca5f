"""`melgen.load`, and the network that it returns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

import melgen
from melgen.errors import CheckpointError
from melgen.files import read_json, write_json
from melgen.generation.songs import read_songs
from melgen.music import Melody
from tests.model_files.making import OF_PITCHES, WITH_RHYTHM


@pytest.fixture(scope="module")
def pitches():
    return melgen.load(OF_PITCHES)


@pytest.fixture(scope="module")
def rhythm():
    return melgen.load(WITH_RHYTHM)


def test_songs_begin_with_their_primer(pitches):
    songs = pitches.continue_("C4 D4 E4 D4", songs=3, notes=5)
    assert len(songs) == 3
    assert {song.pitches[:4] for song in songs} == {(60, 62, 64, 62)}
    assert {len(song.pitches) for song in songs} == {9}
    assert songs.melodies[:2] == pitches.continue_("C4 D4 E4 D4", songs=2, notes=5).melodies


@pytest.mark.parametrize("primer", ["G4 A4", [67, 69], ["G4", "A4"], Melody.from_pitches([67, 69])])
def test_a_primer_in_any_form(primer, pitches):
    assert pitches.continue_(primer, notes=2)[0].pitches[:2] == (67, 69)


def test_without_a_primer(pitches, rhythm):
    assert pitches.continue_()[0].pitches[:4] == (60, 62, 64, 62)
    (song,) = rhythm.continue_(metre="6/8", pickup="1/8", seed=4)
    assert song.metre.name == "6/8"
    assert song.pickup == 12


def test_songs_are_saved(pitches, tmp_path):
    songs = pitches.continue_(songs=2, seed=5)
    songs.save(tmp_path / "songs")
    read = read_songs(tmp_path / "songs")
    assert read.melodies == songs.melodies
    assert read.metadata["seed"] == 5
    assert read.metadata["model"] == pitches.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"songs": 0}, "songs=0"),
        ({"temperature": 0}, "temperature=0"),
        ({"primer": "H4"}, "primer=H4"),
        ({"primer": [3]}, "never occurred in training"),
        ({"metre": "3/4"}, "metre=.*left out"),
    ],
)
def test_options_that_are_refused(options, message, pitches):
    with pytest.raises(ValueError, match=message):
        pitches.continue_(**options)


def test_a_limit_beside_notes_is_refused(rhythm):
    with pytest.raises(ValueError, match=r"limit=2: must be left out with notes=20"):
        rhythm.continue_("C4 D4 E4", notes=20, limit=2)


def test_probabilities_are_those_of_the_network(pitches):
    """Computed again, note by note, with the state in between."""
    found = pitches.probabilities("C4 D4 E4")
    assert sum(found.values()) == pytest.approx(1)
    assert [*found.values()] == sorted(found.values(), reverse=True)
    vocabulary, state = pitches.trained.vocabulary, None
    with torch.no_grad():
        for token in vocabulary.encode([60, 62, 64]):
            logits, state = pitches.trained.model(torch.tensor([[int(token)]]), state)
    shares = logits[0, -1].softmax(-1).numpy()
    for value, share in zip(vocabulary.values.tolist(), shares, strict=True):
        assert found[value] == pytest.approx(float(share), rel=1e-5)


def test_probabilities_leave_out_intervals_that_are_no_notes():
    """Near the lowest pitch many intervals lead to a rest: the shares are those among the songs with a next note."""
    intervals, primer = melgen.load("melgen:intervals"), [30, 24, 16, 14]
    found = intervals.probabilities(primer)
    songs = intervals.continue_(primer, songs=2000, notes=1)
    drawn = Counter(song.pitches[4] for song in songs if len(song) > 4)
    assert drawn.total() < 1900
    assert sum(found.values()) == pytest.approx(1)
    assert drawn[14] / drawn.total() == pytest.approx(found[14], abs=0.02)


@pytest.mark.parametrize("primer", ["C4 D4 E4", "C4:1/8 D4:1/8 E4", ""])
def test_probabilities_with_rhythm_are_those_of_the_songs(primer, rhythm):
    """The shares of the next pitch among many songs that the network writes."""
    found = rhythm.probabilities(primer)
    assert sum(found.values()) == pytest.approx(1)
    assert [*found.values()] == sorted(found.values(), reverse=True)
    songs = rhythm.continue_(primer, songs=1000, notes=1)
    place = len(primer.split())
    drawn = Counter(song.pitches[place] for song in songs if len(song) > place)
    for pitch, share in found.items():
        assert drawn[pitch] / drawn.total() == pytest.approx(share, abs=4 * np.sqrt(share / drawn.total()) + 0.002)


def test_bits_per_note_of_pitches(pitches):
    """Bits of the third note and later ones, from the probabilities of each."""
    tune = [60, 62, 64, 62, 60]
    bits = [-np.log2(pitches.probabilities(tune[:place])[tune[place]]) for place in range(2, len(tune))]
    assert pitches.bits_per_note(tune) == pytest.approx(np.mean(bits), rel=1e-5)


def test_bits_per_note_with_rhythm(rhythm):
    song = rhythm.continue_(seed=4)[0]
    assert 0 < rhythm.bits_per_note(song) < 30


@pytest.mark.parametrize("melody", ["C4 D4", [60, 61, 3]])
def test_melodies_that_cannot_be_judged(melody, pitches):
    with pytest.raises(ValueError, match=r"3|never occurred"):
        pitches.bits_per_note(melody)


def test_a_rhythm_without_comparable_bits_says_so(rhythm, monkeypatch):
    monkeypatch.setattr(type(rhythm.trained.rhythm), "is_comparable", False)
    with pytest.raises(ValueError, match=r"^rhythm=\S+: its bits per note cannot be compared"):
        rhythm.bits_per_note(rhythm.continue_(seed=4)[0])


def test_songs_of_a_network_that_comes_with_melgen_are_measured_by_its_name():
    from melgen.generation.song_files import place_of_songs

    found = melgen.measure("melgen:pitches")
    assert found.scores == melgen.measure(place_of_songs("melgen:pitches")).scores
    assert len(found.songs) > 3


def test_a_training_tune_is_found_in_every_key(rhythm):
    from melgen.corpora import Cleaning, FolkCorpus

    tunes = FolkCorpus(["misc_folk"]).load(Cleaning(), progress=False).melodies
    seen = [rhythm.has_seen(tune) for tune in tunes]
    assert 100 < sum(seen) < len(seen), "some tunes were held out"
    found = tunes[seen.index(True)]
    assert rhythm.has_seen([pitch + 1 for pitch in found.pitches])
    assert not rhythm.has_seen([*found.pitches, 60])


def test_tunes_that_are_not_recorded(pitches):
    with pytest.raises(ValueError, match="its training tunes are not recorded"):
        pitches.has_seen([60, 62, 64])


def test_what_a_run_and_a_model_file_state(rhythm, tmp_path):
    from melgen.exporting.writing import export_run

    shared = melgen.load(export_run(WITH_RHYTHM, tmp_path / "waltz.melgen"))
    assert (rhythm.licence, rhythm.card, rhythm.notice) == (None, "", "")
    assert (shared.name, shared.licence, shared.notice) == ("waltz", "CC-BY-4.0", "")
    assert shared.card.startswith("---\nlicense: cc-by-4.0")
    assert repr(shared) == "Network('waltz', control, rhythm factored)"
    assert dict(shared.metrics) == dict(rhythm.metrics)
    assert shared.config["seed"] == rhythm.config["seed"] == 0


def test_a_run_has_the_numbers_of_its_test(pitches):
    """The best checkpoint is saved before the test, whose numbers are in the run's result."""
    result = read_json(OF_PITCHES / "result.json")
    assert pitches.metrics["test/bits_per_note"] == result["test/bits_per_note"]
    assert pitches.metrics["val/loss"] == result["val/loss"]


def test_a_checkpoint_that_is_not_the_best_has_its_own_numbers(tmp_path):
    run = shutil.copytree(OF_PITCHES, tmp_path / "run")
    write_json(run / "result.json", read_json(run / "result.json") | {"best_updates": 10_000})
    found = melgen.load(run).metrics
    assert found["val/loss"] == pytest.approx(melgen.load(OF_PITCHES).metrics["val/loss"])
    assert not [key for key in found if key.startswith("test/")]


def test_what_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match=f"path={tmp_path}/none: no such file or directory"):
        melgen.load(tmp_path / "none")


@pytest.mark.slow
def test_it_is_quiet_and_importing_melgen_takes_no_torch(tmp_path):
    code = f"""
import sys, melgen
assert "torch" not in sys.modules
melgen.load({str(WITH_RHYTHM)!r}).continue_(songs=2).save("songs")
melgen.load("melgen:rhythmic").continue_(songs=2, notes=3)
# Each takes seconds to import, between a user and the first song.
assert not {{"torch._dynamo", "pytorch_lightning", "scipy", "matplotlib"}} & sys.modules.keys()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
