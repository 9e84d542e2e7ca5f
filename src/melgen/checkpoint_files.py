"""Find the checkpoints of a run and model files, without torch, which takes seconds to import."""

from __future__ import annotations

from pathlib import Path

from melgen.errors import CheckpointError
from melgen.references import is_reference, referenced_file

SUFFIX = ".ckpt"
"""The ending of the names of checkpoints."""
BEST, LAST = f"best{SUFFIX}", f"last{SUFFIX}"


def run_of(checkpoint: Path) -> Path:
    """The run directory of a checkpoint: the parent of ``checkpoints/``, or else the directory of the file."""
    return checkpoint.parent.parent if checkpoint.parent.name == "checkpoints" else checkpoint.parent


def run_title(run: Path) -> str:
    """The title of a run in its songs: ``<name>/<run>``."""
    return "/".join(run.resolve().parts[-2:])


def find_checkpoint(path: str | Path, key: str = "checkpoint") -> Path:
    """The file meant by a file, by a run's directory (its best checkpoint), or by a name (``melgen:rhythmic``).

    Raises:
        CheckpointError: if there is none.
    """
    if is_reference(path):
        return referenced_file(path, key)
    path = Path(path).expanduser()
    if path.is_file():
        return path
    for folder in (path, path / "checkpoints"):
        for name in (BEST, LAST):
            if (folder / name).is_file():
                return folder / name
    what = "this directory contains no checkpoint yet" if path.is_dir() else "no such file or directory"
    raise CheckpointError(f"{key}={path}: {what}; it must be a run's directory, a checkpoint or a model file")
