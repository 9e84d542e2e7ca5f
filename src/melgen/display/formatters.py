"""Telling IPython how to show melgen's objects. It is not imported: only a shell that runs is told."""

from __future__ import annotations

import sys
from typing import Any

from melgen.display.dispatch import SHOWN, to_html, to_text


def register(shell: Any = None) -> bool:
    """Let an IPython shell show melgen's objects richly: HTML in Jupyter, short text in a terminal.

    ``import melgen`` does this in a notebook; ``%load_ext melgen`` does it where melgen was imported before.

    Args:
        shell: of IPython; by default the one that runs.

    Returns:
        Whether there is a shell.
    """
    if shell is None:
        ipython = sys.modules.get("IPython")
        shell = None if ipython is None else ipython.get_ipython()
    if shell is None:
        return False
    formatters = shell.display_formatter.formatters
    for name in SHOWN:
        module, _, kind = name.rpartition(".")
        formatters["text/html"].for_type_by_name(module, kind, to_html)
        formatters["text/plain"].for_type_by_name(module, kind, _print)
    return True


def _print(thing: Any, printer: Any, cycle: bool) -> None:
    printer.text(to_text(thing))
