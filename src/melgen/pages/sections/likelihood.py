"""Bits per note of the selected networks and of the baselines of a study, in one drawing."""

from __future__ import annotations

import math
from typing import TypedDict

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM
from melgen.evaluation.summaries import over_seeds
from melgen.far_values import are_near
from melgen.pages.charts import Mark, MarkedRow, MarkKind, RowChart
from melgen.pages.content import Content
from melgen.pages.model_names import NamedModel, named_models, unknown_model
from melgen.pages.plain import short
from melgen.pages.section import Section
from melgen.pages.study_likelihood import bits_of_baselines, bits_of_networks, compared_bits
from melgen.pages.study_material import StudyMaterial
from melgen.pages.study_tables import read_table

_TABLE = "likelihood"
_SPLITS = {"test": "test tunes", "train": "training tunes"}
_NEAR = 0.25
"""A baseline no further to the right of the networks than this share of the axis has room on it."""
_UNITS = {BITS: "bits per note", BITS_OF_PITCH: "bits of pitch per note", BITS_OF_RHYTHM: "bits of rhythm per note"}


class Data(TypedDict):
    """Data of the section; its table is in the pack ``tables``."""

    name: str
    """Of its table; empty if the study has not made it."""
    caption: str
    kinds: list[MarkKind]
    """Of marks in the rows."""
    row_charts: list[RowChart]


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """A drawing of the bits by which all networks compare and, where some write rhythm, one of their bits of rhythm."""
    compared = compared_bits(study)
    charts = [_chart(study, bits) for bits in (compared, BITS_OF_RHYTHM) if bits != BITS_OF_RHYTHM or compared != BITS]
    charts = [chart for chart in charts if any(not row["is_baseline"] for row in chart["rows"])]
    table = read_table(study.directory, _TABLE)
    if not charts:
        return None
    return {
        "name": _TABLE if table else "",
        "caption": table.caption if table else "",
        "kinds": [{"name": name, "is_control": False} for name in _SPLITS.values()],
        "row_charts": charts,
    }


def _chart(study: StudyMaterial, bits: str) -> RowChart:
    """Networks and baselines, the one with the fewest bits on test tunes first."""
    names = named_models(study.models)
    of_networks = {split: bits_of_networks(study, study.models, f"{bits}/{split}") for split in _SPLITS}
    of_baselines = {split: bits_of_baselines(study.directory, f"{bits}/{split}") for split in _SPLITS}
    rows = [_row(names[name], [of_networks[split][name] for split in _SPLITS]) for name in study.models]
    rows = [row for row in rows if row["marks"]]
    if rows:
        _make_room(rows)
        shown = [row["marks"][0]["value"] for row in rows if row["has_room"]]
        lowest = min([*shown, *of_baselines["test"].values()])
        highest = max(shown) + _NEAR * (max(shown) - lowest)
        for name in of_baselines["test"]:
            row = _row(unknown_model(name), [[of_baselines[s].get(name, math.nan)] for s in _SPLITS])
            rows.append({**row, "is_baseline": True, "has_room": row["marks"][0]["value"] <= highest})
    rows.sort(key=lambda row: row["marks"][0]["value"])
    return {"title": "", "unit": _UNITS[bits], "line": None, "rows": rows}


def _row(named: NamedModel, by_split: list[list[float]]) -> MarkedRow:
    marks: list[Mark] = []
    for kind, seeds in enumerate(by_split):
        found = over_seeds(seeds)
        if not math.isfinite(found.mean):
            continue
        has_interval = kind == 0 and math.isfinite(found.low)
        interval = [short(found.low), short(found.high)] if has_interval else None
        marks.append({"kind": kind, "value": short(found.mean), "interval": interval})
    if marks and marks[0]["kind"] != 0:  # nothing to compare it by
        marks = []
    return {"label": named.label, "is_baseline": False, "has_room": True, "marks": marks}


def _make_room(rows: list[MarkedRow]) -> None:
    """Leave networks far from the others, such as those that have diverged, out of the axis."""
    near = are_near([row["marks"][0]["value"] for row in rows])
    for row, is_near in zip(rows, near, strict=True):
        row["has_room"] = is_near


SECTION = Section(22, Data, of_study=of_study)
