"""Figures of a study, for print: functions from plain data to matplotlib's `Figure`.

`style` holds what they share and `save`, which writes a figure as PDF and PNG. No function touches pyplot or
leaves a trace in matplotlib's settings, and the same data give the same bytes.
"""

from melgen.studies.figures.distributions import metric_distributions, originality
from melgen.studies.figures.embedding import EmbeddingMap, embedding_maps
from melgen.studies.figures.learning import learning_curves
from melgen.studies.figures.learning_rates import learning_rates
from melgen.studies.figures.likelihood import likelihood
from melgen.studies.figures.paired_differences import paired_differences
from melgen.studies.figures.primers import primers
from melgen.studies.figures.spans import span_profile
from melgen.studies.figures.style import save
from melgen.studies.figures.tonality import tonality_by_model
from melgen.studies.figures.validation import cost_validation

__all__ = [
    "EmbeddingMap",
    "cost_validation",
    "embedding_maps",
    "learning_curves",
    "learning_rates",
    "likelihood",
    "metric_distributions",
    "originality",
    "paired_differences",
    "primers",
    "save",
    "span_profile",
    "tonality_by_model",
]
