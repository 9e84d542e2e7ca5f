"""Reading ``config.yaml``, the configuration that a run was trained with."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

CONFIG_FILE = "config.yaml"


def read_config(run: Path) -> DictConfig:
    """The configuration in a run's directory.

    Raises:
        ValueError: if it is missing or cannot be read; names the file.
    """
    file = run / CONFIG_FILE
    try:
        config = copy.deepcopy(_parsed(file.read_text(encoding="utf-8")))
    except Exception as error:  # the errors of YAML and OmegaConf have no common base class
        reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
        raise ValueError(f"{file}: not a configuration ({reason:.200})") from error
    if not isinstance(config, DictConfig):
        raise ValueError(f"{file}: not a configuration (a {type(config).__name__}, expected keys with values)")
    return config


@lru_cache(maxsize=256)
def _parsed(text: str) -> Any:
    """A configuration, parsed once, since a table reads each run's several times.

    Raises:
        ValueError: for a text with aliases.
        Exception: of YAML or OmegaConf.
    """
    # Ours have no aliases, and a few nested aliases use up any memory when OmegaConf copies them.
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise ValueError("contains YAML aliases, which configurations of melgen do not use")
    return OmegaConf.create(text)


def plain_config(run: Path) -> dict[str, Any]:
    """The configuration as plain data, with interpolations unresolved; empty if it is missing or damaged."""
    try:
        plain = OmegaConf.to_container(read_config(run))
    except ValueError:
        return {}
    assert isinstance(plain, Mapping)
    return {str(key): value for key, value in plain.items()}


BLOCKS = {"melgen.networks.NoBlock": "none", "melgen.networks.ResidualBlock": "residual"}
"""The option of ``block=`` that chooses a class."""


def block_option(config: Mapping[str, Any] | DictConfig) -> str:
    """The block around the cells of a run with this configuration; a run of an older melgen has none.

    >>> block_option({}), block_option({"block": {"_target_": "melgen.networks.ResidualBlock"}})
    ('none', 'residual')
    """
    target = str((config.get("block") or {}).get("_target_", "melgen.networks.NoBlock"))
    return BLOCKS.get(target, target.rpartition(".")[2])


def writes_rhythm(config: Mapping[str, Any] | DictConfig) -> bool:
    """Whether a run with this configuration writes rhythm; a run of an older melgen does not.

    >>> writes_rhythm({}), writes_rhythm({"rhythm": {"_target_": "melgen.music.Joint"}})
    (False, True)
    """
    target = (config.get("rhythm") or {}).get("_target_")
    return target is not None and not str(target).endswith(".NoRhythm")
