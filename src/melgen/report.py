"""``python -m melgen.report``: one HTML file of a run or a study, to look at and to play.

The recipe is `report`; `main` wraps it for the command line.
"""

from __future__ import annotations

from pathlib import Path

import hydra
from omegaconf import DictConfig

from melgen.checking import check_whole
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules


def report(config: DictConfig) -> Path:
    """Write the page of a run or a study, and print where it is.

    Args:
        config: as composed from ``conf/report.yaml``.

    Returns:
        The file.

    Raises:
        ValueError: unless one directory of a run or a study is given.
    """
    from melgen.pages.writing import write_report

    if (config.run is None) == (config.study is None):
        raise ValueError("run=DIR or study=DIR: exactly one directory is needed")
    check_whole("scores", config.scores, 0)
    import_user_modules(config.imports)
    path = write_report(
        config.run or config.study,
        kind="run" if config.run else "study",
        out=config.out,
        scores=config.scores,
        cache_dir=config.cache_dir,
        workers=config.workers,
        progress=config.progress,
    )
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser, it needs no network")
    return path


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="report")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("report", report, config)


def main() -> None:
    """Entry point of the command."""
    run_app("report", app)


if __name__ == "__main__":
    main()
