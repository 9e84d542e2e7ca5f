"""A table of the numbers of a training: their names in tables, logs and pages, and their meaning.

This module imports nothing heavy, so that a list of names costs no time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from melgen.bit_names import BITS, BITS_OF_PITCH, BITS_OF_RHYTHM, BITS_WITH_RHYTHM
from melgen.checking import require
from melgen.evaluation.song_metrics import METRICS


@dataclass(frozen=True)
class RunMetric:
    """The names of one number of a training, and the form in which it is shown.

    Attributes:
        key: its name in ``result.json`` and ``metrics.csv``.
        label: its name on a page.
        header: its name above a column of a table, and in a log, where it has one.
        unit: on a page, after the number.
        decimals: shown of it.
        meaning: a phrase.
        better: the direction that is better; ``None`` if neither is.
        is_comparable: whether runs of different representations may be compared by it.
    """

    key: str
    label: str
    unit: str
    decimals: int
    meaning: str
    better: Literal["lower", "higher"] | None = "lower"
    is_comparable: bool = True
    header: str = ""


_COMPARABLE = "comparable across representations; lower is better"
_OWN_SCALE = "each representation's own"

_OF_PITCH = "all bits of a network of pitches; over the tunes that each network can write; lower is better"
_OF_RHYTHM = "note, rest or end, and note lengths; lower is better"
_OF_BOTH = "bits of pitch and of rhythm; not comparable with networks of pitches; lower is better"

_KINDS_OF_BITS = (
    (BITS, "Bits per note", _COMPARABLE, "bits/note"),
    (BITS_OF_PITCH, "Bits of pitch per note", _OF_PITCH, "pitch bits/note"),
    (BITS_OF_RHYTHM, "Bits of rhythm per note", _OF_RHYTHM, "rhythm bits/note"),
    (BITS_WITH_RHYTHM, "Bits per note with rhythm", _OF_BOTH, "bits/note with rhythm"),
)

RUN_METRICS = (
    *(
        RunMetric(f"{split}/{key}", f"{label}, {name}", "bits", 3, meaning, header=header)
        for key, label, meaning, header in _KINDS_OF_BITS
        for split, name in (("val", "validation"), ("test", "test"))
    ),
    RunMetric(
        "val/loss", "Loss, validation", "nats per token", 3, f"{_OWN_SCALE}; lower is better", is_comparable=False
    ),
    RunMetric("test/loss", "Loss, test", "nats per token", 3, f"{_OWN_SCALE}; lower is better", is_comparable=False),
    RunMetric(
        "train/loss", "Loss, training", "nats per token", 3, f"{_OWN_SCALE}; lower is better", is_comparable=False
    ),
    RunMetric("val/perplexity", "Perplexity, validation", "", 2, f"{_OWN_SCALE}; lower is better", is_comparable=False),
    RunMetric(
        "val/accuracy",
        "Accuracy, validation",
        "",
        3,
        f"{_OWN_SCALE}; higher is better",
        better="higher",
        is_comparable=False,
    ),
    *(
        RunMetric(
            f"tonality/{metric.key}",
            f"{metric.label} of songs",
            metric.unit,
            metric.decimals,
            "mean over the run's songs",
            better=None,
        )
        for metric in METRICS
        if metric.group == "tonality"
    ),
    RunMetric("seconds", "Training time", "seconds", 0, "includes earlier starts; lower is better"),
)
"""The metrics of a training, in the order of pages."""

_RUN_METRICS_BY_KEY = {metric.key: metric for metric in RUN_METRICS}


def run_metric(key: str) -> RunMetric:
    """A metric of a training by its key.

    Raises:
        KeyError: if there is none of this key.

    >>> run_metric("val/bits_per_note_with_rhythm").header
    'bits/note with rhythm'
    """
    return _RUN_METRICS_BY_KEY[key]


def check_lower_is_better(key: str, name: str) -> None:
    """Refuse a metric where higher is better, since the lowest value is chosen.

    Args:
        key: the key of a configuration that names the metric.
        name: its value; a name that is not in the table is not refused here.

    Raises:
        ValueError: naming the key, its value and the rule.

    >>> check_lower_is_better("select.criterion", "val/accuracy")
    Traceback (most recent call last):
        ...
    ValueError: select.criterion=val/accuracy: must be a metric of which a lower value is better
    """
    metric = _RUN_METRICS_BY_KEY.get(name)
    is_lower = metric is None or metric.better != "higher"
    require(is_lower, key, name, "a metric of which a lower value is better")


def check_is_not_of_test(key: str, name: str) -> None:
    """Refuse a metric of the test tunes, where networks or learning rates are chosen.

    Args:
        key: the key of a configuration that names the metric.
        name: its value.

    Raises:
        ValueError: naming the key, its value and the rule.

    >>> check_is_not_of_test("select.criterion", "test/loss")
    Traceback (most recent call last):
        ...
    ValueError: select.criterion=test/loss: must not be a metric of the test tunes: validation tunes choose, and test \
tunes compare what was chosen
    """
    if name.startswith("test/"):
        raise ValueError(
            f"{key}={name}: must not be a metric of the test tunes: validation tunes choose, and test tunes compare "
            "what was chosen"
        )


def bits_metric(values: Collection[str], split: str) -> RunMetric:
    """The metric of all bits per note that is among these: that of pitches alone, or that with rhythm.

    Args:
        values: keys of metrics, such as those of a ``result.json``.
        split: ``val`` or ``test``.

    >>> bits_metric(["val/bits_per_note"], "val").header, bits_metric(["val/bits_per_note_with_rhythm"], "val").header
    ('bits/note', 'bits/note with rhythm')
    """
    with_rhythm = f"{split}/{BITS_WITH_RHYTHM}"
    return run_metric(with_rhythm if with_rhythm in values else f"{split}/{BITS}")
