"""Rules for which tunes a corpus keeps.

They include all rules of the original: the first paper kept songs of at least three notes
(``Cleaning(min_length_notes=3)``), its statistics counted songs of at least twelve (the default here), and
the later dataset also dropped songs with any duration of 0 or above 16 sixteenths
(``Cleaning(min_duration_steps=1, max_duration_steps=16)``). These two rules count in sixteenths, as the paper did,
and not in the finer steps of melodies: a duration is rounded to sixteenths, half up, before it is compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from melgen.checking import check_number, check_whole, is_whole, require
from melgen.errors import CorpusError
from melgen.music.melody import HIGHEST_PITCH, LOWEST_PITCH
from melgen.music.metre import in_sixteenths

TOO_SHORT, TOO_LONG = "too short", "too long"
DURATION, PITCH_RANGE, DUPLICATE = "duration out of bounds", "pitch out of range", "duplicate"


class Extent(NamedTuple):
    """The number of notes of a melody, its lowest and highest pitch, and its shortest and longest duration in steps."""

    notes: int
    lowest: int
    highest: int
    shortest: int
    longest: int


@dataclass(frozen=True)
class Cleaning:
    """Rules that a tune must meet to be kept.

    Attributes:
        min_length_notes: fewest notes of a tune.
        max_length_notes: most notes of a tune; a longer one is a performance or a mistake, not a tune.
        min_duration_steps: a tune with any shorter note is dropped, in sixteenths (1 drops tunes with a note shorter
            than a thirty-second, which rounds to 0).
        max_duration_steps: a tune with any longer note is dropped, in sixteenths.
        drop_duplicates: keep only the first of tunes with the same interval sequence.
        max_chord_share: a track is a melody if at most this share of its notes sounds together with others
            (see :mod:`melgen.corpora.extraction`).

    >>> Cleaning(min_length_notes=3).reason_to_drop([60, 62], [24, 24])
    ('too short', '2 notes, min_length_notes=3')
    """

    min_length_notes: int = 12
    max_length_notes: int = 100_000
    min_duration_steps: int | None = None
    max_duration_steps: int | None = None
    drop_duplicates: bool = False
    max_chord_share: float = 0.1

    def __post_init__(self) -> None:
        check_whole("min_length_notes", self.min_length_notes, error=CorpusError)
        _check_above("max_length_notes", self.max_length_notes, "min_length_notes", self.min_length_notes)
        check_whole("min_duration_steps", self.min_duration_steps, 0, null="for no limit", error=CorpusError)
        if self.max_duration_steps is not None:
            shortest = self.min_duration_steps or 0
            _check_above("max_duration_steps", self.max_duration_steps, "min_duration_steps", shortest)
        flag = self.drop_duplicates
        require(isinstance(flag, bool), "drop_duplicates", flag, "true or false", CorpusError)
        check_number("max_chord_share", self.max_chord_share, least=0, most=1, error=CorpusError)

    def reason_to_drop(self, pitches: Sequence[int], durations: Sequence[int]) -> tuple[str, str] | None:
        """The reason why a tune is dropped, and its detail; ``None`` if it is kept.

        Args:
            pitches: MIDI numbers.
            durations: in steps of 1/24 of a quarter note.
        """
        bounds = (min(pitches), max(pitches), min(durations), max(durations)) if pitches else (0, 0, 0, 0)
        return self.reason_for(Extent(len(pitches), *bounds))

    def reason_for(self, melody: Extent) -> tuple[str, str] | None:
        """As `reason_to_drop`, for a melody whose extent alone is known."""
        notes, low, high, _, _ = melody
        if notes < self.min_length_notes:
            return TOO_SHORT, f"{_count(notes)}, min_length_notes={self.min_length_notes}"
        if notes > self.max_length_notes:
            return TOO_LONG, f"{_count(notes)}, max_length_notes={self.max_length_notes}"
        if low < LOWEST_PITCH or high > HIGHEST_PITCH:
            worst = low if low < LOWEST_PITCH else high
            return PITCH_RANGE, f"pitch {worst}, MIDI has {LOWEST_PITCH} to {HIGHEST_PITCH}"
        shortest, longest = in_sixteenths(melody.shortest), in_sixteenths(melody.longest)
        if self.min_duration_steps is not None and shortest < self.min_duration_steps:
            return DURATION, f"a note of {_sixteenths(shortest)}, min_duration_steps={self.min_duration_steps}"
        if self.max_duration_steps is not None and longest > self.max_duration_steps:
            return DURATION, f"a note of {_sixteenths(longest)}, max_duration_steps={self.max_duration_steps}"
        return None


def _count(notes: int) -> str:
    return "1 note" if notes == 1 else f"{notes} notes"


def _sixteenths(number: int) -> str:
    return "1 sixteenth" if number == 1 else f"{number} sixteenths"


def _check_above(key: str, value: int, other: str, lowest: int) -> None:
    rule = f"a whole number of at least {other} ({lowest})"
    require(is_whole(value) and value >= lowest, key, value, rule, CorpusError)
