"""The probes of a study: copying, what states contain, similarity to training, budgets, and memorization."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypedDict

from melgen.evaluation.probes import BUDGET, COPYING, MEMORIZATION, SIMILARITY, STATES
from melgen.evaluation.probes.similarity import bin_names
from melgen.far_values import highest_near
from melgen.pages.charts import Line, LineChart, Mark, MarkedRow, MarkKind, RowChart, line_of
from melgen.pages.content import Content
from melgen.pages.model_names import NamedModel, named_models, unknown_model
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial
from melgen.pages.study_tables import Cells, StudyTable, number_in, read_table


class Probe(TypedDict):
    """A probe; its table is in the pack ``tables``."""

    name: str
    """Of its table."""
    title: str
    caption: str
    lead: str
    """What it shows, and how to read its drawing."""
    kinds: list[MarkKind]
    """Of marks in its rows."""
    row_charts: list[RowChart]
    line_charts: list[LineChart]


class Data(TypedDict):
    """Data of the section."""

    probes: list[Probe]


_Networks = Mapping[str, NamedModel]

_CONTROL = "control: "
"""Begins the name of a kind of mark that is a control."""
_COPYING = {"difference": "second minus first hearing", "replaced": f"{_CONTROL}first hearing replaced"}
_STATES = {
    "accuracy": "trained network",
    "untrained": "untrained network",
    "note": "note alone",
    "shuffled": f"{_CONTROL}classes shuffled",
}
_BITS_OF = {"": "", "both": "Bits of pitch and rhythm", "pitch": "Bits of pitch", "rhythm": "Bits of rhythm"}
_BEST = "best"  # weights, in the table of memorization
_NUMBERED_BITS = re.compile(r"bits_(\d+)_mean")


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """What the probes have found, if the study has probed its networks."""
    networks = named_models(study.models)
    probes = [
        drawing.draw(name, table, networks)
        for name, drawing in DRAWINGS.items()
        if (table := read_table(study.directory, name)) is not None
    ]
    return {"probes": probes} if probes else None


def _copying(name: str, table: StudyTable, networks: _Networks) -> Probe:
    charts: list[RowChart] = [
        {"title": _BITS_OF.get(kind, kind), "unit": "bits per note", "line": 0.0, "rows": rows}
        for kind, rows in _rows_by(table, "bits", _COPYING, networks).items()
    ]
    return _probe(name, table, kinds=_COPYING.values(), row_charts=charts)


def _states(name: str, table: StudyTable, networks: _Networks) -> Probe:
    chance = {row.get("target", ""): number_in(row, "chance") for row in table.rows}
    charts: list[RowChart] = [
        {"title": _capital(target), "unit": "balanced accuracy", "line": chance[target], "rows": rows}
        for target, rows in _rows_by(table, "target", _STATES, networks).items()
    ]
    return _probe(name, table, kinds=_STATES.values(), row_charts=charts)


def _similarity(name: str, table: StudyTable, networks: _Networks) -> Probe:
    settings: dict[str, list[tuple[NamedModel, Cells]]] = {}
    for row in table.rows:
        network = _network(row, networks)
        settings.setdefault(network.setting, []).append((network, row))
    keys = _numbered(table)
    names = [
        name.replace(" and above", "+").replace(" to ", "\N{EN DASH}").replace("below ", "<") for name in bin_names()
    ]
    charts: list[LineChart] = [
        {
            "title": setting,
            "place_names": names[: len(keys)],
            "places": [float(place) for place in range(len(keys))],
            "along": "share of n-grams in the nearest training tune",
            "unit": "bits per note",
            **_lines([(network.cell, row) for network, row in found], keys),
        }
        for setting, found in settings.items()
    ]
    return _probe(name, table, line_charts=charts)


def _budget(name: str, table: StudyTable, networks: _Networks) -> Probe:
    settings: dict[str, list[Cells]] = {}
    for row in table.rows:
        settings.setdefault(row.get("setting", ""), []).append(row)
    keys = _numbered(table)
    shares = [float(key.split("_")[1]) for key in keys]
    charts: list[LineChart] = [
        {
            "title": setting,
            "place_names": [f"{share:g}%" for share in shares],
            "places": shares,
            "along": "part of the updates",
            "unit": "validation bits per note",
            **_lines([(row.get("cell", ""), row) for row in rows], keys),
        }
        for setting, rows in settings.items()
    ]
    return _probe(name, table, line_charts=charts)


def _memorization(name: str, table: StudyTable, networks: _Networks) -> Probe:
    settings: dict[str, dict[str, list[Cells]]] = {}
    for row in table.rows:
        if row.get("model") in networks:  # a baseline is not trained
            network = _network(row, networks)
            settings.setdefault(network.setting, {}).setdefault(network.cell, []).append(row)
    return _probe(name, table, line_charts=[_memorized(setting, cells) for setting, cells in settings.items()])


def _memorized(setting: str, cells: Mapping[str, Sequence[Cells]]) -> LineChart:
    """Lines over updates at equal distances; the best weights, which are of any update, are apart at the right."""
    by_updates = {
        cell: {None if row.get("weights") == _BEST else row.get("updates", ""): row for row in rows}
        for cell, rows in cells.items()
    }
    underway = sorted({int(at) for rows in by_updates.values() for at in rows if at is not None and at.isdecimal()})
    at_places = [*map(str, underway), "", None]  # no row has the empty place, which interrupts the line

    def column(rows: Mapping[str | None, Cells], key: str) -> list[float | None]:
        return [number_in(rows.get(at, {}), key) for at in at_places]

    has_control = any(row.get("held_out") for rows in cells.values() for row in rows)
    return {
        "title": setting,
        "place_names": [*(_short_number(at) for at in underway), "", _BEST],
        "places": [float(place) for place in range(len(at_places))],
        "along": "updates",
        "unit": "share of n-grams in " + ("a part of the training tunes" if has_control else "training tunes"),
        "highest": None,
        "lines": [
            line_of(
                cell,
                column(rows, "training" if has_control else "share"),
                column(rows, "held_out") if has_control else (),
            )
            for cell, rows in by_updates.items()
        ],
    }


def _short_number(number: int) -> str:
    """Thousands as k.

    >>> _short_number(300), _short_number(1000), _short_number(2500), _short_number(63000)
    ('300', '1k', '2.5k', '63k')
    """
    return str(number) if number < 1000 else f"{number / 1000:.3g}k"


class Drawing(NamedTuple):
    """How a probe is drawn, and the text above the drawing."""

    draw: Callable[[str, StudyTable, _Networks], Probe]
    lead: str


DRAWINGS: Mapping[str, Drawing] = {
    COPYING: Drawing(
        _copying,
        "Bits per note at the second hearing of a passage minus those at the first. Left of 0 a network "
        "copies from what it has heard; in the control there is nothing to copy. Bars are intervals over "
        "seeds.",
    ),
    STATES: Drawing(
        _states,
        "How well a linear probe reads this from the state of a network after each note; the line is chance. "
        "What is to the right of the untrained network and of the note alone has been learnt. Bars are "
        "intervals over seeds.",
    ),
    SIMILARITY: Drawing(
        _similarity,
        "Bits per note of test tunes by how much of them the nearest training tune contains. A line that "
        "falls to the right is of a network that predicts better what resembles its training tunes.",
    ),
    BUDGET: Drawing(
        _budget,
        "The lowest validation bits per note until each part of the training. Where lines cross, the order of "
        "the cells depends on the budget.",
    ),
    MEMORIZATION: Drawing(
        _memorization,
        "How much of the songs is in a part of the training tunes, as the training goes on, and with the best "
        "weights. Dashed, the control: how much of the same songs is in as many notes of tunes that no "
        "network was trained on. Where a line is above its control, songs copy more than their style "
        "explains.",
    ),
}
"""By the name of the probe."""


def _probe(
    name: str,
    table: StudyTable,
    kinds: Iterable[str] = (),
    row_charts: Sequence[RowChart] = (),
    line_charts: Sequence[LineChart] = (),
) -> Probe:
    return {
        "name": name,
        "title": table.title or name,
        "lead": DRAWINGS[name].lead,
        "caption": table.caption,
        "kinds": [{"name": kind, "is_control": kind.startswith(_CONTROL)} for kind in kinds],
        "row_charts": list(row_charts),
        "line_charts": list(line_charts),
    }


def _rows_by(
    table: StudyTable, column: str, kinds: Mapping[str, str], networks: _Networks
) -> dict[str, list[MarkedRow]]:
    """The rows of a table with their marks, by their text in a column."""
    found: dict[str, list[MarkedRow]] = {}
    for row in table.rows:
        network = _network(row, networks)
        is_baseline = row.get("model") not in networks
        marked: MarkedRow = {
            "label": network.label,
            "is_baseline": is_baseline,
            "has_room": not is_baseline,
            "marks": _marks(row, [*kinds]),
        }
        if marked["marks"]:
            found.setdefault(row.get(column, ""), []).append(marked)
    return found


def _marks(row: Cells, keys: Sequence[str]) -> list[Mark]:
    marks: list[Mark] = []
    for kind, key in enumerate(keys):
        value = number_in(row, f"{key}_mean" if f"{key}_mean" in row else key)
        if value is None:
            continue
        ends = [end for end in (number_in(row, f"{key}_low"), number_in(row, f"{key}_high")) if end is not None]
        marks.append({"kind": kind, "value": value, "interval": ends if kind == 0 and len(ends) == 2 else None})
    return marks


class _Lines(TypedDict):
    highest: float | None
    lines: list[Line]


def _lines(rows: Sequence[tuple[str, Cells]], keys: Sequence[str]) -> _Lines:
    """A line for each cell and its row."""
    lines = [line_of(cell, [number_in(row, key) for key in keys]) for cell, row in rows]
    values = [value for line in lines for value in line["values"] if value is not None]
    return {"highest": highest_near(values) if values else None, "lines": lines}


def _numbered(table: StudyTable) -> list[str]:
    return [key for key in table.columns if _NUMBERED_BITS.fullmatch(key)]


def _network(row: Cells, networks: _Networks) -> NamedModel:
    name = row.get("model", "")
    return networks.get(name) or unknown_model(name)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


SECTION = Section(36, Data, of_study=of_study)
