"""Compose the configuration as the command does, with Hydra's own part."""

from __future__ import annotations

from functools import cache

from hydra import compose, initialize_config_dir

from melgen.configuration.conf_dir import CONF_DIR
from melgen.runs.naming import run_name


@cache
def composed(*overrides):
    """The configuration that ``python -m melgen.train overrides`` would run with. Tests must not change it."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    return config


@cache
def names_of(*overrides):
    """Name of the sweep's directory and of the run's."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
        return str(config.name), run_name(config.hydra, config)
