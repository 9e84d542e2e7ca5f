"""The tables of a study and of a single set: numbers computed by hand, gaps, and the source of each cell."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from melgen.corpora import FolkCorpus
from melgen.evaluation.probes import PROBES
from melgen.evaluation.summaries import summarize_scores
from melgen.evaluation.tonality import tonality_table
from melgen.pages.sections import tables as page_tables
from melgen.studies.results import Model, StudyResults
from melgen.studies.tables import build_tables, paper_tables
from melgen.studies.tables.probes import PROBE_TABLES
from melgen.tables import Cell, Table, build_set_tables
from tests.pages.examples import probe_tables
from tests.studies.tables_examples import evaluation, nine_models, run, study, tonality_scores

OPENING_SCORES = tonality_scores((2.0, 1.0, 0.25), (4.0, 3.0, 0.75))  # means 3, 2, 0.5; variances 2, 2, 0.125


def originality(
    shared: tuple[float, ...], share: tuple[float, ...], copies: tuple[float, ...], repeated: tuple[float, ...]
) -> dict[str, tuple[float, ...]]:
    return {
        "longest_repeated_note": repeated,
        "longest_shared_intervals": shared,
        "shared_8gram_share": share,
        "exact_copy": copies,
    }


@pytest.fixture(scope="module")
def results() -> StudyResults:
    """One model, a bigram, held-out excerpts and two splits, with everything measured."""
    songs = evaluation(
        "control-lstm-2",
        tonality_scores((3.0, 2.0, 0.5), (1.0, 4.0, 0.25), (2.0, 3.0, 0.75))
        | {"frequency_centricity": (0.5, 0.25, 0.75), "scale_consistency": (1.0, 0.5, 0.75), "own_metric": (1, 2, 6)}
        | originality((4, 12, 12), (0.0, 0.5, math.nan), (0, 1, 0), (2, 3, 1)),
        nearest_tunes=("A (a.abc#1)", "Hag's Head & Tail (b.abc#2)", "C (c.abc#3)"),
        left_out={"song_004": "one note, no motion to measure"},
        bits_per_note__train=2.5,
        bits_per_note__validation=2.75,
        bits_per_note__test=3.0,
        diversity__distinct_songs=1.0,
        overlapped_area__interval_histogram=0.875,
        kl_divergence__interval_histogram=0.125,
    )
    baseline = evaluation(
        "bigram", OPENING_SCORES, bits_per_note__train=2.8, bits_per_note__validation=2.9, bits_per_note__test=2.95
    )
    tunes = evaluation("corpus-test", tonality_scores((1.0, 1.0, 0.5), (2.0, 2.0, 0.5)), ["a.abc#1", "a.abc#2"])
    results = study({("control", "lstm"): songs})
    return replace(
        results,
        runs=(run("control", "lstm", 1, val__loss=2.25, seconds=7.25), *results.runs),
        baselines={"bigram": baseline},
        openings=evaluation("openings", OPENING_SCORES | originality((9, 7), (0.25, 0.75), (0, 0), (1, 2))),
        corpus={"train": replace(tunes, name="corpus-train"), "test": tunes},
        song_folders={"control-lstm-2": "songs/control-lstm-2", "bigram": "songs/bigram"},
    )


@pytest.fixture(scope="module")
def tables(results: StudyResults) -> dict[str, Table]:
    return build_tables(results)


def rows_of(table: Table) -> list[dict[str, str]]:
    """The rows that a program reads from the CSV."""
    return list(csv.DictReader(io.StringIO(table.to_csv())))


def cell(table: Table, row_key: str, column_key: str) -> Cell:
    row = next(row for row in table.rows if row.key == row_key)
    return row.cells[[column.key for column in table.columns].index(column_key)]


def test_every_table_of_a_complete_study_is_there(tables):
    assert list(tables) == [
        *("runs", "tonality", "tonality_corrected", "likelihood", "descriptors", "distances", "originality"),
        *("nearest_tunes", "representative", "smallest_sum", "songs/control-lstm-2", "left_out"),
    ]
    for table in tables.values():
        assert table.title
        assert table.caption
        assert table.to_csv().count("\n") == len(table.rows) + 1


def test_the_same_results_give_the_same_bytes(results, tables):
    for path, table in build_tables(results).items():
        for form in ("to_csv", "to_markdown", "to_latex"):
            assert getattr(table, form)() == getattr(tables[path], form)()


def test_runs_are_all_there_and_the_selected_ones_marked(tables):
    first, second = rows_of(tables["runs"])
    assert "variant" not in first
    assert (first["layers"], first["parameters"], first["val_loss"], first["seconds"]) == ("1", "1000", "2.25", "7.25")
    assert (first["selected"], second["selected"]) == ("false", "true")
    assert first["test_loss"] == ""  # not in its result
    assert tables["runs"].sources()["multirun/quick/control-lstm-1-seed0"] == {
        "*": ["multirun/quick/control-lstm-1-seed0"]
    }


def test_runs_have_the_size_of_their_network(results):
    network = {"parameters": 2000, "recurrent_parameters": 1500, "remembered": 64, "operations": 1800}
    older, newer = results.runs
    newer = replace(newer, result={**newer.result, "network": network})
    table = build_tables(replace(results, runs=(older, newer)))["runs"]
    first, second = rows_of(table)
    assert {key: second[key] for key in network} == {key: str(value) for key, value in network.items()}
    assert (first["parameters"], first["remembered"], first["operations"]) == ("1000", "", "")
    of_older = [part.strip() for part in table.to_markdown().splitlines()[-2].split("|")]
    assert of_older[5:9] == ["1000", *["\N{EN DASH}"] * 3]


def test_tonality_compares_with_held_out_tunes(tables):
    table = tables["tonality"]
    assert [(row.key, row.rule) for row in table.rows] == [
        ("control-lstm-2", False),
        ("bigram", True),
        ("openings", False),
        ("corpus-train", True),
        ("corpus-test", False),
    ]
    model, baseline, held_out, *corpus = rows_of(table)
    assert float(model["conjunct_melodic_motion_mean"]) == 2.0
    assert float(model["conjunct_melodic_motion_sd"]) == 1.0
    # |2 - 3| / sqrt(2) + |3 - 2| / sqrt(2) + |0.5 - 0.5| / sqrt(0.125)
    assert float(model["distance"]) == pytest.approx(math.sqrt(2))
    assert float(baseline["distance"]) == float(held_out["distance"]) == 0
    assert corpus[0]["songs"] == "2"
    assert cell(table, "control-lstm-2", "centricity").sources == (
        "multirun/quick/control-lstm-2-seed0",
        "songs/control-lstm-2",
    )
    assert "2.00 ± 1.00 [1.00, 3.00]" in table.to_markdown()


def test_without_openings_the_test_split_is_the_reference(results):
    table = build_tables(replace(results, openings=None))["tonality"]
    # Centricity does not vary among these tunes, so its deviation is 0 and cannot be a unit of distance.
    assert math.isnan(cell(table, "control-lstm-2", "distance").value)
    assert "of the set corpus-test, in standard deviations" in table.caption


def test_likelihood_and_its_gap(tables):
    model, baseline = rows_of(tables["likelihood"])
    assert (model["set"], model["bits_per_note/train"], model["gap"]) == ("control-lstm-2", "2.5", "0.5")
    assert float(baseline["gap"]) == pytest.approx(0.15)
    assert cell(tables["likelihood"], "control-lstm-2", "gap").sources == ("multirun/quick/control-lstm-2-seed0",)


def test_a_users_own_metrics_are_listed_with_the_descriptors(tables):
    assert [column.key for column in tables["descriptors"].columns[3:]] == ["scale_consistency", "own_metric"]
    model, baseline, *_ = rows_of(tables["descriptors"])
    assert (float(model["scale_consistency"]), float(model["own_metric"])) == (0.75, 3.0)
    assert baseline["own_metric"] == ""


def test_distances_to_the_corpus(tables):
    model, baseline, _ = rows_of(tables["distances"])
    assert (model["overlapped_area/interval_histogram"], model["kl_divergence/interval_histogram"]) == (
        "0.875",
        "0.125",
    )
    assert baseline["overlapped_area/interval_histogram"] == ""
    assert [column.header for column in tables["distances"].columns[3:]] == [
        "OA interval histogram",
        "KLD interval histogram",
    ]


def test_originality_is_compared_with_that_of_held_out_tunes(tables):
    model, baseline, held_out = rows_of(tables["originality"])
    assert float(model["mean_shared_intervals"]) == pytest.approx(28 / 3)
    assert (model["max_shared_intervals"], model["exact_copies"], model["max_repeated_note"]) == ("12", "1", "3")
    assert (held_out["mean_shared_intervals"], held_out["exact_copies"]) == ("8.0", "0")
    # The bigram's songs were not compared with the corpus. The cell is empty, because 0 would mean no copies.
    assert (baseline["max_shared_intervals"], baseline["exact_copies"]) == ("", "")
    assert model["diversity/distinct_songs"] == "1.0"


def test_the_diversity_of_a_model_is_the_mean_over_the_sets_of_its_seeds(results, tables):
    songs = results.songs["control-lstm-2"]
    by_seed = {
        seed: replace(songs, set_scores={"diversity/distinct_songs": share}) for seed, share in enumerate((1.0, 0.5))
    }
    several = build_tables(replace(results, songs_by_seed={songs.name: by_seed}))["originality"]
    assert rows_of(several)[0]["diversity/distinct_songs"] == "0.75"
    assert "each a set of 3 songs" in several.caption
    assert "means over its seeds" not in tables["originality"].caption


def test_passages_of_another_length(results):
    songs = results.songs["control-lstm-2"]
    scores = {key.replace("8gram", "6gram"): values for key, values in songs.scores.items()}
    summaries = {key.replace("8gram", "6gram"): summary for key, summary in songs.summaries.items()}
    other = replace(songs, scores=scores, summaries=summaries)
    table = build_tables(replace(results, songs={other.name: other}, openings=None))["originality"]
    assert "shared 6-grams" in table.to_markdown()
    assert "shared_6gram_share" in rows_of(table)[0]


def test_the_song_nearest_to_a_training_tune(tables):
    rows = rows_of(tables["nearest_tunes"])
    assert len(rows) == 1
    assert (rows[0]["song"], rows[0]["longest_shared_intervals"]) == ("song_002", "12")  # the first of equals
    assert rows[0]["tune"] == "Hag's Head & Tail (b.abc#2)"
    assert "Hag's Head \\& Tail" in tables["nearest_tunes"].to_latex()


def test_chosen_songs_name_their_files(tables):
    best = rows_of(tables["smallest_sum"])[0]
    # Sums 5.5, 5.25, 5.75; the means are 2, 3, 0.5.
    assert (best["song"], best["sum"]) == ("song_002", "5.25")
    representative = rows_of(tables["representative"])[0]
    assert representative["song"] == "song_003"
    assert representative["distance_to_mean"] == "0.25"
    assert tables["representative"].sources() == {
        "control-lstm-2": {"*": ["multirun/quick/control-lstm-2-seed0", "songs/control-lstm-2/song_003.mid"]}
    }


def test_songs_are_listed_in_the_order_of_their_distance(tables):
    table = tables["songs/control-lstm-2"]
    rows = rows_of(table)
    assert [row["song"] for row in rows] == ["song_003", "song_001", "song_002"]
    assert [row["own_metric"] for row in rows] == ["6.0", "1.0", "2.0"]
    assert rows[0]["nearest_tune"] == "C (c.abc#3)"
    assert rows[0]["shared_8gram_share"] == ""
    assert cell(table, "song_001", "sum").value == 5.5
    assert table.sources()["song_001"]["*"][1] == "songs/control-lstm-2/song_001.mid"


def test_songs_that_were_not_measured_are_named(tables):
    assert rows_of(tables["left_out"]) == [
        {"set": "control-lstm-2", "song": "song_004", "reason": "one note, no motion to measure"}
    ]


def test_seeds_have_their_table():
    values = {0: 1.0, 1: 2.0, 2: 4.0}
    model = Model(tuple(run("control", "lstm", 2, seed=s, val__bits_per_note=b) for s, b in values.items()))
    by_seed = {s: evaluation(f"{s}", tonality_scores((b, 2.0, 0.5), (b + 2, 2.0, 0.5))) for s, b in values.items()}
    pooled = evaluation(
        model.name,
        tonality_scores(*((b, 2.0, 0.5) for b in values.values())),
        [f"seed{seed}/song_001" for seed in values],
    )
    single = study({("db12", "gru"): evaluation("db12-gru-2", OPENING_SCORES)})
    results = replace(
        single,
        models=(model, *single.models),
        songs={model.name: pooled, **single.songs},
        songs_by_seed={model.name: by_seed, **single.songs_by_seed},
    )
    table = build_tables(results)["seeds"]
    (row,) = rows_of(table)  # the model of one seed has none
    assert (row["model"], row["seeds"]) == ("control-lstm-2", "3")
    for key, numbers in {"conjunct_melodic_motion": [2.0, 3.0, 5.0], "val_bits_per_note": [1.0, 2.0, 4.0]}.items():
        low, high = stats.t.interval(0.95, 2, loc=np.mean(numbers), scale=stats.sem(numbers))
        assert float(row[f"{key}_mean"]) == pytest.approx(np.mean(numbers))
        assert float(row[f"{key}_sd"]) == pytest.approx(stats.tstd(numbers))
        assert (float(row[f"{key}_low"]), float(row[f"{key}_high"])) == pytest.approx((low, high))
    assert row["test_bits_per_note_mean"] == ""
    assert cell(table, model.name, "val_bits_per_note").sources == tuple(r.path.as_posix() for r in model.runs)


def test_a_study_of_one_song_has_dashes():
    results = study({("control", "lstm"): evaluation("control-lstm-2", tonality_scores((1.5, 2.0, 0.5)))})
    single = replace(results.songs["control-lstm-2"])
    nothing = {name: replace(s, low=math.nan, high=math.nan) for name, s in single.summaries.items()}
    tables = build_tables(replace(results, songs={single.name: replace(single, summaries=nothing)}))
    assert "1.50 ± = [=, =]" in tables["tonality"].to_markdown().replace("\N{EN DASH}", "=")
    assert "1.50 $\\pm$ -- [--, --]" in tables["tonality"].to_latex()
    assert rows_of(tables["tonality"])[0]["centricity_sd"] == ""
    assert "distance" not in rows_of(tables["tonality"])[0]  # nothing to compare with
    assert rows_of(tables["smallest_sum"])[0]["distance_to_mean"] == "0.0"


def test_missing_measurements_have_no_table():
    assert list(build_tables(nine_models()))[:4] == ["runs", "tonality", "representative", "smallest_sum"]
    assert build_tables(StudyResults((), (), {}, {})).keys() == {"runs"}


def test_a_model_that_was_not_evaluated_keeps_its_rows():
    results = nine_models()
    songs = {name: found for name, found in results.songs.items() if name != "control-lstm-2"}
    tables = build_tables(replace(results, songs=songs))
    assert "songs/control-lstm-2" not in tables
    assert rows_of(tables["tonality"])[0]["conjunct_melodic_motion_mean"] == ""
    assert rows_of(tables["smallest_sum"])[0]["song"] == ""


def test_captions_describe_the_rows_that_exist(results):
    complete = build_tables(results)["tonality"].caption
    assert "Below the rule: the baselines" in complete
    assert "each split" in complete
    alone = build_tables(replace(results, baselines={}, openings=None, corpus={}))
    assert all("Below the rule" not in table.caption for path, table in alone.items() if path != "likelihood")
    assert len(alone["tonality"].rows) == 1


def test_variants_have_different_names():
    models = tuple(Model((run("control", "lstm", 2, variant=variant),)) for variant in ("", "hidden_size-64"))
    songs = {model.name: evaluation(model.name, OPENING_SCORES) for model in models}
    results = StudyResults(tuple(m.runs[0] for m in models), models, songs, {})
    tables = build_tables(results)
    assert [row["variant"] for row in rows_of(tables["runs"])] == ["", "hidden_size-64"]
    assert [row["set"] for row in rows_of(tables["tonality"])] == ["control-lstm-2", "control-lstm-2-hidden_size-64"]
    assert "songs/control-lstm-2-hidden_size-64" in tables


def test_tables_of_a_single_set(results):
    songs = results.songs["control-lstm-2"]
    tables = build_set_tables(songs, folder="my songs")
    assert list(tables) == ["summary", "songs", "set_scores", "left_out"]
    first = rows_of(tables["summary"])[0]
    assert first == {
        "metric": "motion",
        "mean": "2.0",
        "variance": "1.0",
        "standard_deviation": "1.0",
        "low": "1.0",
        "high": "3.0",
        "count": "3",
    }
    assert tables["songs"].to_csv() == build_tables(results)["songs/control-lstm-2"].to_csv()
    assert tables["songs"].sources()["song_001"] == {"*": ["my songs"]}
    assert list(build_set_tables(replace(songs, set_scores={}, left_out={}, nearest_tunes=()))) == ["summary", "songs"]


def test_songs_without_a_distance_come_last(results):
    songs = replace(results.songs["control-lstm-2"], distances_to_mean=(math.nan, 0.5, 0.25))
    assert [row["song"] for row in rows_of(build_set_tables(songs)["songs"])] == ["song_003", "song_002", "song_001"]


@pytest.mark.slow
def test_real_tunes_from_scores_to_the_paper():
    """Airs of the corpus as songs of a model: the paper's line against the plain definitions."""
    tunes = FolkCorpus(["airds"]).load(progress=False).melodies
    pitches = [tunes.pitches_of(i)[:34] for i in range(60)]
    table = tonality_table(pitches)
    columns = tonality_scores(*map(tuple, table))
    songs = replace(evaluation("control-lstm-2", columns), summaries=summarize_scores(columns, resamples=200))
    results = study({("control", "lstm"): songs})
    expected = " ".join(f"{stats.describe(column).variance:.2f}" for column in table.T)
    assert paper_tables(results)["variance.tex"] == f"control & {expected} \\\\\n"
    ordered = [float(row["distance_to_mean"]) for row in rows_of(build_tables(results)["songs/control-lstm-2"])]
    assert ordered == sorted(ordered)
    assert ordered == pytest.approx(sorted(np.linalg.norm(table - table.mean(axis=0), axis=1)))


def with_rhythm(results: StudyResults) -> StudyResults:
    """The study, with a network that writes rhythm in addition to its model."""
    bits = {
        "pitch_bits_per_note__test": 2.25,
        "rhythm_bits_per_note__test": 1.5,
        "bits_per_note_with_rhythm__test": 3.75,
        "rhythm_overlapped_area__silence": 0.5,
    }
    scores = tonality_scores((3.0, 2.0, 0.5), (1.0, 4.0, 0.25)) | {"silence_share": (0.25, 0.75)}
    songs = replace(evaluation("control-gru-2", scores, **bits), distributions={"notes": {"34": 1.0}})
    network = replace(
        run(
            "control",
            "gru",
            2,
            val__bits_per_note_with_rhythm=4.0,
            val__pitch_bits_per_note=2.5,
            val__rhythm_bits_per_note=1.5,
        ),
        rhythm="factored",
    )
    of_pitches = results.songs["control-lstm-2"]
    of_pitches = replace(of_pitches, set_scores=of_pitches.set_scores | {"pitch_bits_per_note/test": 3.125})
    return replace(
        results,
        runs=(run("control", "lstm", 2, val__bits_per_note=3.5), network),
        models=(*results.models, Model((network,))),
        songs={"control-lstm-2": of_pitches, "control-gru-2": songs},
        first_notes=34,
    )


def test_networks_with_and_without_rhythm_are_compared_by_bits_of_pitch(results, tables):
    mixed = build_tables(with_rhythm(results))
    pitches, rhythm, *_ = rows_of(mixed["likelihood"])
    assert (pitches["bits_per_note/test"], rhythm["bits_per_note/test"]) == ("3.0", "")
    assert (pitches["pitch_bits_per_note/test"], rhythm["pitch_bits_per_note/test"]) == ("3.125", "2.25")
    assert (pitches["rhythm_bits_per_note/test"], rhythm["rhythm_bits_per_note/test"]) == ("", "1.5")
    assert "not comparable with those of networks of pitches" in mixed["likelihood"].caption
    assert not any("pitch" in column.key for column in tables["likelihood"].columns)
    pitches, rhythm = rows_of(mixed["runs"])
    assert (pitches["val_pitch_bits_per_note"], rhythm["val_pitch_bits_per_note"]) == ("3.5", "2.5")
    assert (pitches["val_rhythm_bits_per_note"], rhythm["val_rhythm_bits_per_note"]) == ("", "1.5")
    assert (pitches["val_bits_per_note"], rhythm["val_bits_per_note"]) == ("3.5", "")
    assert (pitches["val_bits_per_note_with_rhythm"], rhythm["val_bits_per_note_with_rhythm"]) == ("", "4.0")
    assert "not comparable with those of networks of pitches" in mixed["runs"].caption
    assert "rhythm" not in tables["runs"].caption


def test_networks_that_all_write_rhythm(results):
    mixed = with_rhythm(results)
    alone = build_tables(replace(mixed, runs=mixed.runs[1:], models=mixed.models[1:]))
    assert "bits_per_note/test" not in rows_of(alone["likelihood"])[0]
    assert "val_bits_per_note" not in rows_of(alone["runs"])[0]
    assert "not comparable" not in alone["likelihood"].caption + alone["runs"].caption


def test_only_sets_with_rhythm_have_a_row_of_rhythm(results, tables):
    mixed = build_tables(with_rhythm(results))
    (row,) = rows_of(mixed["rhythm"])
    assert (row["set"], row["silence_share"]) == ("control-gru-2", "0.5")
    (row,) = rows_of(mixed["rhythm_distances"])
    assert (row["set"], row["rhythm_overlapped_area/silence"]) == ("control-gru-2", "0.5")
    assert {"rhythm", "rhythm_distances"}.isdisjoint(tables)
    for name in ("tonality", "descriptors", "originality", "songs/control-gru-2"):
        assert "Of a song with rhythm: its first 34 notes." in mixed[name].caption
    assert "with rhythm" not in mixed["songs/control-lstm-2"].caption


def test_songs_of_networks_have_no_tonic_to_end_on(results):
    mixed = with_rhythm(results)
    assert "tonic" not in build_tables(mixed)["rhythm"].caption
    scores = tonality_scores((3.0, 2.0, 0.5), (1.0, 4.0, 0.25)) | {"ends_on_tonic": (1.0, 0.0)}
    tunes = replace(evaluation("corpus-test", scores), distributions={"notes": {"34": 1.0}})
    table = build_tables(replace(mixed, corpus={"test": tunes}))["rhythm"]
    assert [(row["set"], row["ends_on_tonic"]) for row in rows_of(table)] == [
        ("control-gru-2", ""),
        ("corpus-test", "0.5"),
    ]
    assert "songs of networks have none" in table.caption


def test_the_order_of_tables_on_a_page_names_tables_that_there_are(results):
    made = {*build_tables(results), *probe_tables(["control-lstm-1", "control-gru-1"])}
    # Made-up results of so few networks have neither several primers, several seeds nor songs near openings.
    assert {*page_tables.ORDER} - made == {"primers", "paired_differences", "nearest", page_tables.FORMER_BEST}
    assert [name for name in page_tables.ORDER if name in PROBE_TABLES] == [*PROBE_TABLES] == [*PROBES]
