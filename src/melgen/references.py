"""Names that mean model files: of the networks that come with melgen, and of repositories of the Hugging Face Hub."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from melgen.bundled import bundled_file, is_bundled_reference
from melgen.hub import fetched, is_hub_reference


def is_reference(path: str | PathLike[str]) -> bool:
    """Whether a path is such a name: ``melgen:rhythmic``, ``hf:owner/name``.

    >>> [is_reference(path) for path in ("melgen:rhythmic", "hf:owner/name", "multirun/folk")]
    [True, True, False]
    """
    return is_bundled_reference(path) or is_hub_reference(path)


def referenced_file(reference: str | PathLike[str], key: str = "checkpoint") -> Path:
    """The model file that a name means.

    Args:
        reference: for which `is_reference` is true.
        key: the name of the path in errors.

    Raises:
        CheckpointError: for an unknown name, and for a repository whose file cannot be fetched.
    """
    return bundled_file(reference, key) if is_bundled_reference(reference) else fetched(reference, key)
