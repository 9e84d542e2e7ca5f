"""Commands to print, quoted for the shell and for Hydra's grammar, so that a user can paste them."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

_PLAIN_VALUE = re.compile(r"(?:\.{0,2}/|[A-Za-z_])[A-Za-z0-9./_-]*")
"""Text that Hydra's grammar reads unchanged, and not as a number."""

_NO_TEXT = frozenset({"null", "true", "false", "inf", "nan"})
"""Words that Hydra reads as a value of another type."""

_BEFORE_INTERPOLATION = re.compile(r"(\\*)\$\{")


def program(verb: str) -> list[str]:
    """The words that start a command of ours, in every line that we print to be pasted.

    ``melgen train`` does the same, where scripts of the environment are found; this works wherever Python does.
    """
    return ["python", "-m", f"melgen.{verb}"]


def command(verb: str, values: Mapping[str, Any] | None = None) -> str:
    """A command line of melgen.

    Args:
        verb: ``train``, ``generate``, ...
        values: keys and their values: plain data, or paths. `None` is written as ``null``.

    >>> command("render", {"songs": PurePath("my runs/songs"), "to": ["mp3", "svg"]})
    'python -m melgen.render \\'songs="my runs/songs"\\' \\'to=[mp3,svg]\\''
    """
    return shell_line(*program(verb), *map(override, (values or {}).keys(), (values or {}).values()))


def override(key: str, value: Any) -> str:
    """``key=value`` in Hydra's grammar, which reads it as exactly this value."""
    return f"{key}={hydra_value(value)}"


def hydra_value(value: Any) -> str:
    """A value in Hydra's grammar.

    >>> hydra_value([1, 0.5, None, True, "a", "a=b,c"])
    '[1,0.5,null,true,a,"a=b,c"]'
    >>> hydra_value({"a": [1], "b": {}})
    '{a:[1],b:{}}'
    """
    if isinstance(value, PurePath):
        return _text(path_text(value))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{hydra_value(key)}:{hydra_value(each)}' for key, each in value.items())}}}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence):
        return "[" + ",".join(map(hydra_value, value)) + "]"
    return str(value)


def _text(text: str) -> str:
    if _PLAIN_VALUE.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    # OmegaConf, which reads the value next, would resolve text that looks like an interpolation.
    return hydra_quoted(_BEFORE_INTERPOLATION.sub(lambda found: found[1] * 2 + "\\${", text))


def hydra_quoted(text: str, quote: str | None = None) -> str:
    r"""Text in quotes for Hydra's grammar, where a backslash escapes only before a quote.

    >>> print(hydra_quoted("a 'b'"), hydra_quoted("a\\"))
    "a 'b'" "a\\"
    """
    if quote is None:  # the shell's quotes are most likely single ones
        quote = '"' if '"' not in text else "'"
    before = re.compile(rf"(\\*)({quote}|\Z)")
    return quote + before.sub(lambda found: found[1] * 2 + (f"\\{quote}" if found[2] else ""), text) + quote


def path_text(path: PurePath | str) -> str:
    """A path that cannot be read as an option or as a home directory.

    >>> path_text("-songs"), path_text("/tmp/songs")
    ('./-songs', '/tmp/songs')
    """
    text = os.fspath(path)
    if text.startswith("~"):
        return os.path.abspath(text)  # not `./~`: `Path` drops the `./`
    return f"./{text}" if text.startswith("-") else text


def shell_line(*words: str) -> str:
    """A line that a shell splits into these words.

    >>> shell_line("wandb", "sync", "my runs/wandb")
    "wandb sync 'my runs/wandb'"
    """
    return " ".join(map(_shell_word, words))


def _shell_word(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # Control characters and bytes that are not UTF-8, in a form that terminals show and bash, zsh and ksh read.
    written = "".join(
        chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"
        for byte in os.fsencode(word.replace("\\", "\\\\").replace("'", "\\'"))
    )
    return f"$'{written}'"
