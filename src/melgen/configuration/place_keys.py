"""The keys of each command that name a file or directory. Nothing slow is imported, because tab completion uses it."""

from __future__ import annotations

from melgen.configuration.packaged import is_nowhere, packaged_keys
from melgen.nested import value_at
from melgen.runs.keys import keys_that

_PLACES = keys_that("is_path") | {
    "answers",
    "checkpoint",
    "consent",
    "dir",
    "folder",
    "out",
    "root",
    "run",
    "runs",
    "songs",
    "sound_font",
    "study",
    "test",
    "to",
}
"""Last words of keys that name a file or directory, unless their default is something else, such as a number."""


def names_a_place(key: str, command: str) -> bool:
    """Whether the value of a key is the name of a file or directory.

    Args:
        key: with dots, without a sign.
        command: its primary file, without ``.yaml``.

    >>> names_a_place("songs", "render"), names_a_place("songs", "generate"), names_a_place("corpus.root", "config")
    (True, False, True)
    """
    keys = packaged_keys(command)
    if key.rpartition(".")[2] not in _PLACES or is_nowhere(key.split("."), keys):
        return False
    default = value_at(keys, key)
    return default is None or isinstance(default, str)
