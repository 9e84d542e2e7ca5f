"""The role of each top-level key of the configuration: the one table from which every other list of keys is derived.

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
class Key:
    """The role of a top-level key, or group of keys.

    Attributes:
        is_identity: whether it decides the weights, so that another value makes another run.
        is_in_every_name: whether the name of each run contains it, changed or not.
        names_a_place: whether another value gives the run another directory, although it is the same identity.
        is_of_tunes: whether the content it points to, which only the run itself reads, makes another run.
        keeps_updates: whether a job makes the same number of updates with another value.
        sets_budget: whether it decides how long a training goes on, although it is the same identity.
        is_of_study: whether only ``melgen.study`` reads it.
        is_shared_by_study: whether a study of existing runs reads it too, besides its own keys.
        is_one_for_study: whether all runs of a study have the same value.
        is_of_corpus: whether runs must agree in it to be compared in one table.
        is_place: whether its value is a path, relative to the directory in which the command was started.
        is_for_watching: whether it configures only what watches a training, which a plan need not compose.
        neutral: the value at which the key changes nothing, for keys that older runs did not have.
    """

    is_identity: bool = False
    is_in_every_name: bool = False
    names_a_place: bool = False
    is_of_tunes: bool = False
    keeps_updates: bool = False
    sets_budget: bool = False
    is_of_study: bool = False
    is_shared_by_study: bool = False
    is_one_for_study: bool = False
    is_of_corpus: bool = False
    is_place: bool = False
    is_for_watching: bool = False
    neutral: Any = _NEVER

    def is_neutral(self, value: Any) -> bool:
        """Whether a run with this value is the same as a run of a melgen that did not have the key."""
        return self.neutral is not _NEVER and type(value) is type(self.neutral) and value == self.neutral


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        # the network and its training
        "dataset": Key(is_identity=True, is_in_every_name=True),
        "cell": Key(is_identity=True, is_in_every_name=True, keeps_updates=True),
        "layers": Key(is_identity=True, is_in_every_name=True, keeps_updates=True),
        "seed": Key(is_identity=True, is_in_every_name=True, keeps_updates=True),
        "hidden_size": Key(is_identity=True, keeps_updates=True),
        "model": Key(is_identity=True, keeps_updates=True),
        "optimizer": Key(is_identity=True, keeps_updates=True),
        "scheduler": Key(is_identity=True, keeps_updates=True),
        "gradient_clip_norm": Key(is_identity=True, keeps_updates=True),
        "batch_size": Key(is_identity=True),
        "seq_length": Key(is_identity=True),
        "precision": Key(is_identity=True),
        "matmul_precision": Key(is_identity=True),
        "trainer": Key(is_identity=True),
        "init_from": Key(names_a_place=True, is_of_tunes=True, is_place=True),
        # the corpus
        "corpus": Key(is_identity=True, is_one_for_study=True, is_of_corpus=True),
        "cleaning": Key(is_identity=True, is_one_for_study=True, is_of_corpus=True),
        "split_seed": Key(is_identity=True, is_one_for_study=True, is_of_corpus=True),
        "path": Key(
            names_a_place=True, is_of_tunes=True, is_shared_by_study=True, is_one_for_study=True, is_place=True
        ),
        # names and places
        "experiment": Key(is_identity=True, names_a_place=True, is_one_for_study=True),
        "name": Key(names_a_place=True, is_one_for_study=True),
        "output_dir": Key(names_a_place=True, is_one_for_study=True, is_place=True),
        "run_dir": Key(is_one_for_study=True, is_place=True),
        "cache_dir": Key(is_shared_by_study=True, is_place=True),
        "label": Key(),
        # what watches a training
        "logger": Key(is_for_watching=True),
        "callbacks": Key(is_for_watching=True),
        "hydra": Key(is_for_watching=True),
        "progress": Key(),
        "primer": Key(is_shared_by_study=True),
        "report": Key(),
        # the machine
        "workers": Key(is_shared_by_study=True),
        "threads": Key(),
        # how a training or a sweep is started
        "force": Key(),
        "only": Key(),
        "epochs_per_dataset": Key(sets_budget=True),
        # what a study makes of runs
        "stages": Key(is_of_study=True),
        "dry_run": Key(is_of_study=True),
        "runs": Key(is_of_study=True),
        "folder": Key(is_of_study=True),
        "imports": Key(is_of_study=True),
        "select": Key(is_of_study=True),
        "generate": Key(is_of_study=True),
        "evaluation": Key(is_of_study=True),
        "figures": Key(is_of_study=True),
    }
)
"""Every top-level key of a training and of a study."""


def keys_that(role: str) -> frozenset[str]:
    """The keys with a role, given as the name of the attribute of `Key`.

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
    """Whether a top-level key decides the weights; a key that is not in the table does."""
    return KEYS.get(name, _UNKNOWN).is_identity


_UNKNOWN = Key(is_identity=True)
