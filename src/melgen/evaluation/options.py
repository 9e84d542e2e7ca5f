"""The options of measuring songs: the group `evaluation` of the configuration."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from melgen.checking import check_whole, require
from melgen.evaluation.originality import NGRAM_INTERVALS
from melgen.evaluation.summaries import check_confidence
from melgen.evaluation.tonality import DEFAULT_SPAN_NOTES

SongMetric = Callable[[list[int]], float]
"""A number about one song, given its pitches."""

LEAST_NOTES = 2
"""Notes of the shortest song that is measured: one note has no motion."""


@dataclass(frozen=True)
class EvaluationOptions:
    """The options of measuring songs.

    Attributes:
        span_notes: notes in a span, the sliding window of macroharmony and centricity.
        confidence: of the bootstrap intervals of means.
        resamples: of the bootstrap.
        seed: of the bootstrap and of all other random choices.
        ngram: length in intervals of the passages that are counted as shared with training tunes.
        min_corpus_notes: shorter tunes are left out of the figures of the corpus, as in the original.
        metrics: a user's own metrics of a song by name: functions of a list of pitches, or their import paths,
            ``my_module.my_function``.

    Raises:
        ValueError: if a number is out of its range, or a metric cannot be imported.

    >>> EvaluationOptions(metrics={"highest": "builtins.max"}).metrics["highest"]([60, 64])
    64
    """

    span_notes: int = DEFAULT_SPAN_NOTES
    confidence: float = 0.95
    resamples: int = 10_000
    seed: int = 0
    ngram: int = NGRAM_INTERVALS
    min_corpus_notes: int = 12
    metrics: Mapping[str, SongMetric] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lowest = {"span_notes": 1, "resamples": 1, "seed": 0, "ngram": 1, "min_corpus_notes": LEAST_NOTES}
        for key, bound in lowest.items():
            check_whole(key, getattr(self, key), bound)
        check_confidence(self.confidence)
        require(isinstance(self.metrics, Mapping), "metrics", self.metrics, "functions by their names")
        functions = {name: _function(name, function) for name, function in self.metrics.items()}
        object.__setattr__(self, "metrics", functions)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; functions are given by their import paths."""
        places = {name: f"{function.__module__}.{_name_of(function)}" for name, function in self.metrics.items()}
        return asdict(replace(self, metrics={})) | {"metrics": places}


def _function(name: str, function: SongMetric | str) -> SongMetric:
    """A function, or the function at an import path."""
    if callable(function):
        return function
    module, _, attribute = str(function).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"metrics.{name}={function}: must be a function that can be imported ({error})") from error
    if not callable(found):
        raise ValueError(f"metrics.{name}={function}: must be a function, but is a {type(found).__name__}")
    return found


def _name_of(function: SongMetric) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
