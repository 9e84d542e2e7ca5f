"""A W&B run per training: without questions, an account or a network, and never in the training's way.

`RunLogger` is the logger that Lightning calls and that `melgen.training.loggers.reporting` shows songs and pictures
to. `start_run` is shared with the command that publishes tables of many runs.
"""

from __future__ import annotations

import logging
import math
import netrc
import os
import secrets
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytorch_lightning.loggers.logger import Logger

from melgen.runs.history import STEP, read_history

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)

UPDATES = "updates"
"""The metric that all others are drawn over."""
BEST_VALUE_OF = {
    "val/loss": "min",
    "val/perplexity": "min",
    "val/bits_per_note": "min",
    "val/accuracy": "max",
}
"""Metrics whose best value, not the last, stands in a run's summary."""
BEST_LOSS = "best/val_loss"
"""Under this plain name sweeps and panels find the lowest validation loss so far."""
LONGEST_TAG = 64
OWN_HOSTS = ("api.forge.coreweave.com", "api.wandb.ai")
"""What W&B's own server is called, since version 0.31 and before; keys are kept by this name."""
START_TIMEOUT_S, FINISH_TIMEOUT_S = 60.0, 300.0
"""How long a training may wait for W&B's server; what is not uploaded by then stays on the disk."""


class RunLogger(Logger):
    """Records a training as a run of W&B, and goes online only where a key is found.

    Curves are drawn over updates. A training that resumes continues its run where it is online; an offline
    run cannot be continued, so that a new one is recorded, which starts with the history so far.

    If W&B fails (no network, a service that died, a full disk) there is a warning, and nothing more is recorded.

    Args:
        project, entity: as in W&B.
        save_dir: the directory of the run; W&B's files go to ``wandb/`` in it.
        group: runs of one sweep share it.
        name: the run's name within its group.
        choices: what was chosen for this run, such as dataset and cell; each becomes a tag, and a value of
            ``choices`` in the configuration, by which runs are grouped. ``None`` stands for the option chosen
            in Hydra's group of that name.
        tags: more of them.
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
            except Exception as error:  # whatever a service throws, the training goes on
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
        """Record media, or other things that W&B knows, at a number of updates."""
        if (run := self.run) is not None:
            run.log({**media, UPDATES: step})

    def send(self, action: Callable[[Run], Any]) -> None:
        """Do something with the run that can fail only if W&B itself does."""
        if (run := self.run) is None:
            return
        try:
            action(run)
        except Exception as error:
            self._give_up(error)

    def close(self, failed: bool) -> None:
        """Say how the training ended, and wait for the upload, but not for ever."""
        if self._run is not None:
            self.send(lambda run: run.finish(exit_code=int(failed)))
        self._run, self._is_over = None, True

    def _start(self) -> Run:
        earlier = _read(self.directory / "metrics.csv")
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
        """W&B's name for the run, the same for all starts of a training that is online."""
        if "WANDB_RUN_ID" in os.environ:  # an agent of a W&B sweep has chosen one
            return {"id": os.environ["WANDB_RUN_ID"]}
        if self.offline:
            return {}
        file = self.directory / "wandb" / "run_id"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(secrets.token_hex(4), encoding="utf-8")
        return {"id": file.read_text(encoding="utf-8").strip(), "resume": "allow"}

    def _give_up(self, error: Exception) -> None:
        log.warning(
            "W&B failed, the training goes on without it: %s; what it has recorded lies in %s",
            _described(error),
            self.directory / "wandb",
        )
        log.debug("traceback of that failure", exc_info=error)
        self._run, self._is_over = None, True
        forget_service()


def start_run(directory: Path, *, offline: bool, **options: Any) -> Run:
    """A run of its own, also in a process that has had others; offline where W&B cannot be reached.

    Args:
        directory: W&B's files go to ``wandb/`` in it.
        offline: do not even try to reach it.
        options: handed to ``wandb.init``.
    """
    import wandb

    directory = directory.resolve()  # the service may have started in another current directory
    (directory / "wandb").mkdir(parents=True, exist_ok=True)
    if "WANDB_DATA_DIR" not in os.environ or os.environ["WANDB_DATA_DIR"] == _data_dir_set_by_us.get("path"):
        # Files that wait for their upload stay with the run, instead of filling the home directory.
        _data_dir_set_by_us["path"] = os.environ["WANDB_DATA_DIR"] = str(directory / "wandb")
    settings = wandb.Settings(silent=True, init_timeout=START_TIMEOUT_S, finish_timeout=FINISH_TIMEOUT_S)
    options |= {"dir": str(directory), "reinit": "create_new", "settings": settings}
    without_network: Any = "disabled" if os.environ.get("WANDB_MODE") == "disabled" else "offline"
    try:
        return wandb.init(mode=without_network if offline else "online", **options)
    except Exception as error:  # no network, or a service that is no more
        if not offline:
            log.warning("W&B cannot be reached, recording offline: %s", _described(error))
        forget_service()
    options.pop("resume", None)
    return wandb.init(mode=without_network, **options)


_data_dir_set_by_us: dict[str, str] = {}


def forget_service() -> None:
    """Let the next run of this process start a service of its own: W&B keeps calling one that has died."""
    import wandb

    with suppress(Exception):
        wandb.teardown(exit_code=1)
    os.environ.pop("WANDB_SERVICE", None)


def tags_of(choices: Mapping[str, Any]) -> list[str]:
    """Choices as tags; a number needs the name of its key to be understood.

    >>> tags_of({"dataset": "control", "cell": "lstm", "layers": 2, "seed": 0})
    ['control', 'lstm', 'layers 2', 'seed 0']
    """
    known = {key: value for key, value in choices.items() if value not in (None, "")}
    return [(value if isinstance(value, str) else f"{key} {value}")[:LONGEST_TAG] for key, value in known.items()]


def is_offline() -> bool:
    """Whether W&B is told to stay offline, or would have to ask for a key."""
    return os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun") or not has_key()


def has_key() -> bool:
    """Whether W&B would find a key without asking."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    url = os.environ.get("WANDB_BASE_URL")
    hosts = [url.split("://")[-1].split("/")[0]] if url else OWN_HOSTS
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
        return any(known.authenticators(host) is not None for host in hosts)
    except (OSError, netrc.NetrcParseError):
        return False


def _hydra_choice(group: str) -> str | None:
    """The option chosen in a group, where Hydra runs the program."""
    from hydra.core.hydra_config import HydraConfig

    return HydraConfig.get().runtime.choices.get(group) if HydraConfig.initialized() else None


def _read(history: Path) -> list[dict[str, float]]:
    return read_history(history) if history.exists() else []


def _described(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
