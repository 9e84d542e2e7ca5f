"""All uses of libraries beyond their public interfaces, in one file for each library.

The rest of melgen imports them from here. Each entry states why melgen needs it and which public way was looked for. A
release of a library may change any of it; then the library's version is in the error, and nothing runs on a guess.
"""

from __future__ import annotations

from importlib.metadata import version

import melgen
from melgen.errors import MelgenError


class UnknownInternalsError(MelgenError, RuntimeError):
    """A library does not have the internals that melgen uses."""

    def __init__(self, package: str, problem: str):
        super().__init__(
            f"{package} {version(package)}: {problem}; melgen {melgen.__version__} does not know this release: "
            f"install a version of {package} that its pyproject.toml names as tried"
        )
