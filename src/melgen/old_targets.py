"""Former places of classes that a ``_target_`` may name, in a user's YAML or in what an old run recorded.

Hydra looks a ``_target_`` up attribute by attribute. A package that a class has left gets the ``__getattr__`` that
`former_names` makes, which Python asks for names that a module does not have (PEP 562). So an old path works wherever
a ``_target_`` is built, Hydra's own callbacks included. Where paths are compared instead of built, `at_present`
replaces them first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

OLD_TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "melgen.composition.CommandCheck": "melgen.configuration.composition.CommandCheck",
        "melgen.evaluation.evaluating.EvaluationOptions": "melgen.evaluation.options.EvaluationOptions",
        "melgen.evaluation.song_sets.EvaluationOptions": "melgen.evaluation.options.EvaluationOptions",
        "melgen.evaluation.reference.NoCorpus": "melgen.corpora.none.NoCorpus",
        "melgen.runs.sweep.SweepReport": "melgen.sweeps.callback.SweepCallback",
        "melgen.sweeps.report.SweepReport": "melgen.sweeps.callback.SweepCallback",
        "melgen.training.checkpoints.Checkpoints": "melgen.training.checkpointing.Checkpoints",
        "melgen.training.history.HistoryLogger": "melgen.training.loggers.csv.HistoryLogger",
        "melgen.training.weights_and_biases.RunLogger": "melgen.training.loggers.wandb.WandbLogger",
    }
)
"""Former path of a class -> its path now. The modules above each former path need the ``__getattr__``."""


def present_path(target: str) -> str:
    """The path of a class now.

    >>> present_path("melgen.training.history.HistoryLogger"), present_path("melgen.networks.LSTM")
    ('melgen.training.loggers.csv.HistoryLogger', 'melgen.networks.LSTM')
    """
    return OLD_TARGETS.get(target, target)


def at_present(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A flat dictionary of dotted keys with the present path of each ``_target_``.

    >>> at_present({"evaluation._target_": "melgen.evaluation.evaluating.EvaluationOptions", "seed": 0})
    {'evaluation._target_': 'melgen.evaluation.options.EvaluationOptions', 'seed': 0}
    """
    return {
        key: present_path(value) if isinstance(value, str) and key.rpartition(".")[2] == "_target_" else value
        for key, value in flat.items()
    }


def former_names(module: str) -> Callable[[str], Any]:
    """A ``__getattr__`` for a module that classes of `OLD_TARGETS` have left."""

    def look_up(name: str) -> Any:
        path = f"{module}.{name}"
        if path in OLD_TARGETS:
            place, _, name_now = OLD_TARGETS[path].rpartition(".")
            return getattr(import_module(place), name_now)
        if any(old.startswith(f"{path}.") for old in OLD_TARGETS):
            former = ModuleType(path)
            former.__getattr__ = former_names(path)  # type: ignore[method-assign]  # PEP 562
            return former
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return look_up
