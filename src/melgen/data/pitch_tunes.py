"""Tunes for networks of pitches: values of a representation, tokens, and the tunes that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from melgen.data.recorded_splits import NO_SPLIT
from melgen.data.scored_tunes import TuneLoader
from melgen.data.splits import Split, tunes_in
from melgen.data.token_tunes import TokenTunes
from melgen.music.melody import Melodies
from melgen.music.representations import REPRESENTATIONS, AbstractRepresentation
from melgen.music.vocabulary import Vocabulary

FIRST_COMPARED_NOTE = 3
"""Bits per note are counted from a tune's third note: the first that every representation predicts."""


class PitchTunes:
    """The tunes of a corpus, encoded by a representation for ``rhythm=none``.

    Args:
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each, or `NO_SPLIT`.
        representation: how a melody becomes values.
        is_encoded: whether the melodies contain values instead of pitches.
    """

    def __init__(
        self,
        melodies: Melodies,
        splits: NDArray[np.int8],
        representation: AbstractRepresentation,
        is_encoded: bool = False,
    ):
        self.melodies, self.splits, self.representation = melodies, splits, representation
        self.is_encoded = is_encoded

    def count_pairs(self) -> int:
        """Number of pairs of an input and its target in the training data."""
        return sum(max(len(values) - 1, 0) for values in self._versions())

    def window_length(self, notes: int) -> int:
        """Number of tokens of a training window of so many notes: the same."""
        return notes

    def vocabulary(self) -> Vocabulary:
        """The values of the training data."""
        return Vocabulary.from_values(self._versions())

    def training_tokens(self, vocabulary: Vocabulary) -> TokenTunes:
        """The training data as tokens."""
        return TokenTunes.from_stream(map(vocabulary.encode, self._versions()))

    def value_counts(self, tunes: TokenTunes, vocabulary: Vocabulary) -> dict[int, int]:
        """The number of times that each value of a note occurs in the training data."""
        counts = np.bincount(tunes.tokens, minlength=len(vocabulary))
        return dict(zip(map(int, vocabulary.values), counts.tolist(), strict=True))

    def comparable(self, vocabulary: Vocabulary) -> NDArray[np.bool_]:
        """Mark the tunes of three notes or more; held-out ones need values seen in every representation: ``[tunes]``.

        Bits per note of two representations can be compared only over the same tunes.
        """
        notes = self.melodies.lengths
        if self.is_encoded:
            notes = notes + self.representation.first_predicted_note - 2  # an interval's first value is the second note
        comparable = notes >= FIRST_COMPARED_NOTE
        comparable &= self.splits != NO_SPLIT
        held_out = np.flatnonzero(np.isin(self.splits, (Split.VALIDATION, Split.TEST)))
        if self.is_encoded:
            encoders = [(lambda tune: tune, vocabulary)]
        else:
            train_tunes = tunes_in(self.melodies, self.splits, Split.TRAIN)
            encoders = []
            others = (other() for name, other in REPRESENTATIONS.items() if name != self.representation.name)
            for representation in (self.representation, *others):
                versions = (v for tune in train_tunes for v in representation.augmentations(tune))
                encoders.append((representation.encode, Vocabulary.from_values(versions)))
        for i in held_out:
            tune = self.melodies.pitches_of(int(i))
            comparable[i] &= all(vocabulary.known(encode(tune)).all() for encode, vocabulary in encoders)
        return comparable

    def loader(self, split: Split, vocabulary: Vocabulary, comparable: NDArray[np.bool_]) -> TuneLoader:
        """The whole tunes of a split, to be scored."""
        tunes = tunes_in(self.melodies, self.splits, split)
        values = tunes if self.is_encoded else [self.representation.encode(tune) for tune in tunes]
        return tune_loader(
            values, vocabulary, comparable[self.splits == split], self.representation.first_predicted_note
        )

    def statistics(self) -> dict[str, int]:
        """Numbers to keep with a run, in addition to those of every corpus: none."""
        return {}

    def _versions(self) -> Iterator[NDArray]:
        """The training data, tune by tune; made again at each call, since twelve transpositions take much memory."""
        for tune in tunes_in(self.melodies, self.splits, Split.TRAIN):
            yield from [tune] if self.is_encoded else self.representation.augmentations(tune)


def tune_loader(
    values: Sequence[NDArray], vocabulary: Vocabulary, comparable: NDArray[np.bool_], first_predicted_note: int
) -> TuneLoader:
    """A loader that scores whole tunes, given as values of a representation.

    Args:
        values: the values of each tune.
        vocabulary: the tokens of the values.
        comparable: ``[tunes]``, which tunes count for the bits per note.
        first_predicted_note: see `AbstractRepresentation`.
    """
    return TuneLoader(
        TokenTunes.from_arrays([vocabulary.encode(tune) for tune in values]),
        np.concatenate([np.zeros(0, np.bool_), *(vocabulary.known(tune) for tune in values)]),
        comparable,
        FIRST_COMPARED_NOTE - first_predicted_note,
    )
