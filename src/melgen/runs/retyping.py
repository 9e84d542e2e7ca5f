"""What becomes of the settings of a command whose run is finished already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from melgen.files import write_text
from melgen.nested import value_at
from melgen.runs.config import CONFIG_FILE, plain_config, read_config
from melgen.runs.directory import RunDirectory
from melgen.runs.keys import keys_that, top_of

_ABSENT = object()


def keep_label(run: RunDirectory, config: DictConfig) -> None:
    """Write the label of a configuration into that of a finished run; it only names the run in tables."""
    try:
        recorded = read_config(run.path)
    except ValueError:  # damaged: nothing is known of the rest of it
        return
    if recorded.get("label") != config.get("label"):
        recorded.label = config.get("label")
        write_text(run.path / CONFIG_FILE, OmegaConf.to_yaml(recorded))


def unused_overrides(run: RunDirectory, config: DictConfig, overrides: Sequence[str]) -> list[str]:
    """The overrides of a command that a finished run does not have, and that would have changed its results.

    Args:
        run: the finished run.
        config: the configuration that the command has composed.
        overrides: as they were typed; of several for one key the last counts.
    """
    recorded = plain_config(run.path)
    now: Any = OmegaConf.to_container(config, resolve=True)
    assert isinstance(now, Mapping)
    last = {override.key_or_group: override for override in OverridesParser.create().parse_overrides(list(overrides))}
    return [
        str(override.input_line)
        for key, override in last.items()
        if top_of(key) in keys_that("is_of_results")
        and value_at(recorded, key.replace("/", "."), _ABSENT) != value_at(now, key.replace("/", "."), _ABSENT)
    ]
