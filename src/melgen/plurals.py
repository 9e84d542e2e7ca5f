"""Numbers with their nouns, for people: "1 song", "2,000 songs"."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, in the plural unless it is one.

    >>> counted(1, "song"), counted(2000, "song"), counted(0, "copy", "copies")
    ('1 song', '2,000 songs', '0 copies')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
