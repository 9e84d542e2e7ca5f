"""The keys of a configuration that a command reads; any other key is refused before anything is created.

What is known comes from the packaged configuration itself: its keys, the parameters of each ``_target_``, and what
interpolations refer to. So a key that is added to ``conf/`` is known at once.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from melgen.configuration.packaged import (
    GROUPS_OF_MANY,
    OF_INSTANTIATE,
    TARGET,
    Path_,
    commands,
    contents_of,
    file_of,
    groups_of,
    nodes_of,
    packaged_keys,
    recipe_groups,
    targets_of,
)
from melgen.nested import value_at
from melgen.old_targets import present_path

_REFERENCE = re.compile(r"(?<!\\)\$\{\s*([^\s{}:,]*)\s*(:?)(?=\s*([^\s{}:,]*))")
_TAKE_A_KEY = frozenset({"oc.select", "oc.dict.keys", "oc.dict.values", "oc.deprecated"})
"""OmegaConf's resolvers whose first argument is a key."""

ONE_PROCESS = "melgen trains in one process on one device; a sweep runs several trainings at once"
SET_OTHERWISE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "model": {"vocab_size": "it is the number of different values in the training tunes"},
        "trainer": {
            "gradient_clip_val": "gradient_clip_norm=... clips gradients",
            "gradient_clip_algorithm": "gradient_clip_norm=... clips gradients by their norm",
            "callbacks": "callbacks=... chooses them, +callbacks.NAME._target_=... adds one",
            "logger": "logger=... chooses loggers",
            "enable_checkpointing": "callbacks.checkpoint decides on checkpoints; a run always has them",
            "enable_progress_bar": "progress=... decides on bars",
            "enable_model_summary": "the network is described when the training begins",
            "default_root_dir": "run_dir=... or output_dir=... set where results go",
            "check_val_every_n_epoch": "trainer.val_check_interval=... counts the updates between validations",
            "num_sanity_val_steps": "melgen validates by trainer.val_check_interval only",
            "fast_dev_run": "trainer=debug makes a short training",
            "limit_predict_batches": "melgen.generate writes songs, and needs no batches",
            "barebones": "it would train without checkpoints",
            "plugins": ONE_PROCESS,
            "num_nodes": ONE_PROCESS,
            "strategy": ONE_PROCESS,
            "sync_batchnorm": ONE_PROCESS,
            "use_distributed_sampler": ONE_PROCESS,
        },
    }
)
"""Parameters of our parts that melgen sets itself, or that would do nothing, with what to write instead."""
CHANGE_NOTHING: Mapping[str, tuple[Any, ...]] = {
    "num_nodes": (1,),
    "strategy": ("auto", "single_device"),
    "num_sanity_val_steps": (0,),
    "enable_checkpointing": (True,),
    "enable_progress_bar": (False,),
    "enable_model_summary": (False,),
    "fast_dev_run": (False,),
    "barebones": (False,),
    "sync_batchnorm": (False,),
    "use_distributed_sampler": (True, False),
}
"""Their values, other than null, that are what melgen does anyway."""

SET_BY_RECIPES = frozenset({"epochs_per_dataset"})
"""Keys that only experiments have, for others that they set."""

_WHATEVER: Mapping[str, Any] = {}
"""The value of a packaged node without keys: any data."""

_HYDRAS_PARTS = frozenset({"callbacks", "launcher", "sweeper"})
"""Hydra's own groups whose options are built by a ``_target_``."""


def unread_keys(config: Mapping[str, Any], command: str, typed: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """The dotted keys that nobody reads, the outermost of each branch.

    Args:
        config: the composed configuration as plain data, interpolations not resolved, with Hydra's own part.
        command: the name of its primary file, without ``.yaml``.
        typed: the keys of the command line, each as it was typed; what a file sets may also be meant for a command
            that shares its experiments.

    >>> unread_keys({"songs": 3, "temp": 2}, "generate")
    ['temp']
    """
    read = {reference for path, text in _texts(config) for reference in _references(text, path)}
    unread = [
        path
        for path in _unread(config, (), packaged_keys(command), read)
        # A recipe sets it; trainer.max_epochs on the command line takes the place of what would have read it.
        if path[0] not in SET_BY_RECIPES or _is_typed(path, typed)
    ]
    if shared := [other for other in _sharing_recipes(command) if other != command]:
        elsewhere = set.intersection(*({*_unread(config, (), packaged_keys(other), read)} for other in shared))
        unread = [path for path in unread if path in elsewhere or _is_typed(path, typed)]
    # Of a part that somebody else has set, null switches it off; one that is added with + nobody has set.
    unread += [
        (group, str(part))
        for group in GROUPS_OF_MANY
        for part, value in (config.get(group) or {}).items()
        if value is None
        and part not in packaged_keys(command).get(group, ())
        and typed.get(f"{group}.{part}", "")[:1] == "+"
    ]
    hydra = config.get("hydra")
    if isinstance(hydra, Mapping):
        groups = {group.removeprefix("hydra/") for group in value_at(hydra, "runtime.choices") or ()}
        own = {key: value for key, value in hydra.items() if key not in groups or key in _HYDRAS_PARTS}
        unread += _unread_by_hydra(own, HydraConf, ("hydra",), read)
    return [".".join(path) for path in unread]


def typed_keys(hydra: DictConfig) -> dict[str, str]:
    """The keys on the command line, each with its override as it was typed."""
    overrides = [*hydra.overrides.task, *hydra.overrides.hydra]
    parsed = OverridesParser.create().parse_overrides([str(override) for override in overrides])
    return {override.key_or_group.replace("/", "."): override.input_line or "" for override in parsed}


def missing_groups(config: Mapping[str, Any], command: str) -> list[str]:
    """The groups that the command needs an option of, and that are left out (``~cell``)."""
    needed = [
        group
        for group, option in groups_of(file_of(command))
        if option is not None and group not in GROUPS_OF_MANY and not group.startswith("hydra/")
    ]
    return [group for group in needed if group not in config]


def missing_values(config: Mapping[str, Any]) -> list[str]:
    """The dotted keys that must be given, and are not; where they are, not where an interpolation repeats them."""
    return [".".join(path) for path, text in _texts(config, "???") if text == "???" and path[0] != "hydra"]


def accepts(target: str, key: str) -> bool:
    """Whether what a ``_target_`` names has a parameter of this name; also where nothing can be found out."""
    target = present_path(target)
    return key in OF_INSTANTIATE or key in _packaged_parameters().get(target, ()) or _takes(target, key)


def _sharing_recipes(command: str) -> list[str]:
    """The commands that take the same experiments, if this one takes any."""
    taking = [other for other in commands() if recipe_groups() & {group for group, _ in groups_of(file_of(other))}]
    return taking if command in taking else []


# --- walking through a configuration


def _unread(node: Mapping[str, Any], path: Path_, known: Mapping[str, Any], read: Collection[Path_]) -> Iterator[Path_]:
    for key, value in node.items():
        at = (*path, str(key))
        if at == ("hydra",):
            continue
        if _lacks_target(value, known.get(key)):
            yield (*at, TARGET)
        elif any(at[: len(reference)] == reference for reference in read):
            yield from _unread_below(value, at, _WHATEVER, read, known.get(key))
        elif key in known:
            yield from _unread_below(value, at, known[key], read)
        elif path and path[-1] in GROUPS_OF_MANY and (TARGET in value if isinstance(value, Mapping) else value is None):
            yield from _unread_below(value, at, _WHATEVER, read)
        elif isinstance(value, Mapping) and any(reference[: len(at)] == at for reference in read):
            yield from _unread(value, at, {}, read)
        else:
            yield at


def _unread_below(value: Any, at: Path_, known: Any, read: Collection[Path_], packaged: Any = None) -> Iterator[Path_]:
    if not isinstance(value, Mapping):
        return
    if TARGET in value:
        yield from _not_parameters(value, at, known or packaged)
    elif isinstance(known, Mapping) and known:
        yield from _unread(value, at, known, read)
    else:
        yield from _inside_data(value, at)


def _lacks_target(value: Any, known: Any) -> bool:
    return (
        bool(value)
        and isinstance(value, Mapping)
        and isinstance(known, Mapping)
        and TARGET in known.keys() - value.keys()
    )


def _not_parameters(node: Mapping[str, Any], path: Path_, packaged: Any = None) -> Iterator[Path_]:
    target = node[TARGET]
    for key, value in node.items():
        at = (*path, str(key))
        usual = packaged.get(key) if isinstance(packaged, Mapping) else None
        if isinstance(target, str) and not accepts(target, str(key)):
            yield at
        elif isinstance(usual, str) and "${" in usual and isinstance(value, Mapping) and TARGET not in value:
            yield from ((*at, str(below)) for below in value)  # it has taken the place of the part referred to
        else:
            yield from _inside_data({key: value}, path)


def _inside_data(node: Any, path: Path_) -> Iterator[Path_]:
    """Data that somebody reads as it is may hold parts that are built from it."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            at = (*path, str(key))
            if isinstance(value, Mapping) and TARGET in value:
                yield from _not_parameters(value, at)
            else:
                yield from _inside_data(value, at)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            if isinstance(value, Mapping) and TARGET in value:
                yield from _not_parameters(value, (*path, str(number)))
            else:
                yield from _inside_data(value, (*path, str(number)))


def _unread_by_hydra(node: Mapping[str, Any], schema: Any, path: Path_, read: Collection[Path_]) -> Iterator[Path_]:
    """The keys that Hydra's own dataclasses lack; dictionaries in them may have any key."""
    known = {field.name: field for field in fields(schema)}
    for key, value in node.items():
        at = (*path, str(key))
        if key not in known:
            if not any(at[: len(reference)] == reference for reference in read):
                yield at
        elif isinstance(value, Mapping):
            kind = known[key].default_factory
            if isinstance(kind, type) and is_dataclass(kind):
                yield from _unread_by_hydra(value, kind, at, read)
            elif TARGET in value:
                yield from _not_parameters(value, at)
            else:
                yield from _inside_data(value, at)


def _is_typed(path: Path_, typed: Collection[str]) -> bool:
    key = ".".join(path)
    return any(key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.") for other in typed)


def _texts(node: Any, holding: str = "${", path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _texts(value, holding, (*path, str(key)))
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for number, value in enumerate(node):
            yield from _texts(value, holding, (*path, str(number)))
    elif isinstance(node, str) and holding in node:
        yield path, node


def _references(text: str, path: Path_) -> Iterator[Path_]:
    """The keys that the interpolations in a text refer to; of a key that is itself computed, its beginning.

    >>> list(_references("${a.b}/${last_word:${c[d]}}", ("x",)))
    [('a', 'b'), ('c', 'd')]
    >>> list(_references("${epochs.${last_word:${d}}} ${..e} ${oc.select:f.g,0}", ("x", "y", "z")))
    [('epochs',), ('d',), ('x', 'e'), ('f', 'g')]
    """
    for key, is_resolver, argument in _REFERENCE.findall(text):
        if is_resolver:
            if key not in _TAKE_A_KEY:
                continue
            key = argument
        dots = len(key) - len(key.lstrip("."))
        above = path[: max(len(path) - dots, 0)] if dots else ()
        words = [word for word in re.split(r"[.\[\]]+", key.lstrip(".")) if word and word != "$"]
        if words:
            yield (*above, *words)


# --- parameters of what a _target_ names


@lru_cache(maxsize=1)
def _packaged_parameters() -> Mapping[str, frozenset[str]]:
    """The keys given to each ``_target_`` in the packaged files, which are known without an import."""
    found: dict[str, set[str]] = {}
    for command in commands():
        for content in contents_of(file_of(command)):
            for path, node in nodes_of(content, ()):
                target = node.get(TARGET)
                if target is None:  # an option adds to the part that another file begins
                    begun = targets_of(command).get(".".join(path), frozenset())
                    target = next(iter(begun)) if len(begun) == 1 else None
                if isinstance(target, str):
                    found.setdefault(target, set()).update(map(str, node))
    return {target: frozenset(keys) for target, keys in found.items()}


def parameters_of(target: str) -> list[str]:
    """The names of the parameters of what a ``_target_`` names; none where nothing can be found out."""
    return [
        name
        for name, parameter in (_signature(target) or {}).items()
        if parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    ]


def _takes(target: str, key: str) -> bool:
    parameters = _signature(target)
    if parameters is None:  # building it will report why it cannot be imported, or which parameters it takes
        return True
    kinds = {parameter.kind for parameter in parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds or key in parameters_of(target)


@lru_cache(maxsize=256)
def _signature(target: str) -> Mapping[str, inspect.Parameter] | None:
    from hydra.utils import get_object

    try:
        return inspect.signature(get_object(target)).parameters
    except Exception:  # importing a module of the user may raise anything
        return None


def plain(config: DictConfig) -> dict[str, Any]:
    """A configuration as nested dictionaries, interpolations as they were written."""
    container = OmegaConf.to_container(config, resolve=False)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}
