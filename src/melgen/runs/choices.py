"""The choices of a run, with which it is compared to others: its configuration, and the user's name for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from melgen.runs.config import read_config
from melgen.runs.identity import identity_of
from melgen.runs.learning_rates import LEARNING_RATES, RATE
from melgen.runs.naming import RunName, parse_run_name
from melgen.runs.size_keys import SOLVED, given_size

START = "init_from"

_SOLVED = (*SOLVED, "model.hidden_size")
"""Keys that follow from ``parameters`` and the other choices of a run."""


@dataclass(frozen=True)
class Choices:
    """The choices of a run's configuration.

    Attributes:
        dataset, cell: representation and cell.
        settings: the other keys of its identity, flat, and ``init_from``; None if unknown. Where ``parameters`` sets
            the sizes, it takes their place: networks of equal size are no variants of each other.
        label: the user's own name for it, if any.
        stated: the rest of its directory's name, used if the settings are unknown.
        layers, seed: its own, for comparison with the run that it started from.
    """

    dataset: str
    cell: str
    settings: Mapping[str, Any] | None = None
    label: str = ""
    stated: str = ""
    layers: int = 0
    seed: int = 0


def settings_of(run: Path) -> dict[str, Any] | None:
    """The keys of a run's configuration that belong to its identity, flat, and ``init_from``.

    Returns:
        None if the configuration is missing or damaged.
    """
    try:
        config = read_config(run)
        return _settings(config)
    except Exception:  # OmegaConf may raise anything for a damaged file
        return None


def _settings(config: DictConfig) -> dict[str, Any]:
    settings = identity_of(config, fingerprint="") | {START: config.get(START)}
    given = given_size(config)
    solved = {*_SOLVED} if given else set()
    if config.get(LEARNING_RATES) is not None:  # networks with the best rate of each are no variants of each other
        solved, given = solved | {RATE}, given | {LEARNING_RATES: "tuned"}
    return {key: value for key, value in settings.items() if key not in solved} | given


def label_of(config: Mapping[Any, Any]) -> str:
    """The user's own name for a run, in one line; empty if there is none.

    >>> label_of({"label": " without  dropout"}), label_of({})
    ('without dropout', '')
    """
    label = config.get("label")
    return "" if label is None else " ".join(str(label).split())


def choices_of(path: Path, config: DictConfig) -> Choices:
    """The choices of a run that may not have begun, from the name of its directory and its configuration."""
    settings = _settings(config)
    parsed = parse_run_name(path.name) or RunName(path.name, "", 0, 0, "")
    label = label_of(config)
    return Choices(parsed.dataset, parsed.cell, settings, label, parsed.variant, parsed.layers, parsed.seed)


def choices_in(path: Path, label: str | None = None) -> Choices:
    """The choices of the run in a directory, from its name and its configuration."""
    settings = settings_of(path)
    parsed = parse_run_name(path.name)
    known = settings or {}
    if parsed is None:  # a user has named the directory
        dataset, cell = str(known.get("dataset.representation._target_")), _cell_of(known)
        parsed = RunName(dataset, cell, known.get("layers", 0), known.get("seed", 0), path.name)
    if label is None:
        try:
            label = label_of(read_config(path))
        except ValueError:
            label = ""
    return Choices(parsed.dataset, parsed.cell, settings, label, parsed.variant, parsed.layers, parsed.seed)


def _cell_of(settings: Mapping[str, Any]) -> str:
    return repr([value for key, value in sorted(settings.items()) if key.startswith("cell.")])
