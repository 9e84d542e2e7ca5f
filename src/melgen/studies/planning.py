"""Which runs a study is made of: those it plans to train, or those that a directory holds."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from melgen.runs.identity import identity_of
from melgen.sweeps.plan import planned_axes

STUDY_KEYS = frozenset({"stages", "runs", "folder", "imports", "select", "generate", "evaluation", "figures"})
"""What a study can be told and a training cannot; none of it changes what a run computes."""

TRAINING_CONFIG = "config"

_FOR_TRAINING_TOO = ("hydra.launcher.", "hydra.searchpath=")
_ONE_FOR_ALL = frozenset({"corpus", "cleaning", "split_seed", "path", "name", "output_dir", "run_dir", "experiment"})
_PARAMETERS = "++hydra.sweeper.params"
_NOT_NEEDED = ("hydra", "callbacks", "logger")


@dataclass(frozen=True)
class PlannedRun:
    """One training that the study needs: where it will lie, and its configuration but for what watches it."""

    path: Path
    config: DictConfig

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What it computes, but for the corpus itself and the weights it starts from, which only a run knows."""
        return identity_of(self.config, fingerprint="")

    def import_own_parts(self) -> None:
        """Import the classes of cell and representation, so that checkpoints may name them."""
        for node in (self.config.cell, self.config.dataset.representation):
            get_object(node._target_)


def with_sweeps_as_parameters(arguments: Sequence[str]) -> list[str]:
    """A study's command line for Hydra, which takes several values of a key for a sweep of the whole program.

    Raises:
        ValueError: for several values of something that a study has one of.

    >>> with_sweeps_as_parameters(["experiment=quick", "seed=0,1,2", "stages=tables,figures"])
    ['experiment=quick', "++hydra.sweeper.params.seed='0,1,2'", 'stages=[tables,figures]']
    """
    rewritten: list[str] = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if equals and not key.startswith(("-", "hydra")):
            (override,) = OverridesParser.create().parse_overrides([argument])
            if override.is_sweep_override():
                rewritten = [
                    earlier for earlier in rewritten if earlier.partition("=")[0] != key
                ]  # the last one counts
                argument = f"{key}=[{value}]" if key == "stages" else _as_parameter(key, value)
        rewritten.append(argument)
    return rewritten


def _as_parameter(key: str, value: str) -> str:
    top = key.lstrip("+").split(".")[0].split("/")[0]
    if top in STUDY_KEYS:
        raise ValueError(
            f"{key}={value}: a study has one value of it; folder=... makes a second study of the same runs"
        )
    if top in _ONE_FOR_ALL or key == "dataset.split_fractions":
        raise ValueError(
            f"{key}={value}: a study compares runs in one directory, on the same split of one corpus; "
            "make a study of each"
        )
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    if key.isidentifier():
        return f"{_PARAMETERS}.{key}='{quoted}'"
    return f"{_PARAMETERS}={{{key}:'{quoted}'}}"  # only a dictionary can hold a key with dots or a plus


def as_typed(hydra: DictConfig) -> list[str]:
    """The inverse of `with_sweeps_as_parameters`: what was asked of a study, but for which stages to do."""
    swept = []
    for override in hydra.overrides.hydra:
        if override.startswith(_PARAMETERS):
            named = override.removeprefix(_PARAMETERS).lstrip(".={").removesuffix("}")
            key, value = re.split("[=:]", named, maxsplit=1)
            swept.append(f"{key}={value[1:-1]}".replace("\\'", "'").replace("\\\\", "\\"))
    return [override for override in hydra.overrides.task if not override.startswith("stages=")] + swept


def planned_runs(hydra: DictConfig) -> list[PlannedRun]:
    """The trainings that the study's command line and experiment ask for, in the order of the sweep.

    Args:
        hydra: Hydra's own part of the study's configuration.

    Raises:
        ValueError: for a sweep over a key that makes no other run.
    """
    axes = _axes_of_training(hydra)
    loader = GlobalHydra.instance().config_loader()
    # Composing takes a tenth of a second; jobs that differ in plain values only are variations of one composition.
    plain = {key for key, overrides in axes.items() if _are_plain_values(key, overrides, hydra)}
    composed: dict[tuple[str, ...], DictConfig] = {}
    planned = []
    for job in product(*axes.values()):
        choices = tuple(override for key, override in zip(axes, job, strict=True) if key not in plain)
        if choices not in composed:
            composed[choices] = loader.load_configuration(TRAINING_CONFIG, list(job), RunMode.MULTIRUN)
        planned.append(_variation(composed[choices], job, plain))
    return planned


def training_arguments(hydra: DictConfig) -> list[str]:
    """The command line of ``melgen.train`` that trains all of `planned_runs` as one sweep."""
    own = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [
        *(["--config-dir", own[0]] if own else []),
        "--multirun",
        f"hydra/launcher={hydra.runtime.choices['hydra/launcher']}",
        *(override for override in hydra.overrides.hydra if override.lstrip("+~").startswith(_FOR_TRAINING_TOO)),
        *(
            overrides[0]
            if len(overrides) == 1
            else f"{key}={','.join(override.partition('=')[2] for override in overrides)}"
            for key, overrides in _axes_of_training(hydra).items()
        ),
    ]


def _axes_of_training(hydra: DictConfig) -> dict[str, list[str]]:
    return {
        key: overrides
        for key, overrides in planned_axes(hydra).items()
        if key.lstrip("+~").split(".")[0].split("/")[0] not in STUDY_KEYS
    }


def _are_plain_values(key: str, overrides: Sequence[str], hydra: DictConfig) -> bool:
    """Whether an axis sets a key at the top of the configuration that chooses no group."""
    if not key.isidentifier() or key in hydra.runtime.choices:
        return False
    values = [override.value() for override in OverridesParser.create().parse_overrides(list(overrides))]
    return all(value is None or isinstance(value, str | int | float) for value in values)


def _variation(composed: DictConfig, job: Sequence[str], plain: set[str]) -> PlannedRun:
    config = copy.deepcopy(composed)
    with read_write(config), open_dict(config):
        with read_write(config.hydra), open_dict(config.hydra):
            config.hydra.overrides.task = list(job)
        for override in OverridesParser.create().parse_overrides(list(job)):
            if override.key_or_group in plain:
                OmegaConf.update(config, override.key_or_group, override.value())
        path = str(config.run_dir)
        config.name, config.run_dir = str(config.name), path
        for key in _NOT_NEEDED:
            config.pop(key, None)
    return PlannedRun(Path(path), config)
