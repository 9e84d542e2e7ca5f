"""Estimate the time that the trainings of a study will take, from a few timed updates on this machine.

The model: an update takes as long as `melgen.studies.plan.update_timing` measures on random notes, alone, in one
process; where only the layer count differs, the smallest and the largest network are timed, and times between are
interpolated. A validation costs a third of the updates that would read as many notes, and each run `START_SECONDS`.
Finished runs of the same network on this machine are better evidence: their recorded seconds are used where there are
any.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from melgen.checkpoint_files import LAST
from melgen.durations import in_words
from melgen.plurals import counted
from melgen.resources import available_cpus
from melgen.runs.directory import RunDirectory
from melgen.runs.precision import full_name
from melgen.runs.status import status_of
from melgen.studies.plan.planned_runs import PlannedRun
from melgen.studies.plan.update_timing import has_durations, seconds_per_update
from melgen.sweeps.updates import updates_of

log = logging.getLogger(__name__)

START_SECONDS = 1.0
PATIENCE_SECONDS = 40.0
VALIDATION_SHARE = 1 / 3
"""The time to score a note, as a share of the time to train on it."""


@dataclass(frozen=True)
class Estimate:
    """The trainings that are left, and the time that they are expected to take.

    Attributes:
        seconds: of each run that is not trained yet, alone on this machine.
        updates: that there are to make in all runs together.
        at_once: how many runs are trained at the same time.
        recorded, timed: how many runs are estimated by earlier ones, and how many networks were timed.
    """

    seconds: Mapping[Path, float] = field(default_factory=dict)
    updates: int = 0
    at_once: int = 1
    recorded: int = 0
    timed: int = 0

    @property
    def in_all(self) -> float:
        """Seconds until all are trained."""
        total, longest = sum(self.seconds.values()), max(self.seconds.values(), default=0.0)
        return max(longest, total / max(1, min(self.at_once, len(self.seconds))))

    @property
    def words(self) -> str:
        """The estimate in a sentence: of what, for which machine and from what.

        >>> Estimate({Path("a"): 3600.0, Path("b"): 3600.0}, 1000, at_once=2, timed=1).words.partition(" (")[0]
        'about 60 min for 1,000 updates, 2 runs at a time: an estimate for this machine'
        """
        evidence = [counted(self.timed, "timed network")] if self.timed else []
        evidence += [f"the recorded times of earlier runs ({self.recorded} of these)"] if self.recorded else []
        at_once = min(self.at_once, len(self.seconds))
        runs = f"{counted(max(at_once, 1), 'run')} at a time"
        machine = f"{socket.gethostname()}, {counted(available_cpus(), 'core')}"
        return (
            f"about {in_words(self.in_all)} for {self.updates:,} updates, {runs}: an estimate for this machine "
            f"({machine}), from {' and '.join(evidence)}"
        )


def estimate(
    planned: Sequence[PlannedRun],
    open_: Sequence[PlannedRun],
    at_once: int,
    validation_notes: int,
    tokens_per_note: Callable[[DictConfig], float] = lambda config: 1.0,
) -> Estimate:
    """Estimate the time to train what is not trained yet.

    Args:
        planned: all runs of the study; the seconds of finished ones are used for other seeds.
        open_: those to train.
        at_once: how many of them at the same time.
        validation_notes: notes in the validation tunes.
        tokens_per_note: how many tokens a note takes in the rhythm of a configuration; windows are counted in notes.
    """
    recorded = _recorded(planned)
    windows = {run.path: _in_tokens(run.config, tokens_per_note(run.config)) for run in open_}
    timing = _Timing([windows[run.path] for run in open_ if _full_key(run.config) not in recorded])
    seconds, updates_in_all, by_record = {}, 0, 0
    known_updates: dict[str, int] = {}
    for run in open_:
        config = run.config
        budget = OmegaConf.to_yaml(config.dataset) + OmegaConf.to_yaml(config.trainer)
        if budget not in known_updates:
            known_updates[budget] = updates_of(config)
        updates = max(known_updates[budget] - _made_by(run), 0)
        updates_in_all += updates
        if (each := recorded.get(_full_key(config))) is not None:
            by_record += 1
            seconds[run.path] = updates * each
            continue
        per_validation = VALIDATION_SHARE * validation_notes / (config.batch_size * config.seq_length)
        passes = updates / config.trainer.val_check_interval + 2  # the last one, and the test
        seconds[run.path] = (updates + passes * per_validation) * timing.of(windows[run.path]) + START_SECONDS
    return Estimate(seconds, updates_in_all, at_once, by_record, len(timing.measured))


def _in_tokens(config: DictConfig, tokens_per_note: float) -> DictConfig:
    """The configuration with the length of a window in tokens."""
    config = config.copy()
    config.seq_length = max(1, round(config.seq_length * tokens_per_note))
    return config


def jobs_at_once(hydra: DictConfig) -> int:
    """The number of runs that the launcher trains at the same time."""
    launcher = hydra.launcher
    for key in ("n_jobs", "array_parallelism"):
        if (count := launcher.get(key)) is not None:
            return available_cpus() if int(count) < 1 else int(count)
    return 1


def _made_by(run: PlannedRun) -> int:
    """Updates that an interrupted run need not make again, as far as its log shows."""
    status = status_of(RunDirectory(run.path))
    return status.updates if (run.path / "checkpoints" / LAST).exists() else 0


def _recorded(planned: Sequence[PlannedRun]) -> dict[str, float]:
    """Seconds an update of runs that were finished on this machine, by what their networks are."""
    found: dict[str, list[float]] = {}
    for run in planned:
        directory = RunDirectory(run.path)
        try:
            result, host = directory.result or {}, directory.status.get("host")
        except ValueError:  # damaged: the sweep will report it
            continue
        seconds, updates = result.get("seconds"), result.get("updates")
        if host == socket.gethostname() and isinstance(seconds, int | float) and isinstance(updates, int) and updates:
            found.setdefault(_full_key(run.config), []).append(seconds / updates)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _network_key(config: DictConfig) -> str:
    """All settings that decide the time of an update, except for the layer count."""
    model: Any = OmegaConf.to_container(config.model, resolve=True)
    model.pop("layers", None)
    optimizer: Any = OmegaConf.to_container(config.optimizer, resolve=True)
    optimizer.pop("lr", None)
    precision, durations = full_name(config.precision), has_durations(config)
    return repr((model, durations, config.batch_size, config.seq_length, precision, config.products, optimizer))


def _full_key(config: DictConfig) -> str:
    return repr(
        (
            _network_key(config),
            config.layers,
            OmegaConf.to_yaml(config.dataset.representation),
            OmegaConf.to_yaml(config.rhythm),
        )
    )


class _Timing:
    """Seconds an update takes: the smallest and the largest network of each kind are timed, when they are asked for.

    Attributes:
        measured: seconds by kind of network and layer count.
    """

    def __init__(self, configs: Sequence[DictConfig]):
        self.measured: dict[tuple[str, int], float] = {}
        self._kinds: dict[str, dict[int, DictConfig]] = {}
        for config in configs:
            self._kinds.setdefault(_network_key(config), {})[int(config.layers)] = config
        self._began = time.monotonic()

    def of(self, config: DictConfig) -> float:
        """Seconds of one update."""
        kind = _network_key(config)
        layers = self._kinds[kind]
        few, many = min(layers), max(layers)
        for count in (few, many):
            if (kind, count) not in self.measured and self._may_measure(kind):
                self.measured[kind, count] = seconds_per_update(layers[count])
        if (kind, few) not in self.measured:  # too many kinds to time each: by its weights, against those that were
            return self._by_weights(config)
        first = self.measured[kind, few]
        if few == many or (kind, many) not in self.measured:
            return first * config.layers / few
        return first + (self.measured[kind, many] - first) * (config.layers - few) / (many - few)

    def _may_measure(self, kind: str) -> bool:
        return not self.measured or time.monotonic() - self._began < PATIENCE_SECONDS

    def _by_weights(self, config: DictConfig) -> float:
        ratios = [seconds / weights_of(self._kinds[kind][layers]) for (kind, layers), seconds in self.measured.items()]
        return weights_of(config) * sum(ratios) / len(ratios)


_SAME_FOR_ALL = 128.0**2
"""Weights that would take as long as the rest of a step: embedding, loss, optimiser."""


def weights_of(config: DictConfig) -> float:
    """Roughly how long an update takes, against others: by the recurrent weights, what every update does, the notes."""
    weights = float(config.layers) * float(config.hidden_size) ** 2 + _SAME_FOR_ALL
    return weights * float(config.batch_size) * float(config.seq_length)
