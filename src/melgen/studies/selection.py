"""Which networks stand for the sweep: the best layer count of each pair, or stages of one training."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Sequence

import numpy as np

from melgen.runs.naming import parse_run_name
from melgen.studies.records import Unfinished
from melgen.studies.results import Model, Run
from melgen.trained import read_checkpoint

_NUMBERED = re.compile(r"step-\d+\.ckpt")


def best_layers(runs: Sequence[Run], criterion: str) -> list[Model]:
    """For each pair of dataset and cell the layer count with the lowest criterion, averaged over the seeds.

    Layer counts with fewer seeds than others of the pair are not compared: a mean over fewer seeds is another
    number. Of equals the fewer layers win.

    Args:
        runs: all finished runs.
        criterion: a number of their ``result.json``.

    Raises:
        ValueError: if a run's result lacks the criterion.
    """
    models = []
    for pair in dict.fromkeys(run.pair for run in runs):
        candidates: dict[int, list[Run]] = {}
        for run in runs:
            if run.pair == pair:
                candidates.setdefault(run.layers, []).append(run)
        most_seeds = max(map(len, candidates.values()))
        complete = {layers: found for layers, found in candidates.items() if len(found) == most_seeds}
        best = min(sorted(complete), key=lambda layers: mean_criterion(complete[layers], criterion))
        models.append(Model(tuple(sorted(complete[best], key=lambda run: run.seed))))
    return models


def mean_criterion(runs: Sequence[Run], criterion: str) -> float:
    """The criterion of one layer count, averaged over its seeds.

    Raises:
        ValueError: if a run's result lacks it, or it is no number.
    """
    values = []
    for run in runs:
        value = run.result.get(criterion)
        if not isinstance(value, int | float) or math.isnan(value):
            known = ", ".join(sorted(key for key, value in run.result.items() if isinstance(value, int | float)))
            raise ValueError(f"select.criterion={criterion}: {run.path} has no such number; it has {known}")
        values.append(float(value))
    return sum(values) / len(values)


def stages_of_training(runs: Sequence[Run], criterion: str, count: int) -> list[Model]:
    """Of each run the numbered checkpoints that lie nearest to equal steps of the criterion, worst first.

    The steps go from the highest to the lowest value that a checkpoint has; a checkpoint is taken once.

    Args:
        criterion: a metric stored in the checkpoints, such as ``val/loss``.
        count: how many to choose.

    Raises:
        ValueError: if a run has kept fewer checkpoints, or they lack the criterion.
    """
    models = []
    for run in runs:
        others = [other for other in runs if other.pair == run.pair]
        told_apart = [f"layers{run.layers}"] if len({other.layers for other in others}) > 1 else []
        told_apart += [f"seed{run.seed}"] if len({other.seed for other in others}) > 1 else []
        stages = list(_numbered_checkpoints(run, told_apart))
        if len(stages) < count:
            raise ValueError(
                f"select.checkpoints={count}: {run.path} has kept {len(stages)} numbered checkpoints; "
                "callbacks.checkpoint.keep_every_n_steps and keep=null make a training keep more"
            )
        values = np.array([mean_criterion([stage], criterion) for stage in stages])
        models += [Model((stages[index],)) for index in nearest_to_equal_steps(values, count)]
    return models


def nearest_to_equal_steps(values: np.ndarray, count: int) -> list[int]:
    """Indices of the values nearest to ``count`` equal steps from the highest to the lowest, each used once.

    >>> nearest_to_equal_steps(np.array([3.0, 2.9, 2.4, 2.1, 1.0]), 3)
    [0, 3, 4]
    """
    free = np.ones(len(values), bool)
    chosen = []
    for target in np.linspace(values.max(), values.min(), count):
        distances = np.where(free, np.abs(values - target), np.inf)
        index = int(np.argmin(distances))
        free[index] = False
        chosen.append(index)
    return sorted(chosen, key=lambda index: (-values[index], index))


def pairs_without_candidate(runs: Sequence[Run], unfinished: Sequence[Unfinished]) -> list[str]:
    """Names of the dataset-cell pairs of which no run is finished; what all runs have in common is left unsaid."""
    names = [parse_run_name(path.name) for path in [*(run.path for run in runs), *(path for path, _ in unfinished)]]
    pairs = [(name.dataset, name.cell, name.variant) if name else None for name in names]
    have = set(pairs[: len(runs)])
    missing = [pair for pair in dict.fromkeys(pairs) if pair and pair not in have]
    parts = 2 if len({pair[2] for pair in pairs if pair}) == 1 else 3
    return ["-".join(part for part in pair[:parts] if part) for pair in missing]


def _numbered_checkpoints(run: Run, told_apart: Sequence[str]) -> Iterator[Run]:
    for path in sorted((run.path / "checkpoints").glob("step-*.ckpt")):
        if not _NUMBERED.fullmatch(path.name):
            continue
        ours = read_checkpoint(path)["melgen"]
        parts = (run.variant, *told_apart, path.stem)
        yield dataclasses.replace(
            run,
            variant="-".join(filter(None, parts)),
            checkpoint=path,
            result={**ours["metrics"], "updates": ours["updates"], "best_updates": ours["updates"]},
        )
