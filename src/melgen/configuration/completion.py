"""Tab completion of ``melgen`` in bash and zsh.

Hydra brings completion too. It composes the whole configuration at each press of the key, which takes seconds on a slow
machine, and knows neither values separated by commas nor flags behind the first key. This reads the files alone.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from melgen.commands import COMMANDS, FLAGS, MULTIRUN, SWEEPING, WRONG_USAGE, asks_for_help
from melgen.nested import value_at
from melgen.terminal import print_error

BASH = r"""# Tab completion of melgen in bash. In ~/.bashrc: eval "$(melgen completion bash)"
_melgen_complete() {
    local IFS=$'\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" MELGEN_WORDBREAKS="$COMP_WORDBREAKS" \
        "$1" completion words 2>/dev/null))
}
complete -o nospace -F _melgen_complete melgen
"""

ZSH = r"""#compdef melgen
# Tab completion of melgen in zsh. In ~/.zshrc, after compinit: eval "$(melgen completion zsh)"
_melgen_complete() {
    local line="${(j: :)words[1,CURRENT]}"
    local -a found
    found=("${(@f)$(COMP_LINE="$line" COMP_POINT=${#line} ${(Q)words[1]} completion words 2>/dev/null)}")
    [[ -n "$found" ]] || return 1
    if (( CURRENT == 2 )); then compadd -- $found; else compadd -S '' -- $found; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _melgen_complete melgen
"""

SCRIPTS: Mapping[str, str] = {"bash": BASH, "zsh": ZSH}
HELP = """melgen completion: print a script for tab completion of melgen

usage: melgen completion bash     in ~/.bashrc: eval "$(melgen completion bash)"
       melgen completion zsh      in ~/.zshrc, after compinit: eval "$(melgen completion zsh)"
"""
WORDS = "words"
"""The subcommand that the scripts call: it prints the words that fit ``COMP_LINE`` up to ``COMP_POINT``, one a line."""

_SPECIAL = re.compile(r"([^\w@%+=:,./\[\]~-])")


def complete(arguments: Sequence[str]) -> int:
    """``melgen completion bash|zsh`` prints a script, which calls ``melgen completion words``.

    Returns:
        The exit code.
    """
    if list(arguments) == [WORDS]:
        try:
            _print_words()
        except Exception:  # whatever it is, a message would end up in the line that is being typed
            return 1
        return 0
    if asks_for_help(list(arguments)):
        print(HELP, end="")
        return 0
    if len(arguments) == 1 and arguments[0] in SCRIPTS:
        print(SCRIPTS[arguments[0]], end="")
        return 0
    given = " ".join(arguments) or "nothing given"
    print_error("melgen completion", f"{given}: must be {' or '.join(SCRIPTS)}, as in melgen completion bash")
    return WRONG_USAGE


def _print_words() -> None:
    line = os.environ.get("COMP_LINE", "")
    point = os.environ.get("COMP_POINT", "")
    typed = line[: int(point)] if point.isdigit() else line
    breaks = os.environ.get("MELGEN_WORDBREAKS")  # of bash, which completes what follows the last of them
    words = _split(typed)
    word = words[-1]
    start = 0 if breaks is None else max((word.rfind(sign) for sign in "=:" if sign in breaks), default=-1) + 1
    for found in completions(words):
        if breaks is None:
            print(found)
        else:
            print(_SPECIAL.sub(r"\\\1", found[start:]) + (" " if len(words) == 2 else ""))


def _split(line: str) -> list[str]:
    """The words of a line as a shell reads them, the last one perhaps empty."""
    words = shlex.split(line)
    return [*words, ""] if not words or (line[-1].isspace() and not line.endswith("\\ ")) else words


def completions(words: Sequence[str]) -> list[str]:
    """The possible completions of the last word.

    Args:
        words: of the line, with the program's name; the last one is completed, and may be empty.

    >>> completions(["melgen", "tr"]), completions(["melgen", "train", "-m", "cell=lstm,g"])
    (['train'], ['cell=lstm,gru'])
    >>> completions(["melgen", "generate", "te"]), completions(["melgen", "generate", "temperature="])
    (['temperature='], ['temperature=1.0'])
    """
    if len(words) < 2:
        return []
    _, *before, word = words
    if not before:
        return _fitting([*COMMANDS, "completion", *(["--help", "--version"] if word[:1] == "-" else [])], word)
    verb = before[0]
    if verb == "completion":
        return _fitting(SCRIPTS, word) if len(before) == 1 else []
    if verb not in COMMANDS:
        return []
    if before[-1] in ("--config-dir", "-cd"):
        return list(_files(word))
    if word.startswith("-"):
        flags = [MULTIRUN[0], "--multirun"] if verb in SWEEPING else []
        return _fitting([*flags, *(flag.partition(" ")[0] for flag in FLAGS)], word)
    return list(dict.fromkeys(_overrides(verb, before, word)))


def _overrides(verb: str, before: Sequence[str], word: str) -> Iterator[str]:
    from melgen.configuration.packaged import (
        CONF_DIR,
        config_folders,
        default_options,
        options_of,
        packaged_keys,
        primary_of,
    )
    from melgen.configuration.place_keys import names_a_place

    sign = re.match(r"\+\+|\+|~|", word)[0]  # type: ignore[index]  # the empty text matches always
    key, equals, value = word[len(sign) :].partition("=")
    groups, keys = default_options(primary_of(verb)), packaged_keys(primary_of(verb))
    if not equals:
        yield from _fitting(
            [f"{sign}{group}=" for group in groups if "/" not in group or key[:1] == "h"], f"{sign}{key}"
        )
        yield from _fitting((sign + name for name in _names_below(key.rpartition(".")[0], keys)), f"{sign}{key}")
        return
    if key in groups:
        taken, comma, last = value.rpartition(",") if verb in SWEEPING else ("", "", value)
        options = options_of(key, [CONF_DIR, *config_folders(before)])
        yield from (
            f"{sign}{key}={taken}{comma}{option}"
            for option in _fitting(options, last)
            if option not in taken.split(",")
        )
        return
    node = value_at(keys, key)
    if isinstance(node, bool):
        values = [str(node).lower(), str(not node).lower()]
    elif isinstance(node, int | float) or (isinstance(node, str) and "${" not in node and node != "???"):
        values = [str(node)]
    else:
        values = []
    yield from (f"{sign}{key}={each}" for each in _fitting(values, value))
    if names_a_place(key, primary_of(verb)) or "/" in value:
        yield from (f"{sign}{key}={file}" for file in _files(value))


def _names_below(parent: str, keys: Mapping[str, Any]) -> Iterator[str]:
    """``optimizer.`` for a node, ``layers=`` for a value, one level deep."""
    from melgen.configuration.packaged import OF_INSTANTIATE

    node = value_at(keys, parent) if parent else keys
    start = f"{parent}." if parent else ""
    for name, value in node.items() if isinstance(node, Mapping) else ():
        if name not in OF_INSTANTIATE:
            yield f"{start}{name}{'.' if isinstance(value, Mapping) and value else '='}"


def _files(typed: str) -> Iterator[str]:
    """Files and directories that begin like this; hidden ones if a dot is typed."""
    folder, slash, start = typed.rpartition("/")
    place = Path(folder + slash or ".").expanduser()
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name) if place.is_dir() else ():
        if entry.name.startswith(start) and (start.startswith(".") or not entry.name.startswith(".")):
            yield f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"


def _fitting(names: Any, start: str) -> list[str]:
    return [name for name in names if name.startswith(start)]
