"""The corpus of a study: that of its runs, read when a stage first needs its tunes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf

from melgen.checkpoint import load_model
from melgen.corpora import EncodedOtherwiseError
from melgen.data import MelodyDataModule, Split
from melgen.data.rhythm_tunes import common_tunes
from melgen.evaluation.reference import ReferenceCorpus
from melgen.generation.primers import openings_of
from melgen.music import RHYTHMS, Control
from melgen.music.encoding import Encoding
from melgen.music.melody import Melody
from melgen.music.representations import REPRESENTATIONS
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import reader_version
from melgen.studies.primers import StudyPrimer
from melgen.studies.runs.reader import check_same_corpus, config_of
from melgen.studies.runs.study_runs import StudyRuns
from melgen.studies.settings import StudySettings
from melgen.studies.tasks import digest_of

log = logging.getLogger(__name__)


class StudyCorpus:
    """The corpus of a study.

    Args:
        settings: of the study.
        runs: its runs, which all have this corpus.
    """

    def __init__(self, settings: StudySettings, runs: StudyRuns):
        self.settings, self.runs = settings, runs

    @cached_property
    def data(self) -> MelodyDataModule:
        """The corpus as it is planned, or as the runs had it: read and split."""
        planned = self.runs.planned
        if planned:
            return _read_corpus(planned[0].config, ())
        config = config_of(self.runs.finished[0])
        for key in ("cache_dir", "workers", "progress"):
            config.dataset[key] = self.settings.config[key]
        if self.settings.config.path and "path" in config.dataset.corpus:  # the tunes may have been moved since
            config.dataset.corpus.path = self.settings.config.path
        return _read_corpus(config, self.splits_to_keep)

    @cached_property
    def data_of_runs(self) -> MelodyDataModule:
        """The corpus, once the runs are trained.

        Raises:
            ValueError: if the runs were trained on another.
        """
        if self.is_of_older_reader and self.data.has_recorded_splits:
            log.warning(
                "an older reader read the tunes of %s; they are read again now, with the splits that the runs recorded",
                self.settings.home,
            )
        elif self.data.fingerprint != self.inputs["fingerprint"]:
            raise ValueError(
                f"the corpus has changed since {self.runs.finished[0].path} was trained on it; "
                "name=... trains on the new one"
            )
        if self.runs.planned and self.splits_to_keep:  # known once the runs are trained
            return _read_corpus(self.runs.planned[0].config, self.splits_to_keep)
        return self.data

    @cached_property
    def reference(self) -> ReferenceCorpus | None:
        """The corpus as songs are compared with it; ``None`` for one that holds no pitches."""
        data = self.data_of_runs
        try:
            return ReferenceCorpus.of(data)
        except EncodedOtherwiseError as error:
            log.warning("%s; songs are measured without it", error)
            return None

    @cached_property
    def unusual_encodings(self) -> tuple[Encoding, ...]:
        """The encodings of runs that may write fewer tunes than melgen's rhythms and representations as they come.

        Those without bits per note are not among them: they must not decide which tunes others are scored on.
        """
        runs = {(run.dataset, run.rhythm, run.variant): run for run in self.runs.finished if run.writes_rhythm}
        found = [load_model(run.path, key="run").encoding for run in runs.values()]
        rhythms, representations = [kind() for kind in RHYTHMS.values()], [kind() for kind in REPRESENTATIONS.values()]
        return tuple(
            each
            for each in found
            if each.rhythm.is_comparable and (each.rhythm not in rhythms or each.representation not in representations)
        )

    @cached_property
    def common_tunes(self) -> NDArray[np.bool_]:
        """Mark the tunes that all rhythms and representations can write, and all encodings of the runs: ``[tunes]``."""
        data = self.data_of_runs
        return common_tunes(data.melodies, data.splits, self.unusual_encodings)

    def counted_tunes(self, with_rhythm: bool) -> NDArray[np.bool_]:
        """Mark the tunes that count for the bits per note of a network: ``[tunes]``."""
        return self.common_tunes if with_rhythm else self.data_of_runs.comparable

    def test_tunes(self, with_rhythm: bool) -> NDArray[np.int64]:
        """The numbers of the test tunes that count for the bits per note of a network."""
        return np.flatnonzero((self.data_of_runs.splits == Split.TEST) & self.counted_tunes(with_rhythm))

    def melodies(self, numbers: NDArray[np.int64]) -> list[Melody]:
        """The tunes of these numbers."""
        return [self.data_of_runs.melodies[int(tune)] for tune in numbers]

    def sample_of(self, split: Split, chosen: NDArray[np.bool_]) -> list[Melody]:
        """The chosen tunes of a split; of the training tunes a sample as large as the test split has.

        Args:
            chosen: ``[tunes]``.
        """
        data = self.data_of_runs
        numbers = np.flatnonzero((data.splits == split) & chosen)
        if split == Split.TRAIN:
            count = int(np.count_nonzero((data.splits == Split.TEST) & chosen))
            shuffled = np.random.default_rng(self.settings.options.seed).permutation(numbers)
            numbers = np.sort(shuffled[: max(count, 1)])
        return self.melodies(numbers)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """The identity of the split corpus, read from the runs, without the corpus itself."""
        config = config_of(self.runs.finished[0])
        inputs = {
            "fingerprint": check_same_corpus(self.runs.finished),
            "split_seed": config.split_seed,
            "split_fractions": OmegaConf.to_container(config.dataset.split_fractions),
        }
        if self.is_of_older_reader:  # its tunes cannot be had again
            inputs["read_again_by_reader"] = reader_version()
        if self.splits_to_keep:
            inputs["splits_of_runs"] = [digest_of(path.read_text(encoding="utf-8")) for path in self.splits_to_keep]
        return inputs

    @property
    def trained_on(self) -> dict[str, Any]:
        """Corpus and cleaning in the configuration of the runs; the corpus with its present path if it was moved."""
        config = config_of(self.runs.finished[0])
        plain = OmegaConf.to_container(OmegaConf.masked_copy(config, ["corpus", "cleaning"]), resolve=True)
        assert isinstance(plain, dict)
        if self.settings.config.path and isinstance(plain.get("corpus"), dict) and "path" in plain["corpus"]:
            plain["corpus"]["path"] = self.settings.config.path
        return {str(key): value for key, value in plain.items()}

    @cached_property
    def splits_to_keep(self) -> tuple[Path, ...]:
        """`RunDirectory.splits_to_keep` of all runs."""
        kept = (RunDirectory(run.path).splits_to_keep for run in self.runs.finished)
        return tuple(path for path in kept if path is not None)

    @property
    def is_of_older_reader(self) -> bool:
        """Whether an older reader read the tunes of the runs."""
        return RunDirectory(self.runs.finished[0].path).is_of_older_reader

    def start_of_songs(self, primer: StudyPrimer) -> list[int] | list[list[int]]:
        """The pitches of a primer: one for all songs, or another for each.

        Raises:
            ValueError: if no held-out tune is long enough.
        """
        if primer.pitches is not None:
            return list(primer.pitches)
        data = self.data_of_runs
        if data.is_encoded:
            raise ValueError(f"{primer.key}=openings: this corpus is an encoded stream, which does not contain tunes")
        chosen = np.flatnonzero((data.splits == Split.TEST) & data.comparable)
        tunes = [data.melodies.pitches_of(int(tune)) for tune in chosen]
        return openings_of(tunes, primer.notes, self.settings.config.generate.songs, self.settings.config.generate.seed)


def _read_corpus(config: DictConfig, recorded_splits: Sequence[Path]) -> MelodyDataModule:
    """The corpus of a training's configuration, in pitches; an encoded stream in its own representation."""
    data = instantiate(config.dataset, representation=Control(), rhythm=None)
    data.recorded_splits = recorded_splits
    try:
        data.setup()
    except EncodedOtherwiseError:
        data = instantiate(config.dataset, rhythm=None)
        data.recorded_splits = recorded_splits
        data.setup()
    return data
