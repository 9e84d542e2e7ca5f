"""A W&B run for each training, also without an account or a network; a failure of W&B never ends the training.

`WandbLogger` is the logger that Lightning calls, and a `melgen.training.loggers.dashboards.Dashboard`.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers.logger import Logger

from melgen.evaluation.run_metrics import RUN_METRICS
from melgen.files import write_text
from melgen.music.melody import Melody
from melgen.runs.history import HISTORY, STEP, read_history
from melgen.training.loggers import wandb_media
from melgen.training.loggers.wandb_service import described, forget_service, is_offline, start_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from wandb import Run

log = logging.getLogger(__name__)

UPDATES = "updates"
"""The metric on the x-axis of all others."""
BEST_VALUE_OF = {
    metric.key: "max" if metric.better == "higher" else "min" for metric in RUN_METRICS if metric.key.startswith("val/")
}
"""Metrics whose best value, not the last, is in a run's summary."""
BEST_LOSS = "best/val_loss"
"""The lowest validation loss so far, under a name for sweeps and panels."""
LONGEST_TAG = 64


class WandbLogger(Logger):
    """Records a training as a run of W&B, online only if a key is found.

    Curves are drawn over updates. A training that resumes continues its online run. An offline run cannot be continued:
    a new one is recorded, which starts with the history so far.

    If W&B fails (no internet connection, a dead service, a full disk) there is a warning, and nothing more is recorded.

    Args:
        project, entity: as in W&B.
        save_dir: the directory of the run; W&B's files go to ``wandb/`` in it.
        group: runs of one sweep share it.
        name: the run's name within its group.
        choices: of this run, such as dataset and cell; each becomes a tag, and a value of ``choices`` in the
            configuration, by which runs are grouped. ``None`` means the option chosen in Hydra's group of that name.
        tags: more tags.
        offline: write to ``save_dir`` only; ``None`` decides by whether there is a key.
        options: handed to ``wandb.init``.
    """

    def __init__(
        self,
        project: str,
        save_dir: str | Path,
        *,
        group: str | None = None,
        name: str | None = None,
        entity: str | None = None,
        choices: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        offline: bool | None = None,
        **options: Any,
    ):
        super().__init__()
        self.directory = Path(save_dir)
        self.choices = {key: _hydra_choice(key) if value is None else value for key, value in (choices or {}).items()}
        self.offline = is_offline() if offline is None else offline
        self._options: dict[str, Any] = options | {
            "project": project,
            "entity": entity,
            "group": group,
            "name": name,
            "tags": [*tags_of(self.choices), *(tags or [])],
        }
        self._run: Run | None = None
        self._is_over = False
        self._lowest_loss = math.inf

    @property
    def name(self) -> str:
        """Part of Lightning's interface."""
        return str(self._options["project"])

    @property
    def version(self) -> str:
        """Part of Lightning's interface: W&B's name for the run."""
        return self._run.id if self._run else ""

    @property
    def save_dir(self) -> str:
        """The directory of the run."""
        return str(self.directory)

    @property
    def run(self) -> Run | None:
        """W&B's run, started on the first call; ``None`` once W&B has failed."""
        if self._run is None and not self._is_over:
            try:
                self._run = self._start()
            except Exception as error:  # a service may raise any error, and the training goes on
                self._give_up(error)
        return self._run

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Record the configuration."""
        values = vars(params) if isinstance(params, Namespace) else params
        self.send(lambda run: run.config.update({**values, "choices": self.choices}, allow_val_change=True))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record metrics at a number of updates."""
        if self.run is None:
            return
        values = dict(metrics)
        if "val/loss" in values:
            self._lowest_loss = min(self._lowest_loss, values["val/loss"])
            values[BEST_LOSS] = self._lowest_loss
        self.send(lambda run: run.log({**values, UPDATES: step or 0}))

    def show(self, step: int, media: Mapping[str, Any]) -> None:
        """Record media or tables at a number of updates."""
        if (run := self.run) is not None:
            run.log({**media, UPDATES: step})

    def log_songs(self, key: str, songs: Sequence[Melody], step: int, *, directory: Path, span_notes: int) -> None:
        """Show songs in a table with sound, score and metrics, and keep the files in ``directory`` as an artifact."""
        if (run := self.run) is None:
            return
        with wandb_media.song_table(songs, span_notes) as table:
            self.show(step, {key: table})
        run.log_artifact(wandb_media.song_files(f"{key}-{run.id}", directory, step))

    def log_figure(self, key: str, figure: Figure, step: int) -> None:
        """Show a figure."""
        if self.run is not None:
            self.show(step, {key: wandb_media.image(figure)})

    def log_embedding(
        self, key: str, weights: NDArray[np.float32], names: Sequence[str], step: int, *, neighbours: int
    ) -> None:
        """Show an embedding as two tables: a map in two dimensions with neighbours, and the vectors themselves."""
        if self.run is not None:
            tables = {
                f"{key}/map": wandb_media.map_table(weights, names, neighbours),
                f"{key}/vectors": wandb_media.vector_table(weights, names),
            }
            self.show(step, tables)

    def send(self, action: Callable[[Run], Any]) -> None:
        """Call an action on the run; its failure means that W&B has failed."""
        if (run := self.run) is None:
            return
        try:
            action(run)
        except Exception as error:
            self._give_up(error)

    def close(self, failed: bool) -> None:
        """Record how the training ended, and wait for the upload, but not for ever."""
        if self._run is not None:
            self.send(lambda run: run.finish(exit_code=int(failed)))
        self._run, self._is_over = None, True

    def _start(self) -> Run:
        earlier = _read(self.directory / HISTORY)
        run = start_run(self.directory, offline=self.offline, **self._options, **self._identity())
        run.define_metric(UPDATES, hidden=True)
        run.define_metric("*", step_metric=UPDATES)
        for metric, best in BEST_VALUE_OF.items():
            run.define_metric(metric, step_metric=UPDATES, summary=best)
        for row in earlier:
            self._lowest_loss = min(self._lowest_loss, row.get("val/loss", math.inf))
            if not run.resumed:
                values = {key: value for key, value in row.items() if key != STEP}
                if "val/loss" in row:
                    values[BEST_LOSS] = self._lowest_loss
                run.log({**values, UPDATES: int(row[STEP])})
        return run

    def _identity(self) -> dict[str, Any]:
        """W&B's id of the run, the same for all starts of an online training."""
        if "WANDB_RUN_ID" in os.environ:  # an agent of a W&B sweep has chosen one
            return {"id": os.environ["WANDB_RUN_ID"]}
        if self.offline:
            return {}
        file = self.directory / "wandb" / "run_id"
        if not file.exists():
            write_text(file, secrets.token_hex(4))
        return {"id": file.read_text(encoding="utf-8").strip(), "resume": "allow"}

    def _give_up(self, error: Exception) -> None:
        log.warning(
            "W&B failed, the training goes on without it: %s; what it has recorded is in %s",
            described(error),
            self.directory / "wandb",
        )
        log.debug("traceback of that failure", exc_info=error)
        self._run, self._is_over = None, True
        forget_service()


def tags_of(choices: Mapping[str, Any]) -> list[str]:
    """Choices as tags; a number needs the name of its key to be understood, and the option ``none`` names nothing.

    >>> tags_of({"dataset": "control", "cell": "lstm", "rhythm": "none", "layers": 2, "seed": 0})
    ['control', 'lstm', 'layers 2', 'seed 0']
    """
    known = {key: value for key, value in choices.items() if value not in (None, "", "none")}
    return [(value if isinstance(value, str) else f"{key} {value}")[:LONGEST_TAG] for key, value in known.items()]


def _hydra_choice(group: str) -> str | None:
    """The option chosen in a group, where Hydra runs the program."""
    from hydra.core.hydra_config import HydraConfig

    return HydraConfig.get().runtime.choices.get(group) if HydraConfig.initialized() else None


def _read(history: Path) -> list[dict[str, float]]:
    return read_history(history) if history.exists() else []
