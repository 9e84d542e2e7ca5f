"""Evaluating a folder of songs for `melgen.evaluate`: its title, the reference corpus, and the record."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from melgen.corpora.none import NoCorpus
from melgen.corpora.sources import Split
from melgen.data import MelodyDataModule
from melgen.evaluation.options import EvaluationOptions
from melgen.evaluation.reference import ReferenceCorpus
from melgen.evaluation.results import SongSetEvaluation
from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, median_length
from melgen.generation.results_folder import folder_name
from melgen.music import Control
from melgen.runs.directory import RunDirectory
from melgen.runs.identity import FINGERPRINT, reader_version

log = logging.getLogger(__name__)

FORMAT_VERSION = 1


def read_reference(config: DictConfig, recorded_splits: Path | None = None) -> ReferenceCorpus | None:
    """The corpus that songs are compared with, split as for a training; None for ``corpus=none``.

    Args:
        config: as composed from ``conf/evaluate.yaml``.
        recorded_splits: the ``splits.tsv`` of a run, see `MelodyDataModule`.

    Raises:
        ValueError: if it cannot be read, or is an encoded stream that contains no pitches.
    """

    corpus = instantiate(config.corpus)
    if isinstance(corpus, NoCorpus):
        return None
    encoded_as = corpus.list_sources().encoded_as
    if encoded_as not in (None, Control.name):
        raise ValueError(
            f"corpus: {corpus.description} is an encoded stream of dataset={encoded_as}, with which songs cannot be "
            "compared; choose a corpus of tunes, or corpus=none for no comparison"
        )
    data = MelodyDataModule(
        corpus,
        Control(),
        cleaning=instantiate(config.cleaning),
        # Windows of one note, so that a corpus can be arbitrarily small.
        batch_size=1,
        seq_length=1,
        split_seed=config.split_seed,
        split_fractions=list(config.split_fractions),
        cache_dir=config.cache_dir,
        workers=config.workers,
        progress=config.progress,
    )
    data.recorded_splits = () if recorded_splits is None else (recorded_splits,)
    data.setup()
    return ReferenceCorpus.of(data)


def measure_references(
    reference: ReferenceCorpus, songs: SongSetEvaluation, options: EvaluationOptions
) -> dict[str, SongSetEvaluation]:
    """Measure the references of songs: openings of test tunes as long as the songs, and whole tunes of each split."""

    notes = median_length(songs)
    with_rhythm = songs.has_rhythm
    if with_rhythm and not reference.has_rhythm:
        log.warning("The tunes of the corpus have no rhythm, so the rhythm of the songs is not compared with it.")
    measured = list(corpus_evaluations(reference, options, with_rhythm=with_rhythm).values())
    if reference.openings(Split.TEST, notes):
        measured.insert(0, evaluate_openings(reference, notes, options, with_rhythm=with_rhythm))
    else:
        log.warning("No test tune has %d notes, the length of the median song; there are no openings.", notes)
    return {evaluation.name: evaluation for evaluation in measured}


def warn_of_another_corpus(
    run: RunDirectory | None, oldest_reader: int | None, reference: ReferenceCorpus, split_seed: int
) -> None:
    """Warn if the reference is not the training corpus of the songs' network, since originality then means little.

    Args:
        run: the run of the songs, if they are in its directory.
        oldest_reader: see `SongFolder`.
        reference: the corpus that the songs are compared with.
        split_seed: its split seed.
    """
    if reference.has_recorded_splits:
        if run is not None and run.is_of_older_reader:
            log.warning(
                "An older reader read the training tunes of these songs' network. The corpus is read again now, and "
                "the run's splits.tsv states which tunes were held out."
            )
        return
    if run is None and oldest_reader is not None and oldest_reader < reader_version():
        log.warning(
            "An older reader read and split the corpus for the networks of these songs, so some of the tunes held out "
            "here are among their training tunes. Evaluate the songs of one run in its directory, whose splits.tsv "
            "states which tunes were held out."
        )
        return
    identity = {} if run is None else run.recorded_identity
    if not {FINGERPRINT, "split_seed"} <= identity.keys():
        return  # the songs do not belong to a run
    trained_on, seed = identity[FINGERPRINT], identity["split_seed"]
    if trained_on != reference.fingerprint:
        log.warning(
            "These songs are not compared with the corpus that their network was trained on, so their originality "
            "means little; use the corpus and cleaning options of the training."
        )
    elif seed != split_seed:
        log.warning(
            "These songs' network was trained with split_seed=%s, so some of the tunes held out here are among its "
            "training tunes.",
            seed,
        )


def title_of(folder: Path) -> str:
    """The title of a folder of songs: the last two parts of its path, since the last part is often ``songs``."""
    return f"{folder.resolve().parent.name}/{folder_name(folder)}".lstrip("/")


def description_of(config: DictConfig, reference: ReferenceCorpus) -> dict[str, Any]:
    """The settings from which the same corpus can be read again, and its sizes."""

    return {
        "corpus": OmegaConf.to_container(config.corpus, resolve=True),
        "cleaning": OmegaConf.to_container(config.cleaning, resolve=True),
        "fingerprint": reference.fingerprint,
        "split_seed": config.split_seed,
        "split_fractions": list(config.split_fractions),
        "has_recorded_splits": reference.has_recorded_splits,
        "tunes": {split.name.lower(): len(reference.tunes(split)) for split in Split},
    }


def without_songs(evaluation: SongSetEvaluation) -> dict[str, Any]:
    """The numbers of a set of songs, without the numbers of each song."""
    content: dict[str, Any] = {
        "songs": len(evaluation.songs),
        "summaries": {metric: asdict(summary) for metric, summary in evaluation.summaries.items()},
        "set_scores": dict(evaluation.set_scores),
    }
    return content | ({"distributions": evaluation.distributions} if evaluation.has_rhythm else {})
