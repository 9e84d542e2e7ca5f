"""Memorization over training: table, words and figure of made-up findings, and a whole small study."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest

from melgen.evaluation.probes.memorization import Memorized
from melgen.generation.songs import pitches_by_song
from melgen.studies.figures.probes import PROBE_FIGURES
from melgen.studies.probes.memorization_tasks import songs_underway
from melgen.studies.probes.memorized_points import memorization_finding, points_underway
from melgen.studies.probes.results import ProbeResults
from melgen.studies.tables import build_tables
from tests.commands.calling import call
from tests.evaluation.probes.test_memorization import of_all
from tests.studies.probes_examples import memorized, probed, shared
from tests.studies.tables_examples import nine_models

ONE, OTHER = "control-lstm-2", "control-nas-2"
AT_STEPS = (0, 2)
SMALL = (
    "corpus=misc_folk",
    "name=small",
    "dataset=interval",
    "cell=lstm",
    "layers=1",
    "seed=0,1",
    "hidden_size=8",
    "trainer.max_steps=4",
    "trainer.val_check_interval=2",
    "callbacks.sampling.songs=1",
    "callbacks.sampling.songs_underway=3",
    "callbacks.sampling.notes=12",
    f"callbacks.sampling.at_steps={list(AT_STEPS)}",
    "callbacks.projection=null",
    "callbacks.checkpoint.keep_every_n_steps=2",
    "logger=csv",
    "generate.songs=4",
    "generate.notes=20",
    "evaluation.ngram=3",
    "evaluation.resamples=20",
    "probes=[memorization]",
    "hydra/launcher=basic",
    "stages=sweep,select,generate,evaluate,tables",
)
NUMBERS = "stages=select,generate,evaluate,tables"


@pytest.fixture
def results():
    return probed(nine_models())


def rows_of(table):
    return list(csv.DictReader(table.to_csv().splitlines()))


def with_runs(results, **runs):
    found = {name.replace("_", "-"): each for name, each in runs.items()}
    return dataclasses.replace(results, probes=ProbeResults(memorization=found))


# --- table, words, figure


def test_the_table_of_memorization(results):
    rows = rows_of(build_tables(results)["memorization"])
    assert [(row["model"], row["weights"], row["updates"], row["seeds"], row["songs"]) for row in rows] == [
        (ONE, "during training", "0", "2", "10"),
        (ONE, "during training", "1000", "2", "10"),
        (ONE, "best", "1500", "2", "10"),
        (OTHER, "during training", "0", "1", "5"),
        (OTHER, "during training", "2000", "1", "5"),
        (OTHER, "best", "1000", "1", "5"),
        ("bigram", "", "", "", "5"),
    ]
    underway, selected = rows[1], rows[2]
    keys = ("share", "training", "held_out", "difference_mean", "longest", "longest_training", "longest_held_out")
    assert [float(underway[key]) for key in keys] == pytest.approx([0.3, 0.15, 0.1, 0.05, 3.0, 1.5, 1.0])
    assert float(underway["difference_low"]) < 0, "the seeds differ"
    ends = [float(selected[f"difference_{end}"]) for end in ("low", "high", "tunes_low", "tunes_high")]
    assert ends == pytest.approx([0.3] * 4), "neither seeds nor tunes differ"
    assert "A part has 1,000 notes, 1/4.5 of the training tunes" in build_tables(results)["memorization"].caption


NONE, COPIED, STYLE = shared(0, 0), shared(0.4, 0.1), shared(0.1, 0.1)
SCATTERED = Memorized(5, 0.5, 3, np.array([[0.0, 0.5, 0.0, 0.5]] * 2), np.array([[0.1, 0.1]] * 2))


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ([COPIED, COPIED], [STYLE, STYLE], f"training tunes are memorized by {ONE}."),
        ([COPIED, COPIED], [COPIED, COPIED], f"training tunes are memorized by {ONE} and {OTHER}."),
        ([STYLE, STYLE], [COPIED], "no network shares more with training tunes than seeds and tunes explain."),
        ([COPIED, NONE], [STYLE, STYLE], "no network shares more with training tunes than seeds and tunes explain."),
        ([SCATTERED, SCATTERED], [], "no network shares more with training tunes than seeds and tunes explain."),
        ([COPIED], [COPIED], "one seed each is too few to tell memorization from chance."),
    ],
)
def test_memorization_in_words(results, one, other, words):
    runs = [{seed: memorized(each, {}) for seed, each in enumerate(model)} for model in (one, other)]
    found = dict(zip((ONE, OTHER), runs, strict=True))
    probes = ProbeResults(memorization={name: each for name, each in found.items() if each})
    sentence = memorization_finding(dataclasses.replace(results, probes=probes))
    assert sentence.startswith("Best weights: ")
    assert sentence.endswith(words)


def test_what_is_missing_is_stated(results):
    """Trainings without songs, songs that are too short, and a corpus without held-out tunes."""
    alone = Memorized(5, 0.5, 3.0, np.zeros((2, 0)), np.zeros((2, 0)))
    without = dataclasses.replace(memorized(alone, {}), part_notes=0)
    table = build_tables(with_runs(results, control_lstm_2={0: without, 1: without}))["memorization"]
    assert table.caption.endswith("There are no held-out tunes, so that there is no control.")
    assert "2 of 2 trainings have written no songs (callbacks.sampling)" in table.caption
    (row,) = rows_of(table)
    assert (row["share"], row["training"], row["held_out"], row["difference_mean"]) == ("0.5", "", "", "")
    short = with_runs(results, control_lstm_2={0: memorized(None, {})})
    assert "memorization" not in build_tables(short)
    assert memorization_finding(short) == ""


def test_many_updates_are_joined_in_bands():
    updates = [0, *range(100, 10_001, 100)]
    runs = {seed: memorized(None, {at: shared(at / 10_000, 0) for at in updates if at or seed}) for seed in (0, 1)}
    points = points_underway(runs)
    assert (len(points), points[0].updates, len(points[0].networks)) == (7, 0, 1), (
        "the bands between 0 and 100 are empty"
    )
    for point in points:
        assert point.mean_of("training") == pytest.approx(point.updates / 10_000)
    assert sum(each.songs for point in points for each in point.networks) == 5 * (len(updates) + len(updates) - 1)


@pytest.mark.slow
def test_the_figure_shows_shares_control_and_the_selected_weights(results):
    axes = PROBE_FIGURES["memorization"](results).axes[0]
    lines = {look: [line.get_xydata().tolist() for line in axes.lines if line.get_linestyle() == look] for look in "-"}
    assert lines["-"] == [[[0, 0], [1000, pytest.approx(0.15)]], [[0, 0], [2000, 0.05]]]
    dashed = [line.get_xydata().tolist() for line in axes.lines if line.get_linestyle() == "--"]
    assert dashed == [[[0, 0], [1000, 0.1]], [[0, 0], [2000, 0.05]]]
    diamonds = [line.get_xydata()[0].tolist() for line in axes.lines if line.get_marker() == "D"]
    assert diamonds == [[1500, 0.1], [1500, 0.4], [1000, 0.1], [1000, 0.1]]


# --- a whole study


@pytest.fixture(scope="session")
def small(made_once, same_software):
    """The directory in which the study was made. Tests only read it."""

    def study(folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            answer = call("study", *SMALL)
        assert answer.code == 0, answer.text

    return made_once("study_of_memorization", study)


@pytest.mark.slow
def test_a_study_measures_the_songs_of_its_trainings(small):
    home = small / "multirun/small"
    for run in home.glob("*-seed*"):
        assert [*songs_underway(run)] == [0, 2]
    rows = list(csv.DictReader((home / "study/tables/memorization.csv").read_text().splitlines()))
    assert [(row["model"], row["weights"], row["seeds"], row["songs"]) for row in rows] == [
        *[("interval-lstm-1", "during training", "2", "6")] * 2,
        ("interval-lstm-1", "best", "2", "8"),
        ("bigram", "", "", "4"),
        ("ppm", "", "", "4"),
    ]
    assert all(float(row["held_out"]) >= 0 and float(row["share"]) >= float(row["training"]) for row in rows)


@pytest.mark.slow
def test_the_shares_of_a_study_are_those_of_its_songs_and_tunes(small):
    """The tunes of each split are read from the corpus without the study's own readers."""
    home = small / "multirun/small"
    (run,) = home.glob("interval-lstm-1-seed0-*")
    found = json.loads((home / "study/probes/memorization/interval-lstm-1/seed0.json").read_text())
    training = of_all(tunes_of(run, "train"), 3)
    for updates, measured in found["underway"]:
        own = of_all(pitches_by_song(run / f"samples/step-{updates:08d}").values(), 3)
        assert measured["share"] == pytest.approx(len(own & training) / len(own))
    own = of_all(pitches_by_song(home / "study/songs/interval-lstm-1/seed0").values(), 3)
    assert found["selected"]["share"] == pytest.approx(len(own & training) / len(own))
    unseen = [tune for split in ("validation", "test") for tune in tunes_of(run, split)]
    notes = sum(map(len, unseen))
    assert notes / 2 - max(map(len, unseen)) <= found["part_notes"] <= notes / 2
    assert len(found["selected"]["held_out"][0]) == 2


def tunes_of(run, split):
    from melgen.data import Split
    from melgen.runs.config import read_config
    from melgen.studies.study_corpus import _read_corpus

    data = _read_corpus(read_config(run), ())
    numbers = np.flatnonzero(data.splits == Split[split.upper()])
    return [data.melodies.pitches_of(int(number)) for number in numbers]


@pytest.mark.slow
def test_only_changed_songs_are_measured_again(small, tmp_path, monkeypatch):
    shutil.copytree(small / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)
    assert "probe/" not in call("study", *SMALL, NUMBERS).text
    (folder,) = (tmp_path / "multirun/small").glob("interval-lstm-1-seed1-*/samples")
    shutil.rmtree(folder / "step-00000002")
    answer = call("study", *SMALL, NUMBERS)
    assert answer.code == 0, answer.text
    assert [line.split(": ")[1] for line in answer.text.splitlines() if ": probe/" in line] == [
        "probe/memorization/interval-lstm-1/seed1"
    ]
    rows = list(csv.DictReader((tmp_path / "multirun/small/study/tables/memorization.csv").read_text().splitlines()))
    assert [row["seeds"] for row in rows[:3]] == ["2", "1", "2"]
    (folder / "step-00000000/songs.json").write_text("{}")
    answer = call("study", *SMALL, NUMBERS)
    assert answer.code == 1
    assert "step-00000000/songs.json is not a list of songs" in answer.text


@pytest.mark.slow
def test_stages_of_one_training_are_left_out(small, tmp_path, monkeypatch):
    shutil.copytree(small / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)
    options = ("probes=[memorization]", "evaluation.resamples=20", "generate.songs=2", NUMBERS)
    choice = ("select.by=checkpoints", "select.checkpoints=1", "select.later=0")
    answer = call("study", "runs=multirun/small", "folder=stages", *choice, *options)
    assert answer.code == 0, answer.text
    assert "probe/" not in answer.text
    assert not (tmp_path / "multirun/small/stages/tables/memorization.csv").exists()
