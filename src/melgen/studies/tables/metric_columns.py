"""How each metric stands in a table: its header, kind and precision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from melgen.evaluation.tonality import CORRECTED, Tonality
from melgen.studies.tables.table import Column, Kind

TONALITY = Tonality._fields
ORIGINALITY = ("longest_shared_intervals", "exact_copy", "longest_repeated_note")
_SHARED_NGRAMS = re.compile(r"shared_(\d+)gram_share")

_KNOWN: Mapping[str, tuple[str, Kind, int]] = {
    "conjunct_melodic_motion": ("motion", "number", 2),
    "limited_macroharmony": ("macroharmony", "number", 2),
    "centricity": ("centricity", "number", 3),
    "pitch_class_macroharmony": ("macroharmony (pitch classes)", "number", 2),
    "frequency_centricity": ("centricity (frequency)", "number", 3),
    "pitch_class_centricity": ("centricity (pitch classes)", "number", 3),
    "pitch_class_entropy": ("pitch-class entropy (bits)", "number", 3),
    "scale_consistency": ("scale consistency", "number", 3),
    "pitch_range": ("range (semitones)", "integer", 2),
    "n_pitches_used": ("pitches", "integer", 2),
    "n_pitch_classes_used": ("pitch classes", "integer", 2),
    "step_ratio": ("steps", "number", 3),
    "leap_ratio": ("leaps", "number", 3),
    "repeat_ratio": ("repeats", "number", 3),
    "longest_repeated_note": ("longest repeated note", "integer", 2),
    "longest_shared_intervals": ("longest shared intervals", "integer", 2),
    "exact_copy": ("exact copy", "integer", 2),
}


def score_column(metric: str) -> Column:
    """The column of a metric, a value for each song; one that is not known stands under its own name.

    >>> score_column("shared_8gram_share").header, score_column("pitch_range").kind
    ('shared 8-gram share', 'integer')
    """
    header, kind, decimals = _KNOWN.get(metric, (_in_words(metric), "number", 3))
    return Column(metric, header, kind, decimals)


def shared_ngrams(metrics: Iterable[str]) -> str | None:
    """Which of the metrics is the share of n-grams found in training tunes: n is configuration.

    >>> shared_ngrams(["centricity", "shared_6gram_share"])
    'shared_6gram_share'
    """
    return next(filter(_SHARED_NGRAMS.fullmatch, metrics), None)


def is_descriptor(metric: str) -> bool:
    """Whether a metric has no table of its own: descriptors, and metrics that the user brings along."""
    return metric not in (*TONALITY, *CORRECTED, *ORIGINALITY) and not _SHARED_NGRAMS.fullmatch(metric)


def mean_column(metric: str) -> Column:
    """The column of a metric's mean over songs."""
    return replace(score_column(metric), kind="number")


def summary_column(metric: str) -> Column:
    """The column of a metric's `Summary`."""
    return replace(score_column(metric), kind="summary")


def set_score_columns(names: Iterable[str], prefix: str) -> tuple[Column, ...]:
    """Columns of those numbers about a set whose names start with `prefix`, once each, in order.

    >>> [column.header for column in set_score_columns(["kl/a_b", "other", "kl/a_b"], "kl/")]
    ['a b']
    """
    found = dict.fromkeys(name for name in names if name.startswith(prefix))
    return tuple(Column(name, _in_words(name.removeprefix(prefix)), decimals=3) for name in found)


def _in_words(name: str) -> str:
    return re.sub(r"(\d)gram", r"\1-gram", name.replace("_", " "))
