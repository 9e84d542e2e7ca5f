"""The metrics of a page: rows of the tables in `melgen.evaluation.song_metrics` and `run_metrics`, as plain data."""

from __future__ import annotations

from collections.abc import Iterable

from melgen.evaluation.song_metrics import SongMetric, song_metric
from melgen.pages.schema import SongMetricText

_GROUPS = {
    "tonality": "Tonality",
    "corrected": "Tonality, corrected readings",
    "descriptor": "Descriptors",
    "originality": "Originality",
    "rhythm": "Rhythm",
}
SHARED = "longest_shared_intervals"
"""Key of the metric by which the nearest training tune is found."""


def song_metrics(names: Iterable[str]) -> list[SongMetricText]:
    """The row of each metric of songs, for a page.

    >>> [metric["label"] for metric in song_metrics(["centricity", "shared_6gram_share", "my_own"])]
    ['Centricity', 'Shared 6-grams', 'my own']
    """
    return [
        {
            "key": name,
            "label": one.label,
            "unit": one.unit,
            "meaning": one.meaning,
            "decimals": 0 if one.whole else one.decimals,
            "mean_decimals": one.decimals,
            "group": _GROUPS[_group(one)],
            "leads": _group(one) in ("tonality", "originality"),
            "is_listed": one.group == "tonality" or name == SHARED,
        }
        for name, one in ((name, song_metric(name)) for name in names)
    ]


def _group(metric: SongMetric) -> str:
    # Its table is that of originality; it has nothing to do with training tunes, though.
    return "descriptor" if metric.key == "longest_repeated_note" else metric.group
