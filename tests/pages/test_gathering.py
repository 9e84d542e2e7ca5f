"""The data of a page: complete, equal to the files, and usable where files are missing."""

from __future__ import annotations

import json
import shutil
from math import nan
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from melgen.corpora.sources import Split
from melgen.evaluation.comparing_cells.findings import finding
from melgen.evaluation.embeddings import nearest_neighbours, project_2d
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.song_sets import evaluate_openings
from melgen.evaluation.tonality import tonality
from melgen.files import write_json
from melgen.generation.songs import write_songs
from melgen.music import Melody
from melgen.music.metre import Metre, MetreChange
from melgen.pages.content import Content
from melgen.pages.engraver import Engraver
from melgen.pages.plain import notes_of
from melgen.pages.runs import read_runs
from melgen.pages.sections import cells
from melgen.pages.sections.embedding import read_embedding
from melgen.pages.sections.listen import _longest_passage, _opening_song
from melgen.pages.sources import find_run, find_source
from melgen.pages.training_tunes import SharedPassage, TrainingTunes, excerpt, shared_passage
from melgen.pages.wording import SHARED
from melgen.pages.writing import write_report
from tests.pages.examples import (
    COPIED,
    METADATA,
    MISCHIEF,
    make_corpus,
    make_run,
    read_corpus,
    read_data,
    read_pack,
    walk,
)
from tests.studies.comparisons_examples import comparisons

pytestmark = pytest.mark.slow


@pytest.fixture
def data_of(pages):
    return {kind: read_data(path.read_text(encoding="utf-8")) for kind, path in pages.items()}


def own_copy(source: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source, tmp_path / source.name))


def texts(data: dict) -> str:
    return " ".join(notice["text"] for notice in data["notices"])


def report_of(directory: Path) -> dict:
    return read_data(write_report(directory, progress=False).read_text(encoding="utf-8"))


def facts_of(data: dict) -> dict:
    return {fact["name"]: fact["value"] for fact in data["facts"]}


# --- complete data


@pytest.mark.slow
def test_a_study_shows_all_its_runs_and_why_one_failed(data_of):
    runs = {run["name"]: run for run in data_of["study"]["runs"]}
    assert len(runs) == 6
    assert runs["control-lstm-2-seed0"]["values"]["val/bits_per_note"] == 2.5
    assert runs["control-lstm-1-seed0"]["is_selected"]
    assert not runs["control-lstm-2-seed0"]["is_selected"]
    failed = runs["db12-lstm-3-seed0"]
    assert (failed["state"], failed["error"], failed["values"]) == ("failed", "it broke <b>off</b>", {})
    assert "1 of 6 runs are not finished" in texts(data_of["study"])


def test_numbers_are_those_of_the_evaluation(data_of, pages, study):
    evaluation = json.loads((study / "evaluation" / "control-lstm-1.json").read_text())
    shown = data_of["study"]["song_sets"][0]
    page = pages["study"].read_text(encoding="utf-8")
    songs = read_pack(page, "songs-0")
    assert shown["name"] == "control-lstm-1"
    assert len(songs["songs"]) == 14
    for column, metric in enumerate(songs["metrics"]):
        assert [song["values"][column] for song in songs["songs"]] == pytest.approx(
            evaluation["scores"][metric], rel=1e-4
        )
        assert shown["summaries"][metric]["mean"] == pytest.approx(evaluation["summaries"][metric]["mean"], rel=1e-4)
    chosen = {key: songs["songs"][index]["name"] for key, index in songs["chosen"].items()}
    assert chosen == {
        "nearest": evaluation["songs"][evaluation["nearest"]],
        "representative": evaluation["songs"][evaluation["representative"]],
        "smallest_sum": evaluation["songs"][evaluation["best"]],
    }
    assert list(chosen) == list(data_of["study"]["sections"]["songs"]["choices"]), "the song to hear first comes first"
    assert (
        data_of["study"]["sections"]["songs"]["choices"]["smallest_sum"]
        == "smallest sum of the three metrics (the paper's best)"
    )


def test_a_copied_passage_is_found_in_song_and_tune(pages):
    songs = read_pack(pages["study"].read_text(encoding="utf-8"), "songs-0")
    copy = songs["songs"][0]
    in_song, in_tune, notes = copy["shared"].values()
    tune = songs["tunes"][copy["tune"]]
    assert (in_song, in_tune, notes) == (4, 0, len(COPIED))
    song_part, tune_part = copy["pitches"][in_song : in_song + notes], tune["pitches"][in_tune : in_tune + notes]
    assert tune_part == COPIED
    assert [a - b for a, b in zip(song_part, tune_part, strict=True)] == [7] * notes
    assert MISCHIEF[:20] in tune["name"]


def test_every_song_has_notes_and_a_score(pages):
    page = pages["run"].read_text(encoding="utf-8")
    songs, scores = read_pack(page, "songs-0"), read_pack(page, "scores-0")
    assert len(scores["songs"]) == len(songs["songs"]) == 14
    for number, svg in scores["songs"].items():
        heads = {int(part.partition('"')[0]) for part in svg.split('data-note="')[1:]}
        assert heads == set(range(len(songs["songs"][int(number)]["pitches"])))


def test_a_run_shows_its_stages_its_curve_and_the_end(data_of, pages):
    page = pages["run"].read_text(encoding="utf-8")
    assert [stage["updates"] for stage in read_pack(page, "stages")] == [30, 60, 90, 100]
    curve = read_pack(page, "curves")["control-lstm-1-seed0"]["val/loss"]
    assert (curve["updates"][0], curve["values"][0], curve["updates"][-1]) == (10, 3.0, 100)
    assert data_of["run"]["sections"]["listen"]["song"]["pitches"]


def test_neighbours_are_those_of_the_evaluation(run):
    found = read_embedding(run / "embedding")
    assert found is not None
    weights = np.loadtxt(run / "embedding" / "tensors.tsv")
    for metric in ("euclidean", "cosine"):
        expected = nearest_neighbours(weights, 8, metric)
        assert [[each["index"] for each in row] for row in found["neighbours"][metric]] == expected.indices.tolist()
    assert found["values"] == list(range(55, 79))
    assert not found["is_intervals"]
    np.testing.assert_allclose(np.array(found["points"])[:, :2], project_2d(weights), atol=1e-3)
    assert np.shape(found["points"]) == (24, 3)


@pytest.mark.parametrize("names", [["+2", "-12", "0"], ["C4", "C#4", "B-1"]])
def test_values_are_read_from_their_names(tmp_path, names):
    from melgen.evaluation.embeddings import write_projector

    write_projector(tmp_path, np.eye(3), names)
    found = read_embedding(tmp_path)
    assert found is not None
    assert found["values"] == ([2, -12, 0] if "0" in names else [60, 61, 11])
    assert found["is_intervals"] == ("0" in names)
    assert all(len(row) == 2 for row in found["neighbours"]["cosine"])


def test_cells_are_those_of_the_study_s_comparisons(data_of, tmp_path):
    data = data_of["study"]["sections"]["cells"]
    found = comparisons(3, ("control", MISCHIEF))
    assert [setting["name"] for setting in data["settings"]] == ["control", MISCHIEF]
    first = data["settings"][0]["differences"][0]
    assert first["mean"] == pytest.approx(found.each[0].over_seeds.mean, rel=1e-4)
    assert first["finding"] == finding(found.each[0], found)
    assert data["has_tunes"]
    content = Content("study", "t")
    assert cells.of_study(SimpleNamespace(directory=tmp_path), content) is None
    assert content.data["notices"] == [], "one seed is compared with nothing"
    (tmp_path / "comparisons.json").write_text("{}")
    assert cells.of_study(SimpleNamespace(directory=tmp_path), content) is None
    assert "comparisons.json is damaged" in texts(content.data)


def test_tables_are_the_files_as_they_are(data_of, pages, study):
    texts_of = read_pack(pages["study"].read_text(encoding="utf-8"), "tables")
    assert [table["name"] for table in data_of["study"]["sections"]["tables"]["tables"]] == [
        "runs",
        "tonality",
        "learning_rates",
        "copying",
        "states",
        "similarity",
        "budget",
        "memorization",
        "paper/mean",
    ]
    assert data_of["study"]["sections"]["tables"]["tables"][0] == {
        "name": "runs",
        "title": "Runs",
        "caption": "Every run.",
    }
    for name, found in texts_of.items():
        for ending, text in found.items():
            assert text == (study / "tables" / f"{name}.{ending}").read_text(encoding="utf-8")


def test_shared_passages_by_brute_force():
    song, tune = Melody.from_pitches(walk(20, 1)), Melody.from_pitches(walk(25, 2))
    found = shared_passage(song, tune)
    intervals = [np.diff(each.pitches).tolist() for each in (song, tune)]
    longest = max(
        length
        for i in range(19)
        for j in range(24)
        for length in range(20)
        if intervals[0][i : i + length] == intervals[1][j : j + length] and i + length <= 19 and j + length <= 24
    )
    assert found.notes == longest + 1
    assert shared_passage(Melody.from_pitches([60]), tune).notes == 0


def test_a_part_holds_the_passage_at_any_position():
    tune = Melody.from_pitches(range(40, 90))
    for start in range(0, 44):
        first, part = excerpt(tune, SharedPassage(0, start, 6), 12)
        assert first <= start
        assert first + len(part) >= start + 6
        assert part.pitches == tune.pitches[first : first + len(part)]


def set_named(data: dict, name: str) -> dict:
    (found,) = [one for one in data["song_sets"] if one["name"] == name]
    return found


def test_songs_are_compared_with_openings_as_long_as_they_are(data_of, run, study, config):
    reference = read_corpus(config)
    options = EvaluationOptions()
    expected = evaluate_openings(reference, 34, options)  # the median song has 34 notes
    openings = set_named(data_of["run"], "openings")
    assert openings["role"] == "reference"
    for metric, shown in openings["summaries"].items():
        mean, deviation, low, high = shown.values()
        assert mean == pytest.approx(expected.summaries[metric].mean, rel=1e-4)
        assert low is None or low <= mean <= high
        assert deviation is None or deviation >= 0
    assert (
        data_of["run"]["sections"]["tonality"]["openings"] == f"the first 34 notes of {len(expected.songs)} test tunes"
    )
    names = [one["name"] for one in data_of["study"]["song_sets"]]
    assert names[2:] == ["openings", "corpus-train", "corpus-validation", "corpus-test"]


def test_every_mean_of_a_run_has_its_interval(data_of):
    songs = data_of["run"]["song_sets"][0]["summaries"]
    assert all(one["low"] is not None and one["low"] <= one["mean"] <= one["high"] for one in songs.values())


@pytest.mark.slow
@pytest.mark.parametrize("noted", [True, False], ids=["in tonality.json", "in the configuration"])
def test_songs_are_measured_with_the_span_of_the_run(tmp_path, run, noted):
    copy = own_copy(run, tmp_path)
    config = json.loads((copy / "config.yaml").read_text())
    callback = {"_target_": "melgen.training.callbacks.SongTonality", "span_notes": 20 if noted else 6}
    write_json(copy / "config.yaml", config | {"callbacks": {"mine": callback, "off": None}})
    if noted:
        write_json(copy / "tonality.json", {"span_notes": 6})
    write_report(copy, progress=False)
    page = (copy / "report.html").read_text(encoding="utf-8")
    songs = read_pack(page, "songs-0")
    column = songs["metrics"].index("centricity")
    expected = [tonality(song["pitches"], 6).centricity for song in songs["songs"]]
    assert [song["values"][column] for song in songs["songs"]] == pytest.approx(expected, rel=1e-4)
    assert len(songs["songs"]) == 14


@pytest.mark.slow
def test_without_the_corpus_a_run_shows_its_recorded_values(tmp_path, run):
    noted = {"mean": {"centricity": 0.25}, "standard_deviation": {"centricity": 0.125}, "count": 3}
    for key, name in (("openings", "openings"), ("corpus", "all tunes")):  # an earlier melgen wrote the second
        copy = own_copy(run, tmp_path / key)
        (copy / "splits.tsv").unlink()
        write_json(copy / "tonality.json", {"span_notes": 12, key: noted | {"notes": 34}})
        data = report_of(copy)
        assert set_named(data, name)["summaries"] == {
            "centricity": {"mean": 0.25, "deviation": 0.125, "low": None, "high": None}
        }


@pytest.mark.parametrize(
    ("copied", "whole"), [((0, 0), "no songs are copies"), ((1, 0), "1 song is a copy"), ((1, 1), "2 songs are copies")]
)
def test_a_copy_of_the_notes_that_were_compared_is_not_called_whole(copied, whole):
    """Of a song with rhythm only the first notes are compared."""
    one = SimpleNamespace(songs=("a", "b"), scores={SHARED: (29.0, 4.0), "exact_copy": copied}, lengths=(90, 34))
    (found,) = _longest_passage({"control-lstm-1": one})
    assert (found["value"], found["model"]) == ("29", "control-lstm-1, a")
    assert found["unit"] == f"intervals; {whole} in all notes compared"


@pytest.mark.slow
def test_a_run_states_its_result_size_time_command_and_versions(tmp_path, run):
    copy = own_copy(run, tmp_path)
    write_json(
        copy / "provenance.json",
        {
            "command": ["--config-dir", "/home/me/conf", "cell=lstm", "primer=[60,62]"],
            "parameters": 12345,
            "software": {"melgen": "1.2", "torch": "2"},
        },
    )
    data = report_of(copy)
    facts = facts_of(data)
    assert (facts["Parameters"], facts["Training time"], facts["Updates"]) == ("12,345", "3 s", "100, best at 100")
    found = [(one["label"], one["value"], one["unit"]) for one in data["sections"]["listen"]["findings"]]
    assert ("Prediction of test tunes", "2.600", "bits per note") in found
    assert ("Prediction of validation tunes", "2.500", "bits per note (2.000 nats per token)") in found
    rows = {row["name"]: row["value"] for row in data["sections"]["provenance"]["rows"]}
    assert rows["Command"] == "python -m melgen.train --config-dir conf cell=lstm 'primer=[60,62]'"
    assert rows["Software"] == "melgen 1.2, torch 2"


@pytest.mark.slow
def test_runs_without_bits_per_note_state_the_reason_once(tmp_path, run, study):
    statistics = {"test_tunes": 2, "test_tunes_left_out_of_bits_per_note": 2, "import": {}}
    copy = own_copy(run, tmp_path)
    write_json(copy / "data.json", statistics)
    assert texts(report_of(copy)).count("No bits per note: each of the 2 test tunes has fewer than 3 notes") == 1
    home = own_copy(study.parent, tmp_path / "study")
    for path in home.glob("*/data.json"):
        write_json(path, statistics)
    assert texts(report_of(home / "study")).count("No bits per note") == 1


@pytest.mark.slow
def test_runs_that_existed_are_shown_with_their_own_corpus(tmp_path, study, config):
    moved = own_copy(study.parent, tmp_path) / "study"
    manifest = json.loads((moved / "manifest.json").read_text())
    default = {"corpus": {"_target_": "melgen.corpora.FolderCorpus", "path": str(tmp_path / "none")}, "cleaning": {}}
    write_json(moved / "manifest.json", manifest | {"configuration": default | {"runs": ".."}})
    page = write_report(moved, progress=False).read_text(encoding="utf-8")
    assert "cannot be shown" not in texts(read_data(page))
    assert "tune" in read_pack(page, "songs-0")["songs"][0]
    # A copied study without its runs states that their corpus is unknown, or shows the one that it recorded.
    alone = Path(shutil.copytree(moved, tmp_path / "alone"))
    page = write_report(alone, progress=False).read_text(encoding="utf-8")
    assert "tune" not in read_pack(page, "songs-0")["songs"][0]
    write_json(alone / "manifest.json", json.loads((alone / "manifest.json").read_text()) | {"trained_on": config})
    page = write_report(alone, progress=False).read_text(encoding="utf-8")
    assert "nearest_tune" in read_pack(page, "songs-0")["songs"][0]


def with_seeds(study: Path, tmp_path: Path, bits: dict[str, list[float]]) -> dict:
    copy = own_copy(study.parent, tmp_path) / "study"
    for model, values in bits.items():
        for seed, value in enumerate(values):
            write_json(copy / "likelihood" / model / f"seed{seed}.json", {"bits_per_note/test": value})
    return report_of(copy)["sections"]["listen"]["findings"][0]


@pytest.mark.slow
def test_a_finding_names_a_winner_only_if_the_seeds_support_it(tmp_path, study):
    one, other = "control-lstm-1", "db12-lstm-1"
    decided = with_seeds(study, tmp_path / "decided", {one: [2.0, 2.01, 2.02], other: [3.0, 3.01, 3.02]})
    label = "Predicts unseen tunes best, of the networks"
    assert (decided["label"], decided["model"], decided["value"]) == (label, one, "2.010")
    open_ = with_seeds(study, tmp_path / "open", {one: [2.0, 3.0, 4.0], other: [2.1, 3.1, 4.1]})
    assert (open_["model"], open_["value"]) == ("", "undecided")
    assert f"not distinguishable from {other} (3 seeds each)" in open_["note"]
    alone = with_seeds(study, tmp_path / "alone", {one: [2.0], other: [3.0]})
    assert (alone["model"], alone["value"]) == ("", "undecided")
    assert f"not distinguishable from {other} (one seed cannot decide)" in alone["note"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ppm", "label", "sentence"),
    [
        (1.2345, "Predicts unseen tunes best, of the networks", "Ahead of every network: the baseline ppm, 1.234 bits"),
        (2.5, "Predicts unseen tunes best", "Best baseline: ppm, 2.500 bits"),
        (40.0, "Predicts unseen tunes best", "Best baseline: kn-bigram, 3.500 bits"),
    ],
)
def test_a_finding_names_the_best_baseline(tmp_path, study, ppm, label, sentence):
    copy = own_copy(study.parent, tmp_path) / "study"
    write_json(copy / "likelihood" / "baselines" / "ppm.json", {"bits_per_note/test": ppm})
    found = with_seeds(copy, tmp_path / "page", {"control-lstm-1": [2.0, 2.01], "db12-lstm-1": [3.0, 3.01]})
    assert (found["label"], found["baseline"]) == (label, f"{sentence} per note.")


@pytest.mark.slow
def test_the_likelihood_has_a_row_for_each_network_and_baseline(tmp_path, study):
    copy = own_copy(study.parent, tmp_path) / "study"
    for seed, bits in enumerate((2.0, 2.2, 2.4)):
        scores = {"bits_per_note/test": bits, "bits_per_note/train": bits - 0.5}
        write_json(copy / "likelihood" / "control-lstm-1" / f"seed{seed}.json", scores)
    (chart,) = report_of(copy)["sections"]["likelihood"]["row_charts"]
    rows = {row["label"][0]: row for row in chart["rows"]}
    assert [*rows] == ["ppm", "control lstm 1", "kn-bigram", "db12 lstm 1", "ppm-ltm"], "the best first"
    assert [row["is_baseline"] for row in rows.values()] == [True, False, True, False, True]
    assert [row["has_room"] for row in rows.values()] == [True, True, True, True, False]
    test, train = rows["control lstm 1"]["marks"]
    margin = 4.302653 * 0.2 / 3**0.5
    assert (test["value"], train["value"]) == (2.2, 1.7)
    assert test["interval"] == pytest.approx([2.2 - margin, 2.2 + margin], abs=1e-4)
    assert rows["db12 lstm 1"]["marks"][0]["interval"] is None, "one seed"


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["ahead", "behind", "equal", "undecided"])
def test_a_finding_agrees_with_the_comparison_of_cells(tmp_path, study, verdict):
    one, other = "control-lstm-1", "db12-lstm-1"
    copy = own_copy(study.parent, tmp_path)
    found = comparisons(2, ("control",)).to_dict()
    found["each"] = [{**found["each"][0], "model": other, "reference": one, "verdict": verdict}]
    write_json(copy / "study" / "comparisons.json", found)
    finding = with_seeds(copy / "study", tmp_path / "page", {one: [2.0, 2.01, 2.02], other: [3.0, 3.01, 3.02]})
    assert finding["model"] == (one if verdict in ("ahead", "behind") else "")


@pytest.mark.slow
def test_sets_after_several_primers_have_titles_of_their_own(tmp_path, study):
    copy = own_copy(study.parent, tmp_path) / "study"
    primers = {"main": [60, 62], "other": [72, 74]}
    manifest = json.loads((copy / "manifest.json").read_text())
    asked = {"generate": {"primers": primers}, "evaluation": {"confidence": 0.975}}
    write_json(copy / "manifest.json", manifest | {"configuration": asked})
    for folder, ending in (("songs", ""), ("evaluation", ".json")):
        place, other = (copy / folder / f"control-lstm-1{text}{ending}" for text in ("", "-primer-other"))
        (shutil.copytree if place.is_dir() else shutil.copyfile)(place, other)
    data = report_of(copy)
    titles = [one["title"] for one in data["song_sets"] if one["role"] == "model"]
    expected = ["control-lstm-1, primer main", "db12-lstm-1, primer main", "control-lstm-1, primer other"]
    assert titles == expected
    assert [data["sections"][name]["confidence"] for name in ("primers", "tonality")] == ["97.5%"] * 2
    assert [model["label"] for model in data["sections"]["primers"]["models"]] == [["control lstm 1"], ["db12 lstm 1"]]


@pytest.mark.slow
def test_a_study_of_an_earlier_melgen(tmp_path, study):
    copy = own_copy(study.parent, tmp_path) / "study"
    corpus = copy / "evaluation" / "corpus"
    held_out = json.loads((corpus / "openings.json").read_text())
    write_json(corpus / "held-out.json", held_out | {"name": "held-out"})
    (corpus / "openings.json").unlink()
    for path in (copy / "evaluation").rglob("*.json"):
        data = json.loads(path.read_text())
        for key in ("nearest", "distances_to_openings"):
            data.pop(key, None)
        write_json(path, data)
    write_report(copy, out=tmp_path / "old.html", progress=False)
    old = (tmp_path / "old.html").read_text(encoding="utf-8")
    write_report(study, out=tmp_path / "new.html", progress=False)
    new = (tmp_path / "new.html").read_text(encoding="utf-8")
    assert [one["name"] for one in read_data(old)["song_sets"]] == [one["name"] for one in read_data(new)["song_sets"]]
    assert read_pack(old, "songs-0")["chosen"].keys() == read_pack(new, "songs-0")["chosen"].keys()


@pytest.mark.slow
@pytest.mark.parametrize(("songs", "expected"), [(1, "A song of this run"), (2, "Of 2 songs the one nearest")])
def test_a_count_of_one_is_in_the_singular(tmp_path, config, songs, expected):
    melodies = [Melody.from_pitches(walk(34, seed)) for seed in range(songs)]
    data = report_of(make_run(tmp_path / "control-lstm-1-seed0", config, songs=melodies, stages=0))
    assert data["sections"]["listen"]["song"]["line"].startswith(expected)
    assert facts_of(data)["Network"] == "1 layer of lstm"


# --- missing data


def test_a_failed_run_shows_its_error(tmp_path, run):
    failed = own_copy(run, tmp_path)
    for name in ("result.json", "metrics.csv"):
        (failed / name).unlink()
    for name in ("songs", "samples", "embedding"):
        shutil.rmtree(failed / name)
    write_json(failed / "status.json", {"state": "failed", "error": "CUDA is tired"})
    (failed / "error.txt").write_text("Traceback\nCUDA is tired\n")
    data = report_of(failed)
    assert data["notices"][0] == {
        "text": "This run is failed: CUDA is tired. The page shows what there is so far.",
        "strong": True,
    }
    assert "No songs yet" in texts(data)
    assert data["sections"]["log"]["text"].endswith("CUDA is tired")
    assert data["song_sets"] == []
    assert not data["sections"].keys() & {"curves", "learning", "songs", "tonality", "embedding"}


def test_a_run_that_has_only_begun(tmp_path):
    write_json(tmp_path / "status.json", {"state": "running"})
    assert report_of(tmp_path)["notices"][0]["text"].startswith("This run is running.")


def test_songs_of_one_note_and_notes_at_the_edge(tmp_path, config):
    songs = [Melody.from_pitches(pitches) for pitches in ([60], [0, 127, 0, 127], [127] * 40)]
    data = report_of(make_run(tmp_path / "control-lstm-1-seed0", config, songs=songs, stages=0))
    page = (tmp_path / "control-lstm-1-seed0" / "report.html").read_text(encoding="utf-8")
    shown = read_pack(page, "songs-0")["songs"]
    assert [song["pitches"] for song in shown] == [[60], [0, 127, 0, 127], [127] * 40]
    assert "values" not in shown[0]
    assert "note" in shown[0]["left_out"]
    assert data["song_sets"][0]["pack"] == 0


def test_nothing_but_songs_of_one_note(tmp_path, config):
    data = report_of(
        make_run(tmp_path / "control-lstm-1-seed0", config, songs=[Melody.from_pitches([60])] * 2, stages=0)
    )
    assert "cannot be measured" in texts(data)
    assert data["sections"]["listen"]["song"]["pitches"] == [60]


@pytest.mark.slow
def test_a_thousand_songs_have_scores_for_some(tmp_path, config):
    songs = [Melody.from_pitches(walk(12, seed)) for seed in range(1000)]
    run = make_run(tmp_path / "control-lstm-1-seed0", config, songs=songs, stages=0)
    page = write_report(run, scores=5, progress=False).read_text(encoding="utf-8")
    content = read_pack(page, "songs-0")
    assert len(content["songs"]) == 1000
    drawn = [*read_pack(page, "scores-0")["songs"]]
    assert len(drawn) == 5
    assert set(map(str, content["chosen"].values())) <= set(drawn)


@pytest.mark.slow
def test_another_corpus_than_the_songs_were_compared_with(tmp_path, study, config):
    shutil.copytree(study.parent, tmp_path / "tiny")
    moved = tmp_path / "tiny" / "study"
    other = make_corpus(tmp_path / "others")
    text = (tmp_path / "others" / "tunes.abc").read_text().replace("C D E F G A", "C E D G F A")
    (tmp_path / "others" / "tunes.abc").write_text(text)
    manifest = json.loads((moved / "manifest.json").read_text())
    write_json(moved / "manifest.json", manifest | {"trained_on": other})
    page = write_report(moved, progress=False).read_text(encoding="utf-8")
    song = read_pack(page, "songs-0")["songs"][0]
    assert "nearest_tune" in song
    assert "tune" not in song


@pytest.mark.slow
def test_a_corpus_that_is_gone_or_none_of_ours(tmp_path, run):
    for target, reason in (("melgen.corpora.FolderCorpus", "no such"), ("os.system", "not known")):
        copy = own_copy(run, tmp_path / target)
        config = json.loads((copy / "config.yaml").read_text())
        write_json(copy / "config.yaml", config | {"corpus": {"_target_": target, "path": str(tmp_path / "gone")}})
        data = report_of(copy)
        assert reason in texts(data)
        assert "songs" in data["sections"]


@pytest.mark.slow
def test_tunes_are_found_by_name_in_a_corpus_that_has_changed(tmp_path, run):
    copy = own_copy(run, tmp_path / "changed")
    config = json.loads((copy / "config.yaml").read_text())
    header, *lines = (copy / "splits.tsv").read_text().splitlines()
    (copy / "splits.tsv").write_text("\n".join([header, *lines[:2:-1], ""]))
    tunes = TrainingTunes.read(config, copy / "splits.tsv", progress=False)
    assert tunes.unknown == 3, "tunes without a split are neither shown nor compared"
    named = {line.split("\t")[1] for line in lines[3:] if line.startswith("train")}
    assert set(tunes.reference.tunes(Split.TRAIN)) == named
    assert "3 of its 12 tunes were not there" in texts(report_of(copy))
    (copy / "splits.tsv").write_text("\n".join([header, "train\telsewhere.abc#1\tAnother", ""]))
    assert "contains none of the tunes" in texts(report_of(copy))


def test_the_cache_that_a_run_names_is_read_but_never_written(tmp_path, config, monkeypatch):
    mine, named = tmp_path / "mine", tmp_path / "named by a stranger"
    monkeypatch.setenv("MELGEN_CACHE_DIR", str(mine))
    of_run = config | {"cache_dir": str(named)}
    TrainingTunes.read(of_run, progress=False)
    assert not named.exists()
    assert (mine / "corpora").is_dir()
    mine.rename(named)  # as after a training of the user's own with cache_dir=
    monkeypatch.setattr("melgen.corpora.corpus.import_sources", None)
    assert len(TrainingTunes.read(of_run, progress=False).reference.melodies) == 12
    assert not mine.exists()


@pytest.mark.parametrize("odd", [5, ["a"], "~nobody_of_this_name/a"])
def test_a_place_of_a_cache_that_is_none_is_ignored(odd, config):
    assert len(TrainingTunes.read(config | {"cache_dir": odd}, progress=False).reference.melodies) == 12


def test_a_corpus_is_never_downloaded(monkeypatch):
    asked = {}

    class Known(TrainingTunes.read.__globals__["AbstractCorpus"]):
        description = "known"
        reader = None

        def __init__(self, download):
            asked["download"] = download

        def list_sources(self):
            raise ValueError("enough")

    monkeypatch.setitem(globals(), "Known", Known)
    config = {"corpus": {"_target_": f"{__name__}.Known", "download": True}, "cleaning": {}}
    with pytest.raises(ValueError, match="enough"):
        TrainingTunes.read(config)
    assert asked == {"download": False}


def test_without_an_engraving_library(tmp_path, run, monkeypatch):
    import melgen.pages.engraver as scores

    def missing(melody):
        raise ImportError("verovio is not installed; pip install verovio")

    monkeypatch.setattr(scores, "_engrave", missing)
    data = report_of(own_copy(run, tmp_path))
    assert "pip install verovio" in texts(data)
    assert data["sections"]["listen"]["song"]["score"] is None


@pytest.mark.slow
def test_many_processes_engrave_the_same():
    melodies = [Melody.from_pitches(walk(8, seed)) for seed in range(64)]
    assert Engraver(workers=2, progress=False).engrave(melodies) == Engraver(workers=1, progress=False).engrave(
        melodies
    )


@pytest.mark.slow
def test_damaged_files_are_named(tmp_path, run):
    copy = own_copy(run, tmp_path)
    (copy / "songs" / "songs.json").write_text("{")
    (copy / "samples" / "step-00000030" / "songs.json").write_text("[]")
    (copy / "embedding" / "metadata.tsv").write_text("C4\n")
    (copy / "metrics.csv").write_text("step,val/loss\nx,y\n")
    (copy / "result.json").write_text("no")
    (copy / "config.yaml").write_text("a: [")
    shown = texts(report_of(copy))
    assert "update 30 cannot be read" in shown
    assert "embedding of control-lstm-1-seed0 cannot be read" in shown
    assert "No learning curve" in shown


def test_a_study_that_has_only_begun(tmp_path, run):
    home = tmp_path / "home"
    shutil.copytree(run, home / run.name)
    (home / "study").mkdir()
    (home / "study" / "sweep.log").write_text("")
    data = read_data(write_report(home, kind="study", progress=False).read_text(encoding="utf-8"))
    assert (home / "study" / "report.html").is_file()
    assert "only begun" in texts(data)
    assert [one["name"] for one in data["runs"]] == [run.name]


@pytest.mark.slow
def test_a_study_that_was_mailed_without_its_runs(tmp_path, study):
    alone = Path(shutil.copytree(study, tmp_path / "study"))
    data = report_of(alone)
    assert "not where the study left them" in texts(data)
    assert "songs" in data["sections"]
    assert "curves" not in data["sections"]


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda path: path / "none", None, "no such directory"),
        (lambda path: path, None, "not the directory of a run or a study"),
        (lambda path: path, "run", "not the directory of a run"),
        (lambda path: path, "study", "not the directory of a study"),
    ],
)
def test_a_folder_that_is_neither_a_run_nor_a_study_is_refused(tmp_path, make, kind, message):
    with pytest.raises(ValueError, match=message):
        write_report(make(tmp_path), kind=kind, progress=False)


def test_runs_without_a_study_are_refused_with_the_command_that_makes_one(tmp_path):
    sweep = tmp_path / "sweep"
    (sweep / "a-run").mkdir(parents=True)
    (sweep / "a-run" / "status.json").write_text("{}")
    with pytest.raises(ValueError, match="runs without a study") as refused:
        find_source(sweep, "study", "study")
    assert f"python -m melgen.study runs={sweep} makes one of them" in str(refused.value)


def test_the_directory_of_a_study_is_not_that_of_a_run(study):
    with pytest.raises(ValueError, match=r"run=.*: this is the directory of a study, so that study="):
        find_source(study, "run", "run")
    with pytest.raises(ValueError, match=r"runs: .* is not the directory of a run"):
        find_run(study)
    assert find_source(study, "run").kind == "study"


def test_songs_written_later_are_shown(tmp_path, run):
    copy = own_copy(run, tmp_path)
    write_songs(copy / "songs", [Melody.from_pitches([60, 64, 67])], METADATA)
    assert report_of(copy)["sections"]["listen"]["song"]["pitches"] == [60, 64, 67]


def test_an_excerpt_begins_with_a_bar_of_its_tune():
    jig = Melody(
        tuple(range(48, 78)), tuple(range(0, 360, 12)), (12,) * 30, metres=(MetreChange(0, Metre(6, 8)),), pickup=12
    )
    first, part = excerpt(jig, SharedPassage(0, 15, 4), 8)
    assert first == 7, "the bar before that of the passage: after the pickup and one bar of six eighths"
    assert (part.onsets[0], part.pickup, part.metre) == (0, 0, Metre(6, 8))
    first, part = excerpt(jig, SharedPassage(0, 3, 4), 8)
    assert (first, part.pickup, notes_of(part)["bars"]) == (0, 12, [0, 12, 84])
    split = Melody(
        jig.pitches, jig.onsets, jig.durations, metres=jig.metres, pickup=12, bars=(0, 12, 84, 144, 156, 228)
    )
    first, part = excerpt(split, SharedPassage(0, 14, 4), 8)
    assert (first, part.pickup, part.bars) == (12, 12, (0, 12, 84)), "a pickup within the tune"


def test_a_page_gets_bars_only_where_they_are_known():
    assert set(notes_of(Melody.from_pitches([60, 62]))) == {"pitches", "onsets", "durations"}
    assert notes_of(Melody((60,), (0,), (180,), metres=(MetreChange(0, Metre(3, 4)),)))["bars"] == [0, 72, 144]
    assert notes_of(Melody((60,), (0,), (120,), pickup=24))["bars"] == [0, 24], "4/4 after a pickup, as in its score"


def test_a_page_gets_notes_as_they_are_drawn_and_played():
    no_time, overlap = Melody((60, 62, 64), (0, 24, 24), (24, 0, 24)), Melody((60, 62), (0, 12), (24, 12))
    assert notes_of(no_time) == {"pitches": [60, 62, 64], "onsets": [0, 24, 30], "durations": [24, 6, 18]}
    assert notes_of(overlap)["durations"] == [12, 12]
    late = Melody((60,), (72,), (0,), metres=(MetreChange(0, Metre(3, 4)),))
    assert notes_of(late)["bars"] == [0, 72], "as in the score"


@pytest.mark.parametrize("total", ["val/bits_per_note_with_rhythm", "val/bits_per_note"], ids=["now", "earlier"])
def test_bits_per_note_are_not_compared_with_bits_that_include_rhythm(tmp_path, total):
    """On a page of both kinds of networks, all have bits of pitch."""
    results = {
        "pitches": {"val/bits_per_note": 3.5},
        "rhythm": {total: 4.0, "val/pitch_bits_per_note": 2.5, "val/rhythm_bits_per_note": 1.5},
    }
    of_rhythm = {"val/bits_per_note_with_rhythm": 4.0, "val/pitch_bits_per_note": 2.5, "val/rhythm_bits_per_note": 1.5}
    for name, result in results.items():
        write_json(tmp_path / name / "result.json", result)
        write_json(tmp_path / name / "status.json", {"state": "finished"})
        columns = ["step", *result]
        (tmp_path / name / "metrics.csv").write_text(f"{','.join(columns)}\n10,{','.join(map(str, result.values()))}\n")
    runs, curves = read_runs([tmp_path / name for name in results])
    shown = [run["values"] for run in runs]
    assert shown == [{"val/pitch_bits_per_note": 3.5}, of_rhythm]
    assert [sorted(curves[name]) for name in results] == [sorted(values) for values in shown]
    for name, result in {"pitches": results["pitches"], "rhythm": of_rhythm}.items():
        (run,), _ = read_runs([tmp_path / name])
        assert run["values"] == result, "alone they are shown as they are"


@pytest.mark.parametrize(
    ("scores", "name"), [({"0": "<svg/>"}, "long"), ({"0": None, "1": "<svg/>", "2": "<svg/>", "3": "<svg/>"}, "near")]
)
def test_the_opening_song_has_a_score_if_any_song_has_one(scores, name):
    notes = {"pitches": [60], "onsets": [0], "durations": [24]}
    songs = [{"name": each, **notes} for each in ("long", "far", "near", "undefined")]
    content = SimpleNamespace(
        data={"opening_set": 0},
        packs={"songs-0": {"chosen": {"nearest": 0}, "songs": songs}, "scores-0": {"songs": scores}},
    )
    evaluation = SimpleNamespace(songs=("long", "undefined", "far", "near"), distances_to_openings=(0.1, nan, 0.9, 0.4))
    found = _opening_song(content, "Of 3 songs the one", evaluation, ", by a-model")
    assert found["name"] == name
    nearest = "Of 2 songs with a score the one nearest to the openings of test tunes, by a-model"
    assert found["line"] == (nearest if name == "near" else "Of 3 songs the one")
