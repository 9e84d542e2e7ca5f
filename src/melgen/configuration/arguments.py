"""A command line as users write it, made into one that Hydra reads: flags anywhere, ``~``, and any characters."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from melgen.configuration.packaged import CONF_DIR, GROUPS_OF_MANY, config_folders
from melgen.configuration.place_keys import names_a_place
from melgen.internals import hydra

_OVERRIDE = re.compile(r"(?P<key>(?:\+\+|\+|~)?[A-Za-z_$][\w$./@:-]*)=(?P<value>.*)", re.DOTALL | re.ASCII)
_FUNCTION = re.compile(r"\s*(\w+)\s*\(", re.ASCII)
_SPECIAL_IN_QUOTES = re.compile(r"[\"$`\\!]")
"""Characters that bash and zsh do not take as they are within double quotes."""
OPTION_BORDER = "[]'\" "
GROUPS_THAT_MAY_BE_OFF = GROUPS_OF_MANY | {"corpus"}
"""Groups in which ``null`` means the option ``none``. A rhythm is always chosen by its name."""
OFF = re.compile(r"(?P<group>\w+)=(?:null|\[\])")


def for_hydra(arguments: Sequence[str], command: str | None = None) -> list[str]:
    """The command line for Hydra: its flags first, each override in Hydra's grammar.

    A value that begins with ``~`` is a path below a home directory, whichever shell left it so. A value that Hydra's
    grammar has no room for (accents, ``=``, brackets within a path) is taken as it is. The name of a file or directory
    remains text, also if it has only digits.

    Args:
        arguments: as the user wrote them.
        command: the primary file of the command, without ``.yaml``, whose keys of places are known then.

    >>> for_hydra(["layers=2", "-m", "seed=0,1", "--config-dir", "cfg", "output_dir=läufe", "path=a=b"])
    ['-m', '--config-dir', 'cfg', 'layers=2', 'seed=0,1', "output_dir='läufe'", "path='a=b'"]
    >>> for_hydra(["checkpoint=2024_01", "songs=20"], "generate")
    ["checkpoint='2024_01'", 'songs=20']
    """
    flags, overrides = flags_and_overrides(arguments)
    if command is not None:
        overrides = [_place_as_text(each) if names_a_place(key_of(each), command) else each for each in overrides]
    return [*flags, *map(readable, overrides)]


def flags_and_overrides(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into Hydra's flags with their values, and the rest, each in its order.

    argparse finds the rest in one place only, before or behind all flags.
    """
    actions = hydra.flags()
    flags: list[str] = []
    overrides: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if not argument.startswith("-") or argument == "-":
            overrides.append(argument)
            continue
        flags.append(argument)
        action = _action_of(argument, actions)
        if action is None or "=" in argument or not waiting or action.nargs == 0:
            continue
        # An optional value (--info) is one of its choices; any other value is whatever comes next.
        if action.nargs != "?" or waiting[0] in (action.choices or ()):
            flags.append(waiting.pop(0))
    return flags, overrides


def wrong_flag(arguments: Sequence[str]) -> str | None:
    """What is wrong with the flags of a command line, in one line; argparse would print all flags of Hydra too.

    >>> wrong_flag(["layers=2", "--verbose"]), wrong_flag(["-m", "--cfg", "job", "layers=2"])
    ('--verbose: unknown flag', None)
    """
    flags, overrides = flags_and_overrides(arguments)
    return hydra.flag_error([*flags, *overrides])


def overridden(arguments: Sequence[str]) -> list[str]:
    """A line for each key that a command line sets to several values one after the other, of which the last counts.

    Scripts rely on that rule, so it is not an error. A group that has an option and is added once more with ``+`` is
    an error of Hydra's own.

    >>> overridden(["layers=1", "cell=gru", "layers=2", "seed=0", "seed=0"])
    ['layers=1 is overridden by layers=2, which comes later']
    """
    _, overrides = flags_and_overrides(arguments)
    folders = [CONF_DIR, *config_folders(arguments)]
    given: dict[str, list[str]] = {}
    for override in overrides:
        key = override.partition("=")[0].lstrip("+")
        is_added_group = override.startswith("+") and any(os.path.isdir(Path(folder, key)) for folder in folders)
        if _OVERRIDE.fullmatch(override) and not key.startswith("~") and not is_added_group:
            given.setdefault(key, []).append(override)
    lines = []
    for each in given.values():
        last = each[-1]
        others = dict.fromkeys(other for other in each if other.lstrip("+") != last.lstrip("+"))
        if others:
            lines.append(
                f"{' and '.join(others)} {'are' if len(others) > 1 else 'is'} overridden by {last}, which comes later"
            )
    return lines


def chosen_options(arguments: Sequence[str]) -> list[str]:
    """The files, without ``.yaml``, that would be chosen if every key were a group: ``cell=a,b``, ``--config-name=c``.

    >>> chosen_options(["-m", "--config-name=mine", "cell=lstm,'gru'", "callbacks=[a,b]", "+extra@x=c"])
    ['mine', 'cell/lstm', 'cell/gru', 'callbacks/a', 'callbacks/b', 'extra/c']
    """
    flags, overrides = flags_and_overrides(arguments)
    chosen = _values_of(flags, ("--config-name", "-cn"))
    for override in overrides:
        key, _, value = override.partition("=")
        group = key.lstrip("+~").partition("@")[0]
        chosen += [f"{group}/{option.strip(OPTION_BORDER)}" for option in value.split(",")]
    return chosen


def _values_of(flags: Sequence[str], names: Sequence[str]) -> list[str]:
    values = []
    for number, flag in enumerate(flags):
        name, equals, value = flag.partition("=")
        if name in names:
            values.append(value if equals else "".join(flags[number + 1 : number + 2]))
    return values


def asks_for_multirun(arguments: Sequence[str]) -> bool:
    """Whether ``-m``, ``--multirun`` or a beginning of it is among Hydra's flags, or its key that does the same."""
    flags, overrides = flags_and_overrides(arguments)
    return any(map(_is_multirun, flags)) or any(map(_sets_multirun, overrides))


def without_multirun(arguments: Sequence[str]) -> list[str]:
    """The command line without that flag or key."""
    flags, overrides = flags_and_overrides(arguments)
    return [
        *(flag for flag in flags if not _is_multirun(flag)),
        *(override for override in overrides if not _sets_multirun(override)),
    ]


def readable(override: str) -> str:
    """One override in Hydra's grammar, with ``~`` replaced; left alone where nothing can be known of it.

    >>> readable("name=run one"), readable("path='O\\\\'Neill'")
    ('name=run one', "path='O\\\\'Neill'")
    >>> readable("path=/music/O'Neill's (1903)")
    "path='/music/O\\\\'Neill\\\\'s (1903)'"
    >>> readable("logger=null")
    'logger=none'
    """
    if (off := OFF.fullmatch(override)) and off["group"] in GROUPS_THAT_MAY_BE_OFF:
        return f"{off['group']}=none"
    match = _OVERRIDE.fullmatch(override)
    if match is None:
        return override
    key, value = match["key"], match["value"]
    if "~" in value:
        value = ",".join(map(_at_home, _split(value)))
    options = _split(value)
    if len(options) > 1 and any(map(_is_call, options)):
        value = ",".join(option for each in options for option in _spelt_out(key, each))
    if _parses(f"{key}={value}") or value.lstrip()[:1] in ("[", "{") or _is_call(value):
        return f"{key}={value}"
    options = [option if _parses(f"{key}={option}") else quoted(option) for option in _split(value)]
    return f"{key}={','.join(options)}"


def quoted(value: str) -> str:
    """A value in quotes of Hydra's grammar.

    >>> quoted("O'Neill"), quoted("a\\\\")
    ("'O\\\\'Neill'", "'a\\\\\\\\'")
    """
    # Only backslashes before a quote, or at the end, are read as escapes.
    value = re.sub(r"(\\*)'", r"\1\1\\'", value)
    value = re.sub(r"(\\+)$", r"\1\1", value)
    return f"'{value}'"


def quoted_for_the_shell(key: str, value: str) -> str:
    """An override with its value in quotes for Hydra, and all of it in quotes for the shell.

    >>> print(quoted_for_the_shell("layers", "1,2"), quoted_for_the_shell("name", "a,$1"))
    "layers='1,2'" 'name='"'"'a,$1'"'"''
    """
    override = f"{key}={quoted(value)}"
    # Each quote of Hydra's would become five characters within the shell's single quotes.
    return shlex.quote(override) if _SPECIAL_IN_QUOTES.search(override) else f'"{override}"'


def _is_call(value: str) -> bool:
    """Whether a value begins like a function of Hydra's grammar, and not like a name with a bracket in it."""
    match = _FUNCTION.match(value)
    return match is not None and match[1] in OverridesParser.create().functions.functions


def _place_as_text(override: str) -> str:
    """An override with its values in quotes where Hydra would read the name of a place as a number, or true or false.

    >>> _place_as_text("path=7,a,null"), _place_as_text("runs=[2024_01,b]")
    ("path='7',a,null", "runs=['2024_01',b]")
    """
    key, equals, value = override.partition("=")
    return f"{key}{equals}{','.join(map(_name_as_text, _split(value)))}"


def _name_as_text(option: str) -> str:
    bare = option.strip()
    if bare[:1] == "[" and bare[-1:] == "]":
        return f"[{','.join(map(_name_as_text, _split(bare[1:-1])))}]"
    if _is_call(bare) or not _parses(f"x={bare}"):
        return option
    read = OverridesParser.create().parse_override(f"x={bare}").value()
    return quoted(bare) if isinstance(read, int | float) else option


def _spelt_out(key: str, option: str) -> list[str]:
    """``range(0,2)`` among other values -> ``0``, ``1``; Hydra knows it only where it is alone."""
    if not _is_call(option) or not _parses(f"{key}={option}"):
        return [option]
    override = OverridesParser.create().parse_override(f"{key}={option}")
    return list(override.sweep_string_iterator()) if override.is_sweep_override() else [option]


def _parses(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except HydraException:
        return False
    return True


def _at_home(option: str) -> str:
    """``~/tunes`` -> ``'/home/me/tunes'``, in quotes or not; anything else as it was."""
    bare = option.strip()
    quote = bare[:1] if bare[:1] in ("'", '"') and bare[-1:] == bare[:1] and len(bare) > 1 else ""
    text = bare[1:-1] if quote else bare
    if not text.startswith("~"):
        return option
    path = os.path.expanduser(text)
    if path == text:  # nobody of that name
        return option
    return f"{quote}{path}{quote}" if quote or _parses(f"x={path}") else quoted(path)


def _split(value: str) -> list[str]:
    """Split a text at commas outside of quotes and brackets.

    >>> _split("~/a,'b,c',[d,e]")
    ['~/a', "'b,c'", '[d,e]']
    """
    parts, depth, quote = [""], 0, ""
    for number, character in enumerate(value):
        escaped = number > 0 and value[number - 1] == "\\"
        if quote:
            quote = "" if character == quote and not escaped else quote
        elif character in "'\"" and not parts[-1].strip():
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth <= 0:
            parts.append("")
            continue
        parts[-1] += character
    return parts


def _action_of(argument: str, actions: dict[str, argparse.Action]) -> argparse.Action | None:
    name = argument.partition("=")[0]
    if name in actions:
        return actions[name]
    beginning = {id(action): action for text, action in actions.items() if text.startswith(name)}
    return next(iter(beginning.values())) if name.startswith("--") and len(beginning) == 1 else None


def _is_multirun(flag: str) -> bool:
    return flag == "-m" or (len(flag) > len("--m") - 1 and flag.startswith("--m") and "--multirun".startswith(flag))


def _sets_multirun(override: str) -> bool:
    key, _, value = override.lstrip("+").partition("=")
    return key == "hydra.mode" and value.strip("'\" ").upper() == "MULTIRUN"


def key_of(argument: str) -> str:
    """The key of an override, without its sign: ``+layers=2`` -> ``layers``."""
    return argument.lstrip("+~").partition("=")[0]
