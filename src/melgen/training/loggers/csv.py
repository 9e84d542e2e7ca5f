"""Metrics as a CSV file that survives a resume."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from melgen.runs.history import HISTORY, STEP, read_history, write_history


class HistoryLogger(Logger):
    """Keeps every logged metric in ``metrics.csv``: a row per update at which something was logged.

    The file is rewritten completely each time, so that readers never see half of it. A resumed run continues it.

    Args:
        save_dir: the directory of the run.
        flush_every_rows: rows between two writings.
        flush_every_seconds: the longest time between two writings, for users who watch a slow training in the file.
    """

    def __init__(self, save_dir: str | Path, flush_every_rows: int = 10, flush_every_seconds: float = 10.0):
        super().__init__()
        self.flush_every_seconds, self._written_at = flush_every_seconds, time.monotonic()
        self.path = Path(save_dir) / HISTORY
        self.flush_every_rows = flush_every_rows
        self._rows: dict[int, dict[str, float]] = {}
        self._unwritten = 0
        if self.path.exists():
            self._rows = {int(row[STEP]): row for row in read_history(self.path)}

    @property
    def name(self) -> str:
        """Part of Lightning's interface."""
        return "history"

    @property
    def version(self) -> str:
        """Part of Lightning's interface."""
        return ""

    @property
    def save_dir(self) -> str:
        """The directory of the run."""
        return str(self.path.parent)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of their update."""
        row = self._rows.setdefault(step or 0, {STEP: step or 0})
        row.update({key: float(value) for key, value in metrics.items()})
        self._unwritten += 1
        waited = time.monotonic() - self._written_at
        if self._unwritten >= self.flush_every_rows or waited >= self.flush_every_seconds:
            self.save()

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run's configuration is in ``config.yaml``."""

    @rank_zero_only
    def save(self) -> None:
        """Write the file."""
        if not self._rows and not self.path.exists():
            return
        write_history(self.path, self._rows.values())
        self._unwritten, self._written_at = 0, time.monotonic()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()
