"""Studies of networks with rhythm, alone and together with networks of pitches."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from melgen.data import Split
from melgen.data.rhythm_tunes import common_tunes
from melgen.generation.songs import melodies_by_song
from melgen.music import Control, Grid, Interval
from melgen.music.encoding import Encoding
from melgen.music.melody import Melodies, Melody
from melgen.music.rhythms import PaperPairs
from melgen.studies.results import Model, Run
from melgen.studies.runs.selection import best_layers
from melgen.studies.study_corpus import StudyCorpus
from tests.commands.calling import call, files_below

MIXED = (
    "corpus=misc_folk",
    "name=mixed",
    "dataset=control",
    "cell=lstm",
    "layers=1,2",
    "rhythm=none,factored",
    "hidden_size=8",
    "trainer.max_steps=4",
    "trainer.val_check_interval=2",
    "callbacks=default",
    "callbacks.sampling=null",
    "logger=csv",
    "generate.songs=4",
    "evaluation.resamples=20",
    "hydra/launcher=basic",
)
STUDY = Path("multirun/mixed/study")
PITCHES, RHYTHM = "control-lstm-{}-rhythm-none", "control-lstm-{}-rhythm-factored"


def test_layers_are_chosen_within_a_rhythm():
    """Losses per token of two rhythms are not compared."""

    def trained(rhythm, layers, loss):
        path = Path(f"control-lstm-{layers}-{rhythm}")
        return Run(path, "control", "lstm", layers, 0, f"rhythm-{rhythm}", result={"val/loss": loss}, rhythm=rhythm)

    runs = [trained("none", 1, 2.0), trained("none", 2, 2.5), trained("factored", 1, 4.5), trained("factored", 2, 4.0)]
    assert best_layers(runs, "val/loss") == [Model((runs[0],)), Model((runs[3],))]


def test_tunes_that_one_grid_of_a_study_cannot_write_are_scored_for_none(monkeypatch):
    """Likelihoods over different tunes must not be in one column."""
    triplets = Melody((60, 62, 64, 65), (0, 8, 16, 24), (8, 8, 8, 24))
    straight = Melody((60, 62, 64, 65), (0, 24, 36, 48), (24, 12, 12, 24))
    melodies = Melodies.from_list([straight, triplets, straight, triplets])
    data = SimpleNamespace(melodies=melodies, splits=np.array([Split.TRAIN, Split.TRAIN, Split.TEST, Split.TEST]))
    fine, coarse = Grid(), Grid(steps_per_quarter=4)
    assert common_tunes(data.melodies, data.splits).all()
    encodings = {Path(f"grid{grid.steps_per_quarter}"): Encoding(Control(), grid) for grid in (fine, coarse)}
    encodings[Path("pairs")] = Encoding(Interval(), PaperPairs())
    runs = [
        Run(path, encoding.representation.name, "lstm", 1, 0, path.name, rhythm=encoding.rhythm.name)
        for path, encoding in encodings.items()
    ]
    monkeypatch.setattr(
        "melgen.studies.study_corpus.load_model", lambda path, key: SimpleNamespace(encoding=encodings[path])
    )
    monkeypatch.setattr(StudyCorpus, "data_of_runs", data)
    both = StudyCorpus(None, SimpleNamespace(finished=runs))
    assert both.common_tunes.tolist() == [True, False, True, False]
    assert both.test_tunes(with_rhythm=True).tolist() == [2]
    usual = StudyCorpus(None, SimpleNamespace(finished=[runs[0], runs[2]]))
    assert usual.common_tunes.all(), "pairs without bits per note decide nothing"


def rows(table):
    with (STUDY / "tables" / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_study_of_networks_with_and_without_rhythm(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *MIXED)
    assert answer.code == 0, answer.text
    selected = json.loads((STUDY / "selection.json").read_text())["models"]
    assert [set(model["candidates"]) for model in selected.values()] == [{"1", "2"}, {"1", "2"}]
    pitches, rhythm = selected
    assert pitches in (PITCHES.format(1), PITCHES.format(2))
    assert rhythm in (RHYTHM.format(1), RHYTHM.format(2))

    songs = {name: melodies_by_song(STUDY / "songs" / name / "seed0").values() for name in selected}
    assert {len(song) for song in songs[pitches]} == {34}
    measured = {name: json.loads((STUDY / "evaluation" / f"{name}.json").read_text()) for name in selected}
    assert "n_notes" not in measured[pitches]["scores"]
    assert measured[rhythm]["scores"]["n_notes"] == [len(song) for song in songs[rhythm]]
    ranges = [max(song.pitches[:34]) - min(song.pitches[:34]) for song in songs[rhythm]]
    assert measured[rhythm]["scores"]["pitch_range"] == ranges
    openings = json.loads((STUDY / "evaluation/corpus/openings.json").read_text())
    assert set(openings["lengths"]) == {34}

    of_pitches, of_rhythm, *baselines = rows("likelihood")
    for split in ("validation", "test"):
        parts = [float(of_rhythm[f"{part}_bits_per_note/{split}"]) for part in ("pitch", "rhythm")]
        run = (STUDY / selected[rhythm]["runs"][0] / "result.json").resolve()
        key = {"validation": "val", "test": "test"}[split]
        assert json.loads(run.read_text())[f"{key}/pitch_bits_per_note"] == pytest.approx(parts[0], rel=1e-6)
        assert of_rhythm[f"bits_per_note/{split}"] == of_pitches[f"rhythm_bits_per_note/{split}"] == ""
        assert float(of_pitches[f"pitch_bits_per_note/{split}"]) != float(of_pitches[f"bits_per_note/{split}"])
    assert float(of_rhythm["bits_per_note_with_rhythm/test"]) == pytest.approx(sum(parts))
    assert [row["set"] for row in baselines if row["rhythm_bits_per_note/test"]] == [
        f"rhythm-{name}"
        for name in (
            *("unigram", "bigram", "trigram", "kn-bigram", "kn-trigram", "kn-4gram", "kn-5gram"),
            *("ppm", "interval-ppm"),
        )
    ]
    probed = [json.loads(path.read_text()) for path in (STUDY / "probes/states").rglob("*.json")]
    assert len(probed) >= 2
    assert len({(states["metre"], states["tunes"]) for states in probed}) == 1, "they are compared on the same notes"

    assert rhythm in [row["set"] for row in rows("rhythm")]
    assert pitches not in [row["set"] for row in rows("rhythm")]

    before = files_below(STUDY)
    assert "done already" in call("study", *MIXED).text
    assert files_below(STUDY) == before


@pytest.mark.slow
def test_a_study_of_networks_with_rhythm_without_a_primer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [option for option in MIXED if not option.startswith(("rhythm", "layers"))]
    alone = (*options, "rhythm=factored", "layers=1", "generate.primer=[]")
    answer = call("study", *alone, "stages=sweep,select,generate,evaluate,tables")
    assert answer.code == 0, answer.text
    assert "bits_per_note/test" not in rows("likelihood")[0]
    assert "rhythm-bigram" in [row["set"] for row in rows("tonality")]


@pytest.mark.slow
def test_a_study_of_the_pairs_of_the_second_paper(tmp_path, monkeypatch):
    """Its tables are in the form of that paper, and it has no bits per note."""
    monkeypatch.chdir(tmp_path)
    options = [option for option in MIXED if not option.startswith(("rhythm", "layers", "dataset"))]
    paper = (*options, "rhythm=paper_pairs", "layers=1", "dataset=control,interval", "generate.notes=30")
    answer = call(
        "study", *paper, "generate.primer='D4:1/2 E4:1/4 F4:1/4'", "stages=sweep,select,generate,evaluate,tables"
    )
    assert answer.code == 0, answer.text
    models = ["control-lstm-1", "interval-lstm-1"]
    for name in models:
        songs = list(melodies_by_song(STUDY / "songs" / name / "seed0").values())
        assert {(len(song), *song.pitches[:3]) for song in songs} == {(33, 62, 64, 65)}
    assert [song.durations[-1] for song in songs] == [24] * 4, "the last note of intervals is a quarter"
    likelihood = {row["set"]: row for row in rows("likelihood")}
    assert {likelihood[name][f"{part}_bits_per_note/test"] for name in models for part in ("pitch", "rhythm")} == {""}
    assert likelihood["rhythm-bigram"]["rhythm_bits_per_note/test"]
    assert "those of rhythm=paper_pairs cannot be compared" in (STUDY / "tables/likelihood.md").read_text()
    published = {row["set"]: row for row in rows("published")}
    assert list(published) == [*models, "corpus-train"]
    blocks = (STUDY / "tables/paper_rhythm/mean_deviation.tex").read_text()
    mean, deviation = (float(published["interval-lstm-1"][f"timed_centricity_{part}"]) for part in ("mean", "sd"))
    assert f"&interval  & {mean:.2f} $\\pm$ {deviation:.2f} \\\\\n\\hline" in blocks
