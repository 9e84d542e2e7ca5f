"""Representations: how the pitches of a melody become the values that a network reads and writes.

A *value* is what the representation keeps of a note (a pitch, an interval); a *token* is a value's index
in a `Vocabulary`. Values are 16-bit integers. `docs/concepts.md` shows one tune in each
representation and lists every rule stated here.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.music.melody import (
    HIGHEST_PITCH,
    LOWEST_PITCH,
    MIDDLE_C,
    STEPS_PER_QUARTER,
    Melody,
    pitch_name,
)
from melgen.music.named import kind_named

Values = NDArray[np.int16]

SEMITONES_PER_OCTAVE = 12
NUM_KEYS = 12
# When decoding intervals, the original stores a pitch only if it is above this one.
INTERVAL_FLOOR = 12


def fold_pitch(pitch: int) -> int:
    """Move a pitch into MIDI range by as few octaves as possible; a pitch in range is unchanged.

    >>> fold_pitch(60), fold_pitch(128), fold_pitch(-1), fold_pitch(-13)
    (60, 116, 11, 11)
    """
    if pitch > HIGHEST_PITCH:
        return pitch - SEMITONES_PER_OCTAVE * -(-(pitch - HIGHEST_PITCH) // SEMITONES_PER_OCTAVE)
    if pitch < LOWEST_PITCH:
        return pitch + SEMITONES_PER_OCTAVE * -(-(LOWEST_PITCH - pitch) // SEMITONES_PER_OCTAVE)
    return pitch


class AbstractRepresentation(ABC):
    """The interface of a representation. Representations hold no state.

    Attributes:
        name: as in ``dataset=<name>``.
        first_predicted_note: the number, counted from 1, of the first note that a network predicts when it
            reads ``a[:-1]`` and predicts ``a[1:]``, where ``a`` is the encoded melody. A primer needs at least
            the notes before it.
        is_relative: whether a value is the distance, in semitones, from the note before.
    """

    name: ClassVar[str]
    first_predicted_note: ClassVar[int]
    is_relative: ClassVar[bool] = False

    @abstractmethod
    def encode(self, pitches: ArrayLike) -> Values:
        """Values of one melody in its own key.

        Raises:
            ValueError: if `pitches` is not a list of MIDI numbers.
        """

    def __init_subclass__(cls) -> None:
        """Use a method of the former name ``training_versions``, which a user's class may have, as `augmentations`."""
        super().__init_subclass__()
        if "training_versions" in vars(cls) and "augmentations" not in vars(cls):
            cls.augmentations = vars(cls)["training_versions"]  # type: ignore[method-assign]  # an alias

    @abstractmethod
    def augmentations(self, pitches: ArrayLike) -> list[Values]:
        """The encoded melodies that training makes of one melody, the melody itself first."""

    def training_versions(self, pitches: ArrayLike) -> list[Values]:
        """`augmentations` under its former name."""
        return self.augmentations(pitches)

    @abstractmethod
    def decode(self, values: Iterable[int], first_pitch: int = MIDDLE_C) -> Melody:
        """The melody that `values` encode, in quarter notes.

        Total: any integers give a melody in MIDI range. Only representations whose values do not contain the
        first pitch use `first_pitch`.
        """

    @abstractmethod
    def value_name(self, value: int) -> str:
        """The name that a musician would give `value`."""

    def pitches_of(self, values: Sequence[int], first_pitch: int = MIDDLE_C) -> list[int]:
        """The pitch of each note of a melody with rhythm, in which each note has a value.

        Total, as `decode`, but each value is a note. The first note of a representation that has no value for it has
        the value `melgen.music.events.FIRST`.
        """
        return list(self.decode(values, first_pitch).pitches)

    def encode_primer(self, pitches: Iterable[int]) -> Values:
        """Values of a primer, the notes that a network is given before it continues.

        Raises:
            ValueError: if the primer is empty, too short for this representation or out of MIDI range.
        """
        primer = _as_pitches(list(pitches), "primer")
        fewest = self.first_predicted_note - 1
        if len(primer) < fewest:
            raise ValueError(f"a primer for {self.name} needs {fewest} or more notes, got {primer.tolist()}")
        return self.encode(primer)


@final
@dataclass(frozen=True)
class Control(AbstractRepresentation):
    """The pitches themselves, in the key of the source.

    The same six notes in every representation:

    ====== ==== ==== ==== ==== ==== ====
    note   C4   D4   E4   C4   G4   A3
    value  60   62   64   60   67   57
    ====== ==== ==== ==== ==== ==== ====

    Decoding moves a value outside 0..127 into that range by octaves.

    >>> Control().encode([60, 62, 64, 60, 67, 57]).tolist()
    [60, 62, 64, 60, 67, 57]
    >>> Control().decode([60, 62, 131]).pitches
    (60, 62, 119)
    """

    name: ClassVar[str] = "control"
    first_predicted_note: ClassVar[int] = 2

    def encode(self, pitches: ArrayLike) -> Values:
        """The pitches."""
        return _as_pitches(pitches)

    def augmentations(self, pitches: ArrayLike) -> list[Values]:
        """One version, the melody as it is."""
        return [self.encode(pitches)]

    def decode(self, values: Iterable[int], first_pitch: int = MIDDLE_C) -> Melody:
        """The pitches, folded into MIDI range; `first_pitch` is not needed."""
        return Melody.from_pitches(fold_pitch(operator.index(value)) for value in values)

    def value_name(self, value: int) -> str:
        """Name of the pitch, such as ``C4``."""
        return pitch_name(value)


@final
@dataclass(frozen=True)
class Interval(AbstractRepresentation):
    """The intervals from note to note in semitones, one fewer than the notes: the same in every key.

    The same six notes in every representation:

    ====== ==== ==== ==== ==== ==== ====
    note   C4   D4   E4   C4   G4   A3
    value       +2   +2   -4   +7   -10
    ====== ==== ==== ==== ==== ==== ====

    Decoding starts at the first pitch and adds one interval after another. A sum above 12 is a note. Any other
    sum is not a note: its beat is silent and the running pitch becomes 60. This is the original's rule; the
    first pitch is exempt from it. Above 127, where the original wrote an illegal file, the running pitch
    moves down into MIDI range by octaves; a first pitch outside the range moves up or down likewise.

    >>> Interval().encode([60, 62, 64, 60, 67, 57]).tolist()
    [2, 2, -4, 7, -10]
    >>> melody = Interval().decode([-8, 1], first_pitch=20)
    >>> melody.pitches, melody.onsets
    ((20, 61), (0, 48))
    """

    name: ClassVar[str] = "interval"
    first_predicted_note: ClassVar[int] = 3
    is_relative: ClassVar[bool] = True

    def encode(self, pitches: ArrayLike) -> Values:
        """``pitches[i + 1] - pitches[i]``; empty for a single note."""
        return np.diff(_as_pitches(pitches))

    def augmentations(self, pitches: ArrayLike) -> list[Values]:
        """One version: transposing would not change it."""
        return [self.encode(pitches)]

    def decode(self, values: Iterable[int], first_pitch: int = MIDDLE_C) -> Melody:
        """Follow the intervals from `first_pitch`; the class explains which sums are not notes."""
        running = fold_pitch(operator.index(first_pitch))
        pitches, onsets = [running], [0]
        for beat, interval in enumerate(values, start=1):
            running += operator.index(interval)
            if running > INTERVAL_FLOOR:
                running = fold_pitch(running)
                pitches.append(running)
                onsets.append(beat * STEPS_PER_QUARTER)
            else:
                running = MIDDLE_C
        return Melody(tuple(pitches), tuple(onsets), (STEPS_PER_QUARTER,) * len(pitches))

    def pitches_of(self, values: Sequence[int], first_pitch: int = MIDDLE_C) -> list[int]:
        """Follow the intervals from `first_pitch`, folding both ways; a value that is not an interval moves by none.

        >>> Interval().pitches_of([1001, 2, -100], first_pitch=67)
        [67, 69, 5]
        """
        running, pitches = fold_pitch(operator.index(first_pitch)), []
        for value in values:
            if abs(value) <= HIGHEST_PITCH:
                running = fold_pitch(running + operator.index(value))
            pitches.append(running)
        return pitches

    def value_name(self, value: int) -> str:
        """Semitones with their sign, such as ``+2``; a repeated note is ``0``."""
        return f"{value:+d}" if value else "0"


@final
@dataclass(frozen=True)
class DB12(AbstractRepresentation):
    """Pitches as in `Control`, every training melody in twelve keys around middle C.

    The same six notes in every representation; the eleven other versions differ by `transpositions`:

    ====== ==== ==== ==== ==== ==== ====
    note   C4   D4   E4   C4   G4   A3
    value  60   62   64   60   67   57
    -1     59   61   63   59   66   56
    ...
    ====== ==== ==== ==== ==== ==== ====

    Only training uses the transpositions: a melody is validated, tested and continued in its own key.
    Transposed values are not clamped, so they may be a few semitones outside MIDI range; decoding moves
    them back by octaves.

    >>> versions = DB12().augmentations([60, 62, 64, 60, 67, 57])
    >>> len(versions), versions[0].tolist(), versions[1].tolist()
    (12, [60, 62, 64, 60, 67, 57], [59, 61, 63, 59, 66, 56])
    >>> DB12().decode(versions[1]).pitches
    (59, 61, 63, 59, 66, 56)
    """

    name: ClassVar[str] = "db12"
    first_predicted_note: ClassVar[int] = 2
    _one_key: ClassVar[Control] = Control()

    def encode(self, pitches: ArrayLike) -> Values:
        """The pitches, in their own key."""
        return self._one_key.encode(pitches)

    def augmentations(self, pitches: ArrayLike) -> list[Values]:
        """Twelve versions, in the order of `transpositions`."""
        original = self._one_key.encode(pitches)
        if not len(original):
            raise ValueError("a melody without notes cannot be transposed")
        shifts = transpositions(int(original.min()), int(original.max()))
        return list(original + shifts[:, None])

    def decode(self, values: Iterable[int], first_pitch: int = MIDDLE_C) -> Melody:
        """The pitches, folded into MIDI range, in the key of the values."""
        return self._one_key.decode(values, first_pitch)

    def value_name(self, value: int) -> str:
        """Name of the pitch, such as ``C4``."""
        return self._one_key.value_name(value)


def transpositions(lowest: int, highest: int) -> Values:
    """The twelve shifts, in semitones, of a melody between two pitches: 0, then downwards, then upwards.

    ``gap = 60 - middle``, with ``middle = (highest - lowest) // 2 + lowest``, is the melody's distance from
    middle C. Of the eleven shifts, ``abs(gap)`` close the gap; the others are split evenly, an odd one going
    down. A melody more than eleven semitones away is moved towards middle C only.

    Shape:
        ``[12]``.

    >>> transpositions(58, 62).tolist()
    [0, -1, -2, -3, -4, -5, -6, 1, 2, 3, 4, 5]
    """
    middle = (highest - lowest) // 2 + lowest
    gap = MIDDLE_C - middle
    remaining = NUM_KEYS - 1 - abs(gap)
    # The original rounds `remaining / 2` up for the upward share, but only after Python 2 has floored it.
    up = min(max(remaining // 2 + max(gap, 0), 0), NUM_KEYS - 1)
    down = NUM_KEYS - 1 - up
    return np.concatenate([np.arange(0, -down - 1, -1), np.arange(1, up + 1)]).astype(np.int16)


# Bits per note are compared over the tunes that every representation listed here can score. A fixed list, not
# a hook on subclasses: a representation that a user adds must not change the figures of these.
REPRESENTATIONS: Mapping[str, type[AbstractRepresentation]] = MappingProxyType(
    {representation.name: representation for representation in (Control, Interval, DB12)}
)


def representation_named(name: str) -> AbstractRepresentation:
    """The representation with this name: one of ours, or an imported one that a user wrote.

    Raises:
        ValueError: if no representation has this name.

    >>> representation_named("interval")
    Interval()
    """
    kind = kind_named(
        "representation",
        name,
        AbstractRepresentation,  # type: ignore[type-abstract]  # only its subclasses
        REPRESENTATIONS,
    )
    return kind()


def _as_pitches(pitches: ArrayLike, what: str = "melody") -> Values:
    array = np.asarray(pitches)
    if array.ndim != 1:
        raise ValueError(f"a {what} must be a list of pitches, got an array of shape {list(array.shape)}")
    if not array.size:
        return np.zeros(0, np.int16)
    rule = f"the pitches of a {what} must be whole numbers between {LOWEST_PITCH} and {HIGHEST_PITCH}"
    if array.dtype.kind not in "iu":
        raise ValueError(f"{rule}, got {pitches!r}")
    if array.min() < LOWEST_PITCH or array.max() > HIGHEST_PITCH:
        outside = sorted({int(pitch) for pitch in array if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH})
        raise ValueError(f"{rule}, got {', '.join(map(str, outside))}")
    return array.astype(np.int16, copy=False)
