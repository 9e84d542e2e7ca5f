"""Numbers with their nouns, for people: "1 song", "2,000 songs"."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str]) -> str:
    """Names as a list in a sentence.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, in the plural unless it is one.

    >>> counted(1, "song"), counted(2000, "song"), counted(0, "copy", "copies")
    ('1 song', '2,000 songs', '0 copies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
