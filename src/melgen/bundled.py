"""The networks that come with melgen: ``melgen:rhythmic``, ``melgen:pitches`` and ``melgen:intervals``.

Their model files are part of the package. ``make models`` trains them, see ``models/make_models.py`` in a checkout.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import MappingProxyType

from melgen.errors import CheckpointError

PREFIX = "melgen:"
FOLDER = Path(__file__).parent / "models"
PAGES = (FOLDER / "page.html", Path(__file__).parents[2] / "docs" / "demo.html")
"""The page of these networks: in an installed package, and in a checkout, where the documentation has it too."""

BUNDLED: Mapping[str, str] = MappingProxyType(
    {
        "rhythmic": "pitches and rhythm, and an end",
        "pitches": "pitches only",
        "intervals": "intervals between pitches only, the same in every key",
    }
)
"""By name, what each network writes. The first one is used where none is asked for."""

REFERENCES = tuple(f"{PREFIX}{name}" for name in BUNDLED)
DEFAULT = REFERENCES[0]


def is_bundled_reference(path: str | PathLike[str]) -> bool:
    """Whether a path names a network that comes with melgen, or tries to.

    >>> is_bundled_reference("melgen:rhythmic"), is_bundled_reference("melgen/rhythmic")
    (True, False)
    """
    return str(path).startswith(PREFIX)


def bundled_file(reference: str | PathLike[str], key: str = "checkpoint") -> Path:
    """The model file that a reference names.

    Raises:
        CheckpointError: for an unknown name, and for an installation without the file.
    """
    name = str(reference).removeprefix(PREFIX)
    if name not in BUNDLED:
        raise CheckpointError(f"{key}={reference}: no such network; melgen comes with {', '.join(REFERENCES)}")
    file = FOLDER / f"{name}.melgen"
    if not file.is_file():
        raise CheckpointError(f"{key}={reference}: this installation lacks {file}")
    return file
