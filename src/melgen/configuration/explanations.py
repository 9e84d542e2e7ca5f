"""Errors of Hydra, OmegaConf and YAML, explained with the file and line, or with the key that was meant."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException

from melgen.commands import SWEEPING
from melgen.configuration.arguments import key_of, quoted_for_the_shell
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.own_files import content_of
from melgen.configuration.packaged import (
    TARGET,
    config_folders,
    verb_of,
)
from melgen.configuration.suggestions import explain_unknown, meant_options
from melgen.errors import message_of
from melgen.nested import value_at
from melgen.pasting import program, shell_line
from melgen.terminal import print_error

_FAILED_OVERRIDE = re.compile(r"Could not (?:override|delete from config\.|delete) '([^']+)'")
_FULL_KEY = re.compile(r"full_key: (\S+)")
_EXISTS_ALREADY = re.compile(r"Could not append to config\. An item is already at '([^']+)'")
_SEVERAL_VALUES = re.compile(r"Ambiguous value for argument '(.+?)'\n", re.DOTALL)
_CHOSEN_TWICE = re.compile(r"Multiple values for ([^ ]+)\. |^([^ ]+) appears more than once in the final defaults")
_NOT_FOUND_BELOW = re.compile(r"In '([^'/]+)/[^']+': Could not find '\1/([^']+)/([^'/]+)'")
"""An entry of a file's defaults, which Hydra looks up next to that file."""
_OLD_OPTUNA_PLUGIN = re.compile(r"'hydra/sweeper/?\S*' is validated against ConfigStore schema with the same name")
_NO_NULL_OPTION = "Config group override must be a string or a list"


def refuse(command: str, error: Exception) -> NoReturn:
    """Say why a command does not begin, and exit; for Hydra's callbacks, whose errors Hydra only warns of."""
    print_error(f"melgen.{verb_of(command)}", message_of(explained(error, command)))
    raise SystemExit(1) from None


def explained(error: Exception, command: str, arguments: Sequence[str] | None = None) -> Exception:
    """An error of Hydra or YAML with what a user needs to know: the file and line, or the key that was meant.

    Args:
        error: as it was raised.
        command: the primary file of the command, without ``.yaml``.
        arguments: the command line; by default that of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(error, OverrideParseException):
        return ValueError(_parse_message(error))
    if isinstance(error, MissingConfigException) and error.options and error.missing_cfg_file:
        return ValueError(_option_message(error))
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, yaml.YAMLError):
            return ValueError(_yaml_message(cause, arguments))
        if isinstance(cause, UnicodeDecodeError) and cause.encoding.lower().startswith("utf"):
            return ValueError(_encoding_message(cause, arguments))
        cause = cause.__cause__
    text = str(error)
    if _OLD_OPTUNA_PLUGIN.search(text):
        return ValueError(
            "hydra/sweeper=optuna: the options of the package hydra-optuna-sweeper have the same names; "
            "pip uninstall hydra-optuna-sweeper"
        )
    if _NO_NULL_OPTION in text:
        return ValueError(_null_message(arguments))
    if (found := _NOT_FOUND_BELOW.search(text)) and Path(CONF_DIR, found[2]).is_dir():
        return ValueError(f"{found[0]}\n{_in_a_file(found[2], found[3])}")
    if not isinstance(error, ConfigCompositionException):
        return error
    if found := _SEVERAL_VALUES.match(text):
        return ValueError(_several_values_message(found[1], verb_of(command), arguments))
    if found := _FAILED_OVERRIDE.search(text):
        key = found[1].replace("/", ".")
        given = next((argument for argument in arguments if key_of(argument) == found[1]), found[1])
        if given.startswith("~"):
            return ValueError(f"{given}: no key or value of this name can be left out")
        if given.partition("=")[2].lstrip()[:1] == "{" and (inside := _FULL_KEY.search(str(error.__cause__))):
            # One key of several that are given together; OmegaConf names the one that it found no place for.
            values = OverridesParser.create().parse_override(given).value()
            value = value_at(values, inside[1].removeprefix(f"{key}."))
            key = inside[1]
            given = key if value is None or isinstance(value, dict | list) else f"{key}={value}"
        targets = _targets_given(key.rpartition(".")[0], arguments)
        return ValueError(explain_unknown(key, command, given.lstrip("+"), added=False, targets=targets))
    if found := _EXISTS_ALREADY.search(text):
        return ValueError(f"+{found[1]}: there is such a key already; write {found[1]}=... without +")
    if found := _CHOSEN_TWICE.search(text):
        key = (found[1] or found[2]).partition("@")[0]
        chosen = [argument for argument in arguments if key_of(argument).partition("@")[0] == key]
        if len(chosen) > 1 or "".join(chosen).startswith("+"):
            return ValueError(f"{key}: chosen twice; one {key}=... is needed, without +")
        return ValueError(f"{key}: chosen twice; {_in_a_file(key, '...')}")
    return error


def _several_values_message(override: str, verb: str, arguments: Sequence[str]) -> str:
    key, _, value = override.partition("=")
    as_one = f"If it is one value, quote it for the shell and for Hydra: {quoted_for_the_shell(key, value)}"
    if verb not in SWEEPING:
        return f"{override}: melgen.{verb} takes one value of each key. {as_one}"
    number = len(list(OverridesParser.create().parse_override(override).sweep_string_iterator()))
    line = shell_line(*program(verb), "-m", *arguments)
    return f"{override}: add -m to run {'both' if number == 2 else f'all {number}'}: {line}\n{as_one}"


def _in_a_file(group: str, option: str) -> str:
    return f"In the defaults of a file, `- override /{group}: {option}` chooses an option in place of another"


def _targets_given(node: str, arguments: Sequence[str]) -> list[str]:
    """The values that the command line and the user's files give for ``_target_`` of a node that was not composed."""
    typed = [argument.partition("=")[2] for argument in arguments if key_of(argument) == f"{node}.{TARGET}"]
    group, _, part = node.partition(".")
    inside = f"{part}.{TARGET}".lstrip(".")
    options = [file for folder in config_folders(arguments) for file in sorted(Path(folder, group).glob("*.yaml"))]
    return texts_of(*typed, *(value_at(content_of(file), inside) for file in options))


def _parse_message(error: OverrideParseException) -> str:
    override = error.override or ""
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override}: not understood; overrides are written key=value"
    return (
        f"{override}: Hydra cannot read this value. If it is meant as it is, quote it for the shell and for Hydra: "
        f"{quoted_for_the_shell(key, value)}"
    )


def _option_message(error: MissingConfigException) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    options = list(error.options or ())
    meant = meant_options(option, options)
    named = f"; did you mean {group}={meant[0]}?" if meant else ""
    where = re.match(r"In '([^']+)'", str(error))
    inside = f" (in {where[1]}.yaml)" if where and "/" in where[1] else ""
    return f"{group}={option}: there is no {group}/{option}.yaml{inside}{named}\nOptions: {', '.join(options)}"


def _null_message(arguments: Sequence[str]) -> str:
    groups = {path.name for path in Path(CONF_DIR).iterdir() if path.is_dir()}
    group = next((key_of(given) for given in arguments if key_of(given) in groups and given.endswith("=null")), None)
    if group is None:
        nameless = next((given for given in arguments if given.startswith("=")), None)
        return (
            f"{nameless}: overrides are written key=value, without blanks"
            if nameless
            else "null is not an option of a group"
        )
    options = sorted(path.stem for path in Path(CONF_DIR, group).glob("*.yaml"))
    hint = {"scheduler": "; constant keeps the learning rate", "rhythm": "; none: pitches only"}.get(group, "")
    return f"{group}=null: null is not an option; {group}= one of {', '.join(options)}{hint}"


def _yaml_message(error: yaml.YAMLError, arguments: Sequence[str]) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).partition("\n")[0]
    hint = "; YAML is indented with blanks, not with tabs" if "\\t" in problem else ""
    if mark is not None:
        return f"{mark.name}, line {mark.line + 1}: not YAML ({problem}{hint})"
    for file, content in _files_named_by(arguments):
        position = getattr(error, "position", None)
        character = getattr(error, "character", None)
        text = content.decode("utf-8", errors="replace")
        if isinstance(position, int) and isinstance(character, int) and chr(character) in text:
            return f"{file}, line {text.count(chr(10), 0, text.index(chr(character))) + 1}: not YAML ({problem})"
    return f"not YAML ({problem})"


def _encoding_message(error: UnicodeDecodeError, arguments: Sequence[str]) -> str:
    for file, content in _files_named_by(arguments):
        if error.object in content:
            try:
                content.decode("utf-8")
            except UnicodeDecodeError as found:
                line = content.count(b"\n", 0, found.start) + 1
                return f"{file}, line {line}: not UTF-8 (byte 0x{content[found.start]:02x}); save the file as UTF-8"
    return f"a configuration file is not UTF-8 ({error.reason}); save it as UTF-8"


def _files_named_by(arguments: Sequence[str]) -> Iterator[tuple[Path, bytes]]:
    """The configuration files in the directories that the command line names, and our own."""
    for folder in [*config_folders(arguments), CONF_DIR]:
        for file in sorted(Path(folder).rglob("*.yaml")):
            yield file, file.read_bytes()


def texts_of(*values: Any) -> list[str]:
    """The values that are texts."""
    return [value for value in values if isinstance(value, str)]
