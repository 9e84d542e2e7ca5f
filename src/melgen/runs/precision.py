"""The ways in which Lightning lets one write a precision, and the one by which a run is known."""

from __future__ import annotations

from typing import Any

DEFAULT = "32-true"
PRECISIONS = (
    DEFAULT,
    "16-mixed",
    "bf16-mixed",
    "16-true",
    "bf16-true",
    "64-true",
    "transformer-engine",
    "transformer-engine-float16",
)
_SHORT = {"16": "16-mixed", "bf16": "bf16-mixed", "32": DEFAULT, "64": "64-true", "None": DEFAULT}
"""Lightning's full names for its shorter ones; null is its default."""


def full_name(precision: Any) -> str:
    """The name of a precision, however it was written; of anything else, its text.

    >>> full_name(32), full_name("32-true"), full_name("bf16"), full_name(None), full_name("half")
    ('32-true', '32-true', 'bf16-mixed', '32-true', 'half')
    """
    return _SHORT.get(str(precision), str(precision))


def spellings(precision: Any) -> list[str]:
    """All ways to write a precision, the full name first.

    >>> spellings(16)
    ['16-mixed', '16']
    """
    name = full_name(precision)
    return [name, *(short for short, full in _SHORT.items() if full == name)]
