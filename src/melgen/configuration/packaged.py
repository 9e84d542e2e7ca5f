"""The packaged configuration as it is written: its files, keys, groups and options, read without Hydra.

Hydra takes half a second to import; tab completion and ``--help`` need the files only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from melgen.nested import value_at

_INSTALLED = Path(__file__).parents[1] / "conf"
_CHECKOUT = Path(__file__).parents[3] / "conf"
CONF_DIR = str(_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT)
"""The directory of ``config.yaml``: inside an installed wheel, at the root of a checkout."""

TARGET = "_target_"
OF_INSTANTIATE = frozenset({TARGET, "_partial_", "_args_", "_recursive_", "_convert_"})
"""Keys that only Hydra's `instantiate` reads."""

GROUPS_OF_MANY = frozenset({"callbacks", "logger"})
"""Groups of which several options make sense together: named parts, each with a ``_target_``."""

_LAUNCHER, _HYDRAS_LAUNCHER = "hydra/launcher", "basic"
"""The group of launchers, and the option of Hydra's own, without a file, that it has by default."""
_GLOBAL = "_global_"
Path_ = tuple[str, ...]
_HEADER = re.compile(r"#\s*@package\s+(\S+)")


def commands() -> list[str]:
    """The primary files of the commands, without ``.yaml``."""
    return sorted(path.stem for path in Path(CONF_DIR).glob("*.yaml") if "hydra" in yaml_of(path) and _names_help(path))


def primary_of(verb: str) -> str:
    """The primary file of a command, without ``.yaml``: ``config`` for ``train``."""
    return "config" if verb == "train" else verb


def verb_of(command: str) -> str:
    """The name that a user types for the command with this primary file: ``train`` for ``config``."""
    return "train" if command == "config" else command


def recipe_groups() -> frozenset[str]:
    """The groups whose packaged options all set keys of the whole configuration, as experiments do."""
    return frozenset(
        folder.name
        for folder in Path(CONF_DIR).iterdir()
        if folder.is_dir()
        and (options := list(folder.glob("*.yaml")))
        and all(package_of(option) == _GLOBAL for option in options)
    )


def package_of(file: Path) -> str | None:
    """The package that the first line of a configuration file names; ``None`` if it names none."""
    first = next((line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()), "")
    match = _HEADER.match(first.strip())
    return match[1] if match else None


@lru_cache(maxsize=32)
def packaged_keys(command: str) -> Mapping[str, Any]:
    """Every key that the command's packaged files set, whichever options are chosen, as nested dictionaries."""
    known: dict[str, Any] = {}
    for content in contents_of(file_of(command)):
        merge(known, content)
    known.pop("hydra", None)
    return known


@lru_cache(maxsize=32)
def settable_keys(command: str) -> Mapping[str, Any]:
    """`packaged_keys` with every group, and with what packaged recipes set: what a command line may override."""
    keys: dict[str, Any] = {}
    merge(keys, packaged_keys(command))
    for group in recipe_groups():
        for recipe in sorted(Path(CONF_DIR, group).glob("*.yaml")):
            merge(keys, _without_defaults(yaml_of(recipe)))
    for folder in Path(CONF_DIR).iterdir():
        if folder.is_dir():
            keys.setdefault(folder.name, None)
    return keys


def is_nowhere(path: Sequence[str], keys: Mapping[str, Any]) -> bool:
    """Whether a key is in none of these nested dictionaries; below a value, which may be a reference, it may be.

    >>> keys = {"layers": 2, "model": {"cell": "${cell}"}}
    >>> [is_nowhere(key.split("."), keys) for key in ("lr", "layers", "model.lr", "model.cell.any")]
    [True, False, True, False]
    """
    node: Any = keys
    for part in path:
        if not isinstance(node, Mapping):
            return False
        if part not in node:
            return True
        node = node[part]
    return False


@lru_cache(maxsize=32)
def packaged_hydra(command: str) -> Mapping[str, Any]:
    """The settings of Hydra itself in the command's packaged files."""
    settings: dict[str, Any] = {}
    for content in contents_of(file_of(command)):
        merge(settings, content.get("hydra") or {})
    return settings


@lru_cache(maxsize=32)
def targets_of(command: str) -> Mapping[str, frozenset[str]]:
    """The ``_target_`` that packaged options set, for each dotted key of a node."""
    found: dict[str, set[str]] = {}
    for content in contents_of(file_of(command)):
        for path, node in nodes_of(content, ()):
            if TARGET in node:
                found.setdefault(".".join(path), set()).add(str(node[TARGET]))
    return {key: frozenset(targets) for key, targets in found.items()}


def dotted_keys(known: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """``{"optimizer": {"lr": 0.002}}`` -> ``optimizer``, ``optimizer.lr``, without what only `instantiate` reads."""
    for key, value in known.items():
        if key not in OF_INSTANTIATE:
            yield f"{prefix}{key}"
            if isinstance(value, Mapping):
                yield from dotted_keys(value, f"{prefix}{key}.")


def file_of(command: str) -> Path:
    """The primary file of a command."""
    file = Path(CONF_DIR, f"{command}.yaml")
    return file if file.is_file() else Path(CONF_DIR, "config.yaml")  # a primary file of the user's own


def _names_help(file: Path) -> bool:
    return "app_name" in (yaml_of(file)["hydra"].get("help") or {})


@lru_cache(maxsize=256)
def yaml_of(file: Path) -> dict[str, Any]:
    """The content of a file as plain data; read once."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(file.read_text(encoding="utf-8"), loader)
    return content if isinstance(content, dict) else {}


def groups_of(file: Path) -> Iterator[tuple[str, Any]]:
    """The groups of a primary file and those it begins with, with the option each has."""
    for entry in yaml_of(file).get("defaults", ()):
        if isinstance(entry, str):
            if entry != "_self_":
                yield from groups_of(file.with_name(f"{entry}.yaml"))
            continue
        ((group, option),) = entry.items()
        if not group.startswith("override"):
            yield group, option


def primary_files(command: str) -> list[Path]:
    """The primary file of a command, after those that it begins with."""
    file = file_of(command)
    begins = [entry for entry in yaml_of(file).get("defaults", ()) if isinstance(entry, str) and entry != "_self_"]
    return [*(file.with_name(f"{entry}.yaml") for entry in begins), file]


def default_options(command: str) -> dict[str, str | None]:
    """The groups of a command, sorted, with the option that each has by default."""
    groups = {group: option for group, option in groups_of(file_of(command)) if not group.startswith("hydra/")}
    if recipe_groups() & groups.keys():  # a command that trains
        groups[_LAUNCHER] = _HYDRAS_LAUNCHER
    return dict(sorted(groups.items()))


def options_of(group: str, folders: Sequence[str | Path] = (CONF_DIR,)) -> list[str]:
    """The options of a group in these directories of configuration files, and Hydra's own launcher, its default.

    >>> options_of("hydra/launcher")
    ['basic', 'local', 'slurm']
    """
    own = {_HYDRAS_LAUNCHER} if group == _LAUNCHER else set()
    return sorted(own | {file.stem for folder in folders for file in Path(folder, group).glob("*.yaml")})


def files_of_option(group: str, option: str, folders: Sequence[str | Path] = (CONF_DIR,)) -> list[Path]:
    """The file of an option, after those of the same group that it begins with; none if there is no such option."""
    file = next((found for folder in folders if (found := Path(folder, group, f"{option}.yaml")).is_file()), None)
    if file is None:
        return []
    begins = [entry for entry in yaml_of(file).get("defaults", ()) if isinstance(entry, str) and entry != "_self_"]
    return [*(path for entry in begins for path in files_of_option(group, entry, folders)), file]


def options_that_set(key: str) -> dict[str, str]:
    """The options of the group at the root of a dotted key whose files set it, each with its ``_target_``.

    >>> options_that_set("rhythm.steps_per_quarter"), options_that_set("layers")
    ({'grid': 'melgen.music.Grid'}, {})
    """
    group, nothing = key.partition(".")[0], object()
    found = {}
    for option in options_of(group):
        content: dict[str, Any] = {}
        for file in files_of_option(group, option):
            merge(content, _at_its_place(file, group))
        if value_at(content, key, nothing) is not nothing:
            found[option] = str(value_at(content, f"{key.rpartition('.')[0]}.{TARGET}"))
    return found


def config_folders(arguments: Sequence[str]) -> list[str]:
    """The directories of the user's own configuration files that a command line names.

    >>> config_folders(["--config-dir", "mine", "hydra.searchpath=[file://ours,pkg://theirs]", "layers=2"])
    ['mine', 'ours']
    """
    folders = []
    for number, argument in enumerate(arguments):
        flag, equals, value = argument.partition("=")
        if flag in ("--config-dir", "-cd", "--config-path", "-cp"):
            folders.append(value if equals else "".join(arguments[number + 1 : number + 2]))
        elif flag.lstrip("+~") == "hydra.searchpath":
            places = re.findall(r"[^\[\],'\"\s]+", value)
            folders += [place.removeprefix("file://") for place in places if not place.startswith("pkg://")]
    return [folder for folder in folders if folder]


def contents_of(file: Path) -> Iterator[dict[str, Any]]:
    """The contents of a primary file, the files that it begins with, and all options of its groups but recipes."""
    for entry in yaml_of(file).get("defaults", ()):
        if isinstance(entry, str) and entry != "_self_":
            yield from contents_of(file.with_name(f"{entry}.yaml"))
    yield _without_defaults(yaml_of(file))
    for entry in yaml_of(file).get("defaults", ()):
        group = next(iter(entry)) if isinstance(entry, dict) else ""
        if not group or group.startswith("override") or group in recipe_groups():
            continue
        for option in sorted(Path(CONF_DIR, group).glob("*.yaml")):
            yield _at_its_place(option, group)


def _at_its_place(option: Path, group: str) -> dict[str, Any]:
    """The keys and values of an option of a group, at their place in the composed configuration."""
    content = _without_defaults(yaml_of(option))
    return content if package_of(option) == _GLOBAL else {group: content}


def _without_defaults(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != "defaults"}


def merge(into: dict[str, Any], content: Mapping[str, Any]) -> None:
    """Add what a file sets to nested dictionaries; of two values the first is kept, and a node before a value."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            node = into.setdefault(key, {})
            if not isinstance(node, dict):  # an interpolation in one file, the node itself in another
                node = into[key] = {}
            merge(node, value)
        elif not isinstance(into.get(key), dict):
            into[key] = value


def nodes_of(node: Mapping[str, Any], path: Path_) -> Iterator[tuple[Path_, Mapping[str, Any]]]:
    """Each node of nested dictionaries with the keys that lead to it, the outermost first."""
    yield path, node
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from nodes_of(value, (*path, str(key)))
