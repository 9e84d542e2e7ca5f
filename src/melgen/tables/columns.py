"""The column of each metric in a table: its header, kind and precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from melgen.evaluation.song_metrics import CORRECTED, TONALITY, shared_ngrams, song_metric
from melgen.tables.table import Column

__all__ = [
    "CORRECTED",
    "ORIGINALITY",
    "TONALITY",
    "is_descriptor",
    "mean_column",
    "score_column",
    "set_score_columns",
    "shared_ngrams",
    "summary_column",
]

ORIGINALITY = ("longest_shared_intervals", "exact_copy", "longest_repeated_note")


def score_column(metric: str) -> Column:
    """The column of a metric, a value for each song; one that is not known is under its own name.

    >>> score_column("shared_8gram_share").header, score_column("pitch_range").kind
    ('shared 8-gram share', 'integer')
    """
    shown = song_metric(metric)
    return Column(metric, shown.header, "integer" if shown.whole else "number", shown.decimals)


def is_descriptor(metric: str) -> bool:
    """Whether a metric has no table of its own: descriptors, and metrics that the user brings along."""
    return song_metric(metric).group == "descriptor"


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
    return tuple(Column(name, song_metric(name.removeprefix(prefix)).header, decimals=3) for name in found)
