"""``python -m melgen.report``: one HTML file of a run, a study, several runs or songs, to look at and to play.

The recipe is `report`; `main` wraps it for the command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from melgen.checking import check_whole
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.user_modules import import_user_modules


def report(config: DictConfig) -> Path:
    """Write the page of a run, a study, several runs or folders of songs, and print where it is.

    Args:
        config: as composed from ``conf/report.yaml``.

    Returns:
        The file.

    Raises:
        ValueError: unless exactly one of ``run``, ``study``, ``runs`` and ``songs`` is given.
    """
    from melgen.corpora.workers import check_workers
    from melgen.pages.writing import write_report, write_report_of_several

    given = [key for key in ("run", "study", "runs", "songs") if config[key] is not None]
    if len(given) != 1:
        what = f", got {' and '.join(f'{key}=' for key in given)}" if given else ""
        raise ValueError(f"run=DIR, study=DIR, runs=[DIR,DIR] or songs=DIR: exactly one of them is needed{what}")
    check_whole("scores", config.scores, 0)
    check_workers(config.workers)
    import_user_modules(config.imports)
    options = {name: config[name] for name in ("out", "scores", "cache_dir", "workers", "progress", "notes")}
    if config.run is not None:
        path = write_report(config.run, kind="run", **options)
    elif config.study is not None:
        path = write_report(config.study, kind="study", **options)
    elif config.runs is not None:
        path = write_report_of_several(_listed(config.runs), key="runs", **options)
    else:
        path = write_report_of_several(_listed(config.songs), key="songs", **options)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB): open it in a browser, it works offline")
    return path


def _listed(given: Any) -> list[str]:
    return [str(given)] if isinstance(given, str | int | float) else [str(each) for each in given]


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="report")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("report", report, config)


def main() -> None:
    """Entry point of the command."""
    run_app("report", app)


if __name__ == "__main__":
    main()
