"""The same networks after several primers."""

from __future__ import annotations

from typing import Any, TypedDict

from melgen.decimals import in_percent
from melgen.evaluation.song_metrics import TONALITY
from melgen.generation.primers import OPENINGS_PRIMER
from melgen.music.melody import pitch_name
from melgen.pages.content import Content
from melgen.pages.model_names import named_models
from melgen.pages.schema import SummaryNumbers
from melgen.pages.section import Section
from melgen.pages.song_packs import summaries_of
from melgen.pages.study_material import StudyMaterial
from melgen.pages.study_song_packs import primers_of


class Primer(TypedDict):
    """A primer of the study."""

    name: str
    notes: str
    """Its notes by their names, or what it is."""


class SongsAfter(TypedDict):
    """The measurements of a model's songs after one primer."""

    primer: int
    """Index of the primer."""
    summaries: dict[str, SummaryNumbers]
    """By the key of a metric."""


class Model(TypedDict):
    """A model after each primer."""

    label: list[str]
    """Its name in parts that each begin a line."""
    after: list[SongsAfter]


class Data(TypedDict):
    """Data of the section."""

    confidence: str
    """Of the intervals of means, in percent."""
    metrics: list[str]
    """Keys of the metrics to show."""
    primers: list[Primer]
    """The main one first."""
    models: list[Model]


def of_study(study: StudyMaterial, content: Content) -> Data | None:
    """The measurements of each model after each primer."""
    primers = primers_of(study.manifest)
    if not primers:
        return None
    named = named_models(study.models)
    models: list[Model] = []
    for name, found in study.primer_evaluations.items():
        models.append(
            {
                "label": named[name].label,
                "after": [
                    {"primer": number, "summaries": summaries_of(found[primer].summaries)}
                    for number, primer in enumerate(primers)
                    if primer in found
                ],
            }
        )
    return {
        "confidence": in_percent(study.confidence),
        "metrics": [metric["key"] for metric in content.data["song_metrics"] if metric["key"] in TONALITY],
        "primers": [{"name": name, "notes": _in_words(primer)} for name, primer in primers.items()],
        "models": models,
    }


def _in_words(primer: Any) -> str:
    """A primer by the names of its notes.

    >>> _in_words([60, 62]), _in_words("openings")
    ('C4 D4', 'openings of test tunes')
    """
    if isinstance(primer, list) and all(isinstance(pitch, int) for pitch in primer):
        return " ".join(map(pitch_name, primer))
    return "openings of test tunes" if primer == OPENINGS_PRIMER else str(primer)


SECTION = Section(60, Data, of_study=of_study)
