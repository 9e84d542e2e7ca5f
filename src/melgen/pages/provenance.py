"""Where what a page shows comes from: the command to paste, and the software."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COMMAND = "Command"
"""The row that a page lets its reader copy."""


def software_row(software: Mapping[str, Any]) -> tuple[str, str]:
    """Versions, and the commit of a checkout."""
    versions = ", ".join(f"{name} {value}" for name, value in software.items() if isinstance(value, str))
    commit = software.get("git") or {}
    changed = " with changes" if commit.get("modified") else ""
    return "Software", versions + (f"; commit {commit['commit'][:12]}{changed}" if "commit" in commit else "")
