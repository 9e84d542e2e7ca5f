"""A check of one job among those that an optimiser may try."""

from __future__ import annotations

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from hydra.types import RunMode
from omegaconf import DictConfig

from melgen.configuration.composition import check_composed
from melgen.nested import sweeps_in
from melgen.sweeps.plan import refuse_one_run
from melgen.sweeps.read_once import check_sweep_is_followed


def check_one_of_many(config: DictConfig, command: str) -> None:
    """`check_composed` for one job among those that an optimiser may try: the first value of each key.

    Raises:
        ValueError: for a choice of a key that makes no other run: one training would be the result of many trials.
    """
    given = sweeps_in(config.hydra.sweeper.get("params") or {})
    overrides = OverridesParser.create().parse_overrides([*given, *map(str, config.hydra.overrides.task)])
    for override in {override.get_key_element(): override for override in overrides}.values():
        if override.is_sweep_override() and _has_many(override):
            refuse_one_run(override)
    firsts = [_first_of(override) for override in overrides]
    loader = GlobalHydra.instance().config_loader()
    check_composed(loader.load_configuration(command, firsts, RunMode.MULTIRUN), command)
    for number, override in enumerate(overrides):
        value = override.value()
        if not override.is_sweep_override() or isinstance(value, RangeSweep | IntervalSweep):
            continue
        for option in override.sweep_string_iterator():
            swept = f"{override.get_key_element()}={option}"
            others = [*firsts[:number], swept, *firsts[number + 1 :]]
            check_sweep_is_followed([swept], others, config.hydra, command)


def _has_many(override: Override) -> bool:
    return isinstance(override.value(), IntervalSweep) or len(list(override.sweep_string_iterator())) > 1


def _first_of(override: Override) -> str:
    if not override.is_sweep_override():
        return override.input_line or ""
    value = override.value()
    if isinstance(value, RangeSweep | IntervalSweep):
        return f"{override.get_key_element()}={value.start}"
    return f"{override.get_key_element()}={next(iter(override.sweep_string_iterator()))}"
