"""`melgen.generate`: its files, the same songs for the same seed, and its refusals."""

import json
import shutil
from pathlib import Path

import mido
import pytest
import torch

from melgen.music import Melody
from melgen.music.midi import midi_bytes
from tests.commands.calling import TINY, call, files_below
from tests.tiers import quick_rows


def generate(run, *overrides):
    answer = call("generate", f"checkpoint={run}", *overrides)
    assert answer.code == 0
    return answer


def songs_in(folder):
    return json.loads((Path(folder) / "songs.json").read_text())


def pitches_in(folder):
    return [song["pitches"] for song in songs_in(folder)["songs"]]


def test_numbered_midi_files_and_their_description(trained, here):
    generate(trained, "songs=12", "notes=7", "seed=5", "temperature=0.9", "out=mine")
    assert sorted(files_below(here)) == [*(f"mine/song_{i:03d}.mid" for i in range(1, 13)), "mine/songs.json"]
    content = songs_in("mine")
    assert content["metadata"] | {"checkpoint": "best.ckpt"} == {
        "model": "misc_folk/control-lstm-1-seed0-hidden_size-8",
        "checkpoint": "best.ckpt",
        "updates": 4,
        "primer": [60, 62, 64, 62],
        "notes": 7,
        "selection": "sample",
        "temperature": 0.9,
        "top_k": None,
        "top_p": None,
        "seed": 5,
        "reader_version": 2,
    }
    for song in content["songs"]:
        assert song["pitches"][:4] == [60, 62, 64, 62]
        assert len(song["pitches"]) == 11
        file = mido.MidiFile(Path("mine") / song["file"])
        played = [m for track in file.tracks for m in track if m.type == "note_on" and m.velocity]
        assert [message.note for message in played] == song["pitches"]
        assert {message.velocity for message in played} == {100}
        (tempo,) = {m.tempo for track in file.tracks for m in track if m.type == "set_tempo"}
        assert mido.tempo2bpm(tempo) == 120


@pytest.mark.slow
def test_same_seed_same_songs(trained, here):
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        generate(trained, "songs=4", "notes=8", f"seed={seed}", f"out={out}")
    assert files_below(here / "a") == files_below(here / "b")
    assert pitches_in("a") != pitches_in("c")


@pytest.mark.slow
def test_the_likeliest_song_is_one(trained, here):
    generate(trained, "songs=3", "notes=8", "selection=max", "out=max")  # a former name of greedy
    generate(trained, "songs=1", "notes=8", "top_k=1", "out=k")
    generate(trained, "songs=1", "notes=8", "top_p=1e-6", "out=p")
    first, *others = pitches_in("max")
    assert others == [first, first]
    assert pitches_in("k") == pitches_in("p") == [first]


@pytest.mark.slow
def test_by_default_songs_go_into_the_run_next_to_its_own(trained, here):
    run = here / "moved" / "elsewhere"
    shutil.copytree(trained, run)
    own = files_below(run / "songs")
    generate(run, "songs=3", "notes=5")
    assert sorted(path.name for path in (run / "generated").iterdir()) == [
        "song_001.mid", "song_002.mid", "song_003.mid", "songs.json",
    ]  # fmt: skip
    generate(run / "checkpoints" / "last.ckpt", "songs=1", "notes=5")
    assert songs_in(run / "generated")["metadata"]["checkpoint"] == "last.ckpt"
    assert len(songs_in(run / "generated")["songs"]) == 1, "the earlier set is replaced"
    assert files_below(run / "songs") == own, "the songs of the run itself do not change"
    shutil.rmtree(run / "songs")
    generate(run, "songs=2", "notes=5")
    assert len(songs_in(run / "songs")["songs"]) == 2
    assert {name.split("/")[0] for name in files_below(here)} == {"moved"}


@pytest.mark.slow
def test_a_primer_from_a_midi_file(trained, here):
    Path("primer.mid").write_bytes(midi_bytes(Melody.from_pitches([67, 69, 71, 72])))
    generate(trained, "primer=primer.mid", "songs=2", "notes=3", "out=out")
    assert songs_in("out")["metadata"]["primer"] == [67, 69, 71, 72]


@pytest.mark.parametrize("primer", ["primer=G4:1/8 A4 B4 C5", 'primer="[L:1/4] GABc|"', "primer=[G4,A4,B4,C5]"])
def test_a_primer_by_name_and_in_abc(trained, here, primer):
    generate(trained, primer, "songs=2", "notes=3", "out=out")
    assert songs_in("out")["metadata"]["primer"] == [67, 69, 71, 72]
    assert all(pitches[:4] == [67, 69, 71, 72] for pitches in pitches_in("out"))


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["interval", "db12"])
def test_every_representation_is_primed_with_pitches(dataset, here):
    assert call("train", *TINY, f"dataset={dataset}").code == 0
    run = f"multirun/misc_folk/{dataset}-lstm-1-seed0-hidden_size-8"
    generate(run, "primer=[67,69,71]", "songs=3", "notes=6", "out=out")
    for pitches in pitches_in("out"):
        assert pitches[:3] == [67, 69, 71]
        assert all(0 <= pitch <= 127 for pitch in pitches)
        assert 3 <= len(pitches) <= 9, "a pitch outside the range may be a rest"


REFUSALS = {
    "empty primer": (["primer=[]"], ["primer", "[]"]),
    "primer out of MIDI range": (["primer=[60,200]"], ["primer", "200"]),
    "primer below MIDI range": (["primer=[-1]"], ["primer", "-1"]),
    "primer never trained on": (["primer=[60,3]"], ["primer", "3"]),
    "primer of fractions": (["primer=[60.5]"], ["primer", "60.5", "list of pitches"]),
    "primer that is a number": (["primer=60"], ["primer", "60", "list of pitches"]),
    "unknown note in a primer": (["primer=H4 C4"], ["primer=H4 C4", "H4 is not a note"]),
    "mixed primer": (["primer=[60,D4]"], ["primer", "D4", "mixture"]),
    "primer that is missing": (["primer=missing.mid"], ["missing.mid"]),
    "primer that is no MIDI file": (["primer=noise.mid"], ["noise.mid"]),
    "no songs": (["songs=0"], ["songs", "0"]),
    "songs in words": (["songs=many"], ["songs", "many"]),
    "no notes": (["notes=0"], ["notes", "0"]),
    "half a note": (["notes=1.5"], ["notes", "1.5"]),
    "frozen": (["temperature=0"], ["temperature", "0", "above 0"]),
    "temperature in words": (["temperature=hot"], ["temperature", "hot"]),
    "none of the likeliest": (["top_k=0"], ["top_k", "0"]),
    "half of the likeliest": (["top_k=1.5"], ["top_k", "1.5"]),
    "nucleus beyond the whole": (["top_p=2"], ["top_p", "2"]),
    "unknown selection": (["selection=best"], ["selection=best", "sample or greedy"]),
    "negative seed": (["seed=-1"], ["seed", "-1"]),
    "seed in words": (["seed=lucky"], ["seed", "lucky"]),
    "unknown device": (["device=abacus"], ["device", "abacus"]),
    "a file where songs should go": (["out=noise.mid"], ["noise.mid", "not a directory"]),
    "a folder of other things": (["out=tunes"], ["tunes", "thesis.tex"]),
    "misspelt key": (["song=3"], ["song=3", "songs"]),
}


@quick_rows(1, "name", REFUSALS)
def test_refused_with_key_value_and_rule(name, trained, here):
    overrides, expected = REFUSALS[name]
    Path("noise.mid").write_bytes(b"noise")
    Path("tunes").mkdir()
    Path("tunes/thesis.tex").write_text("mine")
    out = [] if any("out=" in override for override in overrides) else ["out=songs"]
    before = files_below(here), files_below(trained)
    answer = call("generate", f"checkpoint={trained}", *overrides, *out)
    assert answer.code == 1
    for part in expected:
        assert part in answer.text
    assert "Traceback" not in answer.text
    assert (files_below(here), files_below(trained)) == before


class TestCheckpoints:
    @pytest.fixture
    def whole(self, trained):
        return (trained / "checkpoints" / "best.ckpt").read_bytes()

    @quick_rows(2, "share", [0.0, 0.01, 0.5, 0.99])
    def test_truncated(self, share, whole, here):
        Path("cut.ckpt").write_bytes(whole[: int(len(whole) * share)])
        self.refused(here, "cut.ckpt")

    def test_missing(self, here):
        self.refused(here, "missing.ckpt", "no such file or directory")

    def test_a_run_that_has_saved_none(self, here):
        Path("run").mkdir()
        self.refused(here, "run", "contains no checkpoint yet")

    @pytest.mark.slow
    def test_of_another_program(self, here):
        torch.save({"state_dict": {"weight": torch.zeros(2)}}, "foreign.ckpt")
        self.refused(here, "foreign.ckpt", "melgen")

    def test_of_a_later_version(self, trained, here):
        self.changed(trained, format_version=99)
        self.refused(here, "changed.ckpt", "99")

    @pytest.mark.parametrize("ours", [{"format_version": "one"}, {"vocabulary": {}}, {"model": None}])
    def test_with_damaged_parts(self, ours, trained, here):
        self.changed(trained, **ours)
        self.refused(here, "changed.ckpt")

    @pytest.mark.slow
    def test_that_ask_for_more_than_plain_data(self, trained, here):
        class Attack:
            def __reduce__(self):
                return Path.touch, (Path("executed"),)

        self.changed(trained, config=Attack())
        self.refused(here, "changed.ckpt", "plain data")

    def changed(self, trained, **ours):
        checkpoint = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
        checkpoint["melgen"] |= ours
        torch.save(checkpoint, "changed.ckpt")

    def refused(self, here, path, *expected):
        before = files_below(here)
        answer = call("generate", f"checkpoint={path}", "out=songs")
        assert answer.code == 1
        for part in (f"checkpoint={path}", *expected):
            assert part in answer.text
        assert "Traceback" not in answer.text
        assert len(answer.text.splitlines()) < 4, "a message, not a listing"
        assert files_below(here) == before
