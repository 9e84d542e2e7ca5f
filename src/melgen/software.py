"""The software of this process: versions of packages, and the state of our source code."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import melgen

PACKAGES = ("torch", "pytorch-lightning", "hydra-core", "omegaconf", "numpy", "scipy", "music21", "symusic", "muspy")
"""Packages whose version may change a result."""
_CHECKOUT = Path(__file__).parents[2]


def software() -> dict[str, Any]:
    """Versions of melgen, Python and the packages that may change a result; the commit of a checkout.

    ``git`` is ``None`` for an installed wheel; ``modified`` is true if code or configuration differs from the
    commit.
    """
    return {"melgen": melgen.__version__, "python": platform.python_version(), **_versions(), "git": _git_state()}


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def _git_state() -> dict[str, Any] | None:
    if not (_CHECKOUT / ".git").exists():
        return None
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    return {
        "commit": commit.strip(),
        "modified": bool(_git("status", "--porcelain", "--", "src", "conf", "pyproject.toml")),
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=_CHECKOUT, capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
