"""Log lines that many jobs of a sweep have in common: the terminal shows them once."""

from __future__ import annotations

import logging
import os
from types import MappingProxyType

from melgen.runs.directory import SWEEP_VARIABLE

_ATTRIBUTE = "once_per_sweep"
ONCE_PER_SWEEP = MappingProxyType({_ATTRIBUTE: True})
"""The ``extra`` of such a log line."""
_shown: set[tuple[str, str]] = set()
"""The lines of this kind that this process has shown, each with its sweep."""


class OncePerSweep(logging.Filter):
    """A filter of the terminal: such a line is shown for the first job of a process alone.

    A process of a launcher trains many jobs. The log file of each run has the line.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is shown."""
        sweep = os.environ.get(SWEEP_VARIABLE)
        if sweep is None or not hasattr(record, _ATTRIBUTE):
            return True
        line = (sweep, record.getMessage())
        is_first = line not in _shown
        _shown.add(line)
        return is_first
