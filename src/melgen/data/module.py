"""From a corpus to batches: one data module for all representations, which it receives as a part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from mmap import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray

from melgen.corpora import AbstractCorpus, Cleaning, CorpusError, EncodedOtherwiseError, ImportedCorpus, ImportReport
from melgen.data.choosing_splits import declared_or_hashed, recorded_by_runs, without_known_tunes
from melgen.data.corpus_hashes import content_hash, tune_hashes
from melgen.data.pitch_tunes import PitchTunes
from melgen.data.rhythm_tunes import RhythmTunes
from melgen.data.scored_tunes import TuneLoader
from melgen.data.seen_tunes import SeenTunes
from melgen.data.splits import Split, check_fractions, tunes_in
from melgen.data.stream_loader import StreamLoader, check_window
from melgen.data.whole_tunes import WholeTuneLoader
from melgen.music.abstract_rhythm import AbstractRhythm
from melgen.music.encoding import Encoding
from melgen.music.melody import Melodies, Melody
from melgen.music.representations import AbstractRepresentation
from melgen.music.rhythms import NoRhythm
from melgen.music.tune_vocabulary import TuneVocabulary
from melgen.music.vocabulary import Vocabulary


class MelodyDataModule(pl.LightningDataModule):
    """Melodies of a corpus in one representation, split, encoded and batched.

    Training reads streams of joined tunes (`StreamLoader`); validation and test score whole tunes
    (`TuneLoader`).

    Args:
        corpus: the source of the melodies; or melodies in memory, which are not cleaned.
        representation: how a melody becomes values.
        cleaning: which tunes are left out.
        batch_size: number of parallel streams.
        seq_length: length of a window in notes; a rhythm that has several tokens for a note has a longer window.
        seed: decides, with the epoch, the order of the training tunes.
        split_seed: decides the splits of the corpus.
        split_fractions: shares of train, validation and test; a corpus that declares its splits keeps them.
        shuffle: see `StreamLoader`.
        drop_tail: see `StreamLoader`.
        cache_dir: see `AbstractCorpus.load`.
        workers: see `AbstractCorpus.load`.
        progress: see `AbstractCorpus.load`.
        rhythm: how the time of a melody is written; None for pitches only.

    Attributes (before ``setup``):
        base_vocabulary: values to keep besides those of the training split.
        tunes_of_start: the tunes that the network given as ``init_from`` was trained on, if there is one.
        recorded_splits: the ``splits.tsv`` of runs whose splits are used for the tunes that they name. A tune that one
            of these runs was trained on is a training tune.

    Attributes (after ``setup``):
        melodies: the whole corpus.
        splits: ``[tunes]``, a `Split` each; or `NO_SPLIT` for a tune that is left out of everything: one that
            ``recorded_splits`` does not name, or one of ``tunes_of_start`` in a corpus that declares its splits.
        has_recorded_splits: whether the splits are those of ``recorded_splits``.
        vocabulary: the values of the training split (and of ``base_vocabulary``), sorted; with a rhythm, its symbols.
        is_encoded: whether the corpus was an encoded stream, whose melodies contain values instead of pitches.
        comparable: ``[tunes]`` bool, the tunes over which bits per note are counted: those of at least three
            notes; a held-out one only if training has all its values, in every representation.
        fingerprint: identifies the melodies and their declared splits, independently of where and how they were
            read.
        seen: the tunes that a network trained on this data will have seen, including ``tunes_of_start``.
        statistics: plain numbers to keep with a run.
    """

    def __init__(
        self,
        corpus: AbstractCorpus | Iterable[Melody],
        representation: AbstractRepresentation,
        *,
        cleaning: Cleaning | None = None,
        batch_size: int = 50,
        seq_length: int = 50,
        seed: int = 0,
        split_seed: int = 0,
        split_fractions: Sequence[float] = (0.8, 0.1, 0.1),
        shuffle: bool = True,
        drop_tail: bool = False,
        cache_dir: str | Path | None = None,
        workers: int | None = None,
        progress: bool = True,
        rhythm: AbstractRhythm | None = None,
    ):
        super().__init__()
        check_fractions(split_fractions)
        self.rhythm = rhythm or NoRhythm()
        # Before the corpus is read: a representation and a rhythm that do not compose are refused at once.
        self._encoding = None if isinstance(self.rhythm, NoRhythm) else Encoding(representation, self.rhythm)
        self.corpus, self.representation, self.cleaning = corpus, representation, cleaning or Cleaning()
        self.batch_size, self.seq_length, self.seed = batch_size, seq_length, seed
        self.split_seed, self.split_fractions = split_seed, tuple(split_fractions)
        self.shuffle, self.drop_tail = shuffle, drop_tail
        self._reading: dict[str, Any] = {"cache_dir": cache_dir, "workers": workers, "progress": progress}
        self.base_vocabulary: Vocabulary | TuneVocabulary | None = None
        self.tunes_of_start: SeenTunes | None = None
        self.recorded_splits: Sequence[Path] = ()
        self.has_recorded_splits = False
        self._train: StreamLoader | None = None

    def setup(self, stage: str | None = None) -> None:
        """Read, split and encode the corpus; a second call does nothing.

        Raises:
            CorpusError: if the corpus cannot be read, is empty, or is encoded for another representation.
            ValueError: if the corpus is too small.
        """
        if self._train is not None:
            return
        imported = self._import()
        self.melodies, self.fingerprint, self.report = (
            imported.melodies,
            content_hash(imported.melodies, imported.splits),
            imported.report,
        )
        self.is_encoded = imported.encoded_as is not None
        hashes = tune_hashes(imported)
        self._split(imported, hashes)
        self.seen = SeenTunes.of(hashes[self.splits == Split.TRAIN], self.tunes_of_start)
        # Before anything is encoded: transposing a corpus that is too small would be wasted work.
        self._tunes = self._encoded_tunes()
        window = self._tunes.window_length(self.seq_length)
        # In notes, as seq_length is, so that the sizes it advises fit.
        check_window(self._tunes.count_pairs() * self.seq_length // window, self.batch_size, self.seq_length)
        self.vocabulary = self._tunes.vocabulary()
        if self.base_vocabulary is not None:
            base: Any = self.base_vocabulary
            self.vocabulary = base.union(self.vocabulary)
        self._train = StreamLoader(
            self._tunes.training_tokens(self.vocabulary),
            self.batch_size,
            window,
            seed=self.seed,
            shuffle=self.shuffle,
            drop_tail=self.drop_tail,
        )
        self.comparable = self._tunes.comparable(self.vocabulary)
        self._held_out = {
            split: self._tunes.loader(split, self.vocabulary, self.comparable)
            for split in (Split.VALIDATION, Split.TEST)
        }
        self.statistics = self._statistics()

    def tunes_of(self, split: Split) -> list[NDArray[np.int16]]:
        """Pitches of each tune of a split, as views."""
        return tunes_in(self.melodies, self.splits, split)

    def value_counts(self) -> dict[int, int]:
        """The number of times that each value of a note occurs in the training data."""
        return self._tunes.value_counts(self._loader().tunes, self.vocabulary)

    @property
    def updates_per_epoch(self) -> int:
        """Number of training windows in an epoch."""
        return len(self._loader())

    @property
    def nbytes(self) -> int:
        """The memory of the encoded tunes in bytes; the melodies and large training data are mapped from files."""
        loaders = (self._loader().tunes, *self._held_out.values())
        owners = {id(owner): owner for loader in loaders for owner in map(_owner, loader.arrays)}
        # Not by the type of the array: a copy of a mapped array in memory has the type `np.memmap`, too.
        return sum(owner.nbytes for owner in owners.values() if not isinstance(owner.base, mmap))

    def train_dataloader(self) -> StreamLoader:
        """The training windows of the trainer's current epoch."""
        return self._loader()

    def val_dataloader(self) -> TuneLoader | WholeTuneLoader:
        """The validation tunes."""
        self.setup()
        return self._held_out[Split.VALIDATION]

    def test_dataloader(self) -> TuneLoader | WholeTuneLoader:
        """The test tunes."""
        self.setup()
        return self._held_out[Split.TEST]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Return a batch that is on the device already: Lightning would take it apart to find out."""
        if batch.tokens.device == device:
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _encoded_tunes(self) -> Any:  # each kind has the same methods, for a vocabulary of its own
        """The tunes as the representation and the rhythm write them."""
        if self._encoding is None:
            return PitchTunes(self.melodies, self.splits, self.representation, self.is_encoded)
        if self.is_encoded:
            raise CorpusError(
                f"rhythm={self.rhythm.name}: this corpus is an encoded stream of pitches without durations; "
                "it can only be used with rhythm=none"
            )
        return RhythmTunes(self.melodies, self.splits, self._encoding)

    def _loader(self) -> StreamLoader:
        self.setup()
        assert self._train is not None
        return self._train

    def _import(self) -> ImportedCorpus:
        if not isinstance(self.corpus, AbstractCorpus):
            melodies = Melodies.from_list(self.corpus)
            return ImportedCorpus(melodies, None, None, "", ImportReport("melodies in memory"))
        imported = self.corpus.load(self.cleaning, **self._reading)
        if imported.encoded_as not in (None, self.representation.name):
            raise EncodedOtherwiseError(
                f"dataset={self.representation.name}: this corpus is an encoded stream of "
                f"dataset={imported.encoded_as} and can only be used with that"
            )
        return imported

    def _split(self, imported: ImportedCorpus, hashes: NDArray[np.uint64]) -> None:
        """Set the splits, and what the statistics report about tunes of the network of ``init_from``."""
        self._known_before: dict[str, Any] = {}
        recorded = recorded_by_runs(self.recorded_splits, imported.melodies)
        self.has_recorded_splits = recorded is not None
        if recorded is not None:
            self.splits = recorded
            return
        self.splits = declared_or_hashed(imported, self.split_fractions, self.split_seed)
        if self.tunes_of_start is not None:
            self.splits, self._known_before = without_known_tunes(
                self.splits, hashes, self.tunes_of_start, imported.splits is not None
            )

    def _statistics(self) -> dict[str, Any]:
        statistics: dict[str, Any] = {
            "vocabulary_size": len(self.vocabulary),
            "updates_per_epoch": len(self._loader()),
            "training_tokens_per_epoch": self._loader().tokens_per_epoch,
        }
        for split in Split:
            chosen = self.splits == split
            name = split.name.lower()
            statistics[f"{name}_tunes"] = int(np.count_nonzero(chosen))
            statistics[f"{name}_notes"] = int(self.melodies.lengths[chosen].sum())
            if split != Split.TRAIN:
                statistics[f"{name}_unseen_values"] = int(np.count_nonzero(~self._held_out[split].known))
                statistics[f"{name}_tunes_left_out_of_bits_per_note"] = int(np.count_nonzero(~self.comparable[chosen]))
        return statistics | self._tunes.statistics() | self._known_before


def _owner(array: NDArray) -> NDArray:
    """The array whose memory an array shows, whole or in part; itself if it is not a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array
