"""Select the networks that represent a sweep: the best layer count of each pair, or stages of one training."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from melgen.checkpoint import read_checkpoint
from melgen.checkpoint_files import SUFFIX
from melgen.numbered_names import numbered_in
from melgen.pasting import hydra_value
from melgen.runs.naming import parse_run_name
from melgen.studies.results import Model, Run, criterion_of
from melgen.studies.runs.reader import Unfinished

log = logging.getLogger(__name__)


def best_layers(runs: Sequence[Run], criterion: str) -> list[Model]:
    """The layer count of each pair of dataset and cell with the lowest criterion, averaged over the seeds.

    Layer counts with fewer seeds than others of the pair are not compared: a mean over fewer seeds is another
    number. Of equals the fewer layers win.

    Args:
        runs: all finished runs.
        criterion: a number of their ``result.json``.

    Raises:
        ValueError: if a run's result lacks the criterion, or if the layer counts with the most seeds have different
            ones, so that a mean might be lower by its seeds alone.
    """
    models = []
    for pair in dict.fromkeys(run.pair for run in runs):
        candidates: dict[int, list[Run]] = {}
        for run in runs:
            if run.pair == pair:
                candidates.setdefault(run.layers, []).append(run)
        most_seeds = max(map(len, candidates.values()))
        complete = {layers: found for layers, found in candidates.items() if len(found) == most_seeds}
        _check_same_seeds(complete)
        best = min(sorted(complete), key=lambda layers: mean_criterion(complete[layers], criterion))
        models.append(Model(tuple(sorted(complete[best], key=lambda run: run.seed))))
    return models


def _check_same_seeds(candidates: Mapping[int, Sequence[Run]]) -> None:
    seeds = {layers: sorted(run.seed for run in runs) for layers, runs in sorted(candidates.items())}
    if len({*map(tuple, seeds.values())}) == 1:
        return
    run = next(iter(candidates.values()))[0]
    name = "-".join(part for part in run.pair if part)
    have = ", ".join(f"layers={layers} has seed={hydra_value(each)}" for layers, each in seeds.items())
    raise ValueError(
        f"{name}: layer counts are compared over the same seeds only, but {have}; "
        "train the missing seeds, or leave a layer count out"
    )


def mean_criterion(runs: Sequence[Run], criterion: str) -> float:
    """The criterion of one layer count, averaged over its seeds.

    Raises:
        ValueError: if a run's result lacks it, or it is not a number.
    """
    return sum(criterion_of(run.path, run.result, criterion) for run in runs) / len(runs)


def stages_of_training(runs: Sequence[Run], criterion: str, count: int, later: int = 0) -> list[Model]:
    """The numbered checkpoints of each run nearest to equal steps of the criterion, worst first, then later ones.

    The steps go from the highest to the lowest value that a checkpoint has up to the best one, the one with the
    lowest criterion; a checkpoint is taken once. Those after the best are another phase of the training: there a
    network that overfits comes back to losses that the young one had. Of these some are added, at equal steps of
    updates, the last checkpoint among them, and marked as `Run.beyond_best`.

    Args:
        criterion: a metric stored in the checkpoints, such as ``val/loss``.
        count: how many to choose up to the best; all there are, with a warning, if they are fewer.
        later: how many to add of those after it, at most.

    Raises:
        ValueError: if a run has kept fewer checkpoints, or they lack the criterion.
    """
    models = []
    for run in runs:
        others = [other for other in runs if other.pair == run.pair]
        distinguishing = [f"layers{run.layers}"] if len({other.layers for other in others}) > 1 else []
        distinguishing += [f"seed{run.seed}"] if len({other.seed for other in others}) > 1 else []
        stages = list(_numbered_checkpoints(run, distinguishing))
        if len(stages) < count:
            raise ValueError(
                f"select.checkpoints={count}: {run.path} has kept {len(stages)} numbered checkpoints; "
                "callbacks.checkpoint.keep_every_n_steps and keep=null make a training keep more"
            )
        values = np.array([mean_criterion([stage], criterion) for stage in stages])
        best = int(values.argmin())
        if best + 1 < count:
            log.warning(
                "%s: only %d of its %d numbered checkpoints are from updates up to the best one (update %s), and all "
                "are taken; a smaller callbacks.checkpoint.keep_every_n_steps keeps more",
                run.path, best + 1, len(stages), f"{stages[best].result['updates']:,}",
            )  # fmt: skip
        models += [
            Model((stages[index],)) for index in nearest_to_equal_steps(values[: best + 1], min(count, best + 1))
        ]
        models += [
            Model((dataclasses.replace(stages[index], beyond_best=True),))
            for index in last_at_equal_steps(best, len(stages), later)
        ]
    return models


def last_at_equal_steps(best: int, count: int, wanted: int) -> list[int]:
    """Choose `wanted` indices at equal steps from `best` to the last of `count`: without the best, with the last.

    >>> last_at_equal_steps(3, 10, 3), last_at_equal_steps(7, 10, 5), last_at_equal_steps(9, 10, 3)
    ([5, 7, 9], [8, 9], [])
    """
    wanted = min(wanted, count - 1 - best)
    return [round(step) for step in np.linspace(best, count - 1, wanted + 1)[1:]] if wanted else []


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
    """Names of the dataset-cell pairs of which no run is finished; without what all runs have in common."""
    names = [parse_run_name(path.name) for path in [*(run.path for run in runs), *(path for path, _ in unfinished)]]
    pairs = [(name.dataset, name.cell, name.variant) if name else None for name in names]
    have = set(pairs[: len(runs)])
    missing = [pair for pair in dict.fromkeys(pairs) if pair and pair not in have]
    parts = 2 if len({pair[2] for pair in pairs if pair}) == 1 else 3
    return ["-".join(part for part in pair[:parts] if part) for pair in missing]


def _numbered_checkpoints(run: Run, distinguishing: Sequence[str]) -> Iterator[Run]:
    for _, path in numbered_in(run.path / "checkpoints", SUFFIX):
        ours = read_checkpoint(path)["melgen"]
        parts = (run.variant, *distinguishing, path.stem)
        text = (run.variant_text or run.variant, *distinguishing, f"update {ours['updates']:,}")
        yield dataclasses.replace(
            run,
            variant="-".join(filter(None, parts)),
            variant_text=", ".join(filter(None, text)),
            checkpoint=path,
            result={**ours["metrics"], "updates": ours["updates"], "best_updates": ours["updates"]},
        )
