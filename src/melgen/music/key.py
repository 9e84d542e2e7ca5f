"""Keys: a tonic and a mode. A source states the key of a tune, or `melgen.music.spelling` finds one to write it in.

Tonics are positions on the line of fifths (Temperley, *The Cognition of Basic Musical Structures*, 2001, chapter 5):
... B flat -2, F -1, C 0, G 1, D 2 ...
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction
from operator import itemgetter
from typing import NamedTuple

MODES = {
    "major": 0,
    "minor": 3,
    "mixolydian": 1,
    "dorian": 2,
    "lydian": -1,
    "phrygian": 4,
    "locrian": 5,
    "ionian": 0,
    "aeolian": 3,
}
"""Each mode, and how many fifths its tonic is above that of the major key with the same signature.

Cached corpora contain the number of a mode in this order, so a further one belongs at the end.
"""

FIFTHS = "FCGDAEB"
"""Steps along the line of fifths, from position -1."""

SIGNS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
"""Signs of alterations, as in the names of notes."""

KEY_OF_MIDI = "key: "
"""Begins the text event in our MIDI files that states a key which a key signature of MIDI alone cannot."""
FOUND_KEY = "found from the notes"
"""The mark in our files of a key that no source stated: our readers read it as an unknown key."""
FOUND_KEY_FIELD = "melgen-key"
"""The ABC directive and the field of MusicXML that contain this mark."""

_MINOR_THIRD = frozenset({"minor", "dorian", "phrygian", "locrian", "aeolian"})
_MOST_SIGNS = 14  # two for each step; more cannot be written
_FEW_SIGNS = 7  # one for each step

Place = int | Fraction
"""A place in a tune, in any unit."""


class Key(NamedTuple):
    """A key: the position of its tonic on the line of fifths (F -1, C 0, G 1, D 2), and its mode, one of `MODES`.

    >>> Key(2, "major").name, Key(2, "minor").name, Key(2, "minor").fifths, Key(2, "minor").pitch_class
    ('D major', 'D minor', -1, 2)
    """

    tonic: int
    mode: str

    @classmethod
    def on(cls, pitch_class: int, mode: str) -> Key:
        """The key of a pitch class in a mode, written with six signs at most.

        >>> Key.on(1, "major").name, Key.on(1, "minor").name
        ('Db major', 'C# minor')
        """
        lowest = MODES[mode] - (6 if mode in _MINOR_THIRD else 5)
        return cls(position_of(pitch_class, lowest), mode)

    @classmethod
    def of_signature(cls, fifths: int, mode: str) -> Key | None:
        """The key of a mode with a signature; ``None`` for a mode that is not in `MODES`, or a mistake as signature.

        Args:
            fifths: number of sharps, or of flats if negative.
            mode: its name in full, in any case.

        >>> Key.of_signature(0, "Dorian"), Key.of_signature(0, "none")
        (Key(tonic=2, mode='dorian'), None)
        """
        mode = mode.lower()
        return cls(fifths + MODES[mode], mode) if mode in MODES and abs(fifths) <= _MOST_SIGNS else None

    @classmethod
    def parse(cls, name: str) -> Key | None:
        """The inverse of `name`; ``None`` for anything else.

        >>> Key.parse("Bb dorian"), Key.parse("H major")
        (Key(tonic=-2, mode='dorian'), None)
        """
        letter, sign, mode = name[:1], *name[1:].partition(" ")[::2]
        alters = [alter for alter, each in SIGNS.items() if each == sign]
        if not letter or letter not in FIFTHS or not alters or mode not in MODES:
            return None
        return cls(FIFTHS.index(letter) - 1 + 7 * alters[0], mode)

    @property
    def pitch_class(self) -> int:
        """The pitch class of the tonic, 0 to 11; C is 0."""
        return 7 * self.tonic % 12

    @property
    def fifths(self) -> int:
        """The signature: number of sharps, or of flats if negative."""
        return self.tonic - MODES[self.mode]

    @property
    def has_minor_third(self) -> bool:
        """Whether its third is minor, as in minor and dorian."""
        return self.mode in _MINOR_THIRD

    @property
    def tonic_name(self) -> str:
        """Letter and sign of the tonic."""
        step, alter = step_at(self.tonic)
        return step + SIGNS[alter]

    @property
    def name(self) -> str:
        """Its name, such as ``D major``."""
        return f"{self.tonic_name} {self.mode}"

    def alter_of(self, step: str) -> int:
        """The alteration of a step by the signature: 1 for a sharp, -1 for a flat.

        >>> Key(2, "major").alter_of("F"), Key(2, "major").alter_of("G")
        (1, 0)
        """
        if step in FIFTHS[: max(self.fifths, 0)]:
            return 1
        return -1 if step in FIFTHS[::-1][: max(-self.fifths, 0)] else 0

    def transposed(self, semitones: int) -> Key:
        """The key of the same tune so many semitones higher; octaves do not change it.

        >>> Key(2, "dorian").transposed(-2).name, Key(7, "major").transposed(12).name
        ('C dorian', 'C# major')
        """
        return Key.on(self.pitch_class + semitones, self.mode) if semitones % 12 else self

    def with_few_signs(self) -> Key:
        """The same key if its signature has one sign for each step at most; otherwise its enharmonic equivalent.

        >>> Key(8, "major").name, Key(8, "major").with_few_signs().name
        ('G# major', 'Ab major')
        """
        return self if abs(self.fifths) <= _FEW_SIGNS else Key.on(self.pitch_class, self.mode)


def key_at(changes: Sequence[tuple[Place, Key | None]], place: Place) -> Key | None:
    """The key in force at a place: that of the last change at it or before it; ``None`` if there is none.

    Args:
        changes: where each key begins, in order; ``None`` ends a key.
        place: in the same unit.

    >>> key_at([(0, Key(0, "major")), (96, Key(1, "major"))], 95)
    Key(tonic=0, mode='major')
    """
    index = bisect_right(changes, place, key=itemgetter(0))
    return changes[index - 1][1] if index else None


def keys_between(
    changes: Sequence[tuple[Place, Key | None]], start: Place, stop: Place
) -> tuple[tuple[Place, Key | None], ...]:
    """The changes of key in a part of a tune, seen from its beginning; the first is the key in force there.

    >>> keys_between([(0, Key(0, "major")), (96, None)], 72, 120)
    ((0, Key(tonic=0, mode='major')), (24, None))
    """
    first, last = (bisect_left(changes, place, key=itemgetter(0)) for place in (start, stop))
    inside = tuple((place - start, key) for place, key in changes[first:last] if place > start)
    return ((start - start, key_at(changes, start)), *inside)


def position_of(pitch_class: int, lowest: int) -> int:
    """The position of a pitch class on the line of fifths, among the twelve positions from `lowest`."""
    return lowest + (7 * pitch_class - lowest) % 12


def step_at(position: int) -> tuple[str, int]:
    """Letter and alteration of a position on the line of fifths."""
    return FIFTHS[(position + 1) % 7], (position + 1) // 7
