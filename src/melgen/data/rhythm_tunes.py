"""Tunes for networks that write rhythm: encoded whole, from their header to their end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from melgen.data.pitch_tunes import FIRST_COMPARED_NOTE
from melgen.data.recorded_splits import NO_SPLIT
from melgen.data.splits import Split
from melgen.data.tokens import TokenTunes
from melgen.data.whole_tunes import WholeTune, WholeTuneLoader
from melgen.errors import CorpusError
from melgen.music.encoding import EncodedTune, Encoding, RhythmError, TuneVocabulary, has_rhythm
from melgen.music.melody import Melodies
from melgen.music.representations import REPRESENTATIONS, Control
from melgen.music.rhythms import Grid, Joint
from melgen.music.vocabulary import Vocabulary

log = logging.getLogger(__name__)


class RhythmTunes:
    """The tunes of a corpus, encoded by a representation and a rhythm.

    Args:
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each, or `NO_SPLIT`.
        encoding: how a melody becomes symbols.

    Raises:
        CorpusError: if the corpus has no rhythm, or the encoding can write none of its training tunes.
    """

    def __init__(self, melodies: Melodies, splits: NDArray[np.int8], encoding: Encoding):
        self.melodies, self.splits, self.encoding = melodies, splits, encoding
        if not has_rhythm(melodies.durations):
            raise CorpusError(
                f"rhythm={encoding.rhythm.name}: all notes of this corpus are equally long, so it has no rhythm to "
                "learn; use rhythm=none, or a corpus with durations"
            )
        self.left_out: Counter[str] = Counter()
        """Why training tunes cannot be written."""
        self._notes = self._tokens = 0
        for melody, tunes in self._training():
            self._notes += len(tunes) * len(melody)
            self._tokens += sum(len(tune.symbols) + self._opening - 1 for tune in tunes)
        if not self._notes:
            reasons = ", ".join(f"{count} with {reason}" for reason, count in self.left_out.items())
            raise CorpusError(f"rhythm={encoding.rhythm.name}: none of the training tunes can be written ({reasons})")
        if self.left_out:
            log.warning(
                "rhythm=%s: %d training tunes are left out: %s",
                encoding.rhythm.name,
                self.left_out.total(),
                ", ".join(f"{count:,} with {reason}" for reason, count in self.left_out.most_common()),
            )

    def count_pairs(self) -> int:
        """Number of pairs of an input and its target in the training data."""
        return self._tokens

    def window_length(self, notes: int) -> int:
        """Number of tokens of a training window of so many notes: the windows of all rhythms last equally long."""
        return max(1, round(notes * self._tokens / self._notes))

    def vocabulary(self) -> TuneVocabulary:
        """The symbols of the training data."""
        return self.encoding.vocabulary_of(tune for _, tunes in self._training() for tune in tunes)

    def training_tokens(self, vocabulary: TuneVocabulary) -> TokenTunes:
        """The training data as tokens, with what is predicted of them."""
        tokens = TokenTunes.from_stream(vocabulary.encode(tune) for _, tunes in self._training() for tune in tunes)
        return TokenTunes(tokens.tokens, tokens.starts, vocabulary.targets(tokens.tokens))

    def value_counts(self, tunes: TokenTunes, vocabulary: TuneVocabulary) -> dict[int, int]:
        """How often each value of a note occurs in the training data."""
        first = tunes.tokens if tunes.tokens.ndim == 1 else tunes.tokens[:, 0]
        counts = np.bincount(first, minlength=len(vocabulary))[: len(vocabulary)]
        values, average = self.encoding.note_values(vocabulary)
        return dict(zip(values.tolist(), ((average > 0) @ counts).tolist(), strict=True))

    def comparable(self, vocabulary: TuneVocabulary) -> NDArray[np.bool_]:
        """Which tunes bits per note are counted over: ``[tunes]``, see `common_tunes`."""
        return common_tunes(self.melodies, self.splits, self.encoding)

    def loader(self, split: Split, vocabulary: TuneVocabulary, comparable: NDArray[np.bool_]) -> WholeTuneLoader:
        """The whole tunes of a split, to be scored; those that cannot be written are left out."""
        tunes = []
        for i in np.flatnonzero(self.splits == split):
            melody = self.melodies[int(i)]
            if self.encoding.reason_against(melody) is None:
                tunes.append(WholeTune(self.encoding.encode(melody), bool(comparable[i])))
        return WholeTuneLoader(tunes, vocabulary, self.encoding)

    def statistics(self) -> dict[str, int]:
        """How many training tunes the rhythm leaves out."""
        return {"train_tunes_left_out_by_rhythm": self.left_out.total()}

    @property
    def _opening(self) -> int:
        """Number of tokens before the first symbol of a tune."""
        return 3 if self.encoding.rhythm.condition == "header" else 1

    def _training(self) -> Iterator[tuple]:
        """Each training tune that can be written, and its encoded versions."""
        self.left_out.clear()
        for i in np.flatnonzero(self.splits == Split.TRAIN):
            melody = self.melodies[int(i)]
            try:
                yield melody, self.encoding.augmentations(melody)
            except RhythmError as error:
                self.left_out[str(error)] += 1


def common_tunes(melodies: Melodies, splits: NDArray[np.int8], encoding: Encoding | None = None) -> NDArray[np.bool_]:
    """Which tunes all rhythms and representations can write: ``[tunes]``.

    Those of at least three notes that a grid of 12 steps can hold. A held-out one counts only if training has all its
    pairs of a value and a duration, in every representation. So the tunes are the same for all networks with rhythm.

    Args:
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each, or `NO_SPLIT`.
        encoding: one that must also write them, such as a user's own.
    """
    on_grid = Encoding(Control(), Grid())
    encodings = [on_grid] if encoding is None else [on_grid, encoding]
    own = encodings[-1].representation
    comparable = (melodies.lengths >= FIRST_COMPARED_NOTE) & (splits != NO_SPLIT)
    for i in np.flatnonzero(comparable):
        melody = melodies[int(i)]
        comparable[i] = all(each.reason_against(melody) is None for each in encodings)
    held_out = np.isin(splits, (Split.VALIDATION, Split.TEST))
    for representation in {own.name: own, **{name: kind() for name, kind in REPRESENTATIONS.items()}}.values():
        pairs = Encoding(representation, Joint())
        seen = Vocabulary.from_values(
            tune.symbols[:, 0]
            for i in np.flatnonzero(comparable & (splits == Split.TRAIN))
            for tune in pairs.augmentations(melodies[int(i)])
        )
        for i in np.flatnonzero(comparable & held_out):
            comparable[i] = seen.known(pairs.encode(melodies[int(i)]).symbols[:, 0]).all()
    return comparable


__all__ = ["EncodedTune", "RhythmTunes", "common_tunes"]
