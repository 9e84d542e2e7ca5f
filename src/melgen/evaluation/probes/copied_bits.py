"""The bits of notes that are heard twice, by their place in the repeat: what the probe of copying has measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from melgen.evaluation.probes.copying import HeardTwice

POSITIONS = (1, 2, 3, 5, 9, 17)
"""The numbers, from 1, of the first note of each range of places within a repeat; the last range has no end."""

COUNTED_FROM = 5
"""The place within a repeat, from 1, of the first note that counts for the means; the beginning of one of `POSITIONS`.

The notes before it cannot be known as a repeat yet, and the first hearing of many repeats begins the tune, where a
network has read only a few notes."""


def range_of(place: ArrayLike) -> NDArray[np.int64]:
    """The index in `POSITIONS` of the range that contains each place within a repeat.

    >>> range_of([1, 2, 3, 4, 16, 40]).tolist()
    [0, 1, 2, 2, 4, 5]
    """
    return np.searchsorted(POSITIONS, np.asarray(place, np.int64), side="right") - 1


def range_names() -> list[str]:
    """The ranges of places in words.

    >>> range_names()
    ['1', '2', '3-4', '5-8', '9-16', '17+']
    """
    names = [str(low) if low == high - 1 else f"{low}-{high - 1}" for low, high in pairwise(POSITIONS)]
    return [*names, f"{POSITIONS[-1]}+"]


@dataclass(frozen=True)
class CopiedBits:
    """The bits of the notes that are heard twice, summed over each tune and range of places within a repeat.

    Only pairs count whose bits are known at both hearings and in the control.

    Shape:
        All ``[tunes, ranges]``, in the order of `POSITIONS`: the number of pairs, and the sums of the bits of their
        notes at the `first` hearing, at the `second`, and at the second where the first was `replaced`.
    """

    notes: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    replaced: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        pairs: Sequence[HeardTwice],
        bits: Sequence[NDArray[np.float64]],
        control: Sequence[NDArray[np.float64]],
    ) -> CopiedBits:
        """Sum bits.

        Args:
            pairs: of each tune.
            bits: of each note of each tune; nan where they are unknown.
            control: the same of `without_first_hearing`.
        """
        table = np.zeros((4, len(pairs), len(POSITIONS)))
        for tune, (each, own, replaced) in enumerate(zip(pairs, bits, control, strict=True)):
            values = np.stack([np.ones(len(each.first)), own[each.first], own[each.second], replaced[each.second]])
            known = np.isfinite(values).all(axis=0)
            number = range_of(each.place[known])
            table[:, tune] = [np.bincount(number, row, minlength=len(POSITIONS)) for row in values[:, known]]
        return cls(*table)

    @property
    def counted(self) -> CopiedBits:
        """Those of the ranges from `COUNTED_FROM` on: ``[tunes, ranges]``."""
        begin = POSITIONS.index(COUNTED_FROM)
        return CopiedBits(*(getattr(self, field.name)[:, begin:] for field in fields(self)))

    def minus(self, other: CopiedBits) -> CopiedBits:
        """The bits without a part of them; both are of the same pairs."""
        return CopiedBits(
            self.notes, self.first - other.first, self.second - other.second, self.replaced - other.replaced
        )

    def to_dict(self) -> dict[str, list[list[float]]]:
        """Plain lists."""
        return {field.name: getattr(self, field.name).tolist() for field in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CopiedBits:
        """The inverse of `to_dict`."""
        shape = -1, len(POSITIONS)
        return cls(*(np.array(data[field.name], np.float64).reshape(shape) for field in fields(cls)))
