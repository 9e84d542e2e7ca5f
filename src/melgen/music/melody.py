"""Melodies: one note after another, in the units every other module uses.

Pitches are MIDI numbers (60 is middle C, written C4). Onsets and durations are counted in steps: a quarter
note lasts ``STEPS_PER_QUARTER`` = 24 of them, so that thirty-seconds (3), sixteenth triplets (4) and eighth
triplets (8) are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.music.key import MODES, Key
from melgen.music.metre import STEPS_PER_QUARTER, Metre, MetreChange

LOWEST_PITCH, HIGHEST_PITCH = 0, 127
MAX_STEPS = 2**31 - 1  # onsets are kept as 32-bit numbers
MIDDLE_C = 60

_PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_name(pitch: int) -> str:
    """Scientific name of a MIDI pitch.

    >>> pitch_name(60), pitch_name(61), pitch_name(-1)
    ('C4', 'C#4', 'B-2')
    """
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


@dataclass(frozen=True)
class Melody:
    """A monophonic tune.

    Attributes:
        pitches: MIDI numbers, in onset order.
        onsets: when each note starts, in steps.
        durations: how long each note lasts, in steps.
        title: the tune's name, where its source states one.
        source: the file (and the tune's number in it) that it was read from.
        metres: each metre with the step from which it holds, in order; empty where the source states none or
            the tune is free.
        pickup: length in steps of the incomplete bar that the tune begins with, 0 if its first bar is
            complete, None if the source does not state it.
        bars: the step at which each bar begins, a pickup included, repeats played out; empty where the source
            states no bars.
        key: the key that holds where the last note begins, as it sounds; None where the source states none. A song
            of a network has none.
    """

    pitches: tuple[int, ...]
    onsets: tuple[int, ...]
    durations: tuple[int, ...]
    title: str = ""
    source: str = ""
    metres: tuple[MetreChange, ...] = ()
    pickup: int | None = None
    bars: tuple[int, ...] = ()
    key: Key | None = None

    @property
    def metre(self) -> Metre | None:
        """The one metre of the whole tune; None if it is unknown, free or changes."""
        return self.metres[0].metre if len({change.metre for change in self.metres}) == 1 else None

    def __post_init__(self) -> None:
        if not len(self.pitches) == len(self.onsets) == len(self.durations):
            raise ValueError(
                "a melody needs as many onsets and durations as pitches, got "
                f"{len(self.onsets)} and {len(self.durations)} for {len(self.pitches)}"
            )

    def __len__(self) -> int:
        return len(self.pitches)

    @classmethod
    def from_pitches(
        cls,
        pitches: Iterable[int],
        duration_steps: int = STEPS_PER_QUARTER,
        title: str = "",
        source: str = "",
    ) -> Melody:
        """A melody of equal notes without rests, as the paper writes its songs.

        >>> Melody.from_pitches([60, 62]).onsets
        (0, 24)
        """
        values = tuple(int(pitch) for pitch in pitches)
        onsets = tuple(range(0, duration_steps * len(values), duration_steps))
        return cls(values, onsets, (duration_steps,) * len(values), title, source)


UNKNOWN_PICKUP = -1
"""The pickup, in `Melodies`, of a tune whose source does not state one."""

UNKNOWN_KEY = (0, -1)
"""The key, in `Melodies`, of a tune whose source does not state one."""

_MODES = tuple(MODES)


class Melodies(Sequence[Melody]):
    """Many melodies in flat arrays: the form in which a corpus is cached, split and encoded.

    A million notes as Python objects would take a gigabyte and a minute to load; as arrays they take
    ten megabytes and a moment, and can be memory-mapped.

    The pickups, metres, bars and keys may be left out: they are then unknown for all tunes.

    Shape:
        ``pitches``, ``onsets``, ``durations``: ``[notes]``; ``starts``: ``[tunes + 1]``, tune ``i`` being the
        slice ``starts[i]:starts[i + 1]`` of these three. ``pickups``: ``[tunes]``, -1 where unknown.
        ``metres``: ``[changes, 3]``, each step, beats and beat type; ``bars``: ``[bars]``, in steps;
        ``metre_starts`` and ``bar_starts``, ``[tunes + 1]``, cut them into tunes as ``starts`` cuts the notes.
        ``keys``: ``[tunes, 2]``, each tonic (as in `Key`) and number of its mode in `MODES`, -1 where unknown.
    """

    def __init__(
        self,
        pitches: NDArray[np.int16],
        onsets: NDArray[np.int32],
        durations: NDArray[np.int32],
        starts: NDArray[np.int64],
        titles: Sequence[str],
        sources: Sequence[str],
        pickups: NDArray[np.int32] | None = None,
        metres: NDArray[np.int32] | None = None,
        metre_starts: NDArray[np.int64] | None = None,
        bars: NDArray[np.int32] | None = None,
        bar_starts: NDArray[np.int64] | None = None,
        keys: NDArray[np.int8] | None = None,
    ):
        self.pitches, self.onsets, self.durations, self.starts = pitches, onsets, durations, starts
        self.titles, self.sources = titles, sources
        tunes = len(starts) - 1
        self.pickups = np.full(tunes, UNKNOWN_PICKUP, np.int32) if pickups is None else pickups
        self.metres = np.zeros((0, 3), np.int32) if metres is None else metres
        self.metre_starts = np.zeros(tunes + 1, np.int64) if metre_starts is None else metre_starts
        self.bars = np.zeros(0, np.int32) if bars is None else bars
        self.bar_starts = np.zeros(tunes + 1, np.int64) if bar_starts is None else bar_starts
        self.keys = np.full((tunes, 2), UNKNOWN_KEY, np.int8) if keys is None else keys

    @classmethod
    def from_list(cls, melodies: Iterable[Melody]) -> Melodies:
        """Pack melodies into arrays.

        >>> packed = Melodies.from_list([Melody.from_pitches([60, 62]), Melody.from_pitches([64])])
        >>> len(packed), packed.pitches_of(1).tolist(), packed[0].pitches
        (2, [64], (60, 62))
        """
        tunes = list(melodies)
        starts = starts_of([len(tune) for tune in tunes])

        def flat(column: str, dtype: type) -> NDArray:
            values = chain.from_iterable(getattr(tune, column) for tune in tunes)
            return np.fromiter(values, dtype, int(starts[-1]))

        pickups = [UNKNOWN_PICKUP if tune.pickup is None else tune.pickup for tune in tunes]
        keys = [UNKNOWN_KEY if tune.key is None else (tune.key.tonic, _MODES.index(tune.key.mode)) for tune in tunes]
        changes = [(step, *metre) for tune in tunes for step, metre in tune.metres]
        return cls(
            flat("pitches", np.int16),
            flat("onsets", np.int32),
            flat("durations", np.int32),
            starts,
            [tune.title for tune in tunes],
            [tune.source for tune in tunes],
            pickups=_in_32_bits(pickups),
            metres=_in_32_bits(changes).reshape(-1, 3),
            metre_starts=starts_of([len(tune.metres) for tune in tunes]),
            bars=_in_32_bits([bar for tune in tunes for bar in tune.bars]),
            bar_starts=starts_of([len(tune.bars) for tune in tunes]),
            keys=np.array(keys, np.int8).reshape(-1, 2),
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> Melody: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Melody]: ...

    def __getitem__(self, index: int | slice) -> Melody | Sequence[Melody]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        notes = slice(self.starts[i], self.starts[i + 1])
        changes = self.metres[self.metre_starts[i] : self.metre_starts[i + 1]].tolist()
        pickup = int(self.pickups[i])
        tonic, mode = self.keys[i].tolist()
        return Melody(
            tuple(self.pitches[notes].tolist()),
            tuple(self.onsets[notes].tolist()),
            tuple(self.durations[notes].tolist()),
            self.titles[i],
            self.sources[i],
            tuple(MetreChange(step, Metre(beats, beat_type)) for step, beats, beat_type in changes),
            None if pickup == UNKNOWN_PICKUP else pickup,
            tuple(self.bars[self.bar_starts[i] : self.bar_starts[i + 1]].tolist()),
            None if mode == UNKNOWN_KEY[1] else Key(tonic, _MODES[mode]),
        )

    def pitches_of(self, index: int) -> NDArray[np.int16]:
        """Pitches of one melody, as a view: ``[notes of that tune]``."""
        return self.pitches[self.starts[index] : self.starts[index + 1]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of notes of each melody: ``[tunes]``."""
        return np.diff(self.starts)


def starts_of(lengths: ArrayLike) -> NDArray[np.int64]:
    """Start of each of several consecutive parts, given their lengths, and the end of the last: ``[parts + 1]``."""
    counts = np.asarray(lengths, np.int64)
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def _in_32_bits(values: Sequence[Any]) -> NDArray[np.int32]:
    """Whole numbers as an array.

    Raises:
        OverflowError: for one that is too large, which NumPy before 2 would store as another number.
    """
    numbers = np.array(values, np.int64)
    if np.abs(numbers).max(initial=0) > np.iinfo(np.int32).max:
        raise OverflowError(f"{numbers.flat[np.abs(numbers).argmax()]} is too large for 32 bits")
    return numbers.astype(np.int32)
