"""The rows of the paper: rules and numbers computed by hand, and arithmetic compared with SciPy as in the scripts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from melgen.studies.results import Model
from melgen.studies.tables import paper_sources, paper_tables
from tests.studies.tables_examples import (
    evaluation,
    nine_models,
    run,
    study,
    tonality_scores,
)


@pytest.fixture(scope="module")
def nine() -> dict[str, str]:
    return paper_tables(nine_models())


def test_a_row_holds_the_three_metrics_of_each_cell_and_exact_halves_go_to_the_even_digit(nine):
    # 1.125 -> 1.12, 2.375 -> 2.38, 3.125 -> 3.12, 4.375 -> 4.38: all exact in binary.
    assert nine["mean.tex"] == (
        "control & 1.12 2.38 0.25 & 1.12 3.38 0.25 & 1.12 4.38 0.25 \\\\\n"
        "interval  & 2.12 2.38 0.25 & 2.12 3.38 0.25 & 2.12 4.38 0.25 \\\\\n"
        "db12  & 3.12 2.38 0.25 & 3.12 3.38 0.25 & 3.12 4.38 0.25 \\\\\n"
    )


def test_variance_and_deviation_divide_by_one_less(nine):
    # Three songs m - d, m, m + d have variance d^2 and deviation d: 0.25, 0.0625, 0.015625 and 0.5, 0.25, 0.125.
    for file, triple in {"variance.tex": "0.25 0.06 0.02", "standard_deviation.tex": "0.50 0.25 0.12"}.items():
        assert nine[file] == (
            f"control & {triple} & {triple} & {triple} \\\\\n"
            f"interval  & {triple} & {triple} & {triple} \\\\\n"
            f"db12  & {triple} & {triple} & {triple} \\\\\n"
        )


def test_mean_and_deviation_come_in_a_block_for_each_metric(nine):
    assert nine["mean_deviation.tex"] == (
        "\\multirow{ 3}{*}{m1} &  \n"
        "control & 1.12 $\\pm$ 0.50 & 1.12 $\\pm$ 0.50 & 1.12 $\\pm$ 0.50 \\\\\n"
        "&interval  & 2.12 $\\pm$ 0.50 & 2.12 $\\pm$ 0.50 & 2.12 $\\pm$ 0.50 \\\\\n"
        "&db12  & 3.12 $\\pm$ 0.50 & 3.12 $\\pm$ 0.50 & 3.12 $\\pm$ 0.50 \\\\\n"
        "\\hline\n"
        "\\multirow{ 3}{*}{m2} &  \n"
        "control & 2.38 $\\pm$ 0.25 & 3.38 $\\pm$ 0.25 & 4.38 $\\pm$ 0.25 \\\\\n"
        "&interval  & 2.38 $\\pm$ 0.25 & 3.38 $\\pm$ 0.25 & 4.38 $\\pm$ 0.25 \\\\\n"
        "&db12  & 2.38 $\\pm$ 0.25 & 3.38 $\\pm$ 0.25 & 4.38 $\\pm$ 0.25 \\\\\n"
        "\\hline\n"
        "\\multirow{ 3}{*}{m3} &  \n"
        "control & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 \\\\\n"
        "&interval  & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 \\\\\n"
        "&db12  & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 & 0.25 $\\pm$ 0.12 \\\\\n"
        "\\hline\n"
    )


def test_chosen_songs(nine):
    # The best is the first of the three, with the smallest sum; the second is at the mean.
    assert nine["best_songs.tex"].splitlines()[:2] == [
        "control & 0.62 2.12 0.12 & 0.62 3.12 0.12 & 0.62 4.12 0.12 \\\\",
        "interval  & 1.62 2.12 0.12 & 1.62 3.12 0.12 & 1.62 4.12 0.12 \\\\",
    ]
    assert nine["representative_songs.tex"] == nine["mean.tex"].replace("control &", "control  &")


def test_the_corpus_has_a_line_for_each_split():
    tunes = evaluation("corpus-train", tonality_scores((2.0, 1.5, 0.125), (3.0, 2.5, 0.375)))
    texts = paper_tables(replace(nine_models(), corpus={"train": tunes}))
    # Two values a and b have variance (b - a)^2 / 2.
    assert texts["corpus_train_variance.tex"] == "2.50 0.50 & 2.00 0.50 & 0.25 0.03 \\\\\n"
    assert texts["corpus_train_deviation.tex"] == ("2.50 $\\pm$ 0.71 & 2.00 $\\pm$ 0.71 & 0.25 $\\pm$ 0.18 \\\\\n")


def test_the_arithmetic_is_that_of_the_scripts():
    """They used `describe` and `tstd`, and took the first of equal values by comparing (value, position)."""
    rng = np.random.default_rng(0)
    table = rng.choice([0.25, 0.5, 1.0, 2.75], size=(40, 3))
    results = study({("control", "lstm"): evaluation("control-lstm-2", tonality_scores(*map(tuple, table)))})
    texts = paper_tables(results)

    columns = [stats.describe(table[:, i]) for i in range(3)]
    deviations = [stats.tstd(table[:, i]) for i in range(3)]
    sums = [sum(song) for song in table]
    away = [distance.euclidean([column.mean for column in columns], song) for song in table]
    expected = {
        "mean.tex": [column.mean for column in columns],
        "variance.tex": [column.variance for column in columns],
        "standard_deviation.tex": deviations,
        "best_songs.tex": table[min((value, i) for i, value in enumerate(sums))[1]],
        "representative_songs.tex": table[min((value, i) for i, value in enumerate(away))[1]],
    }
    for file, triple in expected.items():
        shown = " ".join(f"{value:.2f}" for value in triple)
        assert " ".join(texts[file].split()) == rf"control & {shown} \\"


def test_statistics_that_one_song_leaves_undefined_are_nan():
    results = study({("control", "lstm"): evaluation("control-lstm-2", tonality_scores((1.5, 2.0, 0.5)))})
    texts = paper_tables(results)
    assert texts["mean.tex"] == "control & 1.50 2.00 0.50 \\\\\n"
    assert texts["variance.tex"] == texts["standard_deviation.tex"] == "control & nan nan nan \\\\\n"
    assert texts["mean_deviation.tex"].splitlines()[1] == "control & 1.50 $\\pm$ nan \\\\"
    assert texts["best_songs.tex"] == "control & 1.50 2.00 0.50 \\\\\n"


def test_any_number_of_datasets_and_cells_and_gaps_between_them():
    one = tonality_scores((1.5, 2.0, 0.5), (2.5, 3.0, 0.5))
    pairs = [("mine", "gru"), ("control", "lstm"), ("control", "gru")]
    texts = paper_tables(study({pair: evaluation("-".join([*pair, "2"]), one) for pair in pairs}))
    # The columns are in the order of the row that has most of them.
    assert texts["mean.tex"] == (
        "mine & -- -- -- & 2.00 2.50 0.50 \\\\\ncontrol  & 2.00 2.50 0.50 & 2.00 2.50 0.50 \\\\\n"
    )
    assert texts["mean_deviation.tex"].splitlines()[:3] == [
        "\\multirow{ 2}{*}{m1} &  ",
        "mine & -- & 2.00 $\\pm$ 0.71 \\\\",
        "&control  & 2.00 $\\pm$ 0.71 & 2.00 $\\pm$ 0.71 \\\\",
    ]


def test_variants_have_rows_of_their_own():
    models = tuple(Model((run("control", "lstm", 2, variant=variant),)) for variant in ("", "hidden_size-64"))
    songs = {model.name: evaluation(model.name, tonality_scores((1.0, 2.0, 0.5))) for model in models}
    results = replace(nine_models(), models=models, songs=songs)
    assert paper_tables(results)["mean.tex"] == (
        "control & 1.00 2.00 0.50 \\\\\ncontrol hidden\\_size-64  & 1.00 2.00 0.50 \\\\\n"
    )
    with pytest.raises(ValueError, match="same place"):
        paper_tables(replace(results, models=models[:1] * 2))


def test_models_without_evaluation_and_studies_without_models():
    results = nine_models()
    assert paper_tables(replace(results, songs={}))["mean.tex"].startswith("control & nan nan nan & nan")
    assert paper_tables(replace(results, songs={}))["best_songs.tex"].startswith("control & nan nan nan & nan")
    assert paper_tables(replace(results, models=(), songs={})) == {}
    assert paper_sources(replace(results, models=(), songs={})) == {}


def test_every_cell_names_its_run_and_its_songs():
    results = nine_models()
    sources = paper_sources(results)
    assert sources.keys() == paper_tables(results).keys()
    assert sources["mean.tex"]["interval"]["nas"] == ["multirun/quick/interval-nas-2-seed0", "songs/interval-nas-2"]
    assert list(sources["mean_deviation.tex"]) == [
        f"{metric} {dataset}" for metric in ("m1", "m2", "m3") for dataset in ("control", "interval", "db12")
    ]
    assert sources["best_songs.tex"]["db12"]["lstm"] == [
        "multirun/quick/db12-lstm-2-seed0",
        "songs/db12-lstm-2/song_001.mid",
    ]
    assert sources["representative_songs.tex"]["db12"]["lstm"][1] == "songs/db12-lstm-2/song_002.mid"


def test_a_song_of_one_of_several_seeds_names_the_run_of_that_seed():
    model = Model((run("control", "lstm", 2, seed=0), run("control", "lstm", 2, seed=1)))
    scores = tonality_scores((3.0, 2.0, 0.5), (1.0, 2.0, 0.5))
    songs = {model.name: evaluation(model.name, scores, ["seed0/song_001", "seed1/song_001"])}
    results = replace(nine_models(), models=(model,), songs=songs, song_folders={model.name: "songs/control-lstm-2"})
    assert paper_sources(results)["best_songs.tex"] == {
        "control": {"lstm": ["multirun/quick/control-lstm-2-seed1", "songs/control-lstm-2/seed1/song_001.mid"]}
    }
    assert paper_sources(results)["mean.tex"]["control"]["lstm"][:2] == [str(r.path) for r in model.runs]
