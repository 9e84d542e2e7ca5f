"""The name of a run's directory, made of the choices in its configuration."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.nested import value_at
from melgen.runs.identity import is_identity
from melgen.runs.keys import keys_that
from melgen.runs.precision import full_name, spellings
from melgen.runs.solved_keys import check_typed, solved_keys

PRECISION = "precision"
IN_EVERY_NAME = keys_that("is_in_every_name")
LONGEST_NAME = 150
_MISSING = object()
_RUN_NAME = re.compile(r"(?P<dataset>.+?)-(?P<cell>.+?)-(?P<layers>\d+)-seed(?P<seed>\d+)(?:-(?P<variant>.+))?")


def default_name(hydra: DictConfig, root: DictConfig) -> str:
    """The experiment, or else the corpus; a folder or a muspy dataset gives its own name."""
    choices = hydra.runtime.choices
    if choices.get("experiment"):
        return Path(choices.experiment).name
    if choices.corpus in ("folder", "pickles") and root.path:
        return safe_name(Path(root.path).expanduser().resolve().stem) or str(choices.corpus)
    return safe_name(str(root.corpus.name if choices.corpus == "muspy" else choices.corpus))


def run_name(hydra: DictConfig, root: DictConfig) -> str:
    """``<dataset>-<cell>-<layers>-seed<seed>``, then every other overridden key that makes it another run.

    Overrides that repeat the value of the configuration add nothing, and the order of overrides does not matter. The
    values that other keys set (`melgen.runs.solved_keys`) are named as if they had been typed.

    Args:
        hydra: Hydra's own part of the configuration.
        root: the composed configuration.
    """
    choices = {str(group): option for group, option in hydra.runtime.choices.items()}
    parts = [str(choices["dataset"]), str(choices["cell"]), str(root.layers), f"seed{root.seed}"]
    overrides = _parsed(tuple(typed_overrides(hydra)))
    if hydra.job.config_name != "study":  # which has no run of its own
        check_typed(root, {override.key_or_group: override.value() for override in overrides})
        overrides = overrides + _parsed(tuple(f"{key}={value}" for key, value in solved_keys(root).items()))
    groups = tuple(override.input_line or "" for override in overrides if override.key_or_group in choices)
    command = _Command(str(hydra.job.config_name), choices, groups, str(root.name) != default_name(hydra, root))
    seen = {
        override.key_or_group: f"{override.key_or_group}-{_value_in_name(override.key_or_group, override.value())}"
        for override in overrides
        if _adds_to_name(override, command)
    }
    name = _joined(parts, seen)
    precision = next((override for override in reversed(overrides) if override.key_or_group == PRECISION), None)
    if precision is None or _is_run(name, hydra, root):
        return name
    # Names once kept a precision as it was typed, and such a run goes on where it is.
    earlier = (_joined(parts, seen | {PRECISION: f"{PRECISION}-{text}"}) for text in spellings(precision.value()))
    return next((other for other in earlier if _is_run(other, hydra, root)), name)


def with_names(config: DictConfig) -> DictConfig:
    """The configuration with the names of its run and directory as plain values.

    Dozens of its values contain these names, and each would compute them again.
    """
    names = {key: config[key] for key in ("name", "run_dir")}
    config = config.copy()
    with read_write(config), open_dict(config):
        config.update(names)
    return config


def _joined(parts: list[str], seen: Mapping[str, str]) -> str:
    name = "-".join(safe_name(part) for part in [*parts, *(seen[key] for key in sorted(seen))])
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:10]}"
    return name


def _is_run(name: str, hydra: DictConfig, root: DictConfig) -> bool:
    start = "" if OmegaConf.is_missing(hydra.runtime, "cwd") else hydra.runtime.cwd
    return Path(start, str(root.output_dir), str(root.name), name, "identity.json").is_file()


def _value_in_name(key: str, value: Any) -> str:
    if key == "init_from":
        return _start(value)
    return full_name(value) if key == PRECISION else _text(value)


@lru_cache
def _parsed(overrides: tuple[str, ...]) -> list[Override]:
    """The overrides of a command, parsed once: a configuration asks for the name of its run dozens of times."""
    return OverridesParser.create().parse_overrides(list(overrides))


def typed_overrides(hydra: DictConfig) -> list[str]:
    """The overrides as the user typed them, with interpolations unresolved."""
    overrides = OmegaConf.to_container(hydra.overrides.task, resolve=False)
    assert isinstance(overrides, list)
    return [str(override) for override in overrides]


def typed_config_dirs(hydra: DictConfig) -> list[str]:
    """The directories that ``--config-dir`` names.

    Unlike `melgen.configuration.own_files.own_folders`, without those of ``hydra.searchpath``, an override of its own.
    """
    return [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]


class RunName(NamedTuple):
    """The parts of the name of a run's directory."""

    dataset: str
    cell: str
    layers: int
    seed: int
    variant: str


def parse_run_name(name: str) -> RunName | None:
    """The inverse of `run_name`, as far as possible; ``None`` if it is not such a name.

    >>> parse_run_name("control-lstm-2-seed0-hidden_size-64")
    RunName(dataset='control', cell='lstm', layers=2, seed=0, variant='hidden_size-64')
    """
    match = _RUN_NAME.fullmatch(name)
    if match is None:
        return None
    return RunName(match["dataset"], match["cell"], int(match["layers"]), int(match["seed"]), match["variant"] or "")


class _Command(NamedTuple):
    """The parts of a command that decide which of its overrides a name contains."""

    config_name: str
    choices: Mapping[str, Any]
    """The option of each group."""
    groups: tuple[str, ...]
    """The overrides that choose an option of a group, as they were typed."""
    is_named_by_hand: bool


def _adds_to_name(override: Override, command: _Command) -> bool:
    key = override.key_or_group
    if key in IN_EVERY_NAME:
        return False
    if key == "init_from":
        return override.value() is not None
    if not is_identity(key) and not (key == "path" and command.is_named_by_hand):
        return False
    if (
        key in ("corpus", "corpus.name", "experiment", "path")
        and not command.is_named_by_hand
        and (key == "experiment" or not command.choices.get("experiment"))
    ):
        return False  # the name of the directory above contains it
    if key in command.choices:
        others = tuple(group for group in command.groups if not group.startswith(f"{key}="))
        baseline = _baseline(command.config_name, others)
        return baseline is None or baseline.hydra.runtime.choices.get(key) != command.choices[key]
    default = value_at(_baseline_values(command.config_name, command.groups), key, absent=_MISSING)
    if key == PRECISION and default is not _MISSING:
        return full_name(default) != full_name(override.value())
    return default is _MISSING or default != override.value()


@lru_cache(maxsize=64)
def _baseline(config_name: str, groups: tuple[str, ...]) -> DictConfig | None:
    """The configuration with the same groups and no value changed."""
    if not GlobalHydra.instance().is_initialized():
        return None
    loader = GlobalHydra.instance().config_loader()
    return loader.load_configuration(config_name, list(groups), RunMode.RUN)


@lru_cache(maxsize=64)
def _baseline_values(config_name: str, groups: tuple[str, ...]) -> Any:
    """The same as plain dictionaries, with interpolations unresolved; empty if it is not known."""
    baseline = _baseline(config_name, groups)
    return {} if baseline is None else OmegaConf.to_container(baseline, resolve=False)


def _start(path: Any) -> str:
    """The name of a run or checkpoint, preceded by that of its directory, without ``checkpoints``."""
    parts = [part for part in Path(str(path)).parts if part != "checkpoints"]
    return ".".join(parts[-2:]).strip("./~")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(_text, value))
    if isinstance(value, str) and ("/" in value):
        return Path(value).name
    return str(value)


def safe_name(text: str) -> str:
    """The text without blanks and without characters that are special in shells, paths or Hydra's grammar."""
    return re.sub(r"[^A-Za-z0-9._+-]", "_", text)
