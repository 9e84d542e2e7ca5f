"""Cells of a study against a reference cell: which networks are paired, tables, the figure, and a whole small study."""

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from melgen.evaluation.comparing_cells.results import Comparisons
from melgen.files import write_json
from melgen.studies.comparing.bits_of_tunes import read_tune_bits
from melgen.studies.comparing.cell_pairs import models_by_setting, pairs_of_cells, reference_cell
from melgen.studies.figures import paired_differences
from melgen.studies.results import Model
from melgen.studies.tables import build_tables
from tests.commands.calling import call
from tests.pages.examples import read_data
from tests.studies.comparisons_examples import comparisons
from tests.studies.conftest import CELLS
from tests.studies.tables_examples import nine_models, run

SETTINGS = {"hidden_size": 128, "model.hidden_size": 128, "optimizer.lr": 0.002, "scheduler.decay": 0.9, "seed": 0}


def models(monkeypatch, *chosen):
    """Models of two seeds: cell, variant and, beyond the usual settings, what was chosen for it."""
    found, known = [], {}
    for cell, variant, settings in chosen:
        runs = [
            dataclasses.replace(run("control", cell, 2, seed, variant), variant_text=variant.replace("-", " "))
            for seed in (0, 1)
        ]
        known |= {one.path: SETTINGS | {"cell.name": cell, "seed": one.seed} | settings for one in runs}
        found.append(Model(tuple(runs)))
    monkeypatch.setattr("melgen.studies.comparing.cell_pairs.settings_of", known.get)
    return found


def named(pairs):
    return [(pair.setting, pair.model.name, pair.reference.name) for pair in pairs.pairs]


def test_every_cell_is_paired_with_the_reference(monkeypatch):
    pairs = pairs_of_cells(models(monkeypatch, *((cell, "", {}) for cell in ("gru", "lstm", "rnn"))), "lstm")
    assert named(pairs) == [
        ("control", "control-gru-2", "control-lstm-2"),
        ("control", "control-rnn-2", "control-lstm-2"),
    ]
    assert pairs.can_be_compared
    assert [model.cell for model in pairs.models] == ["lstm", "gru", "rnn"]


def test_rates_and_sizes_that_were_tuned_for_a_cell_are_no_other_setting(monkeypatch):
    found = models(
        monkeypatch,
        ("lstm", "lr-0.002", {}),
        ("gru", "lr-0.01", {"optimizer.lr": 0.01, "hidden_size": 150, "model.hidden_size": 150}),
        ("lstm", "block-residual-lr-0.01", {"optimizer.lr": 0.01, "block": "residual"}),
        ("gru", "block-residual-lr-0.05", {"optimizer.lr": 0.05, "block": "residual"}),
    )
    texts = {"block-residual-lr-0.01": "block residual, lr 0.01", "block-residual-lr-0.05": "block residual, lr 0.05"}
    renamed = [
        [dataclasses.replace(one, variant_text=texts.get(one.variant, "")) for one in each.runs] for each in found
    ]
    found = [Model(tuple(runs)) for runs in renamed]
    assert named(pairs_of_cells(found, "lstm")) == [
        ("control", "control-gru-2-lr-0.01", "control-lstm-2-lr-0.002"),
        ("control, block residual", "control-gru-2-block-residual-lr-0.05", "control-lstm-2-block-residual-lr-0.01"),
    ]


def test_a_size_that_was_swept_over_pairs_equal_sizes(monkeypatch):
    found = models(
        monkeypatch,
        *((cell, f"hidden_size-{size}", {"hidden_size": size}) for cell in ("lstm", "gru") for size in (64, 128)),
        ("rnn", "hidden_size-32", {"hidden_size": 32}),
    )
    pairs = pairs_of_cells(found, "lstm")
    assert named(pairs) == [
        (f"control, hidden_size {size}", f"control-gru-2-hidden_size-{size}", f"control-lstm-2-hidden_size-{size}")
        for size in (64, 128)
    ]
    assert pairs.left_out == ("control-rnn-2-hidden_size-32: no lstm in the same setting",)


def test_one_seed_or_one_cell_has_nothing_to_compare(monkeypatch):
    both = models(monkeypatch, ("lstm", "", {}), ("gru", "", {}))
    assert not pairs_of_cells(both[:1], "lstm").can_be_compared
    assert not pairs_of_cells([Model(each.runs[:1]) for each in both], "lstm").can_be_compared
    others = [both[0], Model(both[1].runs[1:])]
    assert not pairs_of_cells(others, "lstm").can_be_compared, "one seed in common"


def test_a_network_from_trained_weights_is_compared_with_none_from_scratch(monkeypatch):
    found = models(
        monkeypatch,
        ("lstm", "from-essen", {"init_from": "essen/control-lstm-2-seed0"}),
        ("gru", "from-scratch", {"init_from": None}),
    )
    pairs = pairs_of_cells(found, "lstm")
    assert not pairs.pairs
    assert pairs.left_out == ("control-gru-2-from-scratch: no lstm in the same setting",)
    found = models(
        monkeypatch,
        *((cell, f"from-{cell}", {"init_from": f"essen/control-{cell}-2-seed0"}) for cell in ("lstm", "gru")),
        *((cell, "from-scratch", {"init_from": None}) for cell in ("lstm", "gru")),
    )
    assert named(pairs_of_cells(found, "lstm")) == [
        ("control, init_from", "control-gru-2-from-gru", "control-lstm-2-from-lstm"),
        ("control, from scratch", "control-gru-2-from-scratch", "control-lstm-2-from-scratch"),
    ]


def test_networks_with_other_budgets_are_not_compared(monkeypatch, tmp_path):
    found, config = [], "trainer: {max_steps: %s, max_epochs: -1}"
    for cell, budgets in (("lstm", (500, 500)), ("gru", (500, 500)), ("nas", (5000, 5000)), ("rnn", (500, 5000))):
        runs = [dataclasses.replace(run("control", cell, 2, seed), path=tmp_path / f"{cell}{seed}") for seed in (0, 1)]
        for one, budget in zip(runs, budgets, strict=True):
            one.path.mkdir()
            (one.path / "config.yaml").write_text(config % budget, encoding="utf-8")
        found.append(Model(tuple(runs)))
    monkeypatch.setattr("melgen.studies.comparing.cell_pairs.settings_of", lambda path: SETTINGS)
    pairs = pairs_of_cells(found, "lstm")
    assert named(pairs) == [("control", "control-gru-2", "control-lstm-2")]
    assert pairs.left_out == tuple(
        f"control-{cell}-2: planned with another budget than lstm in the same setting" for cell in ("nas", "rnn")
    )
    assert [[each.cell for each in group] for group in models_by_setting(found).values()] == [["lstm", "gru"]]


def test_the_reference_is_a_cell_of_the_study():
    assert reference_cell(["gru", "lstm"], None) == "lstm"
    with pytest.raises(ValueError, match=r"compare\.reference=nas: must be a cell of the study: gru, lstm"):
        reference_cell(["gru", "lstm", "gru"], "nas")


# --- tables and the figure


def tables(seeds, **options):
    results = dataclasses.replace(nine_models(), comparisons=comparisons(seeds, **options))
    return results, build_tables(results)


def rows_of(table):
    return list(csv.DictReader(table.to_csv().splitlines()))


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_table_of_paired_differences(seeds):
    results, found = tables(seeds)
    rows = rows_of(found["paired_differences"])
    assert [(row["setting"], row["cell"]) for row in rows] == [
        (setting, cell) for setting in ("control", "interval") for cell in ("gru", "mingru", "rnn")
    ]
    for row, each in zip(rows, results.comparisons.each, strict=True):
        assert float(row["difference_mean"]) == each.over_seeds.mean
        assert float(row["over_both_low"]) == each.crossed.low
        assert float(row["over_tunes_high"]) == each.over_tunes[1]
        assert int(row["seeds"]) == seeds
    assert rows[0]["finding"] == "ahead"
    assert ("p" in rows[0], "interquartile_mean_low" in rows[0]) == (seeds == 10, seeds == 10)
    caption = found["paired_differences"].caption
    assert ("intervals without p-values" in caption) == (seeds == 3)
    assert "reference_layers" not in rows[0]
    assert "\\pm" in found["paired_differences"].to_latex()
    assert "equal within 0.5" in tables(3, region_bits=0.5)[1]["paired_differences"].to_markdown()


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_readable_tables_are_narrow_and_ruled_between_settings(seeds):
    results = dataclasses.replace(nine_models(), comparisons=by_cell(comparisons(seeds)))
    table = build_tables(results)["paired_differences"]
    settings = ["control"] * 3 + ["interval"] * 3
    assert [row["setting"] for row in rows_of(table)] == settings, "also where the comparisons are ordered by cell"
    assert [row.rule for row in table.rows] == [False] * 3 + [True] + [False] * 2
    lines = table.to_latex().splitlines()
    begin = next(line for line in lines if line.startswith(r"\begin{tabular}"))
    assert len(begin.partition("}{")[2]) - 1 <= 9
    header, row = (next(line for line in lines if text in line) for text in ("setting &", "gru &"))
    assert header.count("&") == row.count("&") == len(begin.partition("}{")[2]) - 2
    assert lines.count(r"\midrule") == 2, "below the header, and between the settings"
    assert "interquartile" not in header
    cells = table.to_markdown(heading=False).splitlines()
    assert len({line.count("|") for line in cells}) == 1
    assert {"over_tunes_low", "interquartile_mean", "seeds_for_fine"} <= rows_of(table)[0].keys(), "CSV has all"


def by_cell(found):
    return dataclasses.replace(found, each=tuple(sorted(found.each, key=lambda each: each.cell)))


def test_the_bits_of_tunes_are_totals_also_in_a_file_of_an_earlier_melgen(tmp_path):
    present = {"tunes": ["a", "b", "c"], "notes": [10, 0, 20], "total_bits_of_pitch": [25.0, 0.0, 50.0]}
    write_json(tmp_path / "present.json", present | {"total_bits_of_rhythm": [5.0, 0.0, 10.0]})
    earlier = {"tunes": ["a", "b", "c"], "notes": [10, 0, 20], "pitch_bits_per_note": [25.0, 0.0, 50.0]}
    write_json(tmp_path / "earlier.json", earlier | {"rhythm_bits_per_note": [5.0, 0.0, 10.0]})
    for name in ("present", "earlier"):
        bits, notes = read_tune_bits(tmp_path / f"{name}.json")
        assert (bits.tolist(), notes.tolist()) == ([30.0, 60.0], [10.0, 20.0])


def test_the_tables_of_effects_and_of_all_settings():
    results, found = tables(10)
    row = rows_of(found["seed_and_tune"])[1]
    effects = results.comparisons.each[1].crossed
    assert float(row["tune_deviation"]) == effects.tune_deviation > 0.02
    assert float(row["error_of_seeds"]) ** 2 == pytest.approx(effects.variance_of_seeds)
    assert [row["settings"] for row in rows_of(found["cells_over_settings"])] == ["2", "2", "2"]
    assert found["paired_differences"].sources()["control-gru-2"]["*"][0] == "../control-gru-2-seed0"


def test_a_study_without_comparisons_has_none_of_these_tables():
    found = build_tables(nine_models())
    assert not found.keys() & {"paired_differences", "seed_and_tune", "cells_over_settings"}
    alone = dataclasses.replace(nine_models(), comparisons=Comparisons("lstm", comparisons(3).options, ()))
    assert not build_tables(alone).keys() & {"paired_differences", "seed_and_tune", "cells_over_settings"}


def test_the_figure_shows_every_difference_over_the_region():
    results, _ = tables(10)
    axes = paired_differences(results).axes
    assert [each.get_title(loc="left") for each in axes] == ["control", "interval"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["gru 2", "mingru 2", "rnn 2"]
    band = axes[0].patches[0]  # a rectangle, or, of Matplotlib before 3.9, a polygon
    x, _ = band.get_path().transformed(band.get_patch_transform()).vertices.T
    assert (x.min(), x.max()) == pytest.approx((-0.03, 0.03))
    marks = [line for line in axes[0].lines if line.get_marker() in "<>Do"]
    assert [line.get_xdata()[0] for line in marks] == [each.over_seeds.mean for each in results.comparisons.each[:3]]
    ticks = [line for line in axes[0].lines if line.get_marker() == "|"]
    assert ticks[0].get_xdata().tolist() == results.comparisons.each[0].differences.tolist()
    segments = axes[0].collections[0].get_segments()[0]
    assert (segments[0][0], segments[1][0]) == results.comparisons.each[0].interval
    low, high = axes[0].get_xlim()
    assert low < min(each.interval[0] for each in results.comparisons.each)
    assert high > max(each.interval[1] for each in results.comparisons.each)
    assert axes[0].texts[0].get_text() == "ahead", "p-values are over seeds alone, unlike the interval that decides"


# --- a whole study

STUDY = Path("multirun/cells/study")


NUMBERS = "stages=select,generate,evaluate,tables"


@pytest.fixture
def copied(compared, tmp_path, monkeypatch):
    """A copy of the study, below the current directory."""
    shutil.copytree(compared / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)


def tasks():
    return json.loads((STUDY / "manifest.json").read_text())["tasks"]


@pytest.mark.slow
def test_a_study_of_two_cells_and_three_seeds(compared):
    text, folder = (compared / "output.txt").read_text(encoding="utf-8"), compared / STUDY
    assert "Found:   control, rhythm none: gru " in text
    assert "An interval of ± 0.01 bits would need about " in text
    found = Comparisons.from_dict(json.loads((folder / "comparisons.json").read_text()))
    assert [each.setting for each in found.each] == ["control, rhythm none", "control, rhythm factored"]
    for each, key in zip(found.each, ("bits_per_note/test", "bits_per_note_with_rhythm/test"), strict=True):
        assert each.seeds == (0, 1, 2)
        for name, bits in ((each.model, each.bits), (each.reference, each.reference_bits)):
            for seed in range(3):
                file = folder / "likelihood" / name / f"seed{seed}.json"
                of_tunes, notes = read_tune_bits(folder / "tune_bits" / name / f"seed{seed}.json")
                assert bits[seed] == json.loads(file.read_text())[key]
                assert of_tunes.sum() / notes.sum() == pytest.approx(bits[seed], rel=1e-9)
        assert each.tunes == len(notes)
        assert each.crossed.mean == pytest.approx(np.mean(each.bits) - np.mean(each.reference_bits), rel=1e-6)
    for ending in ("csv", "md", "tex"):
        for table in ("paired_differences", "seed_and_tune", "cells_over_settings"):
            assert (folder / "tables" / f"{table}.{ending}").stat().st_size > 100
    assert (folder / "figures" / "paired_differences.pdf").exists()
    methods = (folder / "tables" / "methods.md").read_text(encoding="utf-8")
    assert (
        "Cells were compared with lstm by differences of bits per note on the test tunes, paired by seed (95%"
        in methods
    )
    assert "P-values" not in methods
    data = read_data((folder / "report.html").read_text(encoding="utf-8"))["sections"]["cells"]
    assert data["reference"] == "lstm"
    assert [setting["name"] for setting in data["settings"]] == [each.setting for each in found.each]
    assert "Fewer than 10 seeds (3)" in data["remarks"][0]


@pytest.mark.slow
def test_another_region_or_reference_compares_again_and_measures_nothing_again(copied):
    before = tasks()
    assert call("study", *CELLS, "compare.region_bits=9", NUMBERS).code == 0
    redone = {name for name, record in tasks().items() if record != before[name]}
    assert redone == {"compare/cells", "tables"}
    assert "equal within 9" in (STUDY / "tables" / "paired_differences.md").read_text()
    turned = call("study", *CELLS, "compare.reference=gru", "stages=evaluate")
    assert "1 of 1: compare/cells" in turned.text
    assert json.loads((STUDY / "comparisons.json").read_text())["each"][0]["cell"] == "lstm"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "rule"),
    [
        ("compare.reference=nas", "must be a cell of the study: lstm, gru"),
        ("compare.region_bits=-1", "must be a number above 0"),
    ],
)
def test_options_are_refused_before_anything_is_trained(option, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *CELLS, option)
    assert answer.code == 1
    assert f"{option}: {rule}" in answer.text
    assert not list(tmp_path.glob("multirun/**/status.json"))


@pytest.mark.slow
def test_one_seed_is_compared_with_nothing(copied):
    """And so what an earlier melgen has measured of one seed is all done."""
    assert call("study", *CELLS, "seed=0", "folder=one", NUMBERS).code == 0
    folder = STUDY.with_name("one")
    assert (folder / "tables" / "likelihood.csv").exists()
    assert not (folder / "comparisons.json").exists()
    assert not (folder / "tune_bits").exists()
    assert not (folder / "tables" / "paired_differences.csv").exists()
