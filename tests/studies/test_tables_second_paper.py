"""The tables of the second paper: its lines of LaTeX with the timed metrics, and its published numbers next to ours."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest

from melgen.studies.results import Model, StudyResults
from melgen.studies.tables import SECOND, build_tables, paper_sources, paper_tables
from tests.studies.tables_examples import evaluation, nine_models, run, study, tonality_scores

DATASETS, CELLS = ("control", "interval", "db12"), ("lstm", "gru")


def songs_with_rhythm(name, motion, *timed):
    """Songs whose timed metrics are not those of their pitches alone."""
    of_pitches = tonality_scores(*((each, 9.0, 0.875) for each in motion))
    macroharmony, centricity = zip(*timed, strict=True)
    return evaluation(name, of_pitches | {"timed_macroharmony": macroharmony, "timed_centricity": centricity})


def with_rhythm(results: StudyResults) -> StudyResults:
    """The study, if all of its networks wrote rhythm."""
    runs = tuple(replace(each, rhythm="joint") for each in results.runs)
    return replace(results, runs=runs, models=tuple(Model((each,)) for each in runs))


@pytest.fixture(scope="module")
def six() -> StudyResults:
    """The six models of the paper, three songs each, and training tunes."""
    songs = {}
    for d, dataset in enumerate(DATASETS):
        for c, cell in enumerate(CELLS):
            motion = np.array([0.5, 1.0, 1.5]) + d
            timed = [(2.0 + c, 0.25), (2.25 + c, 0.25), (2.5 + c, 0.25)]
            songs[dataset, cell] = songs_with_rhythm(f"{dataset}-{cell}-2", motion, *timed)
    tunes = songs_with_rhythm("corpus-train", (2.0, 3.0), (1.5, 0.125), (2.5, 0.375))
    return replace(with_rhythm(study(songs)), corpus={"train": tunes})


def test_means_and_deviations_of_the_timed_metrics(six):
    assert paper_tables(six, SECOND)["mean_deviation.tex"] == (
        "\\multirow{ 3}{*}{CMM} &  \n"
        "control & 1.00 $\\pm$ 0.50 & 1.00 $\\pm$ 0.50 \\\\\n"
        "&interval  & 2.00 $\\pm$ 0.50 & 2.00 $\\pm$ 0.50 \\\\\n"
        "&db12  & 3.00 $\\pm$ 0.50 & 3.00 $\\pm$ 0.50 \\\\\n"
        "\\hline\n"
        "\\multirow{ 3}{*}{LM} &  \n"
        "control & 2.25 $\\pm$ 0.25 & 3.25 $\\pm$ 0.25 \\\\\n"
        "&interval  & 2.25 $\\pm$ 0.25 & 3.25 $\\pm$ 0.25 \\\\\n"
        "&db12  & 2.25 $\\pm$ 0.25 & 3.25 $\\pm$ 0.25 \\\\\n"
        "\\hline\n"
        "\\multirow{ 3}{*}{CENTR} &  \n"
        "control & 0.25 $\\pm$ 0.00 & 0.25 $\\pm$ 0.00 \\\\\n"
        "&interval  & 0.25 $\\pm$ 0.00 & 0.25 $\\pm$ 0.00 \\\\\n"
        "&db12  & 0.25 $\\pm$ 0.00 & 0.25 $\\pm$ 0.00 \\\\\n"
        "\\hline\n"
    )


def test_triples_chosen_songs_and_the_corpus(six):
    texts = paper_tables(six, SECOND)
    first = {name: text.splitlines()[0] for name, text in texts.items()}
    assert first["mean.tex"] == "control & 1.00 2.25 0.25 & 1.00 3.25 0.25 \\\\"
    assert first["variance.tex"] == "control & 0.25 0.06 0.00 & 0.25 0.06 0.00 \\\\"
    assert first["best_songs.tex"] == "control & 0.50 2.00 0.25 & 0.50 3.00 0.25 \\\\"
    assert first["representative_songs.tex"] == "control & 1.00 2.25 0.25 & 1.00 3.25 0.25 \\\\"
    assert texts["corpus_train_deviation.tex"] == "2.50 $\\pm$ 0.71 & 2.00 $\\pm$ 0.71 & 0.25 $\\pm$ 0.18 \\\\\n"


def test_songs_are_chosen_by_the_timed_metrics_and_only_if_they_have_them():
    """By the pitches alone the second song would be the best; the last one is heard in no window."""
    songs = songs_with_rhythm("control-lstm-2", (2.0, 1.0, 0.5), (1.0, 0.25), (4.0, 0.25), (math.nan, math.nan))
    results = with_rhythm(study({("control", "lstm"): songs}))
    assert paper_tables(results, SECOND)["best_songs.tex"] == "control & 2.00 1.00 0.25 \\\\\n"
    assert paper_sources(results, SECOND)["best_songs.tex"]["control"]["lstm"][-1].endswith("song_001.mid")
    assert paper_tables(results)["best_songs.tex"] == "control & 0.50 9.00 0.88 \\\\\n"


def test_networks_of_pitches_have_no_place_in_them(six):
    assert paper_tables(nine_models(), SECOND) == paper_sources(nine_models(), SECOND) == {}
    pitches = Model((run("control", "nas", 2),))
    both = replace(six, models=(*six.models, pitches))
    assert paper_tables(both, SECOND) == paper_tables(six, SECOND)
    assert build_tables(both)["published"] == build_tables(six)["published"]


def test_models_without_evaluation(six):
    texts = paper_tables(replace(six, songs={}), SECOND)
    assert texts["mean.tex"].startswith("control & nan nan nan & nan nan nan")
    assert texts["best_songs.tex"].startswith("control & nan nan nan & nan nan nan")


def test_the_published_numbers_are_next_to_ours(six):
    table = build_tables(six)["published"]
    rows = list(csv.DictReader(io.StringIO(table.to_csv())))
    assert [row["set"] for row in rows] == [f"{d}-{c}-2" for d in DATASETS for c in CELLS] + ["corpus-train"]
    interval_gru = rows[3]
    assert interval_gru["conjunct_melodic_motion_mean"] == "2.0"
    assert interval_gru["timed_macroharmony_mean"] == "3.25"
    published = {key: value for key, value in interval_gru.items() if "published" in key}
    assert list(map(float, published.values())) == [2.21, 0.73, 1.99, 0.70, 0.27, 0.11]
    corpus = [float(value) for key, value in rows[-1].items() if "published" in key]
    assert corpus == [2.23, 0.98, 2.05, 1.18, 0.27, 0.14]
    assert [row.rule for row in table.rows] == [False] * 6 + [True]
    assert table.sources()["control-lstm-2"]["timed_centricity"] == [
        "multirun/quick/control-lstm-2-seed0",
        "songs/control-lstm-2",
    ]
    assert "timed_centricity_published" not in table.sources()["control-lstm-2"]
    assert r"control-lstm-2 & 3 & 1.00 $\pm$ 0.50" in table.to_latex()


def test_models_that_the_paper_has_not_are_not_compared():
    songs = songs_with_rhythm("mine-nas-2", (1.0, 2.0), (1.0, 0.25), (2.0, 0.5))
    assert "published" not in build_tables(with_rhythm(study({("mine", "nas"): songs})))
    assert "published" not in build_tables(nine_models())
