"""Where what a page shows comes from: the command to paste, and the software."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

COMMAND = "Command"
"""The row that a page lets its reader copy."""


def paste_line(verb: str, arguments: Sequence[str]) -> str:
    """A command of ours as a line that a shell takes as it was typed.

    >>> paste_line("train", ["cell=lstm", "primer=[60,62]"])
    "python -m melgen.train cell=lstm 'primer=[60,62]'"
    """
    return shlex.join(["python", "-m", f"melgen.{verb}", *map(str, arguments)])


def software_row(software: Mapping[str, Any]) -> tuple[str, str]:
    """Versions, and the commit of a checkout."""
    versions = ", ".join(f"{name} {value}" for name, value in software.items() if isinstance(value, str))
    commit = software.get("git") or {}
    changed = " with changes" if commit.get("modified") else ""
    return "Software", versions + (f"; commit {commit['commit'][:12]}{changed}" if "commit" in commit else "")
