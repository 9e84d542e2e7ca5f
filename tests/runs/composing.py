"""Composing the configuration as the command does, with Hydra's own part."""

from __future__ import annotations

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from melgen.conf_dir import CONF_DIR
from melgen.runs.naming import run_name


def composed(*overrides):
    """The configuration that ``python -m melgen.train overrides`` would run with."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
        HydraConfig.instance().set_config(config)
    return config


def names_of(*overrides):
    """Name of the sweep's directory and of the run's."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
        return str(config.name), run_name(config.hydra, config)
