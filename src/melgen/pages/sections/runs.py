"""All runs of a study, a square for each."""

from __future__ import annotations

from typing import TypedDict

from melgen.evaluation.run_metrics import RUN_METRICS
from melgen.pages.content import Content
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial


class RunMetricText(TypedDict):
    """The names of a result of runs and its form on a page: a row of `melgen.evaluation.run_metrics.RUN_METRICS`."""

    key: str
    label: str
    unit: str
    """May be empty."""
    meaning: str
    decimals: int
    better: str | None
    """``lower`` or ``higher``; null if neither is better."""
    is_comparable: bool
    """Whether runs of different representations may be compared by it."""


class Data(TypedDict):
    """Data of the section; the runs themselves are in the page's data."""

    metrics: list[RunMetricText]
    """Those that some run has, the first shown at first."""


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The metrics that runs can be compared by."""
    present = {key for run in study.runs for key in run["values"]}
    metrics: list[RunMetricText] = [
        {
            "key": one.key,
            "label": one.label,
            "unit": one.unit,
            "meaning": one.meaning,
            "decimals": one.decimals,
            "better": one.better,
            "is_comparable": one.is_comparable,
        }
        for one in RUN_METRICS
        if one.key in present
    ]
    return {"metrics": metrics} if study.runs else None


SECTION = Section(20, Data, of_study=of_study)
