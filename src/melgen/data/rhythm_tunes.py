"""Tunes for networks that write rhythm: encoded whole, from their header to their end."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from melgen.data.pitch_tunes import FIRST_COMPARED_NOTE
from melgen.data.recorded_splits import NO_SPLIT
from melgen.data.splits import Split
from melgen.data.token_tunes import TokenTunes
from melgen.data.whole_tunes import WholeTune, WholeTuneLoader
from melgen.errors import CorpusError
from melgen.music.encoding import EncodedTune, Encoding, RhythmError, TuneVocabulary, has_rhythm
from melgen.music.events import Events, Timing, timing_of
from melgen.music.melody import Melodies, Melody
from melgen.music.representations import REPRESENTATIONS
from melgen.music.rhythms import Grid, Joint
from melgen.music.vocabulary import Vocabulary
from melgen.plurals import counted

log = logging.getLogger(__name__)

_Part = TypeVar("_Part")

KEPT_TOKENS = 5_000_000
"""Training data of fewer tokens is encoded once and kept until its tokens are known; more is encoded three times."""


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
        self._kept: list[list[EncodedTune]] | None = []
        for melody, tunes in self._encoded():
            self._notes += len(tunes) * len(melody)
            self._tokens += sum(_count_pairs(tune, encoding) for tune in tunes)
            if self._kept is not None:
                self._kept.append(tunes)
                if self._tokens > KEPT_TOKENS:
                    self._kept = None
        if not self._notes:
            reasons = ", ".join(f"{count} with {reason}" for reason, count in self.left_out.items())
            raise CorpusError(f"rhythm={encoding.rhythm.name}: none of the training tunes can be written ({reasons})")
        if self.left_out:
            log.warning(
                "rhythm=%s: %s left out: %s",
                encoding.rhythm.name,
                counted(self.left_out.total(), "training tune is", "training tunes are"),
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
        return self.encoding.vocabulary_of(self._training())

    def training_tokens(self, vocabulary: TuneVocabulary) -> TokenTunes:
        """The training data as tokens, with what is predicted of them."""
        tokens = TokenTunes.from_stream(map(vocabulary.encode, self._training()))
        self._kept = None  # not needed any more
        return TokenTunes(tokens.tokens, tokens.starts, vocabulary.targets(tokens.tokens).astype(np.int32, copy=False))

    def value_counts(self, tunes: TokenTunes, vocabulary: TuneVocabulary) -> dict[int, int]:
        """The number of times that each value of a note occurs in the training data."""
        first = tunes.tokens if tunes.tokens.ndim == 1 else tunes.tokens[:, 0]
        counts = np.bincount(first, minlength=len(vocabulary))[: len(vocabulary)]
        values, average = self.encoding.note_values(vocabulary)
        return dict(zip(values.tolist(), ((average > 0) @ counts).tolist(), strict=True))

    def comparable(self, vocabulary: TuneVocabulary) -> NDArray[np.bool_]:
        """Mark the tunes that count for bits per note: ``[tunes]``, see `common_tunes`; none unless `is_comparable`."""
        if not self.encoding.rhythm.is_comparable:
            return np.zeros(len(self.melodies), np.bool_)
        return common_tunes(self.melodies, self.splits, [self.encoding])

    def loader(self, split: Split, vocabulary: TuneVocabulary, comparable: NDArray[np.bool_]) -> WholeTuneLoader:
        """The whole tunes of a split, to be scored; those that cannot be written are left out."""
        tunes = []
        for i in np.flatnonzero(self.splits == split):
            with suppress(RhythmError):
                tunes.append(WholeTune(self.encoding.encode(self.melodies[int(i)]), bool(comparable[i])))
        return WholeTuneLoader(tunes, vocabulary, self.encoding)

    def statistics(self) -> dict[str, int | str]:
        """The number of training tunes that the rhythm leaves out. Its name, too, if it has no bits per note."""
        rhythm = self.encoding.rhythm
        found: dict[str, int | str] = {"train_tunes_left_out_by_rhythm": self.left_out.total()}
        return found if rhythm.is_comparable else found | {"rhythm_without_bits_per_note": rhythm.name}

    def _training(self) -> Iterator[EncodedTune]:
        """The training data; encoded again at each call if it is too large to keep."""
        for tunes in self._kept if self._kept is not None else (tunes for _, tunes in self._encoded()):
            yield from tunes

    def _encoded(self) -> Iterator[tuple[Melody, list[EncodedTune]]]:
        """Each training tune that can be written, and its encoded versions."""
        self.left_out.clear()
        return _encoded(self.melodies, self.splits, self.encoding, self.left_out)


def tokens_per_note(melodies: Melodies, splits: NDArray[np.int8], encoding: Encoding, tunes: int) -> float:
    """Tokens that a note takes in the first training tunes that can be written, as `RhythmTunes.window_length` counts.

    Args:
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each, or `NO_SPLIT`.
        encoding: how a melody becomes symbols.
        tunes: how many tunes to count in, at most.

    Returns:
        The average; 1 if none of the training tunes can be written.
    """
    notes = tokens = 0
    for melody, versions in islice(_encoded(melodies, splits, encoding, Counter()), tunes):
        notes += len(versions) * len(melody)
        tokens += sum(_count_pairs(tune, encoding) for tune in versions)
    return tokens / notes if notes else 1.0


def _encoded(
    melodies: Melodies, splits: NDArray[np.int8], encoding: Encoding, left_out: Counter[str]
) -> Iterator[tuple[Melody, list[EncodedTune]]]:
    """Each training tune that can be written, and its encoded versions; reasons for the others are counted."""
    for i in np.flatnonzero(splits == Split.TRAIN).tolist():
        melody = melodies[i]
        try:
            yield melody, encoding.augmentations(melody)
        except RhythmError as error:
            left_out[str(error)] += 1


def _count_pairs(tune: EncodedTune, encoding: Encoding) -> int:
    """Number of pairs of an input and its target in a tune, with those of its header and start."""
    opening = 3 if encoding.rhythm.condition == "header" else 1
    return len(tune.symbols) + opening - 1


def common_tunes(melodies: Melodies, splits: NDArray[np.int8], encodings: Sequence[Encoding] = ()) -> NDArray[np.bool_]:
    """Mark the tunes that all rhythms and representations can write: ``[tunes]``.

    Those of at least three notes that a grid of 12 steps can hold. A held-out one counts only if training has all its
    pairs of a value and a duration, in every representation. So the tunes are the same for all networks with rhythm.

    Args:
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each, or `NO_SPLIT`.
        encodings: those that must also write them, such as a coarse grid or a user's own.
    """
    comparable = (melodies.lengths >= FIRST_COMPARED_NOTE) & (splits != NO_SPLIT)
    own = [encoding.representation for encoding in encodings]
    usual = [kind() for name, kind in REPRESENTATIONS.items() if name not in {each.name for each in own}]
    pairs = [Encoding(representation, Joint()) for representation in _each_once([*usual, *own])]
    rhythms = _each_once([Grid(), *(encoding.rhythm for encoding in encodings)])
    seen: list[list[NDArray[np.int64]]] = [[] for _ in pairs]
    held_out: dict[int, list[NDArray[np.int64]]] = {}
    for i in np.flatnonzero(comparable).tolist():
        melody = melodies[i]
        try:
            timing = timing_of(melody)
            events = timing.events(np.array(melody.pitches))
            for rhythm in rhythms:
                rhythm.symbols(events)
        except RhythmError:
            comparable[i] = False
            continue
        if splits[i] == Split.TRAIN:
            for each, found in zip(pairs, seen, strict=True):
                found.append(_pairs(each, timing, each.representation.augmentations(melody.pitches)))
        else:
            held_out[i] = [_pairs(each, timing, [each.representation.encode(melody.pitches)]) for each in pairs]
    known = [Vocabulary.from_values(found) if found else None for found in seen]
    for i, tunes in held_out.items():
        comparable[i] = all(
            vocabulary is not None and vocabulary.known(tune).all()
            for vocabulary, tune in zip(known, tunes, strict=True)
        )
    return comparable


def _each_once(parts: Iterable[_Part]) -> list[_Part]:
    """Without those that equal an earlier one."""
    found: list[_Part] = []
    for part in parts:
        if part not in found:
            found.append(part)
    return found


def _pairs(encoding: Encoding, timing: Timing, versions: Iterable[NDArray[np.integer]]) -> NDArray[np.int64]:
    """The different pairs of a value and a duration in versions of a tune."""
    # One call for all versions: calls, not notes, take the time here.
    values = timing.events(encoding.per_note(np.stack([*versions]))).values
    together = Events(values.ravel(), np.tile(timing.durations, len(values)))
    return np.unique(encoding.rhythm.symbols(together)[:, 0])
