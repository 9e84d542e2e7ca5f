"""A W&B run per training: without questions, an account or a network."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import WandbLogger


class RunLogger(WandbLogger):
    """`WandbLogger` that goes online only where a key is found, and never shares its run with another job.

    Args:
        project, entity, tags: as in W&B.
        save_dir: the directory of the run.
        group: runs of one sweep share it.
        name: the run's name within its group.
        offline: write to ``save_dir`` only; ``None`` decides by whether there is a key.
    """

    def __init__(
        self,
        project: str,
        save_dir: str,
        *,
        group: str | None = None,
        name: str | None = None,
        entity: str | None = None,
        tags: list[str] | None = None,
        offline: bool | None = None,
        **options: Any,
    ):
        if offline is None:
            offline = os.environ.get("WANDB_MODE") == "offline" or not has_key()
        import wandb

        Path(save_dir).mkdir(parents=True, exist_ok=True)
        super().__init__(
            name=name,
            save_dir=save_dir,
            offline=offline,
            project=project,
            entity=entity,
            group=group,
            tags=tags,
            reinit="create_new",
            settings=wandb.Settings(silent=True),
            **options,
        )


def has_key() -> bool:
    """Whether W&B would find a key without asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].split("/")[0]
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
