"""``python -m melgen.evaluate``: measure any folder of songs, and compare it with a corpus.

The recipe is `evaluate`; `main` wraps it for the command line.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules
from melgen.software import software

if TYPE_CHECKING:
    from melgen.evaluation.options import EvaluationOptions

log = logging.getLogger(__name__)


def evaluate(config: DictConfig) -> Path:
    """Measure a folder of songs, write the results as JSON and tables, and print the most important.

    Args:
        config: as composed from ``conf/evaluate.yaml``.

    Returns:
        The directory of the results.

    Raises:
        ValueError: if no song can be read or measured, the corpus cannot be compared with, or the results
            have no place.
    """
    from hydra.utils import instantiate

    from melgen.generation.results_folder import RESULTS, results_folder
    from melgen.generation.song_files import place_of_songs, read_song_folder

    import_user_modules(config.imports)
    options: EvaluationOptions = instantiate(config.evaluation, _convert_="all")
    folder = place_of_songs(config.songs)
    found = read_song_folder(folder, workers=config.workers, progress=config.progress)
    out = results_folder("evaluate", config.out, folder, found)
    # Imported once the songs are read: they need torch.
    from melgen.evaluation.folder import (
        FORMAT_VERSION,
        description_of,
        measure_references,
        read_reference,
        title_of,
        warn_of_another_corpus,
        without_songs,
    )
    from melgen.evaluation.song_sets import evaluate_songs
    from melgen.runs.search import run_around
    from melgen.tables.folder_report import report_text, write_report

    run = run_around(folder)
    reference = read_reference(config, None if run is None else run.splits_to_keep)
    songs = evaluate_songs(title_of(folder), found.songs, reference, options)
    songs = replace(songs, left_out={**found.unread, **songs.left_out})
    references = {} if reference is None else measure_references(reference, songs, options)
    if reference is not None:
        warn_of_another_corpus(run, found.oldest_reader, reference, config.split_seed)

    content = {
        "format": RESULTS["evaluate"].format,
        "format_version": FORMAT_VERSION,
        "software": software(),
        "folder": str(config.songs),
        "options": options.to_dict(),
        "corpus": None if reference is None else description_of(config, reference),
        "songs": songs.to_dict(),
        "yardsticks": {name: without_songs(evaluation) for name, evaluation in references.items()},
    }
    try:
        write_report(out, content, songs, references, found)
    except OSError as error:
        reason = f"cannot write the results ({error.strerror}); choose another folder with out=DIR"
        raise OSError(error.errno, reason, str(out)) from error
    print(report_text(songs, references, found, out))
    return out


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="evaluate")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("evaluate", evaluate, config)


def main() -> None:
    """Entry point of the command."""
    run_app("evaluate", app)


if __name__ == "__main__":
    main()
