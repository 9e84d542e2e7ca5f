"""Sections of a study's page that read its tables: the columns that tables have are those that sections read."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from melgen.evaluation.probes import PROBES
from melgen.files import write_text
from melgen.pages.content import Content
from melgen.pages.sections import learning_rates, probes
from melgen.pages.study_tables import number_in, read_table
from tests.pages.examples import probe_tables
from tests.pages.shapes import problems

MODELS = {name: {"runs": [f"../{name}-seed0"]} for name in ("control-lstm-1", "control-gru-1")}


@pytest.fixture
def study(tmp_path):
    for name, table in probe_tables([*MODELS]).items():
        write_text(tmp_path / "tables" / f"{name}.csv", table.to_csv())
        write_text(tmp_path / "tables" / f"{name}.md", table.to_markdown())
    return SimpleNamespace(directory=tmp_path, models=MODELS, manifest={})


def data_of(section, study):
    found = section.of_study(study, Content("study", "a"))
    assert list(problems(found, section.Data)) == []
    return found


def test_learning_rates_are_those_of_the_table(study):
    (chart,) = data_of(learning_rates, study)["line_charts"]
    assert (chart["title"], chart["place_names"]) == ("control, 1 layer", ["0.001", "0.004", "0.016"])
    assert chart["highest"] == 2.0, "none is far above the others"
    assert chart["lines"] == [
        {"cell": "lstm", "values": [2.0, 1.5, None], "chosen": 1, "beyond": 0, "failed": [2], "control": []},
        {"cell": "gru", "values": [1.8, 1.7, 1.25], "chosen": 2, "beyond": 1, "failed": [], "control": []},
    ]


def test_every_probe_has_a_drawing_and_a_lead(study):
    found = data_of(probes, study)["probes"]
    assert [each["name"] for each in found] == [*PROBES] == [*probes.DRAWINGS]
    assert all(len(each["lead"]) > 80 for each in found)


def test_controls_are_marked(study):
    copying, states, *_ = data_of(probes, study)["probes"]
    assert [kind["is_control"] for kind in copying["kinds"]] == [False, True]
    assert [kind["is_control"] for kind in states["kinds"]] == [False, False, False, True]


def test_probes_are_those_of_the_tables(study):
    copying, states, similarity, budget, memorization = data_of(probes, study)["probes"]
    (rows,) = (chart["rows"] for chart in copying["row_charts"])
    assert [row["label"] for row in rows] == [["control lstm 1"], ["control gru 1"], ["kn-bigram"], ["ppm-stm"]]
    assert [[mark["value"] for mark in row["marks"]] for row in rows] == [[-0.6, 0], [0, 0], [0, 0], [-40, 0]]
    (chart,) = states["row_charts"]
    assert (chart["title"], chart["line"]) == ("Place in the bar (4/4)", 0.125)
    assert [mark["value"] for mark in chart["rows"][0]["marks"]] == [0.55, 0.3, 0.2, 0.125]
    assert len(chart["rows"][0]["marks"][0]["interval"]) == 2, "two seeds"
    (chart,) = similarity["line_charts"]
    assert (chart["title"], chart["place_names"][-1]) == ("control, 1 layer", "0.8+")
    assert [(line["cell"], line["values"]) for line in chart["lines"]] == [
        ("lstm", [2.875, 2.7, 2.5, None, 2.1]),
        ("gru", [3.875, 3.7, 3.5, None, 3.1]),
    ]
    (chart,) = budget["line_charts"]
    assert [(line["cell"], line["values"][-1]) for line in chart["lines"]] == [("lstm", 2.301), ("nas", 2.441)]
    assert chart["place_names"] == ["25%", "50%", "75%", "100%"]
    (chart,) = memorization["line_charts"]
    assert chart["place_names"] == ["0", "1k", "2k", "", "best"], "the best weights are apart"
    assert chart["unit"] == "share of n-grams in a part of the training tunes"
    assert [(line["cell"], line["values"], line["control"]) for line in chart["lines"]] == [
        ("lstm", [0.0, 0.15, None, None, 0.4], [0.0, 0.1, None, None, 0.1]),
        ("gru", [0.0, None, 0.05, None, 0.1], [0.0, None, 0.05, None, 0.1]),
    ]


def test_a_study_without_them_has_no_such_sections(tmp_path):
    study = SimpleNamespace(directory=tmp_path, models=MODELS, manifest={})
    assert learning_rates.of_study(study, Content("study", "a")) is None
    assert probes.of_study(study, Content("study", "a")) is None


@pytest.mark.parametrize("text", ["", "model,bits\n", "model,bits\na\n", "\n"])
def test_a_table_without_rows_is_none(tmp_path, text):
    write_text(tmp_path / "tables" / "copying.csv", text)
    assert read_table(Path(tmp_path), "copying") is None


@pytest.mark.parametrize("text", ["", "nan", "inf", "many"])
def test_what_is_no_number_is_none(text):
    assert number_in({"bits": text}, "bits") is None
