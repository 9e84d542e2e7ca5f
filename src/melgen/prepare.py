"""``python -m melgen.prepare``: read a corpus of tunes, keep it for the trainings, and report on it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import hydra
from omegaconf import DictConfig

from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR

if TYPE_CHECKING:
    from melgen.corpora import ImportReport

log = logging.getLogger(__name__)


def prepare(config: DictConfig) -> ImportReport:
    """Import a corpus into the cache and print what was found, kept and dropped.

    Args:
        config: as composed from ``conf/prepare.yaml``.

    Raises:
        CorpusError: if the corpus cannot be read, or no melody is left of it.
    """
    from hydra.utils import instantiate

    corpus, cleaning = instantiate(config.corpus), instantiate(config.cleaning)
    imported = corpus.load(cleaning, config.cache_dir, config.workers, config.progress)
    print(imported.report)
    return imported.report


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="prepare")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("prepare", prepare, config)


def main() -> None:
    """Entry point of the command."""
    run_app("prepare", app)


if __name__ == "__main__":
    main()
