"""A command's configuration once it is composed: what is wrong with it is refused before anything is created."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar, NoReturn

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, MissingConfigException, OverrideParseException
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from melgen.configuration.arguments import chosen_options, flags_and_overrides, quoted_for_the_shell
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.known_keys import missing_groups, missing_values, plain, typed_keys, unread_keys
from melgen.configuration.packaged import (
    GROUPS_OF_MANY,
    TARGET,
    commands,
    config_folders,
    flat,
    is_nowhere,
    package_of,
    packaged_hydra,
    packaged_keys,
    recipe_groups,
    settable_keys,
    value_at,
    verb_of,
)
from melgen.configuration.suggestions import explain_unknown, meant_options
from melgen.errors import message_of
from melgen.terminal import print_error

BOM = b"\xef\xbb\xbf"
_OUR_PROVIDERS = frozenset({"hydra", "main", "schema"})
_FLAGS_OF_TRAININGS = frozenset({"-m", "--multirun"})
_PLUGINS_WITHOUT_FILES = frozenset(
    {"melgen_sweeper", "hydra_joblib_launcher", "hydra_optuna_sweeper", "hydra_submitit_launcher"}
)
"""Hydra's plugins that add no place to look for configuration files."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*", re.ASCII)
_PLACES = {
    "run.dir": "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "sweep.dir": "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "sweep.subdir": "${hydra.job.num}",
}
"""Hydra's keys for where results go, with what Hydra itself sets them to (``hydra/output/default.yaml``)."""
_FAILED_OVERRIDE = re.compile(r"Could not (?:override|delete from config\.|delete) '([^']+)'")
_FULL_KEY = re.compile(r"full_key: (\S+)")
_EXISTS_ALREADY = re.compile(r"Could not append to config\. An item is already at '([^']+)'")
_SEVERAL_VALUES = re.compile(r"Ambiguous value for argument '(.+?)'\n", re.DOTALL)
_CHOSEN_TWICE = re.compile(r"Multiple values for ([^ ]+)\. |^([^ ]+) appears more than once in the final defaults")
_NOT_FOUND_BELOW = re.compile(r"In '([^'/]+)/[^']+': Could not find '\1/([^']+)/([^'/]+)'")
"""An entry of a file's defaults, which Hydra looks up beside that file."""
_OLD_OPTUNA_PLUGIN = re.compile(r"'hydra/sweeper/?\S*' is validated against ConfigStore schema with the same name")
_NO_NULL_OPTION = "Config group override must be a string or a list"


class CommandCheck(Callback):
    """Hydra callback of every command: refuses a configuration that it would not follow as it is written.

    Attributes:
        missing: the folders of a single run that Hydra is going to make, the deepest first.
    """

    missing: ClassVar[Sequence[Path]] = ()

    def on_run_start(self, config: DictConfig, config_name: str | None = None, **kwargs: Any) -> None:
        """Check a single run; Hydra has created nothing yet."""
        command = config_name or config.hydra.job.config_name
        try:
            check_composed(config, command)
            place = Path(config.hydra.run.dir).absolute()
            CommandCheck.missing = [folder for folder in (place, *place.parents) if not folder.exists()]
            if verb_of(command) == "train" and config.get("only") is not None:
                raise ValueError(
                    f"only={config.only}: chooses among the jobs of a sweep; this is a single run, without -m"
                )
        except Exception as error:  # Hydra would only warn of it
            refuse(command, error)

    def on_multirun_start(self, config: DictConfig, config_name: str | None = None, **kwargs: Any) -> None:
        """Check what all jobs of a sweep share; `melgen.sweeps.plan` checks each of them."""
        command = config_name or config.hydra.job.config_name
        try:
            check_sweeps(config.hydra)
            check_places(config.hydra, command)
        except Exception as error:
            refuse(command, error)


def check_sweeps(hydra: DictConfig) -> None:
    """Refuse a sweep, which a file may ask for too, of a command that does one thing at a time.

    Raises:
        ValueError: naming the key and the file that sets it.
    """
    name = str(hydra.help.app_name)  # also of a primary file of the user's own that begins with one of ours
    if name not in {f"melgen.{verb_of(command)}" for command in commands()} - {"melgen.train"}:
        return
    file = _file_that_sets("hydra.mode", hydra, str(hydra.job.config_name))
    where = f"{file}: " if file else ""
    raise ValueError(f"{where}hydra.mode=MULTIRUN: {name} does one thing at a time; sweeps are for melgen.train")


def check_composed(config: DictConfig, command: str) -> None:
    """Refuse files that Hydra puts elsewhere than they are meant for, keys that nobody reads, and Hydra's own places.

    Args:
        config: the whole composed configuration, with Hydra's own part.
        command: the name of its primary file, without ``.yaml``.

    Raises:
        ValueError: naming the file or key and what to write instead.
    """
    check_headers(config.hydra, command)
    content = plain(config)
    typed = typed_keys(config.hydra)
    if left_out := missing_groups(content, command):
        group = left_out[0]
        hint = ", scheduler=constant keeps the learning rate" if group == "scheduler" else ""
        raise ValueError(f"~{group}: melgen.{verb_of(command)} needs one; {group}=... chooses another{hint}")
    swept = _swept_by_a_study(config.hydra, command)
    unread = [key for key in unread_keys(content, command, typed) if key.partition(".")[0] not in swept]
    if unread:
        raise ValueError("\n".join(_unread_line(key, config, command, typed) for key in unread))
    if missing := [key for key in missing_values(content) if key not in swept]:
        raise ValueError(f"{missing[0]}: has no default; {missing[0]}=... is needed")
    _check_path_is_read(content, command, typed)
    check_places(config.hydra, command)


def _unread_line(key: str, config: DictConfig, command: str, typed: Mapping[str, str]) -> str:
    node, _, last = key.rpartition(".")
    if last == TARGET:
        group, _, part = node.partition(".")
        choose = f"; {group}={part} chooses an option that has it" if part and group in GROUPS_OF_MANY else ""
        return f"{node}: no chosen option has this part, and without a {TARGET} nothing can be built of it{choose}"
    targets = _texts_of(value_at(plain(config), f"{node}.{TARGET}"))
    if key in typed:
        return explain_unknown(key, command, typed[key].lstrip("+"), targets=targets)
    if deeper := next((other for other in typed if other.startswith(f"{key}.")), None):
        return explain_unknown(deeper, command, typed[deeper].lstrip("+"))
    if any(key.startswith(f"{other}.") for other in typed if other not in config.hydra.runtime.choices):
        return explain_unknown(key, command, targets=targets)
    file = _file_that_sets(key, config.hydra, command)
    return (f"{file}: " if file else "") + explain_unknown(key, command, targets=targets)


def _texts_of(*values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _swept_by_a_study(hydra: DictConfig, command: str) -> set[str]:
    """The keys of which a study's runs have several values; its own configuration has none of them."""
    if command != "study":
        return set()
    params = hydra.sweeper.get("params") or {}
    given = [key.lstrip("+") for key, _ in flat(OmegaConf.to_container(OmegaConf.create(params), resolve=False))]
    return {*given, *(key.partition(".")[0] for key in given if key in hydra.runtime.choices)}


def _check_path_is_read(content: Mapping[str, Any], command: str, typed: Mapping[str, str]) -> None:
    """``path`` is for corpora that take one; beside another corpus it would do nothing."""
    if content.get("path") is None or "path" not in packaged_keys(command):
        return
    if "${path}" not in str({key: value for key, value in content.items() if key != "hydra"}):
        raise ValueError(
            f"{typed.get('path', 'path=' + str(content['path']))}: the chosen corpus reads no path; "
            "corpus=folder reads a folder of tunes, corpus=pickles the paper's files"
        )


# --- before anything is composed


def refuse_unknown_keys(arguments: Sequence[str], command: str) -> None:
    """Refuse a key that no file sets, before Hydra composes the configuration twice to find that out.

    Where other files than the packaged ones may take part, Hydra decides.

    Args:
        arguments: the command line in Hydra's grammar.
        command: the primary file of the command, without ``.yaml``.

    Raises:
        ValueError: naming the key and the one that was probably meant.
    """
    flags, overrides = flags_and_overrides(arguments)
    if not {*flags} <= _FLAGS_OF_TRAININGS or any(_key_of(given) == "hydra.searchpath" for given in overrides):
        return
    if _other_plugins():  # they may add directories of configuration files
        return
    added = {_key_of(given).partition(".")[0] for given in overrides if given.startswith("+")}
    settable = settable_keys(command)
    for given in overrides:
        key = _key_of(given)
        path = key.split(".")
        if "=" not in given or given[:1] in "+~" or not _DOTTED.fullmatch(key) or path[0] in ("hydra", *added):
            continue
        if is_nowhere(path, settable):
            raise ValueError(explain_unknown(key, command, given, added=False))


def _other_plugins() -> bool:
    spec = find_spec("hydra_plugins")
    folders = [] if spec is None else spec.submodule_search_locations or []
    return not {module.name for module in iter_modules(list(folders))} <= _PLUGINS_WITHOUT_FILES


# --- Hydra's own places


def check_places(hydra: DictConfig, command: str) -> None:
    """Refuse a place of Hydra's own: results are where melgen's keys put them.

    Raises:
        ValueError: naming the keys that do it.
    """
    said = OmegaConf.to_container(hydra, resolve=False)
    for place, hydras_own in _PLACES.items():
        value, packaged = value_at(said, place), value_at(packaged_hydra(command), place)
        if value != (hydras_own if packaged is None else packaged):
            raise ValueError(f"hydra.{place}={value}: {_instead(place, str(value), command)}")


def _instead(place: str, value: str, command: str) -> str:
    known = packaged_keys(command)
    if "run_dir" in known:
        folder, name = os.path.split(value.rstrip("/"))
        if place == "run.dir":
            return f"melgen decides this itself; run_dir={value} puts a run there, output_dir=... all runs"
        if place == "sweep.dir":
            return f"melgen decides this itself; output_dir={folder or '.'} name={name} puts a sweep there"
        return (
            "melgen names each run by what makes it different; "
            f"run_dir='${{output_dir}}/${{name}}/{value}' names it otherwise"
        )
    instead = f"out={value} puts its results there" if "out" in known else "it writes nothing that could go elsewhere"
    return f"melgen.{verb_of(command)} does not follow it; {instead}"


# --- files of the user's own


def check_headers(hydra: DictConfig, command: str) -> None:
    """Refuse a file of the user's own whose keys Hydra puts below its group, where nobody reads them.

    Raises:
        ValueError: naming the file and the line to add.
    """
    folders = _own_folders(hydra)
    if not folders:
        return
    overrides = [*hydra.overrides.task, *hydra.overrides.hydra]
    loader = GlobalHydra.instance().config_loader()
    loaded = loader.compute_defaults_list(command, [str(override) for override in overrides], RunMode.MULTIRUN)
    recipes = recipe_groups()
    for default in loaded.defaults:
        path = default.config_path or ""
        file = next((found for folder in folders if (found := folder / f"{path}.yaml").is_file()), None)
        if file is None or Path(CONF_DIR, f"{path}.yaml").is_file():
            continue
        group = path.split("/")[0]
        is_recipe = "/" in path and group in recipes
        needed = "_global_" if is_recipe and default.package else _hidden_package(file)
        if needed is None:
            continue
        because = (
            "it begins with a byte order mark (BOM), so that Hydra does not see its first line; save it as UTF-8 "
            "without BOM, with the line"
            if file.read_bytes().startswith(BOM)
            else f"a file of {group}/ must begin with the line"
            if is_recipe
            else "Hydra reads the package of a file from its first line only, which must be"
        )
        raise ValueError(
            f"{file}: {because}\n# @package {needed}\n(otherwise its keys would be put below {default.package})"
        )


def check_contents(arguments: Sequence[str]) -> None:
    """Refuse a chosen file of the user's own that holds something else than keys with values.

    Hydra merges a list or a text into the configuration as far as it can, and names no file.

    Args:
        arguments: the command line.

    Raises:
        ValueError: naming the file and what it holds.
    """
    folders = config_folders(arguments)
    waiting = chosen_options(arguments) if folders else []
    seen: set[str] = set()
    while waiting:
        option = waiting.pop().removesuffix(".yaml")
        if option in seen:
            continue
        seen.add(option)
        file = next((found for folder in folders if os.path.isfile(found := Path(folder, f"{option}.yaml"))), None)
        content = None if file is None else _content_of(file)
        if content is None:
            continue
        if not isinstance(content, Mapping):
            kind = "a list" if isinstance(content, list) else f"only {content!r}"
            raise ValueError(f"{file}: holds {kind}; it must hold keys with values, as in `layers: 3`")
        defaults = content.get("defaults") or []
        if not isinstance(defaults, list):
            raise ValueError(
                f"{file}: defaults: {defaults!r} is no list; an entry is a line like `- override /cell: gru`"
            )
        for entry in defaults:
            waiting += _named_in_defaults(entry, option.rpartition("/")[0])


def _named_in_defaults(entry: Any, group: str) -> list[str]:
    """The files that an entry of a defaults list names, without ``.yaml``, from the configuration's directory."""
    if isinstance(entry, str):
        return [f"{group}/{entry}".lstrip("/")]
    named = []
    for key, options in entry.items() if isinstance(entry, Mapping) else ():
        below = str(key).split(" ")[-1].partition("@")[0]
        place = below if below.startswith("/") else f"{group}/{below}"
        named += [f"{place}/{option}".lstrip("/") for option in (options if isinstance(options, list) else [options])]
    return named


def _content_of(file: Path) -> Any:
    """What a YAML file holds; ``None`` of one that cannot be read, which Hydra itself refuses."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def _own_folders(hydra: DictConfig) -> list[Path]:
    return [
        Path(source.path)
        for source in hydra.runtime.config_sources
        if source.provider not in _OUR_PROVIDERS and source.schema == "file"
    ]


def file_of_option(override: str, hydra: DictConfig) -> Path | None:
    """The file of an option of a group, ``group=option``; ``None`` where it is in a package that is no folder."""
    group, _, option = override.lstrip("+").partition("=")
    folders = [*_own_folders(hydra), Path(CONF_DIR)]
    places = [folder / group.partition("@")[0] / f"{option}.yaml" for folder in folders]
    return next((file for file in places if file.is_file()), None)


def _hidden_package(file: Path) -> str | None:
    """The package that a file names where Hydra does not look for it: behind a byte order mark or a comment."""
    text = file.read_text(encoding="utf-8-sig")
    comments = []
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            break
        comments.append(line.strip())
    named = next((match[1] for line in comments if (match := re.match(r"#+\s*@package:?\s+(\S+)", line))), None)
    return named if named != package_of(file) else None


def _file_that_sets(key: str, hydra: DictConfig, command: str) -> Path | None:
    """The file of the user's own that a key comes from."""
    folders = _own_folders(hydra)
    if not folders:
        return None
    overrides = [str(override) for override in (*hydra.overrides.task, *hydra.overrides.hydra)]
    loader = GlobalHydra.instance().config_loader()
    for default in loader.compute_defaults_list(command, overrides, RunMode.MULTIRUN).defaults:
        for folder in folders:
            file = folder / f"{default.config_path}.yaml"
            if not file.is_file():
                continue
            prefix = f"{default.package}." if default.package else ""
            below = key.removeprefix(prefix)
            content = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
            if key.startswith(prefix) and _has(content, below):
                return file
    return None


def _has(node: Any, dotted: str) -> bool:
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


# --- errors of the composition in our words


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
        key, _, value = found[1].partition("=")
        return ValueError(
            f"{found[1]}: -m runs several values one after the other. If it is one value, quote it for the shell and "
            f"for Hydra: {quoted_for_the_shell(key, value)}"
        )
    if found := _FAILED_OVERRIDE.search(text):
        key = found[1].replace("/", ".")
        given = next((argument for argument in arguments if _key_of(argument) == found[1]), found[1])
        if given.startswith("~"):
            return ValueError(f"{given}: there is no such key or value that could be left out")
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
        chosen = [argument for argument in arguments if _key_of(argument).partition("@")[0] == key]
        if len(chosen) > 1 or "".join(chosen).startswith("+"):
            return ValueError(f"{key}: chosen twice; one {key}=... is needed, without +")
        return ValueError(f"{key}: chosen twice; {_in_a_file(key, '...')}")
    return error


def _in_a_file(group: str, option: str) -> str:
    return f"In the defaults of a file, `- override /{group}: {option}` chooses an option in place of another"


def _key_of(argument: str) -> str:
    return argument.lstrip("+~").partition("=")[0]


def _targets_given(node: str, arguments: Sequence[str]) -> list[str]:
    """What the command line and the user's own files set as the ``_target_`` of a node that was not composed."""
    typed = [argument.partition("=")[2] for argument in arguments if _key_of(argument) == f"{node}.{TARGET}"]
    group, _, part = node.partition(".")
    inside = f"{part}.{TARGET}".lstrip(".")
    options = [file for folder in config_folders(arguments) for file in sorted(Path(folder, group).glob("*.yaml"))]
    return _texts_of(*typed, *(value_at(_content_of(file), inside) for file in options))


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
    group = next((_key_of(given) for given in arguments if _key_of(given) in groups and given.endswith("=null")), None)
    if group is None:
        nameless = next((given for given in arguments if given.startswith("=")), None)
        return (
            f"{nameless}: overrides are written key=value, without blanks"
            if nameless
            else "null is no option of a group"
        )
    options = sorted(path.stem for path in Path(CONF_DIR, group).glob("*.yaml"))
    hint = "; constant keeps the learning rate" if group == "scheduler" else ""
    return f"{group}=null: null is no option; {group}= one of {', '.join(options)}{hint}"


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
