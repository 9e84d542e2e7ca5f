"""Probes of a study: tables and figures of made-up findings, options, and a whole small study."""

import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from omegaconf import OmegaConf

from melgen.evaluation.probes import PROBES
from melgen.evaluation.probes.budget import CellCurves, order_at_budgets
from melgen.evaluation.probes.copied_bits import CopiedBits
from melgen.studies.figures.probes import PROBE_FIGURES
from melgen.studies.probes.findings import budget_finding
from melgen.studies.probes.results import BudgetFound, CopyingFound, ProbeResults
from melgen.studies.results import StudyResults
from melgen.studies.settings import StudySettings
from melgen.studies.tables import build_tables
from tests.commands.calling import call
from tests.studies.conftest import CELLS
from tests.studies.probes_examples import RANGES, copied, curves, probed, states
from tests.studies.tables_examples import nine_models
from tests.tiers import quick_rows

NUMBERS = "stages=select,generate,evaluate,tables"


@pytest.fixture
def results():
    """Two models, one or two seeds each, and what probes have found in them."""
    return probed(nine_models())


def rows_of(table):
    return list(csv.DictReader(table.to_csv().splitlines()))


def test_the_table_of_copying(results):
    one, other, baseline, _ = rows_of(build_tables(results)["copying"])
    assert float(one["difference_mean"]) == pytest.approx(-0.6)
    assert float(one["difference_17+"]) == pytest.approx(-0.6)
    assert (one["tunes"], one["notes"], one["seeds"]) == ("3", str(3 * 4 * 3), "2"), "from the fifth note on"
    assert float(one["difference_tunes_low"]) == float(one["difference_tunes_high"]) == pytest.approx(-0.6)
    assert (float(one["replaced_mean"]), float(one["first"]), float(one["second"])) == (0.0, 3.0, pytest.approx(2.4))
    assert float(other["difference_mean"]) == float(baseline["difference_mean"]) == 0.0
    assert baseline["model"] == "kn-bigram"


def test_a_study_whose_tunes_have_no_repeat_has_no_table_of_copying(results):
    empty = CopyingFound(4, {"all": CopiedBits(*np.zeros((4, 0, RANGES)))})
    probes = dataclasses.replace(results.probes, copying={"control-lstm-2": {0: empty}}, baselines={})
    assert "copying" not in build_tables(dataclasses.replace(results, probes=probes))


def test_the_table_of_states(results):
    one, other = rows_of(build_tables(results)["states"])
    assert (one["target"], one["classes"], one["notes"]) == ("place in the bar (4/4)", "8", "900")
    assert float(one["accuracy_mean"]) == pytest.approx(0.55)
    assert [float(other[key]) for key in ("accuracy_mean", "untrained", "note", "chance", "shuffled_mean")] == [
        0.4, 0.3, 0.2, 0.125, 0.125,
    ]  # fmt: skip
    assert "2 of 10 test tunes have no stated key" in build_tables(results)["states"].caption


def test_the_table_of_similarity(results):
    table = build_tables(results)["similarity"]
    one, _ = rows_of(table)
    assert float(one["bits_1_mean"]) == pytest.approx(3 - 0.125)
    assert float(one["bits_5_mean"]) == pytest.approx(2.1)
    assert one["bits_4_mean"] == ""
    assert float(one["correlation"]) == pytest.approx(-1)
    assert "tunes in each bin: 2, 1, 1, 0, 1." in table.caption


def test_the_table_of_budgets_and_what_it_shows(results):
    table = build_tables(results)["budget"]
    assert [[row[f"rank_{share}"] for share in (25, 50, 75, 100)] for row in rows_of(table)] == [
        ["2", "2", "1", "1"], ["1", "1", "2", "2"],
    ]  # fmt: skip
    words = "control: the order changes with the budget: lstm is behind nas at 25 updates and ahead of it at 100."
    assert table.caption.endswith(words)


UPDATES = [25, 50, 75, 100]
SCATTERED = CellCurves("b", {seed: (UPDATES, [2.9 + seed, 2.1 - seed, 1.5 - seed, 1.2 - seed]) for seed in range(3)})
ALONE = CellCurves("a", {0: (UPDATES, [3, 2, 1, 0])}), CellCurves("b", {0: (UPDATES, [2.5, 2.5, 2, 2])})


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ((curves("a", 3, 2, 1, 0.9), curves("b", 4, 3, 2, 1)), "the order is the same at every budget."),
        (ALONE, "changes with the budget; there are too few common seeds to tell that from chance."),
        ((curves("a", 3, 2, 1, 0.9), SCATTERED), "but no change is beyond what seeds explain."),
    ],
)
def test_what_budgets_show_in_words(cells, words):
    assert budget_finding(BudgetFound("control", cells, order_at_budgets(cells))).endswith(words)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROBES)
def test_each_probe_has_a_figure_also_of_nothing(results, name):
    figure = PROBE_FIGURES[name](results)
    assert figure.axes[0].lines
    empty = PROBE_FIGURES[name](StudyResults((), (), {}, {}))
    assert len(empty.axes[0].texts) == 1


@pytest.mark.slow
def test_the_figure_of_copying_shows_means_and_control(results):
    axes = PROBE_FIGURES["copying"](results).axes[0]
    marked = [line.get_ydata() for line in axes.lines if line.get_marker() == "o"]
    assert [line[-1] for line in marked] == pytest.approx([-0.6, 0.0])
    dashed = [
        line.get_ydata() for line in axes.lines if line.get_linestyle() == "--" and len(line.get_ydata()) == RANGES
    ]
    assert [line.tolist() for line in dashed] == [[0.0] * RANGES] * 2


@pytest.mark.slow
@pytest.mark.parametrize(("count", "titles"), [(6, [""]), (9, ["control", "interval", "db12"])])
def test_many_networks_are_drawn_by_settings(count, titles):
    base = nine_models()
    found = {model.name: {0: copied(0.5)} for model in base.models[:count]}
    figure = PROBE_FIGURES["copying"](dataclasses.replace(base, probes=ProbeResults(copying=found)))
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.lines] == titles
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:-1] == (["lstm", "nas", "ugrnn"] if len(titles) > 1 else [model.title for model in base.models[:6]])


@pytest.mark.slow
def test_lines_are_open_at_bins_without_tunes(results):
    axes = PROBE_FIGURES["similarity"](results).axes[0]
    line = next(line.get_ydata() for line in axes.lines if line.get_marker() == "o")
    assert np.isnan(line).tolist() == [False, False, False, True, False]
    edges = [path.vertices[:, 0] for path in axes.collections[0].get_paths()]
    assert not any(np.min(part) < 3 < np.max(part) for part in edges), "nor does the band cross it"


@pytest.mark.slow
def test_many_states_are_below_the_names_of_their_settings():
    base = nine_models()
    found = {model.name: {0: states(0.4 + number / 20)} for number, model in enumerate(base.models)}
    axes = PROBE_FIGURES["states"](dataclasses.replace(base, probes=ProbeResults(states=found))).axes[0]
    named = [(text.get_text(), place) for text, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)]
    named += [(text.get_text(), text.get_position()[1]) for text in axes.texts]
    cells = ["lstm", "nas", "ugrnn"]
    from_above = [label for label, _ in sorted(named, key=lambda one: -one[1])]
    assert from_above == ["control", *cells, "interval", *cells, "db12", *cells]
    heights = [line.get_ydata()[0] for line in axes.lines if line.get_marker() == "|"]
    assert heights == axes.get_yticks().tolist()


# --- the key `probes`


def settings(probes):
    config = OmegaConf.create({"probes": probes, "runs": None, "output_dir": "a", "name": "b", "folder": "c"})
    return StudySettings(config, OmegaConf.create({}))


def test_probes_are_done_in_their_own_order():
    assert settings(["budget", "copying"]).probes == ("copying", "budget")
    assert settings([]).probes == ()
    assert settings(list(PROBES)).probes == PROBES


@pytest.mark.parametrize("probes", [["copy"], ["states", "states"], "copying", None, [1], [["states"]]])
def test_other_probes_are_refused(probes):
    with pytest.raises(ValueError, match=r"probes=.*: must be a list of some of copying, states, similarity, budget"):
        _ = settings(probes).probes


# --- a whole study


@pytest.mark.slow
def test_a_study_probes_all_networks(compared):
    folder = compared / "multirun/cells/study"
    texts = {name: (folder / "tables" / f"{name}.csv").read_text(encoding="utf-8") for name in PROBES}
    tables = {name: list(csv.DictReader(text.splitlines())) for name, text in texts.items()}
    assert {row["bits"] for row in tables["copying"]} == {"pitch", "rhythm", "both"}
    (baseline,) = (row for row in tables["copying"] if row["model"] == "kn-bigram")
    assert float(baseline["difference_mean"]) == pytest.approx(0, abs=1e-12)
    assert float(baseline["replaced_mean"]) == pytest.approx(0, abs=1e-12)
    (copier,) = (row for row in tables["copying"] if row["model"] == "ppm-stm")
    assert float(copier["difference_mean"]) < -2
    assert {row["seeds"] for row in tables["states"]} == {"3"}
    for row in tables["states"]:
        assert abs(float(row["shuffled_mean"]) - float(row["chance"])) < 0.12
    assert len(tables["similarity"]) == 4
    assert {row["setting"] for row in tables["budget"]} == {"control, rhythm none", "control, rhythm factored"}
    for name in PROBES:
        assert (folder / "figures" / f"{name}.png").stat().st_size > 5_000
        assert (folder / "tables" / f"{name}.md").exists()


@pytest.mark.slow
def test_the_bits_of_tunes_are_those_of_the_comparison(compared):
    folder = compared / "multirun/cells/study"
    for file in (folder / "tune_bits").rglob("*.json"):
        own = json.loads((folder / "probes/similarity" / file.relative_to(folder / "tune_bits")).read_text())
        other = json.loads(file.read_text())
        keys = [key for key in other if key.startswith("total_bits")]
        assert np.sum([other[key] for key in keys], axis=0).tolist() == pytest.approx(own["bits"])
        assert own["notes"] == other["notes"]


@pytest.mark.slow
def test_probes_can_be_left_out_and_another_choice_measures_no_other_probe_again(compared, tmp_path, monkeypatch):
    shutil.copytree(compared / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "multirun/cells/study"
    assert call("study", *CELLS, "probes=[copying]", NUMBERS).code == 0
    assert {path.name for path in (study / "probes").iterdir()} == {"copying"}
    assert not (study / "tables/states.csv").exists()
    again = call("study", *CELLS, "probes=[copying,budget]", NUMBERS)
    assert "probe/" not in again.text
    assert (study / "tables/budget.csv").exists()
    assert call("study", *CELLS, "probes=[]", NUMBERS).code == 0
    assert not (study / "probes").exists()


@pytest.mark.slow
def test_a_damaged_file_of_a_probe_is_named(compared, tmp_path, monkeypatch):
    shutil.copytree(compared / "multirun", tmp_path / "multirun")
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "multirun/cells/study"
    file = study / "probes/similarity/tunes.json"
    file.write_text("{}")
    answer = call("study", *CELLS, NUMBERS)
    assert answer.code == 0, "it is made again"
    assert "probe/similarity" in answer.text


@quick_rows(
    0, ("option", "rule"), [("probes=[speed]", "must be a list of some of copying, states, similarity, budget")]
)
def test_an_unknown_probe_is_refused_before_anything_is_trained(option, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("study", *CELLS, option)
    assert answer.code == 1
    assert rule in answer.text
    assert not list(tmp_path.glob("multirun/**/status.json"))
