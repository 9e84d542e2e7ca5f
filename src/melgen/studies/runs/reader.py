"""Runs on disk, read for a study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omegaconf import DictConfig

from melgen.checkpoint import TrainedModel, load_model
from melgen.networks import count_parameters
from melgen.runs.config import read_config
from melgen.runs.directory import FINISHED, REFUSED, RUNNING, RunDirectory
from melgen.runs.history import HISTORY, read_history
from melgen.runs.identity import FINGERPRINT
from melgen.runs.keys import keys_that
from melgen.runs.naming import RunName, parse_run_name
from melgen.runs.search import find_runs
from melgen.runs.variants import variants_of
from melgen.studies.results import Run

_OF_THE_CORPUS = (*keys_that("must_agree_to_compare"), "dataset.split_fractions")


class Unfinished(NamedTuple):
    """A run that cannot be used, and why."""

    path: Path
    reason: str


def read_runs(
    directories: Iterable[Path], labels: Mapping[Path, str] | None = None
) -> tuple[list[Run], list[Unfinished]]:
    """The finished runs among directories, in their order, and those that are not finished.

    Args:
        labels: the user's own names of runs, which replace those in the runs' configurations.

    Raises:
        ValueError: if two of them are the same network with the same seed, so that no table could distinguish them.
    """
    finished, unfinished = [], []
    for path in directories:
        directory = RunDirectory(path)
        if directory.status.get("state") != FINISHED or not directory.result:
            latest = directory.latest.status
            state, error = latest.get("state", "missing"), str(latest.get("error", "")).partition("\n")[0]
            state = "interrupted or still underway" if state == RUNNING else state
            unfinished.append(Unfinished(path, f"{state}: {error}" if error else state))
            continue
        finished.append(_read_run(directory))
    finished = [
        dataclasses.replace(run, variant=variant.slug, variant_text=variant.text)
        for run, variant in zip(finished, variants_of([run.path for run in finished], labels), strict=True)
    ]
    seen: dict[Any, Run] = {}
    for run in finished:
        other = seen.setdefault((run.pair, run.layers, run.seed), run)
        if other is not run:
            raise ValueError(
                f"{run.path}: the same network and seed as {other.path}; the directory of one sweep is needed"
            )
    return finished, unfinished


def runs_in(directory: Path) -> list[Path]:
    """The directories of all runs in a sweep's directory, in natural order.

    Raises:
        ValueError: if it holds none.
    """
    if not directory.is_dir():
        raise ValueError(f"runs={directory}: no such directory; the directory of a sweep is needed")
    found = [run.path for run in find_runs(directory) if not run.path.name.endswith(REFUSED)]
    if not found:
        raise ValueError(f"runs={directory}: does not contain a run of melgen.train")
    return found


def config_of(run: Run) -> DictConfig:
    """The configuration that a run was trained with.

    Raises:
        ValueError: if it cannot be read.
    """
    return read_config(run.path)


def check_same_corpus(runs: Sequence[Run]) -> str:
    """The fingerprint of the corpus that all runs have in common.

    Raises:
        ValueError: if two runs had other tunes, or split them in another way: their losses and songs cannot
            be compared in one table.
    """
    first: dict[str, Any] = {}
    for run in runs:
        identity = RunDirectory(run.path).recorded_identity
        own = {key: value for key, value in identity.items() if key.startswith(_OF_THE_CORPUS)}
        own = {key: value for key, value in own.items() if not key.endswith("_target_")}
        first = first or own
        different = sorted(key for key in own.keys() | first.keys() if own.get(key) != first.get(key))
        if different:
            key = different[0]
            readers = {RunDirectory(each.path).recorded_reader for each in (run, runs[0])}
            older = " (an older reader read the tunes of one of them)" if len(readers) > 1 else ""
            raise ValueError(
                f"{run.path}: trained with {key}={own.get(key)}, {runs[0].path} with {first.get(key)}{older}; "
                "one study compares runs on the same split of the same corpus"
            )
    return str(first[FINGERPRINT])


def _read_run(directory: RunDirectory) -> Run:
    trained = load_model(directory.path, key="run")
    name = parse_run_name(directory.path.name) or _name_from_within(directory.path.name, trained)
    return Run(
        path=directory.path,
        **name._asdict(),
        parameters=count_parameters(trained.model),
        result=directory.result or {},
        checkpoint=trained.path,
        history=tuple(read_history(directory.path / HISTORY)),
        rhythm=trained.rhythm.name,
    )


def _name_from_within(directory: str, trained: TrainedModel) -> RunName:
    """The name that `melgen.train` would give a run whose directory has another name (``run_dir=...``)."""
    cells = dict.fromkeys(layer.stored_name().rpartition(".")[2] for layer in trained.model.layers)
    return RunName(
        trained.representation.name, "+".join(cells), len(trained.model.layers), trained.config["seed"], directory
    )
