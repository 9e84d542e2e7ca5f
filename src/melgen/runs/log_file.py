"""The log file of a run: every line that is logged during its training, also on a full disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from melgen.terminal import READABLE


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's name
        """Ignore a full disk: the code that writes results will report it, and the terminal has shown this line."""

    def close(self) -> None:
        """Close without an error if the last lines cannot be written, so as not to mask the error in progress."""
        with suppress(OSError):
            super().close()


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Append log lines to a file inside the block."""
    handler = _LogFile(file, encoding="utf-8", errors=READABLE)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
