"""The reason why a run has no bits per note, from the numbers about its corpus in ``data.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melgen.plurals import counted

LEFT_OUT_BY_RHYTHM = "train_tunes_left_out_by_rhythm"
"""Key of the ``data.json`` of a network with rhythm; that of a network of pitches does not have it."""

_SPLITS = ("validation", "test")


def why_without_bits(statistics: Mapping[str, Any]) -> str | None:
    """The reason in words; ``None`` if bits per note can be counted on both held-out splits, or nothing is known.

    Args:
        statistics: the content of a run's ``data.json``.

    >>> why_without_bits({"test_tunes": 2, "test_tunes_left_out_of_bits_per_note": 2})
    'each of the 2 test tunes has fewer than 3 notes, or a pitch or interval that does not occur in training'
    >>> with_rhythm = {"test_tunes": 1, "test_tunes_left_out_of_bits_per_note": 1, LEFT_OUT_BY_RHYTHM: 0}
    >>> why_without_bits(with_rhythm)
    'the only test tune has fewer than 3 notes, a rhythm that rhythm=grid cannot write, or a pitch or interval of a \
length that does not occur in training'
    """
    if rhythm := statistics.get("rhythm_without_bits_per_note"):
        return f"those of rhythm={rhythm} cannot be compared with those of other rhythms"
    without = [split for split in _SPLITS if _has_none(statistics, split)]
    if not without:
        return None
    number = sum(statistics[f"{split}_tunes"] for split in without)
    tunes = " and ".join(without) + " tune"
    which = f"the only {tunes} has" if number == 1 else f"each of the {counted(number, tunes)} has"
    if LEFT_OUT_BY_RHYTHM not in statistics:
        return f"{which} fewer than 3 notes, or a pitch or interval that does not occur in training"
    # All networks with rhythm are scored on the same tunes: those that a grid can hold too.
    return (
        f"{which} fewer than 3 notes, a rhythm that rhythm=grid cannot write, or a pitch or interval of a length that "
        "does not occur in training"
    )


def _has_none(statistics: Mapping[str, Any], split: str) -> bool:
    tunes, left_out = statistics.get(f"{split}_tunes"), statistics.get(f"{split}_tunes_left_out_of_bits_per_note")
    return isinstance(tunes, int) and tunes > 0 and left_out == tunes
