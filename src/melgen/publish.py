"""``python -m melgen.publish``: the tables of a sweep and of its study on W&B, and a dashboard of all runs.

What is heavy is imported where it is used, so that ``--help`` answers at once.
"""

from __future__ import annotations

import logging
from pathlib import Path

import hydra
from omegaconf import DictConfig

from melgen.checking import require
from melgen.command_line import run_app, run_job
from melgen.configuration.conf_dir import CONF_DIR
from melgen.pasting import path_text, shell_line

log = logging.getLogger(__name__)


def publish(config: DictConfig) -> None:
    """Record the tables as runs of their own, in the group of the sweep.

    Args:
        config: as composed from ``conf/publish.yaml``.

    Raises:
        ValueError: if there are no runs, a flag is not one, a study is named that is not there, or a dashboard is asked
            for where it cannot be saved.
    """
    require(
        config.offline is None or isinstance(config.offline, bool), "offline", config.offline, "true, false or null"
    )
    require(isinstance(config.workspace, bool), "workspace", config.workspace, "true or false")
    folder = Path(config.runs).expanduser()
    if not folder.is_dir():
        raise ValueError(f"runs={folder}: no such directory")
    from melgen.publishing import result_tables as publishing
    from melgen.publishing import workspace
    from melgen.training.loggers.wandb_service import is_offline

    offline = is_offline() if config.offline is None else config.offline
    if config.workspace and offline:
        raise ValueError("workspace=true: a dashboard is saved on W&B's server; this needs a key (wandb login)")
    target = publishing.Target(config.project, config.entity, offline)
    study = _study_in(folder, config.study)
    are_offline = [publishing.publish_sweep(folder, target)]
    if study is not None:
        are_offline.append(publishing.publish_study(study, target))
    if any(are_offline) and (line := sync_line(folder)):
        log.info("Recorded offline; once online:  %s", line)
    if config.workspace:
        log.info("Dashboard: %s", workspace.save(target, folder))


def _study_in(folder: Path, name: str | None) -> Path | None:
    """The directory of the study to publish; None for ``study=null``, and for ``study=auto`` if there is no study."""
    if name is None:
        return None
    study = folder / ("study" if name == "auto" else name)
    if (study / "tables").is_dir():
        return study
    if name == "auto":
        return None
    raise ValueError(f"study={name}: {study} holds no tables of a study, which melgen.study writes")


def sync_line(folder: Path) -> str | None:
    """The command that uploads what is recorded offline in a sweep's directory and in its runs; None without any."""
    place = shell_line(path_text(folder))
    recorded = {f"{place}/*/wandb": "*/wandb/offline-run-*", f"{place}/wandb": "wandb/offline-run-*"}
    places = [each for each, pattern in recorded.items() if any(folder.glob(pattern))]
    return " ".join(["wandb sync", *places]) if places else None


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="publish")
def app(config: DictConfig) -> None:
    """The Hydra application."""
    run_job("publish", publish, config)


def main() -> None:
    """Entry point of the command."""
    run_app("publish", app)


if __name__ == "__main__":
    main()
