"""How a page calls metrics, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from melgen.evaluation.metrics import TONALITY, SongMetric, song_metric

_GROUPS = {
    "tonality": "Tonality",
    "corrected": "Tonality, corrected readings",
    "descriptor": "Descriptors",
    "originality": "Originality",
}

_RUNS = (
    ("val/bits_per_note", "Bits per note, validation", "bits", 3, "comparable across representations; lower is better"),
    ("test/bits_per_note", "Bits per note, test", "bits", 3, "comparable across representations; lower is better"),
    ("val/loss", "Loss, validation", "nats per token", 3, "each representation's own; lower is better"),
    ("test/loss", "Loss, test", "nats per token", 3, "each representation's own; lower is better"),
    ("val/perplexity", "Perplexity, validation", "", 2, "each representation's own; lower is better"),
    ("val/accuracy", "Accuracy, validation", "", 3, "each representation's own; higher is better"),
    *(
        (f"tonality/{key}", f"{one.label} of songs", one.unit, one.decimals, "mean over the run's songs")
        for key, one in ((key, song_metric(key)) for key in TONALITY)
    ),
    ("seconds", "Training time", "seconds", 0, "includes earlier starts; lower is better"),
)
HIGHER_IS_BETTER = ("val/accuracy",)
OWN_SCALE = ("val/loss", "test/loss", "val/perplexity", "val/accuracy")
"""Metrics of a run that mean something else in each representation."""
CURVES = ("val/bits_per_note", "val/loss", "train/loss", "val/accuracy")
_CURVE_LABELS = {"train/loss": ("Loss, training", "nats per token")}


def song_metrics(names: Iterable[str]) -> list[dict[str, Any]]:
    """What a page shows of each metric of songs: key, label, unit, what it means, decimals, the group it belongs to.

    >>> [metric["label"] for metric in song_metrics(["centricity", "shared_6gram_share", "my_own"])]
    ['Centricity', 'Shared 6-grams', 'my own']
    """
    shown = []
    for name in names:
        one = song_metric(name)
        shown.append(
            {
                "key": name,
                "label": one.label,
                "unit": one.unit,
                "meaning": one.meaning,
                "decimals": 0 if one.whole else one.decimals,
                "group": _group(one),
                "listed": one.group == "tonality" or name == "longest_shared_intervals",
            }
        )
    return shown


def run_metrics(present: Iterable[str]) -> list[dict[str, Any]]:
    """Those metrics of finished runs that some run has, with their direction where one is better."""
    known = set(present)
    return [
        {
            "key": key,
            "label": label,
            "unit": unit,
            "decimals": decimals,
            "meaning": meaning,
            "higher": key in HIGHER_IS_BETTER,
            "own": key in OWN_SCALE,
            "neutral": key.startswith("tonality/"),
        }
        for key, label, unit, decimals, meaning in _RUNS
        if key in known
    ]


def curve_metrics(present: Iterable[str]) -> list[dict[str, str]]:
    """Those metrics that some run has a curve of."""
    known = set(present)
    labels = {key: (label, unit) for key, label, unit, *_ in _RUNS} | _CURVE_LABELS
    return [{"key": key, "label": labels[key][0], "unit": labels[key][1]} for key in CURVES if key in known]


def _group(metric: SongMetric) -> str:
    # Its table is that of originality; it says nothing about training tunes, though.
    return _GROUPS["descriptor"] if metric.key == "longest_repeated_note" else _GROUPS[metric.group]
