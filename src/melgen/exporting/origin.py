"""The origin of a network: its corpora, its command, and its configuration without private places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melgen.checkpoint import TrainedModel, load_model, run_of
from melgen.corpora.licences import UNKNOWN_START, CorpusLicence, licences_of
from melgen.errors import CheckpointError
from melgen.files import read_json
from melgen.generation.from_checkpoint import reader_of
from melgen.generation.songs import READER
from melgen.hub import fetched_before, is_hub_reference
from melgen.runs.directory import PROVENANCE_FILE, RunDirectory
from melgen.runs.identity_file import IdentityFile
from melgen.runs.keys import keys_that
from melgen.runs.public_command import is_absolute, last_part, public_command

_OF_THE_MACHINE = frozenset({"path", "root", "cache_dir", "workers", "progress", "download"})
"""Keys inside the configuration that decide nothing of the weights, and may name places on a private machine."""
_MOST_STARTS = 20
"""Networks that were started from each other; more are not followed."""


def corpora_of(trained: TrainedModel) -> list[CorpusLicence]:
    """The corpora that a network was trained on, with those of the networks that it was started from.

    A start whose tunes are not those that the network has recorded, or that is not there any more, counts as unknown;
    so does one of a repository that was not fetched before.
    """
    corpora: list[CorpusLicence] = []
    for _ in range(_MOST_STARTS):
        if trained.shared is not None:
            return _distinct([*corpora, *trained.shared.corpora])
        corpora += licences_of(trained.config)
        start = trained.config.get("init_from")
        seen = trained.seen
        if start is None and (seen is None or (seen.is_complete and not len(seen.inherited))):
            return _distinct(corpora)
        try:
            # The configuration may be a stranger's, so that it does not decide what is fetched.
            place = fetched_before(str(start), "init_from") if is_hub_reference(str(start)) else str(start)
            if place is None:
                break
            earlier = load_model(place, key="init_from")
        except CheckpointError:
            break
        if seen is None or earlier.seen is None or not np.array_equal(earlier.seen.all, seen.inherited):
            break
        trained = earlier
    return _distinct([*corpora, UNKNOWN_START])


def provenance_of(trained: TrainedModel, software: Mapping[str, Any]) -> dict[str, Any]:
    """The run, its command and its software, as far as they are recorded.

    Args:
        trained: a network of a checkpoint.
        software: of this process, for a run that has recorded none.
    """
    run = run_of(trained.path)
    recorded = read_json(run / PROVENANCE_FILE)
    command = recorded.get("command")
    return {
        "run": trained.title if IdentityFile(run).path.is_file() else None,
        "checkpoint": trained.path.name,
        "command": public_command([*map(str, command)]) if isinstance(command, list) else None,
        "software": recorded.get("software") or dict(software),
        READER: reader_of(trained),
    }


def metrics_of(trained: TrainedModel) -> dict[str, float]:
    """The numbers of a network: those of its run's result if it has the run's best weights, else its checkpoint's.

    Numbers of the last training window and times are left out, because they differ between equal runs.
    """
    result = RunDirectory(run_of(trained.path)).result or {}
    found = result if result.get("best_updates") == trained.updates else trained.metrics
    return {
        key: float(value)
        for key, value in sorted(found.items())
        if "/" in key and not key.startswith("train/") and isinstance(value, int | float) and np.isfinite(value)
    }


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration that decides the weights, without places on the machine of the training.

    >>> public_config({"seed": 0, "run_dir": "my/run", "corpus": {"_target_": "C", "path": "my/a", "list": "/my/b"}})
    {'seed': 0, 'corpus': {'_target_': 'C', 'list': 'b'}}
    """
    kept = keys_that("is_identity") - keys_that("is_path")
    return {key: _without(value) for key, value in config.items() if key in kept}


def _without(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without(each) for key, each in value.items() if key not in _OF_THE_MACHINE}
    if isinstance(value, str) and is_absolute(value):
        return last_part(value)
    return [_without(each) for each in value] if isinstance(value, list | tuple) else value


def _distinct(corpora: Sequence[CorpusLicence]) -> list[CorpusLicence]:
    return list(dict.fromkeys(corpora))
