"""The directory of the configuration files, and the resolvers that they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from melgen.configuration.packaged import CONF_DIR

__all__ = ["CONF_DIR", "register_resolvers"]


def _experiment_or_corpus(*, _root_: DictConfig) -> str:
    from melgen.runs.naming import default_name

    return default_name(_hydra_of(_root_), _root_)


def _run_name(*, _root_: DictConfig) -> str:
    from melgen.runs.naming import run_name

    return run_name(_hydra_of(_root_), _root_)


def _job_prefix(*, _root_: DictConfig) -> str:
    """The prefix of a log line in a sweep, since several jobs may log at once.

    ``control-lstm-2-seed0: `` of a network of pitches, ``control-lstm-2-seed0-rhythm-factored: `` with rhythm.
    """
    from hydra.types import RunMode

    from melgen.music.rhythms import NoRhythm
    from melgen.runs.naming import parse_run_name

    if _hydra_of(_root_).mode != RunMode.MULTIRUN or "run_dir" not in _root_:
        return ""
    name = Path(_root_.run_dir).name
    if parsed := parse_run_name(name):
        name = f"{parsed.dataset}-{parsed.cell}-{parsed.layers}-seed{parsed.seed}"
        rhythm = _hydra_of(_root_).runtime.choices.get("rhythm")
        name += "" if rhythm in (None, NoRhythm.name) else f"-rhythm-{rhythm}"
    return name.replace("%", "%%") + ": "


def _hydra_of(root: DictConfig) -> DictConfig:
    """Hydra's own part of the configuration, which it takes away before it calls us."""
    from hydra.core.hydra_config import HydraConfig

    if "hydra" in root:
        return root.hydra
    if HydraConfig.initialized():
        return cast(DictConfig, HydraConfig.get())
    raise ValueError("composed outside of Hydra's command line, a configuration needs name=... and run_dir=...")


def _last_word(dotted: str) -> str:
    """``melgen.music.DB12`` -> ``db12``."""
    return dotted.rsplit(".", 1)[-1].lower()


def _rhythm_option(target: str) -> str:
    from melgen.music.rhythms import rhythm_option

    return rhythm_option(target)


def _count(items: Sequence[Any]) -> int:
    if isinstance(items, str):
        raise ValueError(f"a list like [lstm,nas] is needed, got {items!r}")
    return len(items)


def _file_name(path: str) -> str:
    return Path(path).name


def _cores() -> int:
    from melgen.resources import available_cpus

    return available_cpus()


def register_resolvers() -> None:
    """Make the resolvers that ``conf/`` uses known; may be called again."""
    resolvers: dict[str, Callable[..., Any]] = {
        "experiment_or_corpus": _experiment_or_corpus,
        "run_name": _run_name,
        "job_prefix": _job_prefix,
        "last_word": _last_word,
        "rhythm_option": _rhythm_option,
        "count": _count,
        "cores": _cores,
        "file_name": _file_name,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)


register_resolvers()
