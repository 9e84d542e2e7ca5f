"""Which runs a study is made of: those it plans to train, or those that a directory holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_object
from omegaconf import DictConfig

from melgen.pasting import hydra_quoted
from melgen.runs.identity import identity_of
from melgen.runs.keys import keys_that, top_of
from melgen.runs.naming import typed_overrides
from melgen.sweeps.plan import compose_jobs, planned_axes

STUDY_KEYS = keys_that("is_of_study")
"""What a study can be told and a training cannot; none of it changes what a run computes."""

TRAINING_CONFIG = "config"

_FOR_TRAINING_TOO = ("hydra.launcher.", "hydra.searchpath=")
_ONE_FOR_ALL = keys_that("is_one_for_study")
_PARAMETERS = "++hydra.sweeper.params"


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
    quoted = hydra_quoted(value, "'")
    if key.isidentifier():
        return f"{_PARAMETERS}.{key}={quoted}"
    return f"{_PARAMETERS}={{{key}:{quoted}}}"  # only a dictionary can hold a key with dots or a plus


def as_typed(hydra: DictConfig) -> list[str]:
    """The inverse of `with_sweeps_as_parameters`: what was asked of a study, but for which stages to do."""
    given = [override for override in hydra.overrides.hydra if override.startswith(_PARAMETERS)]
    swept = []
    for override in OverridesParser.create().parse_overrides(given):
        value = override.value()
        assert isinstance(value, dict | str)
        key = override.key_or_group.removeprefix(_PARAMETERS.lstrip("+")).lstrip(".")
        swept += [f"{key}={value}"] if isinstance(value, str) else [f"{each}={value[each]}" for each in value]
    own = [
        f"--config-dir={source.path}" for source in hydra.runtime.config_sources if source.provider == "command-line"
    ]
    return own + [override for override in typed_overrides(hydra) if not override.startswith("stages=")] + swept


def planned_runs(hydra: DictConfig) -> list[PlannedRun]:
    """The trainings that the study's command line and experiment ask for, in the order of the sweep.

    Args:
        hydra: Hydra's own part of the study's configuration.

    Raises:
        ValueError: for a sweep over a key that makes no other run.
    """
    jobs = compose_jobs(_axes_of_training(hydra), hydra, TRAINING_CONFIG)
    return [PlannedRun(job.run.path, job.config) for job in jobs]


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
    return {key: overrides for key, overrides in planned_axes(hydra).items() if top_of(key) not in STUDY_KEYS}
