"""The reason why a run has no bits per note, from the numbers about its corpus in ``data.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melgen.plurals import counted

_SPLITS = ("validation", "test")


def why_without_bits(statistics: Mapping[str, Any]) -> str | None:
    """The reason in words; ``None`` if bits per note can be counted on both held-out splits, or nothing is known.

    Args:
        statistics: the content of a run's ``data.json``.

    >>> why_without_bits({"test_tunes": 2, "test_tunes_left_out_of_bits_per_note": 2})
    'each of the 2 test tunes has fewer than 3 notes, or a pitch or interval that does not occur in training'
    """
    if rhythm := statistics.get("rhythm_without_bits_per_note"):
        return f"those of rhythm={rhythm} cannot be compared with those of other rhythms"
    without = [split for split in _SPLITS if _has_none(statistics, split)]
    if not without:
        return None
    number = sum(statistics[f"{split}_tunes"] for split in without)
    tunes = " and ".join(without) + " tune"
    which = f"the only {tunes} has" if number == 1 else f"each of the {counted(number, tunes)} has"
    return f"{which} fewer than 3 notes, or a pitch or interval that does not occur in training"


def _has_none(statistics: Mapping[str, Any], split: str) -> bool:
    tunes, left_out = statistics.get(f"{split}_tunes"), statistics.get(f"{split}_tunes_left_out_of_bits_per_note")
    return isinstance(tunes, int) and tunes > 0 and left_out == tunes
