"""``python -m melgen.evaluate``: measure any folder of songs, and compare it with a corpus.

The recipe is `evaluate`; `main` wraps it for the command line.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, OmegaConf

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.files import read_json
from melgen.runs.identity import reader_version
from melgen.software import software

if TYPE_CHECKING:
    from melgen.evaluation.reference import ReferenceCorpus
    from melgen.evaluation.results import SongSetEvaluation
    from melgen.evaluation.song_sets import EvaluationOptions
    from melgen.runs.directory import RunDirectory

log = logging.getLogger(__name__)

FORMAT, FORMAT_VERSION = "melgen evaluation", 1


def evaluate(config: DictConfig) -> Path:
    """Measure a folder of songs, write what was found as JSON and tables, and say the most important.

    Args:
        config: as composed from ``conf/evaluate.yaml``.

    Returns:
        The directory of the results.

    Raises:
        ValueError: if no song can be read or measured, the corpus cannot be compared with, or the results
            have no place.
    """
    from hydra.utils import instantiate

    from melgen.corpora.sources import user_path
    from melgen.evaluation.song_sets import evaluate_songs
    from melgen.generate import import_own_parts
    from melgen.generation.song_files import read_song_folder
    from melgen.runs.search import run_around
    from melgen.tables.folder_report import report_text, write_report

    import_own_parts(config.imports)
    options: EvaluationOptions = instantiate(config.evaluation, _convert_="all")
    folder = user_path(config.songs, "songs")
    found = read_song_folder(folder, workers=config.workers, progress=config.progress)
    out = results_folder(config.out, folder, found.is_ours)
    run = run_around(folder)
    reference = read_reference(config, None if run is None else run.splits_to_keep)
    pitches = {name: melody.pitches for name, melody in found.songs.items()}
    songs = evaluate_songs(_title(folder), pitches, reference, options)
    songs = replace(songs, left_out={**found.unread, **songs.left_out})
    yardsticks = {} if reference is None else measure_yardsticks(reference, songs, options)
    if reference is not None:
        _warn_of_another_corpus(run, found.oldest_reader, reference, config.split_seed)

    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "software": software(),
        "folder": str(config.songs),
        "options": options.to_dict(),
        "corpus": None if reference is None else _description(config, reference),
        "songs": songs.to_dict(),
        "yardsticks": {name: _without_songs(evaluation) for name, evaluation in yardsticks.items()},
    }
    try:
        write_report(out, content, songs, yardsticks, found)
    except OSError as error:
        reason = f"cannot write the results ({error.strerror}); choose another folder with out=DIR"
        raise OSError(error.errno, reason, str(out)) from error
    print(report_text(songs, yardsticks, found, out))
    return out


def results_folder(out: str | None, songs: Path, is_ours: bool) -> Path:
    """Where the results go; never a folder that holds anything else.

    Args:
        out: as asked for; None for ``<songs>-evaluation``.
        songs: the folder or file of songs.
        is_ours: whether melgen wrote them, and so may write beside them.

    Raises:
        ValueError: if that place is taken.
    """
    from melgen.corpora.sources import user_path
    from melgen.generation.song_files import EVALUATION_FILE

    if out is None:
        folder = (songs.resolve().parent if is_ours else Path()) / f"{_own_name(songs)}-evaluation"
    else:
        folder = user_path(out, "out")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"out={folder}: must be a folder, this is a file")
    if folder.is_dir() and any(folder.iterdir()) and not _is_evaluation(folder / EVALUATION_FILE):
        raise ValueError(
            f"out={folder}: holds files that are no results of melgen.evaluate; choose another folder with out=DIR"
        )
    nearest = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        raise ValueError(f"out={folder}: no permission to write there; choose another folder with out=DIR")
    return folder


def read_reference(config: DictConfig, recorded_splits: Path | None = None) -> ReferenceCorpus | None:
    """The corpus that songs are compared with, split as in a training; None for ``corpus=none``.

    Args:
        config: as composed from ``conf/evaluate.yaml``.
        recorded_splits: of a run, see `MelodyDataModule`.

    Raises:
        ValueError: if it cannot be read, or is a ready stream that holds no tunes in pitches.
    """
    from hydra.utils import instantiate

    from melgen.data import MelodyDataModule
    from melgen.evaluation.reference import NoCorpus, ReferenceCorpus
    from melgen.music import Control

    corpus = instantiate(config.corpus)
    if isinstance(corpus, NoCorpus):
        return None
    encoded_as = corpus.list_sources().encoded_as
    if encoded_as not in (None, Control.name):
        raise ValueError(
            f"corpus: {corpus.description} is a ready stream of dataset={encoded_as}, which songs cannot be compared "
            "with; choose a corpus of tunes, or corpus=none to compare with nothing"
        )
    data = MelodyDataModule(
        corpus,
        Control(),
        cleaning=instantiate(config.cleaning),
        # Windows of one note: however small a corpus is, songs can be compared with it.
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


def measure_yardsticks(
    reference: ReferenceCorpus, songs: SongSetEvaluation, options: EvaluationOptions
) -> dict[str, SongSetEvaluation]:
    """What songs are compared with: openings of test tunes as long as they are, and whole tunes of each split."""
    from melgen.corpora.sources import Split
    from melgen.evaluation.song_sets import corpus_evaluations, evaluate_openings, median_length

    notes = median_length(songs)
    measured = list(corpus_evaluations(reference, options).values())
    if reference.openings(Split.TEST, notes):
        measured.insert(0, evaluate_openings(reference, notes, options))
    else:
        log.warning("No test tune has %d notes, as many as the median song, so that none is compared with them.", notes)
    return {evaluation.name: evaluation for evaluation in measured}


def _title(folder: Path) -> str:
    """The last two parts of its path: of a run's songs, the first tells more than the second."""
    return f"{folder.resolve().parent.name}/{_own_name(folder)}".lstrip("/")


def _own_name(folder: Path) -> str:
    place = folder.resolve()
    return place.stem if place.is_file() else place.name


def _is_evaluation(path: Path) -> bool:
    return read_json(path).get("format") == FORMAT


def _description(config: DictConfig, reference: ReferenceCorpus) -> dict[str, Any]:
    """What makes the corpus the same one again."""
    from melgen.corpora.sources import Split

    return {
        "corpus": OmegaConf.to_container(config.corpus, resolve=True),
        "cleaning": OmegaConf.to_container(config.cleaning, resolve=True),
        "fingerprint": reference.fingerprint,
        "split_seed": config.split_seed,
        "split_fractions": list(config.split_fractions),
        "has_recorded_splits": reference.has_recorded_splits,
        "tunes": {split.name.lower(): len(reference.tunes(split)) for split in Split},
    }


def _without_songs(evaluation: SongSetEvaluation) -> dict[str, Any]:
    return {
        "songs": len(evaluation.songs),
        "summaries": {metric: asdict(summary) for metric, summary in evaluation.summaries.items()},
        "set_scores": dict(evaluation.set_scores),
    }


def _warn_of_another_corpus(
    run: RunDirectory | None, oldest_reader: int | None, reference: ReferenceCorpus, split_seed: int
) -> None:
    """Originality means little beside tunes that the network was not trained on.

    Args:
        run: whose songs they are, if they are in its directory.
        oldest_reader: the version of the reader that read the tunes of the songs' networks, as far as the songs tell.
    """
    if reference.has_recorded_splits:
        if run is not None and run.is_of_older_reader:
            log.warning(
                "An older reader read the tunes that these songs' network was trained on. They are read again now, and "
                "the run's splits.tsv states which of them were held out."
            )
        return
    if run is None and oldest_reader is not None and oldest_reader < reader_version():
        log.warning(
            "An older reader read and split the tunes that the networks of these songs were trained on, so that some "
            "tunes held out here were trained on. Evaluate the songs of one run in its directory, whose splits.tsv "
            "states which were held out."
        )
        return
    identity = {} if run is None else run.recorded_identity
    if not {"corpus.fingerprint", "split_seed"} <= identity.keys():
        return  # no run's songs
    trained_on, seed = identity["corpus.fingerprint"], identity["split_seed"]
    if trained_on != reference.fingerprint:
        log.warning(
            "These songs are compared with another corpus than their network was trained on, so that their originality "
            "says little; choose it with the corpus and cleaning options of the training."
        )
    elif seed != split_seed:
        log.warning(
            "These songs' network was trained with split_seed=%s, so that some tunes held out here were trained on.",
            seed,
        )


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="evaluate")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("evaluate", evaluate, config)


def main() -> None:
    """Entry point of the command."""
    run_app("evaluate", app)


if __name__ == "__main__":
    main()
