"""Learning curves."""

from __future__ import annotations

from typing import TypedDict

from melgen.evaluation.run_metrics import RUN_METRICS
from melgen.pages.content import Content
from melgen.pages.run_material import RunMaterial
from melgen.pages.runs import CURVES, TRAINING_LOSS, VALIDATION_LOSS
from melgen.pages.section import Section
from melgen.pages.study_material import StudyMaterial


class CurveMetric(TypedDict):
    """A metric that is drawn as a curve."""

    key: str
    label: str
    unit: str
    """May be empty."""


class Data(TypedDict):
    """Data of the section; the curves themselves are in the pack ``curves``."""

    metrics: list[CurveMetric]
    """Those that some run has, in the order to choose from."""
    validation_loss: str
    """Key of the loss on validation tunes; drawn together with the next."""
    training_loss: str
    """Key of the loss on training tunes."""


def gather(material: RunMaterial | StudyMaterial, content: Content) -> Data | None:
    """The metrics that some run has a curve of."""
    present = {metric for curves in material.curves.values() for metric in curves}
    known = {metric.key: metric for metric in RUN_METRICS}
    metrics: list[CurveMetric] = [
        {"key": key, "label": known[key].label, "unit": known[key].unit} for key in CURVES if key in present
    ]
    if not metrics:
        return None
    return {"metrics": metrics, "validation_loss": VALIDATION_LOSS, "training_loss": TRAINING_LOSS}


SECTION = Section(30, Data, gather, gather, uses_plotly=True)
