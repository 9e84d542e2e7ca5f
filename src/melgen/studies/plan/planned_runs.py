"""The runs that a study plans to train, from its command line and experiment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.utils import get_object
from omegaconf import DictConfig

from melgen.configuration.arguments import flags_and_overrides
from melgen.pasting import hydra_quoted
from melgen.runs.identity import identity_of
from melgen.runs.keys import keys_that, top_of
from melgen.runs.naming import typed_config_dirs, typed_overrides
from melgen.sweeps.plan import compose_jobs, planned_axes

STUDY_KEYS = keys_that("is_of_study")
"""Keys of a study that a training does not have; none of them changes what a run computes."""

TRAINING_CONFIG = "config"

_STAGES = "stages"
_QUOTE = "'"
_PARAMETERS = "hydra.sweeper.params"
_LAUNCHER, _SEARCH_PATH = "hydra.launcher.", "hydra.searchpath"
_ONE_FOR_ALL = keys_that("is_one_for_study")
_SPLIT_FRACTIONS = "dataset.split_fractions"


@dataclass(frozen=True)
class PlannedRun:
    """One training that the study needs.

    Attributes:
        path: its directory.
        config: its configuration without callbacks and loggers.
        overrides: those that make it, one for each key of the command line of its sweep.
    """

    path: Path
    config: DictConfig
    overrides: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Its identity without the fingerprint of its corpus and its initial weights, which only a run knows."""
        return identity_of(self.config, fingerprint="")

    def import_user_modules(self) -> None:
        """Import the classes of cell and representation, so that checkpoints may name them."""
        for node in (self.config.cell, self.config.dataset.representation):
            get_object(node._target_)


def with_sweeps_as_parameters(arguments: Sequence[str]) -> list[str]:
    """A study's command line for Hydra, which takes several values of a key for a sweep of the whole program.

    Keys with several values become parameters of the sweeper, which `planned_runs` reads; of two values of a key
    the last one counts.

    Raises:
        ValueError: for several values of something that a study has one of.
        HydraException: for an override that Hydra cannot parse.

    >>> with_sweeps_as_parameters(["experiment=quick", "seed=0,1,2", "+optimizer.foreach=true,false"])
    ['experiment=quick', "++hydra.sweeper.params={seed:'0,1,2',+optimizer.foreach:'true,false'}"]
    >>> with_sweeps_as_parameters(["stages=tables,figures"])
    ['stages=[tables,figures]']
    """
    flags, texts = flags_and_overrides(arguments)
    kept: list[tuple[str, str]] = []
    swept: dict[str, str] = {}
    for text, override in zip(texts, OverridesParser.create().parse_overrides(texts), strict=True):
        key = override.get_key_element()
        if override.is_hydra_override() or not override.is_sweep_override():
            kept.append((key, text))
            continue
        kept = [(other, earlier) for other, earlier in kept if other != key]
        if key == _STAGES:
            kept.append((key, f"{key}=[{override.get_value_string()}]"))
        else:
            _check_is_swept(override)
            swept[key] = override.get_value_string()
    # Only a dictionary can hold a key with dots or a plus.
    parameters = ",".join(f"{key}:{hydra_quoted(value, quote=_QUOTE)}" for key, value in swept.items())
    return [*flags, *(text for _, text in kept), *([f"++{_PARAMETERS}={{{parameters}}}"] if swept else [])]


def _check_is_swept(override: Override) -> None:
    top = top_of(override.key_or_group)
    if top in STUDY_KEYS:
        raise ValueError(
            f"{override.input_line}: must be one value for all runs; folder=... makes a second study of the same runs"
        )
    if top in _ONE_FOR_ALL or override.key_or_group == _SPLIT_FRACTIONS:
        raise ValueError(
            f"{override.input_line}: a study compares runs in one directory, on the same split of one corpus; "
            "make a study of each"
        )


def as_typed(hydra: DictConfig) -> list[str]:
    """The inverse of `with_sweeps_as_parameters`: what was asked of a study, without the stages to do."""
    swept: dict[str, Any] = {}
    for override in _parsed(hydra.overrides.hydra):
        if override.is_force_add() and override.key_or_group == _PARAMETERS:
            swept |= cast(dict[str, Any], override.value())
        elif override.is_force_add() and override.key_or_group.startswith(f"{_PARAMETERS}."):  # typed as such
            swept[override.key_or_group.removeprefix(f"{_PARAMETERS}.")] = override.value()
    typed = [override for override in _parsed(typed_overrides(hydra)) if override.key_or_group != _STAGES]
    return [
        *(f"--config-dir={path}" for path in typed_config_dirs(hydra)),
        *(str(override.input_line) for override in typed),
        *(f"{key}={value}" for key, value in swept.items()),
    ]


def names_stages(hydra: DictConfig) -> bool:
    """Whether the command line of a study names the stages to do."""
    return any(override.key_or_group == _STAGES for override in _parsed(typed_overrides(hydra)))


def planned_runs(hydra: DictConfig, changes: Mapping[str, Sequence[str]] = MappingProxyType({})) -> list[PlannedRun]:
    """The trainings that the study's command line and experiment ask for, in the order of the sweep.

    Args:
        hydra: Hydra's own part of the study's configuration.
        changes: overrides by key, in place of those of the command line: ``seed: [seed=7, seed=8]``.

    Raises:
        ValueError: for a sweep over a key that makes no other run.
    """
    jobs = compose_jobs(_axes_of_training(hydra, changes), hydra, TRAINING_CONFIG)
    return [PlannedRun(job.run.path, job.config, job.overrides) for job in jobs]


def training_arguments(hydra: DictConfig, changes: Mapping[str, Sequence[str]] = MappingProxyType({})) -> list[str]:
    """The command line of ``melgen.train`` that trains all of `planned_runs` as one sweep."""
    for_training = [
        override
        for override in _parsed(hydra.overrides.hydra)
        if override.key_or_group.startswith(_LAUNCHER) or override.key_or_group == _SEARCH_PATH
    ]
    return [
        *(word for path in typed_config_dirs(hydra)[:1] for word in ("--config-dir", path)),
        "--multirun",
        f"hydra/launcher={hydra.runtime.choices['hydra/launcher']}",
        *(str(override.input_line) for override in for_training),
        *(_as_one_override(key, overrides) for key, overrides in _axes_of_training(hydra, changes).items()),
    ]


def arguments_of_some(
    hydra: DictConfig, changes: Mapping[str, Sequence[str]], runs: Sequence[PlannedRun]
) -> list[list[str]]:
    """The command lines of ``melgen.train`` that train some of `planned_runs` and no other, each line as one sweep."""
    keys = list(_axes_of_training(hydra, changes))
    return [
        training_arguments(hydra, {**changes, **dict(zip(keys, values, strict=True))})
        for values in _as_products([run.overrides for run in runs])
    ]


def _as_products(jobs: Iterable[tuple[str, ...]]) -> list[tuple[tuple[str, ...], ...]]:
    """A few products of values that together have each job once. A job is a value for each axis.

    >>> _as_products([("a1", "b1"), ("a1", "b2"), ("a2", "b1"), ("a2", "b2"), ("a3", "b1")])
    [(('a1', 'a2'), ('b1', 'b2')), (('a3',), ('b1',))]
    """
    products: list[tuple[tuple[str, ...], ...]] = [tuple((value,) for value in job) for job in jobs]
    for axis in reversed(range(len(products[0]) if products else 0)):
        alike: dict[Any, list[str]] = {}  # by the values of all other axes
        for each in products:
            alike.setdefault((each[:axis], each[axis + 1 :]), []).extend(each[axis])
        products = [(*before, tuple(values), *after) for (before, after), values in alike.items()]
    return products


def _as_one_override(key: str, overrides: Sequence[str]) -> str:
    """An axis of a sweep as it is typed; a single override as it is, since it may have no value (``~key``)."""
    if len(overrides) == 1:
        return overrides[0]
    return f"{key}={','.join(override.get_value_string() for override in _parsed(overrides))}"


def planned_axes_of_training(hydra: DictConfig) -> dict[str, list[str]]:
    """What the trainings of a study go over, as `melgen.sweeps.plan.planned_axes`."""
    return {key: overrides for key, overrides in planned_axes(hydra).items() if top_of(key) not in STUDY_KEYS}


def _axes_of_training(hydra: DictConfig, changes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return planned_axes_of_training(hydra) | {key: list(overrides) for key, overrides in changes.items()}


def _parsed(overrides: Iterable[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))
