"""Every metric of every set of songs, over what songs are compared with."""

from __future__ import annotations

from typing import TypedDict

from melgen.decimals import in_percent
from melgen.evaluation.options import EvaluationOptions
from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.section import Section
from melgen.pages.song_packs import openings_in_words
from melgen.pages.study_material import StudyMaterial


class Data(TypedDict):
    """Data of the section; the sets and their metrics are in the page's data."""

    openings: str
    """The openings with which songs are compared, in words; empty if they are not known."""
    confidence: str
    """Of the intervals of means, in percent."""


def of_run(run: RunMaterial, content: Content) -> Data | None:
    """The openings with which the songs of a run are compared, in words."""
    return _data(run.openings_text, EvaluationOptions().confidence, content)


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The openings with which the songs of a study are compared, in words."""
    return _data(openings_in_words(study.openings), study.confidence, content)


def _data(openings: str, confidence: float, content: Content) -> Data | None:
    has_numbers = content.data["song_metrics"] and any(one["summaries"] for one in content.data["song_sets"])
    return {"openings": openings, "confidence": in_percent(confidence)} if has_numbers else None


SECTION = Section(50, Data, of_run, of_study)
