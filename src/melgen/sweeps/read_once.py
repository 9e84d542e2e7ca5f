"""Parts of Hydra's configuration that it reads once, before all jobs, so that no single job can set them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.known_keys import plain
from melgen.configuration.own_files import file_of_option
from melgen.configuration.packaged import recipe_groups
from melgen.nested import flat

_READ_ONCE = {
    "launcher": "hydra/launcher={} on the command line chooses it for all of them, hydra.launcher... sets its values",
    "sweeper": "hydra/sweeper={} on the command line chooses it, and key=value,value there sweeps over a key",
    "callbacks": "set it on the command line, or in a file that all jobs share",
}
"""Parts of Hydra's own configuration that jobs share, with what a user can do."""


def check_sweep_is_followed(swept: Sequence[str], job: Sequence[str], hydra: DictConfig, config_name: str) -> None:
    """Refuse an option among several of a sweep that sets what Hydra reads only once, before all jobs.

    Args:
        swept: the overrides of the job that others of the sweep have with another value.
        job: all overrides of the job.
        hydra: Hydra's own part of the configuration of the sweep.
        config_name: of the configuration that the jobs are made of.

    Raises:
        ValueError: naming the option, its file and what to write instead.
    """
    groups = [override for override in swept if _may_set_hydra(override, hydra)]
    if not groups:
        return
    loader = GlobalHydra.instance().config_loader()
    config = loader.load_configuration(config_name, [*map(str, hydra.overrides.hydra), *job], RunMode.MULTIRUN)
    given = {override.partition("=")[0] for override in job}
    for part, instead in _READ_ONCE.items():
        if _without_given(config.hydra[part], given) == _without_given(hydra[part], given):
            continue
        option, file = next(
            (
                (each, file)
                for each in groups
                if (file := file_of_option(each, hydra)) and part in file.read_text("utf-8")
            ),
            (" ".join(groups), None),
        )
        named = f"{file}: " if file else ""
        raise ValueError(
            f"{named}hydra/{part} has no effect for {option}, one of several options of a sweep: Hydra reads it once, "
            f"before all jobs; {instead.format(config.hydra.runtime.choices.get(f'hydra/{part}'))}"
        )


def _may_set_hydra(override: str, hydra: DictConfig) -> bool:
    """Whether an override chooses an option that may set something of Hydra: among our own, only recipes do."""
    group = override.lstrip("+").partition("=")[0]
    if group not in hydra.runtime.choices:
        return False
    file = file_of_option(override, hydra)
    return group in recipe_groups() or file is None or Path(CONF_DIR) not in file.parents


def _without_given(part: DictConfig, given: Collection[str]) -> dict[str, Any]:
    """A part of Hydra's configuration as it was written, without what the command line sweeps over itself."""
    node = plain(part)
    if isinstance(params := node.get("params"), Mapping):
        node["params"] = {key: value for key, value in flat(params) if key not in given}
    return node | {"params": node.get("params") or None}
