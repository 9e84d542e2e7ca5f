"""The user's own configuration files: what is wrong with one is refused with its name."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from melgen.configuration.arguments import chosen_options
from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.packaged import (
    config_folders,
    package_of,
    recipe_groups,
)
from melgen.nested import value_at

BOM = b"\xef\xbb\xbf"
_ABSENT = object()
_OUR_PROVIDERS = frozenset({"hydra", "main", "schema"})


def check_headers(hydra: DictConfig, command: str) -> None:
    """Refuse a file of the user's own whose keys Hydra puts below its group, where nobody reads them.

    Raises:
        ValueError: naming the file and the line to add.
    """
    folders = own_folders(hydra)
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
        content = None if file is None else content_of(file)
        if content is None:
            continue
        if not isinstance(content, Mapping):
            kind = "a list" if isinstance(content, list) else f"only {content!r}"
            raise ValueError(f"{file}: holds {kind}; it must hold keys with values, as in `layers: 3`")
        defaults = content.get("defaults") or []
        if not isinstance(defaults, list):
            raise ValueError(
                f"{file}: defaults: {defaults!r} is not a list; an entry is a line like `- override /cell: gru`"
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


def content_of(file: Path) -> Any:
    """The content of a YAML file; ``None`` if it cannot be read, in which case Hydra itself refuses it."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None


def own_folders(hydra: DictConfig) -> list[Path]:
    """The folders of the user's own configuration files."""
    return [
        Path(source.path)
        for source in hydra.runtime.config_sources
        if source.provider not in _OUR_PROVIDERS and source.schema == "file"
    ]


def file_of_option(override: str, hydra: DictConfig) -> Path | None:
    """The file of an option of a group, ``group=option``; ``None`` where it is in a package that is not a folder."""
    group, _, option = override.lstrip("+").partition("=")
    folders = [*own_folders(hydra), Path(CONF_DIR)]
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


def file_that_sets(key: str, hydra: DictConfig, command: str) -> Path | None:
    """The file of the user's own that a key comes from."""
    folders = own_folders(hydra)
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
            if key.startswith(prefix) and value_at(content, below, absent=_ABSENT) is not _ABSENT:
                return file
    return None
