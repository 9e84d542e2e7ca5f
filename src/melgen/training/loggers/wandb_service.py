"""W&B's service, key and server: a run is started without questions, and offline where W&B cannot be reached."""

from __future__ import annotations

import logging
import netrc
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wandb import Run

log = logging.getLogger(__name__)

OWN_HOSTS = ("api.forge.coreweave.com", "api.wandb.ai")
"""The names of W&B's own server, since version 0.31 and before; keys are kept by this name."""
START_TIMEOUT_S, FINISH_TIMEOUT_S = 60.0, 300.0
"""The time for which a training may wait for W&B's server; what is not uploaded by then stays on the disk."""


def start_run(directory: Path, *, offline: bool, **options: Any) -> Run:
    """Start a run, also in a process that has had others; offline if W&B cannot be reached.

    Args:
        directory: W&B's files go to ``wandb/`` in it.
        offline: do not try to reach it.
        options: passed to ``wandb.init``.
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
    except Exception as error:  # no internet connection, or a dead service
        if not offline:
            log.warning("W&B cannot be reached, recording offline: %s", described(error))
        forget_service()
    options.pop("resume", None)
    return wandb.init(mode=without_network, **options)


_data_dir_set_by_us: dict[str, str] = {}


def forget_service() -> None:
    """Let the next run of this process start a new service: W&B keeps calling a dead one."""
    import wandb

    with suppress(Exception):
        wandb.teardown(exit_code=1)
    os.environ.pop("WANDB_SERVICE", None)


def is_offline() -> bool:
    """Whether W&B is set to stay offline, or has no key and would ask for one."""
    return os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun") or not has_key()


def has_key() -> bool:
    """Whether W&B finds a key without asking."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    url = os.environ.get("WANDB_BASE_URL")
    hosts = [url.split("://")[-1].split("/")[0]] if url else OWN_HOSTS
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
        return any(known.authenticators(host) is not None for host in hosts)
    except (OSError, netrc.NetrcParseError):
        return False


def described(error: Exception) -> str:
    """The kind of an error and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
