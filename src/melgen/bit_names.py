"""The names of bits per note: those of pitches alone, those of pitch and rhythm, and those of both together."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

BITS = "bits_per_note"
"""Of a network of pitches."""
BITS_OF_PITCH, BITS_OF_RHYTHM = f"pitch_{BITS}", f"rhythm_{BITS}"
"""The two parts of those of a network with rhythm."""
BITS_WITH_RHYTHM = f"{BITS}_with_rhythm"
"""The sum of both parts: a network with rhythm predicts more, so that the sum is not comparable with `BITS`."""


def with_marked_bits(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics of a run by their `present_names`.

    >>> with_marked_bits({"val/bits_per_note": 5.0, "val/pitch_bits_per_note": 3.0})
    {'val/bits_per_note_with_rhythm': 5.0, 'val/pitch_bits_per_note': 3.0}
    >>> with_marked_bits({"val/bits_per_note": 3.0})
    {'val/bits_per_note': 3.0}
    """
    return dict(zip(present_names(values), values.values(), strict=True))


def present_names(keys: Collection[str]) -> list[str]:
    """The present names of a run's metrics, in their order.

    An earlier melgen gave the sum of a network with rhythm the name of the bits of pitches alone.
    """
    names = {
        f"{split}/{BITS}": f"{split}/{BITS_WITH_RHYTHM}"
        for split in ("val", "test")
        if f"{split}/{BITS_OF_PITCH}" in keys
    }
    return [names.get(key, key) for key in keys]
