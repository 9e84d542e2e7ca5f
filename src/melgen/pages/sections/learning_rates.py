"""The learning rates that a study has tried with each network, and those that it has chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypedDict

from melgen.evaluation.run_metrics import RUN_METRICS
from melgen.far_values import highest_near
from melgen.nested import value_at
from melgen.pages.charts import Line, LineChart
from melgen.pages.content import Content
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial
from melgen.pages.study_tables import Cells, number_in, read_table
from melgen.plurals import counted

_RATE = "rate_"
"""Keys of the columns of single rates begin with it."""
_ENDS = {"lowest": -1, "highest": 1}


class Data(TypedDict):
    """Data of the section; its table is in the pack ``tables``."""

    name: str
    """Of its table."""
    caption: str
    line_charts: list[LineChart]
    """One for each setting, with a line for each cell."""


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The grid of rates, if the study has tuned any."""
    table = read_table(study.directory, "learning_rates")
    if table is None:
        return None
    columns = [(float(key.removeprefix(_RATE)), key) for key in table.columns if key.startswith(_RATE)]
    criterion = str(value_at(study.manifest.get("configuration", {}), "select.criterion") or "")
    settings: dict[str, list[Cells]] = {}
    for row in table.rows:
        settings.setdefault(_setting_of(row), []).append(row)
    return {
        "name": "learning_rates",
        "caption": table.caption,
        "line_charts": [_chart(title, rows, columns, _label(criterion)) for title, rows in settings.items()],
    }


def _chart(title: str, rows: Sequence[Cells], columns: Sequence[tuple[float, str]], unit: str) -> LineChart:
    lines = [_line(row, columns) for row in rows]
    values = [value for line in lines for value in line["values"] if value is not None]
    chosen = [line["values"][line["chosen"]] for line in lines if line["chosen"] is not None]
    reached = [value for value in chosen if value is not None]
    return {
        "title": title,
        "place_names": [f"{rate:g}" for rate, _ in columns],
        "places": [math.log2(rate) for rate, _ in columns],
        "along": "learning rate",
        "unit": unit,
        "highest": highest_near(values, reached) if reached else None,
        "lines": lines,
    }


def _line(row: Cells, columns: Sequence[tuple[float, str]]) -> Line:
    values = [number_in(row, key) for _, key in columns]
    chosen = [place for place, (rate, _) in enumerate(columns) if f"{rate:g}" == row.get("chosen")]
    return {
        "cell": row.get("cell", ""),
        "values": values,
        "chosen": chosen[0] if chosen and values[chosen[0]] is not None else None,
        "beyond": _ENDS.get(row.get("edge", ""), 0),
        "failed": [place for place, value in enumerate(values) if value is None],
        "control": [],
    }


def _setting_of(row: Mapping[str, str]) -> str:
    layers = row.get("layers", "")
    in_words = counted(int(layers), "layer") if layers.isdecimal() else layers
    return ", ".join(filter(None, (row.get("dataset"), in_words, row.get("variant"))))


def _label(criterion: str) -> str:
    known = {metric.key: ", ".join(filter(None, (metric.label, metric.unit))) for metric in RUN_METRICS}
    return known.get(criterion, criterion)


SECTION = Section(33, Data, of_study=of_study)
