"""The corpus with which songs are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from melgen.corpora.sources import Split
from melgen.errors import EncodedOtherwiseError
from melgen.evaluation.flat_rhythm import has_rhythm
from melgen.evaluation.originality import RhythmIndex, TuneIndex
from melgen.evaluation.rhythm_descriptors import beginning
from melgen.music.melody import Melodies, Melody
from melgen.old_targets import former_names

if TYPE_CHECKING:
    from melgen.data import MelodyDataModule
else:  # a type checker would take any name for one of this module's
    __getattr__ = former_names(__name__)

Tunes = dict[str, NDArray[np.int16]]
"""Pitches of tunes by name."""


class ReferenceCorpus:
    """The tunes of a corpus by split, and an index of the training tunes, which is made when it is first used.

    The name of a tune is its source, ``book1.abc#12``, or its number if it has none.

    Args:
        melodies: the whole corpus.
        splits: the `Split` of each tune.
        comparable: over which tunes bits per note are counted; by default those of at least three notes.
        fingerprint: identifies the melodies.
        has_recorded_splits: whether ``splits`` are those that a run has recorded.

    Shape:
        ``splits``, ``comparable``: ``[tunes]``.

    >>> from melgen.music.melody import Melody
    >>> tunes = Melodies.from_list([Melody.from_pitches([60, 62, 64]), Melody.from_pitches([60, 59], source="b.mid")])
    >>> reference = ReferenceCorpus(tunes, np.array([Split.TRAIN, Split.TEST]))
    >>> {name: pitches.tolist() for name, pitches in reference.tunes(Split.TEST).items()}
    {'b.mid': [60, 59]}
    """

    def __init__(
        self,
        melodies: Melodies,
        splits: NDArray[np.int8],
        comparable: NDArray[np.bool_] | None = None,
        fingerprint: str = "",
        has_recorded_splits: bool = False,
    ):
        self.melodies, self.splits, self.fingerprint = melodies, splits, fingerprint
        self.has_recorded_splits = has_recorded_splits
        self._comparable = melodies.lengths >= 3 if comparable is None else comparable
        self._names = _unique(source or f"tune_{number:05d}" for number, source in enumerate(melodies.sources, start=1))

    @classmethod
    def of(cls, data: MelodyDataModule) -> ReferenceCorpus:
        """The corpus of a data module that is set up.

        Raises:
            EncodedOtherwiseError: if its melodies contain no pitches, because they are an encoded stream.
        """
        representation = data.representation.name
        if data.is_encoded and representation != "control":
            raise EncodedOtherwiseError(
                f"this corpus is an encoded stream of dataset={representation}: it contains no pitches with which "
                "songs could be compared"
            )
        return cls(data.melodies, data.splits, data.comparable, data.fingerprint, data.has_recorded_splits)

    def tunes(self, split: Split, min_notes: int = 1) -> Tunes:
        """The tunes of a split that have at least `min_notes` notes."""
        return {self._names[i]: self.melodies.pitches_of(i) for i in self._numbers(split, min_notes)}

    def openings(self, split: Split, notes: int) -> Tunes:
        """The first `notes` notes of each tune of a split that has at least so many."""
        return {name: pitches[:notes] for name, pitches in self.tunes(split, notes).items()}

    def melodies_of(self, split: Split, min_notes: int = 1) -> dict[str, Melody]:
        """The tunes of `tunes`, with their rhythm."""
        return {self._names[i]: self.melodies[i] for i in self._numbers(split, min_notes)}

    def openings_with_rhythm(self, split: Split, notes: int) -> dict[str, Melody]:
        """The tunes of `openings`, with their rhythm."""
        return {name: beginning(tune, notes) for name, tune in self.melodies_of(split, notes).items()}

    @cached_property
    def has_rhythm(self) -> bool:
        """Whether the tunes have a rhythm; those of ready pickles have none."""
        return has_rhythm(self.melodies)

    def comparable_tunes(self, split: Split) -> list[NDArray[np.int16]]:
        """The tunes of a split over which bits per note are counted."""
        return [self.melodies.pitches_of(i) for i in np.flatnonzero((self.splits == split) & self._comparable).tolist()]

    @cached_property
    def index(self) -> TuneIndex:
        """An index of the training tunes, for finding passages of songs."""
        numbers = self._numbers(Split.TRAIN)
        return TuneIndex([self.melodies.pitches_of(i) for i in numbers], [self._title(i) for i in numbers])

    @cached_property
    def rhythm_index(self) -> RhythmIndex:
        """The index of pitches and note lengths; otherwise as `index`."""
        numbers = self._numbers(Split.TRAIN)
        return RhythmIndex([self.melodies[i] for i in numbers], [self._title(i) for i in numbers])

    def _numbers(self, split: Split, min_notes: int = 0) -> list[int]:
        return np.flatnonzero((self.splits == split) & (self.melodies.lengths >= min_notes)).tolist()

    def _title(self, number: int) -> str:
        title, name = self.melodies.titles[number], self._names[number]
        return f"{title} ({name})" if title else name


def _unique(names: Iterable[str]) -> list[str]:
    """Number equal names.

    >>> _unique(["a", "b", "a", "a#2"])
    ['a', 'b', 'a#2', 'a#2#2']
    """
    seen: Counter[str] = Counter()
    unique: dict[str, None] = {}  # in order
    for name in names:
        seen[name] += 1
        distinct = name if seen[name] == 1 else f"{name}#{seen[name]}"
        while distinct in unique:  # a source may end in a number itself
            seen[name] += 1
            distinct = f"{name}#{seen[name]}"
        unique[distinct] = None
    return list(unique)
