"""Commands without the folders of the machine on which they were typed, to be shown to others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PureWindowsPath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from hydra.errors import HydraException

from melgen.pasting import hydra_value
from melgen.references import is_reference
from melgen.runs.keys import keys_that, top_of

PLACES = keys_that("is_path") | {"corpus.path", "corpus.root"}
"""Keys whose values are paths."""

_ABSOLUTE = re.compile(r"[/~\\]|[A-Za-z]:[/\\]|file:")
_FLAGS_OF_FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp")
"""Hydra's flags whose value is a folder."""


def public_command(words: Sequence[str]) -> list[str]:
    """The words of a command, of whose paths only the last part is left.

    >>> public_command(["--config-dir", "/home/me/conf", "path=../mine/tunes", "+x={a:[/home/me/b]}", "lr=0.1"])
    ['--config-dir', 'conf', 'path=tunes', '+x={a:[b]}', 'lr=0.1']
    """
    public = []
    is_folder = False
    for word in words:
        public.append(last_part(word) if is_folder else without_folders(word))
        is_folder = word in _FLAGS_OF_FOLDERS
    return public


def without_folders(override: str) -> str:
    """A part of a command whose paths have lost their folders; names of shared networks stay.

    >>> without_folders("path=../mine/tunes"), without_folders("+corpus.file=/home/me/a"), without_folders("lr=0.1")
    ('path=tunes', '+corpus.file=a', 'lr=0.1')
    >>> without_folders("init_from=hf:owner/name")
    'init_from=hf:owner/name'
    """
    key, equals, typed = override.partition("=")
    if not equals:
        return override
    value = _value_of(override, typed)
    public = _public(value, key.lstrip("+~") in PLACES or top_of(key) in PLACES or key in _FLAGS_OF_FOLDERS)
    if public == value:
        return override  # as it was typed
    choices = public if isinstance(value, _Choices) else [public]
    return f"{key}={','.join(map(hydra_value, choices))}"


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path of any system, or begins at the user's home."""
    return _ABSOLUTE.match(text) is not None


def last_part(path: str) -> str:
    """The last part of a path of any system."""
    return PureWindowsPath(path).name  # it reads the separators of Unix too


class _Choices(list[Any]):
    """The values of a sweep."""


def _value_of(override: str, typed: str) -> Any:
    """The value of an override as plain data; as it is typed if Hydra cannot read it."""
    try:
        value = OverridesParser.create().parse_override(override).value()
    except HydraException:
        return typed.strip("\"'")
    if isinstance(value, ChoiceSweep):
        return _Choices(each.text if isinstance(each, QuotedString) else each for each in value.list)
    return value


def _public(value: Any, is_place: bool) -> Any:
    if isinstance(value, str):
        return last_part(value) if (is_place or is_absolute(value)) and not is_reference(value) else value
    if isinstance(value, dict):
        return {_public(key, False): _public(each, is_place) for key, each in value.items()}
    if isinstance(value, list):
        return [_public(each.text if isinstance(each, QuotedString) else each, is_place) for each in value]
    return value
