"""The role of each top-level key of the configuration; `melgen.runs.identity` has the exceptions inside some of them.

A new key at its neutral value is left out of a run's identity, so that runs of an older melgen keep their identity. A
key must be in this table: a test compares it with the files in ``conf/``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_NEVER = object()


@dataclass(frozen=True)
class KeyRole:
    """The role of a top-level key, or group of keys.

    Attributes:
        is_identity: whether it decides the weights, so that another value makes another run.
        is_in_every_name: whether the name of each run contains it, changed or not.
        sets_identity: whether it sets other keys that decide the weights, without being part of the identity itself.
        changes_directory: whether its value also chooses the directory of the run, without being part of the identity.
        is_identified_by_content: whether the content of its file, not its path, identifies the run.
        keeps_updates: whether a job makes the same number of updates with another value.
        sets_budget: whether it decides how long a training goes on, although it is the same identity.
        is_of_study: whether only ``melgen.study`` reads it.
        is_shared_by_study: whether a study of existing runs reads it too, in addition to its own keys.
        is_one_for_study: whether all runs of a study have the same value.
        must_agree_to_compare: whether runs must agree in it to be compared in one table.
        may_differ_between_cells: whether cells may be compared that differ in it, because it may be tuned for each; of
            ``init_from`` the value may differ, but not whether it is given.
        is_path: whether its value is a path, relative to the directory in which the command was started.
        is_for_watching: whether it configures only what watches a training, which a plan need not compose.
        is_of_results: whether it changes what a training leaves besides its weights.
        neutral: the value at which the key changes nothing, for keys that older runs did not have.
    """

    is_identity: bool = False
    is_in_every_name: bool = False
    sets_identity: bool = False
    changes_directory: bool = False
    is_identified_by_content: bool = False
    keeps_updates: bool = False
    sets_budget: bool = False
    is_of_study: bool = False
    is_shared_by_study: bool = False
    is_one_for_study: bool = False
    must_agree_to_compare: bool = False
    may_differ_between_cells: bool = False
    is_path: bool = False
    is_for_watching: bool = False
    is_of_results: bool = False
    neutral: Any = _NEVER

    def is_neutral(self, value: Any) -> bool:
        """Whether a run with this value is the same as a run of a melgen that did not have the key."""
        return self.neutral is not _NEVER and type(value) is type(self.neutral) and value == self.neutral


KEYS: Mapping[str, KeyRole] = MappingProxyType(
    {
        # the network and its training
        "dataset": KeyRole(is_identity=True, is_in_every_name=True),
        "rhythm": KeyRole(is_identity=True, neutral={"_target_": "melgen.music.NoRhythm"}),
        "cell": KeyRole(is_identity=True, is_in_every_name=True, keeps_updates=True, may_differ_between_cells=True),
        "block": KeyRole(
            is_identity=True,
            keeps_updates=True,
            neutral={"_target_": "melgen.networks.NoBlock", "_partial_": True},
        ),
        "layers": KeyRole(is_identity=True, is_in_every_name=True, keeps_updates=True, may_differ_between_cells=True),
        "seed": KeyRole(is_identity=True, is_in_every_name=True, keeps_updates=True),
        "hidden_size": KeyRole(is_identity=True, keeps_updates=True, may_differ_between_cells=True),
        "parameters": KeyRole(changes_directory=True, sets_identity=True, keeps_updates=True),
        "remembered": KeyRole(changes_directory=True, sets_identity=True, keeps_updates=True),
        "model": KeyRole(is_identity=True, keeps_updates=True),
        "optimizer": KeyRole(is_identity=True, keeps_updates=True, may_differ_between_cells=True),
        "learning_rates": KeyRole(changes_directory=True, sets_identity=True, keeps_updates=True, is_path=True),
        "scheduler": KeyRole(is_identity=True, keeps_updates=True, may_differ_between_cells=True),
        "gradient_clip_norm": KeyRole(is_identity=True, keeps_updates=True),
        "batch_size": KeyRole(is_identity=True),
        "seq_length": KeyRole(is_identity=True),
        "precision": KeyRole(is_identity=True),
        "matmul_precision": KeyRole(is_identity=True),
        "products": KeyRole(is_identity=True, neutral="auto"),
        "trainer": KeyRole(is_identity=True, is_of_results=True),
        "init_from": KeyRole(
            changes_directory=True, is_identified_by_content=True, is_path=True, may_differ_between_cells=True
        ),
        # the corpus
        "corpus": KeyRole(is_identity=True, is_one_for_study=True, must_agree_to_compare=True),
        "cleaning": KeyRole(is_identity=True, is_one_for_study=True, must_agree_to_compare=True),
        "split_seed": KeyRole(is_identity=True, is_one_for_study=True, must_agree_to_compare=True),
        "path": KeyRole(
            changes_directory=True,
            is_identified_by_content=True,
            is_shared_by_study=True,
            is_one_for_study=True,
            is_path=True,
        ),
        # names and places
        "experiment": KeyRole(is_identity=True, changes_directory=True, is_one_for_study=True),
        "name": KeyRole(changes_directory=True, is_one_for_study=True),
        "output_dir": KeyRole(changes_directory=True, is_one_for_study=True, is_path=True),
        "run_dir": KeyRole(is_one_for_study=True, is_path=True),
        "cache_dir": KeyRole(is_shared_by_study=True, is_path=True),
        "label": KeyRole(),
        # keys of the parts that watch a training
        "logger": KeyRole(is_for_watching=True, is_of_results=True),
        "callbacks": KeyRole(is_for_watching=True, is_of_results=True),
        "hydra": KeyRole(is_for_watching=True),
        "progress": KeyRole(),
        "primer": KeyRole(is_shared_by_study=True, is_of_results=True),
        "report": KeyRole(),
        # the machine
        "workers": KeyRole(is_shared_by_study=True),
        "threads": KeyRole(),
        # keys of the start of a training or a sweep
        "force": KeyRole(),
        "only": KeyRole(),
        "epochs_per_dataset": KeyRole(sets_budget=True),
        # keys of the results that a study makes from runs
        "stages": KeyRole(is_of_study=True),
        "dry_run": KeyRole(is_of_study=True),
        "runs": KeyRole(is_of_study=True),
        "folder": KeyRole(is_of_study=True),
        "imports": KeyRole(is_of_study=True),
        "tune": KeyRole(is_of_study=True),
        "select": KeyRole(is_of_study=True),
        "generate": KeyRole(is_of_study=True),
        "evaluation": KeyRole(is_of_study=True),
        "compare": KeyRole(is_of_study=True),
        "probes": KeyRole(is_of_study=True),
        "figures": KeyRole(is_of_study=True),
    }
)
"""Every top-level key of a training and of a study."""


def keys_that(role: str) -> frozenset[str]:
    """The keys with a role, given as the name of the attribute of `KeyRole`.

    >>> sorted(keys_that("is_in_every_name"))
    ['cell', 'dataset', 'layers', 'seed']
    """
    return frozenset(name for name, key in KEYS.items() if getattr(key, role))


def top_of(key: str) -> str:
    """The top-level key of an override of any depth.

    >>> top_of("optimizer.lr"), top_of("+trainer.max_steps"), top_of("hydra/launcher")
    ('optimizer', 'trainer', 'hydra')
    """
    return key.lstrip("+~").partition(".")[0].partition("/")[0]


def identity_keys(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The keys of a configuration that decide the weights, with their values; keys at their neutral value are left out.

    A key that is not in the table, which a user has added with ``+``, decides the weights.
    """
    for name, value in config.items():
        key = KEYS.get(name, _UNKNOWN)
        if key.is_identity and not key.is_neutral(value):
            yield name, value


def is_identity_key(name: str) -> bool:
    """Whether a top-level key decides the weights; a key that is not in the table does.

    `melgen.runs.identity.is_identity` answers for dotted keys, with the exceptions inside ``trainer``.
    """
    return KEYS.get(name, _UNKNOWN).is_identity


_UNKNOWN = KeyRole(is_identity=True)
