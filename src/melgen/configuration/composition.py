"""A command's configuration once it is composed: what is wrong with it is refused before anything is created."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from melgen.commands import SWEEPERS
from melgen.configuration.arguments import flags_and_overrides, key_of
from melgen.configuration.explanations import refuse, texts_of
from melgen.configuration.known_keys import missing_groups, missing_values, plain, typed_keys, unread_keys
from melgen.configuration.own_files import check_headers, file_that_sets
from melgen.configuration.packaged import (
    GROUPS_OF_MANY,
    TARGET,
    commands,
    is_nowhere,
    packaged_hydra,
    packaged_keys,
    settable_keys,
    verb_of,
)
from melgen.configuration.suggestions import explain_unknown
from melgen.nested import flat, value_at

_FLAGS_OF_TRAININGS = frozenset({"-m", "--multirun"})
_PLUGINS_WITHOUT_FILES = frozenset(
    {"melgen_sweeper", "melgen_optuna_sweeper", "hydra_joblib_launcher", "hydra_submitit_launcher"}
)
"""Hydra's plugins that add no place to look for configuration files."""
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*", re.ASCII)
_PLACES = {
    "run.dir": "outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "sweep.dir": "multirun/${now:%Y-%m-%d}/${now:%H-%M-%S}",
    "sweep.subdir": "${hydra.job.num}",
}
"""Hydra's keys for where results go, with what Hydra itself sets them to (``hydra/output/default.yaml``)."""


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
    file = file_that_sets("hydra.mode", hydra, str(hydra.job.config_name))
    where = f"{file}: " if file else ""
    raise ValueError(f"{where}hydra.mode=MULTIRUN: {name} does one thing at a time; sweeps are for {SWEEPERS}")


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
    targets = texts_of(value_at(plain(config), f"{node}.{TARGET}"))
    if key in typed:
        return explain_unknown(key, command, typed[key].lstrip("+"), targets=targets)
    if deeper := next((other for other in typed if other.startswith(f"{key}.")), None):
        return explain_unknown(deeper, command, typed[deeper].lstrip("+"))
    if any(key.startswith(f"{other}.") for other in typed if other not in config.hydra.runtime.choices):
        return explain_unknown(key, command, targets=targets)
    file = file_that_sets(key, config.hydra, command)
    return (f"{file}: " if file else "") + explain_unknown(key, command, targets=targets)


def _swept_by_a_study(hydra: DictConfig, command: str) -> set[str]:
    """The keys of which a study's runs have several values; its own configuration has none of them."""
    if command != "study":
        return set()
    params = hydra.sweeper.get("params") or {}
    given = [key.lstrip("+") for key, _ in flat(OmegaConf.to_container(OmegaConf.create(params), resolve=False))]
    return {*given, *(key.partition(".")[0] for key in given if key in hydra.runtime.choices)}


def _check_path_is_read(content: Mapping[str, Any], command: str, typed: Mapping[str, str]) -> None:
    """Refuse ``path`` for a corpus that does not read it, on which it would have no effect."""
    if content.get("path") is None or "path" not in packaged_keys(command):
        return
    if "${path}" not in str({key: value for key, value in content.items() if key != "hydra"}):
        raise ValueError(
            f"{typed.get('path', 'path=' + str(content['path']))}: the chosen corpus does not read it; "
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
    if not {*flags} <= _FLAGS_OF_TRAININGS or any(key_of(given) == "hydra.searchpath" for given in overrides):
        return
    if _other_plugins():  # they may add directories of configuration files
        return
    added = {key_of(given).partition(".")[0] for given in overrides if given.startswith("+")}
    settable = settable_keys(command)
    for given in overrides:
        key = key_of(given)
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
    settings = OmegaConf.to_container(hydra, resolve=False)
    for place, hydras_own in _PLACES.items():
        value, packaged = value_at(settings, place), value_at(packaged_hydra(command), place)
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
