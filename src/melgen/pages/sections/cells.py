"""The cells of a study against its reference cell: differences of bits per note, and what they show."""

from __future__ import annotations

from typing import TypedDict

from melgen.decimals import in_percent
from melgen.evaluation.comparing_cells.findings import finding, fine_sentence, remarks
from melgen.evaluation.comparing_cells.results import COMPARISONS_FILE, Comparison, Comparisons
from melgen.files import read_json
from melgen.pages.content import Content
from melgen.pages.plain import short
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial


class CellDifference(TypedDict):
    """A cell minus the reference, in bits per note."""

    cell: str
    layers: int
    reference_layers: int
    mean: float
    interval: list[float | None]
    """Both ends of the interval that decides."""
    over_seeds: list[float | None]
    over_tunes: list[float | None]
    """Null if no run has the bits of each tune."""
    seeds: list[float]
    """The difference of each seed."""
    verdict: str
    """``ahead``, ``behind``, ``equal`` or ``undecided``."""
    finding: str
    """A sentence."""
    finer: str
    """A sentence: the seeds that a finer interval would need."""


class Setting(TypedDict):
    """All cells in one setting."""

    name: str
    differences: list[CellDifference]


class Data(TypedDict):
    """Data of the section."""

    reference: str
    region: float
    """Differences within ± this are practically none, in bits per note."""
    confidence: str
    """Of the intervals, in percent."""
    has_tunes: bool
    """Whether the interval that decides is over seeds and tunes; else it is over seeds."""
    drawn_range: list[float]
    """Ends of the axis; a cell beyond them is marked at the edge with its number."""
    settings: list[Setting]
    remarks: list[str]


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The comparisons of a study that has several cells and seeds."""
    try:
        found = Comparisons.from_dict(read_json(study.directory / COMPARISONS_FILE))
    except (KeyError, TypeError, ValueError):
        if (study.directory / COMPARISONS_FILE).is_file():
            content.add_notice(f"{COMPARISONS_FILE} is damaged, so that the cells are not compared.")
        return None
    if not found.each:
        return None
    settings = list(dict.fromkeys(each.setting for each in found.each))
    return {
        "reference": found.reference,
        "region": found.options.region_bits,
        "confidence": in_percent(found.options.confidence),
        "has_tunes": any(each.crossed is not None for each in found.each),
        "drawn_range": [short(end) for end in found.drawn_range],
        "settings": [
            {"name": name, "differences": [_difference(each, found) for each in found.each if each.setting == name]}
            for name in settings
        ],
        "remarks": remarks(found),
    }


def _difference(each: Comparison, found: Comparisons) -> CellDifference:
    return {
        "cell": each.cell,
        "layers": each.layers,
        "reference_layers": each.reference_layers,
        "mean": short(each.over_seeds.mean),
        "interval": [short(end) for end in each.interval],
        "over_seeds": [short(each.over_seeds.low), short(each.over_seeds.high)],
        "over_tunes": [short(end) for end in each.over_tunes],
        "seeds": [short(float(value)) for value in each.differences],
        "verdict": each.verdict,
        "finding": finding(each, found),
        "finer": fine_sentence(each, found),
    }


SECTION = Section(35, Data, of_study=of_study)
